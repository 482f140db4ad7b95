use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::wire::message::{Content, Messages};
use crate::wire::{NLA_F_NESTED, NLA_TYPE_MASK};

fn list(write: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
    let mut w = AttrWriter::new();
    write(&mut w);
    w.bytes_written().to_vec()
}

#[test]
fn an_unknown_expression_is_kept_and_written_back() {
    let bytes = list(|w| {
        w.nest(1, |w| {
            w.string(NFTA_EXPR_NAME, b"quantum");
            w.nest(NFTA_EXPR_DATA, |w| w.u32(1, 7));
        });
        write(w, &Counter::default());
    });
    let exprs: Vec<_> = Exprs::new(&bytes).map(Result::unwrap).collect();
    assert_eq!(exprs[0].name(), b"quantum");
    assert!(matches!(exprs[0].get(), Expr::Unknown(_)) && exprs[0].has_unknown());
    assert_eq!(exprs[1].get(), &Expr::Counter(Counter::default()));
    assert_eq!(list(|w| exprs.iter().for_each(|e| e.write(w))), bytes);
    assert_eq!(list(|w| exprs[0].get().write(w)), bytes[..bytes.len() - list(|w| exprs[1].write(w)).len()]);
}

#[test]
fn an_unknown_attribute_hides_nothing_and_is_not_lost_unnoticed() {
    let bytes = list(|w| {
        w.nest(1, |w| {
            w.string(NFTA_EXPR_NAME, b"counter");
            w.nest(NFTA_EXPR_DATA, |w| {
                Counter { packets: 3, bytes: 4 }.encode(w);
                w.u32(99, 1);
            });
        });
    });
    let mut expr = Exprs::new(&bytes).next().unwrap().unwrap();
    assert_eq!(expr.get(), &Expr::Counter(Counter { packets: 3, bytes: 4 }));
    assert!(expr.has_unknown());
    assert_eq!(list(|w| expr.write(w)), bytes);
    *expr.edit() = Counter::default().into();
    let mut w = AttrWriter::new();
    expr.write(&mut w);
    assert_eq!(w.take_error(), Some(BuildErrorKind::UnknownAttributes("counter".into())));
    assert_eq!(expr.forget_unknown(), Counter::default().into());
}

#[test]
fn what_is_lost_of_an_unknown_expression_is_named_safely_for_a_terminal() {
    let bytes = list(|w| w.nest(NFTA_LIST_ELEM, |w| w.string(NFTA_EXPR_NAME, b"\x1b[2J")));
    let mut expr = Exprs::new(&bytes).next().unwrap().unwrap();
    expr.edit();
    let mut w = AttrWriter::new();
    expr.write(&mut w);
    assert_eq!(w.take_error(), Some(BuildErrorKind::UnknownAttributes(r"\u{1b}[2J".into())));
}

#[test]
fn an_unknown_attribute_beside_name_and_data_is_not_lost_unnoticed() {
    let bytes = list(|w| {
        w.nest(NFTA_LIST_ELEM, |w| {
            w.string(NFTA_EXPR_NAME, b"notrack");
            w.u32(99, 1);
        });
    });
    let expr = Exprs::new(&bytes).next().unwrap().unwrap();
    assert_eq!(expr.get(), &Notrack::new().into());
    assert!(expr.has_unknown());
}

#[test]
fn a_broken_expression_is_an_error_of_its_own() {
    let bytes = list(|w| {
        w.nest(1, |w| {
            w.string(NFTA_EXPR_NAME, b"counter");
            w.nest(NFTA_EXPR_DATA, |w| w.bytes(1, &[0, 1]));
        });
        write(w, &Counter::default());
    });
    let exprs: Vec<_> = Exprs::new(&bytes).collect();
    assert!(exprs[0].is_err());
    assert_eq!(exprs[1].as_ref().unwrap().get(), &Expr::Counter(Counter::default()));
}

