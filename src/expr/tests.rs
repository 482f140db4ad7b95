use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::*;
use crate::wire::message::{Content, Messages};

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

#[test]
fn small_enough_to_pass_by_value() {
    assert!(size_of::<Expr>() <= 104, "{}", size_of::<Expr>());
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
                    path.file_name().unwrap().display()
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
        "dynset",
        "exthdr",
        "fib",
        "hash",
        "immediate",
        "last",
        "limit",
        "log",
        "lookup",
        "masq",
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
        "tunnel",
        "xfrm",
    ];
    assert_eq!(seen, known, "the corpus has all but queue, which its kernel has not");
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
