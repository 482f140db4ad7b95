//! How long rustc takes for a crate with 200 rules of the typed language, beside one with the same rules as the
//! kernel's expressions.
//!
//! The crates are libraries that differ in their rules alone. Each round builds them anew, one after the other, with
//! nftlink and its dependencies already built; what is told are the medians and the ratio.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

const RULES: usize = 200;
const ROUNDS: usize = 5;

/// A rule in both forms; `{n}` is a number that is another one in each rule.
const TEMPLATES: &[(&str, &str)] = &[
    (
        "Rule::new().when(tcp::dport().eq({n})).counter().accept()",
        "Rule::new()
            .expr(Meta::load(MetaKey::L4PROTO, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, [6]))
            .expr(Payload::load(Base::TRANSPORT, 2, 2, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, {n}u16.to_be_bytes()))
            .expr(Counter::default()).expr(Verdict::ACCEPT)",
    ),
    (
        "Rule::new().when(ip::saddr().eq(Ipv4Addr::from_bits({n}))).drop()",
        "Rule::new()
            .expr(Meta::load(MetaKey::NFPROTO, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, [2]))
            .expr(Payload::load(Base::NETWORK, 12, 4, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, {n}u32.to_be_bytes()))
            .expr(Verdict::DROP)",
    ),
    (
        "Rule::new().when(ip::daddr().in_prefix(Ipv4Addr::from_bits({n} << 16), 16)).when(udp::dport().in_range({n}..=9000)).accept()",
        "Rule::new()
            .expr(Meta::load(MetaKey::NFPROTO, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, [2]))
            .expr(Payload::load(Base::NETWORK, 16, 2, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, {n}u16.to_be_bytes()))
            .expr(Meta::load(MetaKey::L4PROTO, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, [17]))
            .expr(Payload::load(Base::TRANSPORT, 2, 2, Reg::R1))
            .expr(Cmp::new(CmpOp::GTE, Reg::R1, {n}u16.to_be_bytes()))
            .expr(Cmp::new(CmpOp::LTE, Reg::R1, 9000u16.to_be_bytes()))
            .expr(Verdict::ACCEPT)",
    ),
    (
        "Rule::new().when(meta::iifname().eq(\"eth{n}\")).set(meta::mark(), {n})",
        "Rule::new()
            .expr(Meta::load(MetaKey::IIFNAME, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, *b\"eth{n}\\0\"))
            .expr(Immediate::data(Reg::R1, {n}u32.to_ne_bytes())).expr(Meta::set(MetaKey::MARK, Reg::R1))",
    ),
    (
        "Rule::new().when(ct::state().has_any(CtState::ESTABLISHED | CtState::RELATED)).when(tcp::sport().ne({n})).accept()",
        "Rule::new()
            .expr(Ct::load(CtKey::STATE, Reg::R1))
            .expr(Bitwise::mask_xor(Reg::R1, 6u32.to_ne_bytes(), [0; 4]))
            .expr(Cmp::new(CmpOp::NEQ, Reg::R1, [0; 4]))
            .expr(Meta::load(MetaKey::L4PROTO, Reg::R1)).expr(Cmp::new(CmpOp::EQ, Reg::R1, [6]))
            .expr(Payload::load(Base::TRANSPORT, 0, 2, Reg::R1)).expr(Cmp::new(CmpOp::NEQ, Reg::R1, {n}u16.to_be_bytes()))
            .expr(Verdict::ACCEPT)",
    ),
];

/// The crates, and what each imports; the first has no rules: what it takes is not the rules'.
const CRATES: [(&str, &str); 3] = [
    ("empty", "use nftlink::Rule;\n"),
    (
        "typed",
        "use std::net::Ipv4Addr;\nuse nftlink::Rule;\nuse nftlink::datum::CtState;\nuse nftlink::field::{ct, ip, meta, tcp, udp};\n",
    ),
    (
        "low",
        "use nftlink::Rule;\nuse nftlink::expr::{Base, Bitwise, Cmp, CmpOp, Counter, Ct, CtKey, Immediate, Meta, MetaKey, Payload, Reg, Verdict};\n",
    ),
];

fn main() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compile-time");
    write_workspace(&dir);
    // A bench that is only tried (`--test`) builds each once.
    let rounds = if env::args().any(|arg| arg == "--test") { 1 } else { ROUNDS };
    let crates = CRATES.map(|(name, _)| name);
    crates.iter().for_each(|name| _ = build(&dir, name));
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..rounds {
        for (name, times) in crates.iter().zip(&mut times) {
            times.push(build(&dir, name));
        }
    }
    let [empty, typed, low] = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    println!("{RULES} typed rules: {typed:.2?}, {RULES} rules of the kernel's expressions: {low:.2?}");
    let ratio = (typed.saturating_sub(empty)).as_secs_f64() / low.saturating_sub(empty).as_secs_f64();
    println!("without the {empty:.2?} of a crate without rules: ratio {ratio:.2} (medians of {rounds})");
}

fn write_workspace(dir: &Path) {
    let here = env!("CARGO_MANIFEST_DIR");
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("Cargo.toml"), "[workspace]\nmembers = [\"empty\", \"typed\", \"low\"]\nresolver = \"3\"\n")
        .unwrap();
    // The same versions as here, which are there already.
    fs::copy(Path::new(here).join("Cargo.lock"), dir.join("Cargo.lock")).unwrap();
    for (form, (name, imports)) in CRATES.iter().enumerate() {
        let source = dir.join(name).join("src");
        fs::create_dir_all(&source).unwrap();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\nnftlink = {{ path = {here:?} }}\n"
        );
        fs::write(dir.join(name).join("Cargo.toml"), manifest).unwrap();
        let mut text = format!("{imports}\npub fn rules() -> Vec<Rule> {{\n    vec![\n");
        for n in 0..RULES {
            let (typed, low) = TEMPLATES[n % TEMPLATES.len()];
            let Some(rule) = [None, Some(typed), Some(low)][form] else { continue };
            let rule = rule.replace("{n}", &(1000 + n).to_string());
            writeln!(text, "        {rule}.into(),").unwrap();
        }
        text.push_str("    ]\n}\n");
        fs::write(source.join("lib.rs"), text).unwrap();
    }
}

/// Builds a crate anew.
fn build(dir: &Path, name: &str) -> Duration {
    let source = dir.join(name).join("src/lib.rs");
    let text = fs::read(&source).unwrap();
    fs::write(&source, text).unwrap();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let started = Instant::now();
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--lib", "--package", name])
        .current_dir(dir)
        .env("CARGO_TARGET_DIR", dir.join("target"))
        .status()
        .unwrap();
    assert!(built.success(), "{name} does not compile");
    started.elapsed()
}