/// Of an entry the one as the kernel tells it, which does not mark what is nested.
fn as_told(mut entry: Vec<u8>) -> Vec<u8> {
    for at in (NLA_HDRLEN..entry.len()).step_by(NLA_HDRLEN) {
        let [len, number] = [at, at + 2].map(|at| u16::from_ne_bytes([entry[at], entry[at + 1]]));
        // A length, and a number that is marked.
        if len < 256 && number & 0xff00 == NLA_F_NESTED {
            let number = number & NLA_TYPE_MASK;
            entry[at + 2..at + 4].copy_from_slice(&number.to_ne_bytes());
        }
    }
    entry.split_off(NLA_HDRLEN)
}

#[test]
fn what_most_rules_have_is_read_by_where_it_stands() {
    let usual: [(&dyn AsExpr, &[u8]); 9] = [
        (&Payload::load(Base::NETWORK, 12, 4, Reg::R1), b"payload"),
        (&Meta::load(MetaKey::L4PROTO, Reg::R1), b"meta"),
        (&Cmp::new(CmpOp::EQ, Reg::R1, [6]), b"cmp"),
        (&Cmp::new(CmpOp::EQ, Reg::R1, [0, 80]), b"cmp"),
        (&Cmp::new(CmpOp::NEQ, Reg::R1, [10, 0, 0, 1]), b"cmp"),
        (&Counter::default(), b"counter"),
        (&Counter::new(1, 84), b"counter"),
        (&Immediate::data(Reg::R1, [10, 0, 0, 1]), b"immediate"),
        (&Verdict::DROP, b"immediate"),
    ];
    for (expr, name) in usual {
        let entry = list(|w| expr.write_to(w));
        assert!(golden::is_usual(&entry[NLA_HDRLEN..]), "{}: as it is sent", String::from_utf8_lossy(name));
        let told = as_told(entry);
        assert!(golden::is_usual(&told), "{}: as it is told", String::from_utf8_lossy(name));
        assert_eq!(ExprInfo::read_any(&told).unwrap().name(), name);
    }
    for expr in [&Verdict::jump("c") as &dyn AsExpr, &Payload::write(Base::NETWORK, 12, 4, Reg::R1)] {
        assert!(!golden::is_usual(&list(|w| expr.write_to(w))[NLA_HDRLEN..]));
    }
}

#[test]
fn data_of_any_length_are_read_alike() {
    for len in 0..=40_u8 {
        let data: Vec<u8> = (1..=len).collect();
        let mut entry = list(|w| {
            write_as::<Cmp>(w, |w| {
                w.u32s([(1, 1), (2, 0)]);
                w.nested_bytes(3, 1, &data);
            });
        });
        let is_short = [1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 16].contains(&len);
        for padding in [0, 0xff] {
            let end = entry.len() - (4 - usize::from(len) % 4) % 4;
            entry[end..].fill(padding);
            assert_eq!(golden::is_usual(&entry[NLA_HDRLEN..]), is_short, "{len}");
            let info = Exprs::new(&entry).next().unwrap().unwrap();
            let Expr::Cmp(cmp) = info.get() else { panic!("{info}") };
            assert_eq!((cmp.data.as_bytes(), info.raw()), (&data[..], &entry[NLA_HDRLEN..]));
            let (again, expected) = (list(|w| cmp.data.write_operand(w, 3)), list(|w| w.nested_bytes(3, 1, &data)));
            assert_eq!(again, expected, "padding is not kept");
        }
    }
}

#[test]
fn small_enough_to_pass_by_value() {
    assert!(size_of::<Expr>() <= 104, "{}", size_of::<Expr>());
    assert!(size_of::<ExprInfo>() <= 168, "{}", size_of::<ExprInfo>());
}

#[test]
fn numbers_and_names_that_the_kernel_refuses_or_cuts_off_are_refused() {
    use super::golden::{mistake, out_of_range};

    let data = |len: usize| Data::new(&vec![1; len]);
    let length = "the length of an expression's data";
    assert_eq!(mistake(&Immediate::data(Reg::R1, data(16))), None);
    assert_eq!(mistake(&Immediate::data(Reg::R1, data(17))), out_of_range(length, 17, 1, 16));
    assert_eq!(mistake(&Cmp::new(CmpOp::EQ, Reg::R1, data(0))), out_of_range(length, 0, 1, 16));
    assert_eq!(mistake(&Range::new(RangeOp::EQ, Reg::R1, data(4), data(17))), out_of_range(length, 17, 1, 16));
    assert_eq!(mistake(&Bitwise::mask_xor(Reg::R1, data(16), data(17))), out_of_range(length, 17, 1, 16));
    let range = Range { op: RangeOp::from_raw(256), ..Range::new(RangeOp::EQ, Reg::R1, data(4), data(4)) };
    assert_eq!(mistake(&range), out_of_range("what a range tests", 256, 0, 255));

    let combined = |len| mistake(&Bitwise::and(Reg::R1, Reg::R2, len));
    assert_eq!((combined(1), combined(64)), (None, None));
    assert_eq!(combined(0), out_of_range("the length of a bitwise", 0, 1, 64));
    assert_eq!(combined(65), out_of_range("the length of a bitwise", 65, 1, 64));
    let bitwise = Bitwise { op: BitwiseOp::from_raw(256), ..Bitwise::and(Reg::R1, Reg::R2, 4) };
    assert_eq!(mistake(&bitwise), out_of_range("what a bitwise computes", 256, 0, 255));

    let byteorder = Byteorder::new(ByteorderOp::HTON, Reg::R1, 8);
    assert_eq!(mistake(&byteorder), None);
    assert_eq!(mistake(&Byteorder { size: 9, ..byteorder }), out_of_range("the size of a byteorder", 9, 2, 8));
    assert_eq!(mistake(&Byteorder { len: 65, ..byteorder }), out_of_range("the length of a byteorder", 65, 1, 64));

    let no_reg = out_of_range("a register", 24, 0, 23);
    let (last, none) = (Reg::word(15).unwrap(), Reg::from_raw(24));
    assert_eq!(mistake(&Meta::load(MetaKey::MARK, last)), None);
    assert_eq!(mistake(&Meta::load(MetaKey::MARK, none)), no_reg);
    assert_eq!(mistake(&Cmp::new(CmpOp::EQ, none, data(4))), no_reg);
    let key = |raw| mistake(&Meta::load(MetaKey::from_raw(raw), Reg::R1));
    assert_eq!((key(255), key(256)), (None, out_of_range("a meta key", 256, 0, 255)));
    let key = |raw| mistake(&Ct::load(CtKey::from_raw(raw), Reg::R1));
    assert_eq!((key(255), key(256)), (None, out_of_range("a ct key", 256, 0, 255)));
    let ct = Ct::load_of(CtKey::PKTS, CtDirection::from_raw(2), Reg::R1);
    assert_eq!(mistake(&ct), out_of_range("a ct direction", 2, 0, 1));

    let payload = |offset, len| mistake(&Payload::load(Base::NETWORK, offset, len, Reg::R1));
    assert_eq!((payload(0, 1), payload(65_535, 64)), (None, None));
    assert_eq!(payload(65_536, 1), out_of_range("the offset of a payload", 65_536, 0, 65_535));
    assert_eq!(payload(0, 0), out_of_range("the length of a payload", 0, 1, 64));
    assert_eq!(payload(0, 65), out_of_range("the length of a payload", 65, 1, 64));
    let checksum = |checksum_offset| {
        let written = Payload::write(Base::NETWORK, 0, 4, Reg::R1);
        mistake(&Payload { checksum_type: 1, checksum_offset, ..written })
    };
    assert_eq!((checksum(255), checksum(256)), (None, out_of_range("the offset of a checksum", 256, 0, 255)));

    let reject = |raw| mistake(&Reject { kind: RejectKind::from_raw(raw), code: 0 });
    assert_eq!((reject(255), reject(256)), (None, out_of_range("a kind of rejection", 256, 0, 255)));
    let level = |raw| mistake(&Log::new().level(LogLevel::from_raw(raw)));
    assert_eq!((level(255), level(256)), (None, out_of_range("a log level", 256, 0, 255)));
    let flags = |bits| mistake(&Log::new().flags(LogFlags::from_bits_retain(bits)));
    assert_eq!((flags(255), flags(256)), (None, out_of_range("the flags of a log", 256, 0, 255)));
    let without_group = |what| Some(BuildErrorKind::LogWithoutGroup { what });
    assert_eq!(mistake(&Log::new().snaplen(64)), without_group("snaplen"));
    assert_eq!(mistake(&Log::new().queue_threshold(5)), without_group("queue-threshold"));
    assert_eq!(mistake(&Log::group(0).snaplen(64).queue_threshold(5)), None);

    assert_eq!((mistake(&Queue::new(65_535)), mistake(&Queue::range(1, 65_535))), (None, None));
    assert_eq!(mistake(&Queue::range(0, 0)), out_of_range("the number of queues", 0, 1, 65_536));
    assert_eq!(mistake(&Queue::range(65_535, 2)), out_of_range("the number of queues", 2, 1, 1));

    let used = |bytes, consumed| mistake(&Quota { consumed, ..Quota::new(bytes) });
    let most = i64::MAX as u64;
    assert_eq!((used(0, 0), used(most, most)), (None, None));
    assert_eq!(used(most + 1, 0), out_of_range("the bytes of a quota", most + 1, 0, most));
    assert_eq!(used(5, 6), out_of_range("the consumed bytes of a quota", 6, 0, 5));

    assert_eq!((mistake(&Last::new()), mistake(&Last::ago(18_446_744_073_708))), (None, None));
    let too_long = u64::MAX / 1_000_000;
    assert_eq!(mistake(&Last::ago(too_long)), out_of_range("milliseconds", too_long, 0, too_long - 1));
    let dynset = Dynset::new(DynsetOp::ADD, "s", Reg::R1);
    let timeout = |timeout| mistake(&Dynset { timeout: Some(timeout), ..dynset.clone() });
    let refused = out_of_range("a timeout in milliseconds", too_long, 0, too_long - 1);
    assert_eq!((timeout(too_long - 1), timeout(too_long)), (None, refused));
    let stateful = |n| mistake(&Dynset { exprs: vec![Counter::default().into(); n], ..dynset.clone() });
    assert_eq!((stateful(2), stateful(3)), (None, out_of_range("the number of expressions", 3, 0, 2)));

    let nul = |what| Some(BuildErrorKind::NameHasNul { what });
    assert_eq!(mistake(&Lookup::new("a\0b", Reg::R1)), nul("set"));
    assert_eq!(mistake(&Dynset::new(DynsetOp::ADD, "a\0b", Reg::R1)), nul("set"));
    assert_eq!(mistake(&Objref::new(ObjectKind::COUNTER, "a\0b")), nul("object"));
    assert_eq!(mistake(&Objref::map(Reg::R1, "a\0b")), nul("map"));
    assert_eq!(mistake(&Immediate::verdict(Verdict::jump("a\0b"))), nul("chain"));
    assert_eq!(mistake(&FlowOffload::new("a\0b")), nul("flowtable"));
    assert_eq!(mistake(&Lookup::new("", Reg::R1)), None, "the kernel has sets without a name");
}

#[test]
fn limits_that_overflow_the_kernel_are_refused() {
    use super::golden::{mistake, out_of_range};

    const NANOS: u64 = 1_000_000_000;
    let most_seconds = u64::MAX / NANOS;
    let limit = |rate, unit, burst| mistake(&Limit::packets(rate, unit).burst(burst));
    assert_eq!(limit(u64::MAX - 5, most_seconds, 5), None);
    assert_eq!(
        limit(u64::MAX - 4, most_seconds, 5),
        out_of_range("the rate of a limit", u64::MAX - 4, 1, u64::MAX - 5)
    );
    let unit = "the unit of a limit in seconds";
    assert_eq!(limit(1, most_seconds + 1, 0), out_of_range(unit, most_seconds + 1, 1, most_seconds));
    assert_eq!(limit(1, 0, 0), out_of_range(unit, 0, 1, most_seconds));
    assert_eq!(limit(0, 1, 5), out_of_range("the rate of a limit", 0, 1, u64::MAX - 5));
    let most = u64::MAX / (Limit::WEEK * NANOS);
    assert_eq!(limit(1, Limit::WEEK, most as u32), None);
    let refused = out_of_range("the burst of a limit", most + 1, 0, most);
    assert_eq!(limit(1, Limit::WEEK, most as u32 + 1), refused);

    let bytes = |rate| mistake(&Limit::bytes(rate, Limit::SECOND).burst(7));
    assert_eq!(bytes(most_seconds - 7), None);
    let refused = out_of_range("the rate of a limit", most_seconds - 6, 1, most_seconds - 7);
    assert_eq!(bytes(most_seconds - 6), refused);
}

/// What the kernel tells it has, though it be more than we know of.
#[test]
fn what_was_read_is_written_back_though_it_could_not_be_made() {
    let bytes = list(|w| write(w, &Synproxy::new().wscale(15)));
    let mut read = Exprs::new(&bytes).next().unwrap().unwrap();
    let mut w = AttrWriter::new();
    read.write(&mut w);
    assert_eq!((w.take_error(), w.bytes_written()), (None, &bytes[..]));
    read.edit();
    read.write(&mut w);
    assert!(matches!(w.take_error(), Some(BuildErrorKind::OutOfRange { value: 15, .. })));
}

/// The messages of a file of the corpus, as kind and attributes.
fn messages(bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let messages = Messages::new(bytes).map_while(Result::ok);
    let content = messages.filter_map(|message| match message.content() {
        Ok(Content::Nft { kind, attrs, .. }) => Some((kind, attrs)),
        _ => None,
    });
    content.collect()
}

/// An expression's bytes without an operation of bitwise that says what its absence says.
fn as_we_send(expr: &ExprInfo) -> Vec<u8> {
    let op = [8, 0, 6, 0, 0, 0, 0, 0];
    let raw = expr.raw().to_vec();
    match raw.windows(op.len()).position(|part| part == op) {
        Some(at) if expr.name() == b"bitwise" => {
            let mut raw = [&raw[..at], &raw[at + op.len()..]].concat();
            // The data's header comes after the name.
            raw[NLA_HDRLEN + 8] -= op.len() as u8;
            raw
        }
        _ => raw,
    }
}

/// Where the corpus is, if this machine has it.
fn corpus() -> Option<PathBuf> {
    std::env::var_os("NFTLINK_CORPUS").map(|dir| PathBuf::from(dir).join("rulesets"))
}

/// The expressions of the rules in a file of the corpus.
fn exprs_of(bytes: &[u8]) -> Vec<ExprInfo> {
    const NFT_MSG_NEWRULE: u16 = 6;
    const NFTA_RULE_EXPRESSIONS: u16 = 4;
    let mut exprs = Vec::new();
    for (_, attrs) in messages(bytes).into_iter().filter(|(kind, _)| *kind == NFT_MSG_NEWRULE) {
        let notes = Notes::default();
        let lists = AttrReader::new(attrs, &notes).map(Result::unwrap).filter(|(n, _)| *n == NFTA_RULE_EXPRESSIONS);
        exprs.extend(lists.flat_map(|(_, list)| Exprs::new(list.bytes()).map(Result::unwrap).collect::<Vec<_>>()));
    }
    exprs
}

/// What nft sends and what the kernel dumps is read, and written again as nft would send it.
#[test]
fn the_corpus_is_written_as_nft_wrote_it() {
    let Some(dir) = corpus() else { return eprintln!("NFTLINK_CORPUS is not set: nothing was compared") };
    let mut same: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let crafted = fs::read_dir(dir.with_file_name("crafted")).unwrap();
    for entry in fs::read_dir(dir).unwrap().chain(crafted) {
        let path = entry.unwrap().path();
        // Those that begin so are iptables-nft's, which sends other attributes, or by hand.
        let name = path.file_name().unwrap().to_string_lossy();
        let by_nft = !name.starts_with("own-xt") && !name.starts_with("crafted");
        let sent = path.extension().is_some_and(|end| end == "req") && by_nft;
        if path.extension().is_none_or(|end| end != "nl" && end != "req") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        for expr in exprs_of(&bytes) {
            if matches!(expr.get(), Expr::Unknown(_)) {
                continue;
            }
            let name = String::from_utf8_lossy(expr.name()).into_owned();
            let again = list(|w| expr.get().write(w))[NLA_HDRLEN..].to_vec();
            if expr.has_unknown() || (sent && again != as_we_send(&expr)) {
                wrong.push(format!(
                    "{expr}: {:02x?} is not {:02x?} in {}",
                    again,
                    expr.raw(),
                    path.file_name().unwrap().to_string_lossy()
                ));
            }
            // What the kernel dumps has more than a request; as a value it is the same.
            let back = Exprs::new(&list(|w| expr.get().write(w))).next().unwrap().unwrap();
            assert_eq!(back.get(), expr.get());
            *same.entry(name).or_default() += 1;
        }
    }
    assert!(wrong.is_empty(), "{} differ, as {:#?}", wrong.len(), &wrong);
    println!("expressions compared: {same:?}");
    let seen: Vec<&str> = same.keys().map(String::as_str).collect();
    let known = [
        "bitwise",
        "byteorder",
        "cmp",
        "connlimit",
        "counter",
        "ct",
        "dup",
        "dynset",
        "exthdr",
        "fib",
        "fwd",
        "hash",
        "immediate",
        "inner",
        "last",
        "limit",
        "log",
        "lookup",
        "masq",
        "match",
        "meta",
        "nat",
        "notrack",
        "numgen",
        "objref",
        "osf",
        "payload",
        "quota",
        "range",
        "redir",
        "reject",
        "rt",
        "socket",
        "synproxy",
        "target",
        "tproxy",
        "tunnel",
        "xfrm",
    ];
    assert_eq!(seen, known, "the corpus has all but queue and flow_offload, which its kernel has not");
}

/// Whether nft shows an expression otherwise, and why.
fn differs_for_a_reason(expr: &Expr, line: &str) -> bool {
    match expr {
        // libnftnl 1.2.4 has a word for it and does not print it; later ones do.
        Expr::Ct(Ct { key: CtKey::ID, .. }) => line.contains(" load unknown "),
        // Time passed between the two readings.
        Expr::Last(Last { msecs: Some(_) }) => line != "  [ last never ]",
        _ => false,
    }
}

/// What the kernel dumps is printed as nft prints it with `--debug=netlink`.
#[test]
fn the_corpus_is_shown_as_nft_showed_it() {
    let Some(dir) = corpus() else { return eprintln!("NFTLINK_CORPUS is not set: nothing was compared") };
    let mut same: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(text) = fs::read_to_string(path.with_extension("bytecode")) else { continue };
        if path.extension().is_none_or(|end| end != "nl") {
            continue;
        }
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("  [ ")).collect();
        let bytes = fs::read(&path).unwrap();
        let exprs = exprs_of(&bytes);
        if exprs.len() != lines.len() {
            wrong.push(format!("{} expressions and {} lines in {file}", exprs.len(), lines.len()));
            continue;
        }
        for (expr, line) in exprs.iter().zip(lines) {
            if matches!(expr.get(), Expr::Unknown(_)) {
                continue;
            }
            let shown = if file.starts_with("py114") { format!("  [ {expr:#} ]") } else { format!("  [ {expr} ]") };
            if shown != line.trim_end() && !differs_for_a_reason(expr, line) {
                wrong.push(format!("{shown:?} is not {line:?} in {file}"));
            }
            *same.entry(String::from_utf8_lossy(expr.name()).into_owned()).or_default() += 1;
        }
    }
    println!("expressions compared: {same:?}");
    assert!(wrong.is_empty(), "{} differ, as {:#?}", wrong.len(), &wrong);
}

/// What is read can be built again: no part of an expression is hidden.
#[test]
fn every_field_of_every_expression_is_public() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/expr");
    let mut structs = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        for (_, kind, _) in super::REGISTRY {
            let Some((_, after)) = source.split_once(&format!("\npub struct {kind} {{\n")) else { continue };
            let fields = after.lines().take_while(|line| *line != "}").map(str::trim);
            let hidden: Vec<&str> =
                fields.filter(|line| !["///", "pub ", "#["].iter().any(|w| line.starts_with(w))).collect();
            assert!(hidden.is_empty(), "{kind}: {hidden:?}");
            structs += 1;
        }
    }
    // Of one there is nothing to tell but its name.
    assert_eq!(structs, super::REGISTRY.len() - 1);
}
