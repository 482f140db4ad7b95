//! What is compared of each pair, in each family.
//!
//! Both go to a kernel, one after the other, each into a ruleset of the same names. Compared are: the messages that
//! are sent, byte by byte (nft shows its own with `--debug=mnl`), those of the rule's own sets included; what the
//! kernel has of both; nft's listings of both, which have to be the text. Where nft takes a rule and this kernel has
//! not what it needs, the messages are compared alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use nftlink::{Batch, ChainRef, Conn, Family, Hook, Priority, Table};

use super::sent::Sent;
use super::{CHAIN, Declaration, FAMILIES, Pair, TABLE, table};
use crate::support;
use crate::support::state::{self, Attributes};

/// Fewer pairs, and fewer shapes of rules, are too few to say that the language is there.
const PAIRS_AT_LEAST: usize = 2040;
const SHAPES_AT_LEAST: usize = 1400;

/// What has been compared by now.
struct Tally {
    files: usize,
    pairs: BTreeSet<String>,
    shapes: BTreeSet<String>,
    runs: usize,
}

static TALLY: Mutex<Tally> = Mutex::new(Tally { files: 0, pairs: BTreeSet::new(), shapes: BTreeSet::new(), runs: 0 });

/// Tells what was compared, and whether that is enough, if all files of pairs were.
///
/// A pair counts once, in however many families it is compared, and so does its shape: that of the first of them.
pub(super) fn tally(files: usize) -> bool {
    let tally = TALLY.lock().unwrap_or_else(PoisonError::into_inner);
    let (pairs, shapes) = (tally.pairs.len(), tally.shapes.len());
    if tally.files == 0 {
        return true;
    }
    println!("{pairs} pairs, {shapes} shapes; compared {} times\n", tally.runs);
    let are_enough = tally.files < files || (pairs >= PAIRS_AT_LEAST && shapes >= SHAPES_AT_LEAST);
    if !are_enough {
        eprintln!("too few: {PAIRS_AT_LEAST} pairs and {SHAPES_AT_LEAST} shapes are wanted");
    }
    are_enough
}

/// Compares all pairs of a file in all families, and tells of all that differ.
pub(super) fn all(file: &str, pairs: fn(&Table) -> Vec<Pair>, declarations: fn() -> Vec<Declaration>) {
    let (mut wrong, mut runs, mut compared, mut declared) = (Vec::new(), 0, BTreeMap::new(), BTreeSet::new());
    for family in FAMILIES {
        let table = table(family);
        let (pairs, declarations) = (pairs(&table), declarations());
        let mut in_family = InFamily::new(family, &pairs, &declarations);
        in_family.compare_all();
        wrong.extend(in_family.wrong.into_iter().map(|what| format!("family {family}: {what}")));
        runs += in_family.compared.len();
        declared.extend(in_family.declared);
        in_family.compared.into_iter().for_each(|(n, shape)| _ = compared.entry(n).or_insert(shape));
    }
    let all = pairs(&table(Family::INET));
    let never =
        (0..all.len()).filter(|n| !compared.contains_key(n)).map(|n| format!("{}\n  in no family", all[n].text));
    wrong.extend(never);
    let undeclared = declarations().into_iter().filter(|declaration| !declared.contains(declaration.text));
    wrong.extend(undeclared.map(|declaration| format!("{}\n  in no family", declaration.text)));
    assert!(wrong.is_empty(), "{file}, {} pairs, wrong:\n{}", all.len(), wrong.join("\n"));
    let mut tally = TALLY.lock().unwrap_or_else(PoisonError::into_inner);
    tally.files += 1;
    tally.runs += runs;
    tally.shapes.extend(compared.into_values());
    tally.pairs.extend(all.iter().map(|pair| format!("{} ({})", pair.text, pair.nft())));
}

/// What becomes of a line of nft's script.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Taken,
    /// nft does not send it.
    RefusedByNft(String),
    /// nft sends it, and the kernel here has no use for it.
    RefusedByKernel(String),
}

struct InFamily<'a> {
    family: Family,
    conn: Conn,
    pairs: &'a [Pair],
    declarations: Vec<&'a Declaration>,
    /// The texts of those that nft sends, also if the kernel here has no use for them.
    declared: Vec<&'static str>,
    wrong: Vec<String>,
    /// The shapes of the pairs that were compared, and the places of those.
    compared: Vec<(usize, String)>,
}

impl<'a> InFamily<'a> {
    fn new(family: Family, pairs: &'a [Pair], declarations: &'a [Declaration]) -> Self {
        let declarations = declarations.iter().collect();
        let (declared, wrong, compared) = (Vec::new(), Vec::new(), Vec::new());
        Self { family, conn: Conn::open().unwrap(), pairs, declarations, declared, wrong, compared }
    }

    fn compare_all(&mut self) {
        self.conn.commit(Batch::new().flush_ruleset()).unwrap();
        let fates = self.ask_nft();
        self.declared.extend(self.declarations.iter().map(|declaration| declaration.text));
        let (mut taken, mut sent) = (Vec::new(), Vec::new());
        for (n, (pair, fate)) in self.pairs.iter().zip(fates).enumerate() {
            let too_strict = pair.too_strict.iter().any(|(family, _)| *family == self.family);
            let too_lax = pair.too_lax.iter().any(|(family, _)| *family == self.family);
            let refusal = self.refusal(pair, matches!(fate, Fate::RefusedByNft(_)));
            match (&fate, refusal) {
                (Fate::Taken | Fate::RefusedByKernel(_), _) if too_strict => self.blame(pair, "nft is not too strict"),
                (Fate::Taken, None) if too_lax => self.blame(pair, "nothing refuses it"),
                // What is said of several pairs may be more than is needed for one of them.
                (_, Some(_)) if too_lax => {}
                (Fate::Taken, None) => taken.push(n),
                (Fate::RefusedByKernel(_), None) => sent.push(n),
                (Fate::Taken, Some(why)) => self.blame(pair, &format!("refused: {why}")),
                (Fate::RefusedByNft(_), None) if too_strict => {}
                (Fate::RefusedByNft(_), Some(why)) if too_strict => self.blame(pair, &format!("refused, too: {why}")),
                (Fate::RefusedByNft(why), None) => self.blame(pair, &format!("only nft refuses it: {why}")),
                // Other kernels may have what nobody has refused.
                (Fate::RefusedByKernel(lacks), Some(why)) if lacks.starts_with("No such file") => {
                    self.blame(pair, &format!("refused: {why}"));
                }
                (Fate::RefusedByNft(_) | Fate::RefusedByKernel(_), Some(_)) => {}
            }
        }
        self.compare_messages(&sent);
        self.compare(&taken);
    }

    fn blame(&mut self, pair: &Pair, what: &str) {
        self.wrong.push(format!("{}\n  {what}", pair.text));
    }

    /// Asks nft of all declarations and pairs, and forgets the declarations that it does not take.
    fn ask_nft(&mut self) -> Vec<Fate> {
        let mut fates = vec![Fate::Taken; self.pairs.len()];
        loop {
            let left: Vec<usize> = (0..fates.len()).filter(|&n| fates[n] == Fate::Taken).collect();
            let script = self.script(&left);
            let said = support::nft_checking(&script);
            if said.refusal.is_empty() {
                return fates;
            }
            let is_sent = Sent::has_rules(&said.printed);
            let first_pair = self.head().lines().count();
            let mut gone = Vec::new();
            let before = left.len() + self.declarations.len();
            for (line, why) in said.refusal.lines().filter_map(refused_line) {
                let fate = match is_sent {
                    true => Fate::RefusedByKernel(why.to_owned()),
                    false => Fate::RefusedByNft(why.to_owned()),
                };
                match line.checked_sub(first_pair + self.declarations.len()) {
                    Some(n) => fates[left[n]] = fate,
                    None => gone.extend(line.checked_sub(first_pair)),
                }
            }
            if is_sent {
                self.declared.extend(gone.iter().map(|&n| self.declarations[n].text));
            }
            let mut place = 0..;
            self.declarations.retain(|_| !gone.contains(&place.next().unwrap()));
            let after = fates.iter().filter(|&fate| *fate == Fate::Taken).count() + self.declarations.len();
            assert!(after < before, "family {}: nft: {}", self.family, said.refusal);
        }
    }

    /// What this library says against the rule, or the kernel, if it is asked, too.
    fn refusal(&mut self, pair: &Pair, ask_kernel: bool) -> Option<String> {
        let batch = match ask_kernel {
            true => self.batch([pair]),
            false => {
                let mut batch = Batch::new();
                batch.append(table(self.family).chain(CHAIN), &pair.rule);
                batch
            }
        };
        match batch.mistake() {
            Some(mistake) => Some(mistake.to_string()),
            None if ask_kernel => self.conn.check(&batch).err().map(|error| error.to_string()),
            None => None,
        }
    }

    /// Compares the messages alone.
    fn compare_messages(&mut self, which: &[usize]) {
        if which.is_empty() {
            return;
        }
        let output = support::nft_checking(&self.script(which));
        let ours = Sent::of_batch(&self.batch(which.iter().map(|&n| &self.pairs[n])));
        self.compare_sent(&ours, &Sent::of_nft(&output.printed), which);
    }

    fn compare(&mut self, which: &[usize]) {
        if which.is_empty() && self.declarations.is_empty() {
            return;
        }
        let output = support::nft_debugging(&self.script(which));
        assert_eq!(output.refusal, "", "family {}", self.family);
        let theirs = self.made(Sent::of_nft(&output.printed));
        let rules = self.conn.rules(..).unwrap();
        let normalized: Vec<_> = rules.iter().map(|rule| self.conn.normalized(rule).unwrap()).collect();
        self.conn.commit(Batch::new().flush_ruleset()).unwrap();
        let batch = self.batch(which.iter().map(|&n| &self.pairs[n]));
        if let Err(error) = self.conn.commit(&batch) {
            self.wrong.push(format!("the kernel refuses ours: {error}"));
            return;
        }
        let ours = self.made(Sent::of_batch(&batch));

        self.compare_sent(&ours.sent, &theirs.sent, which);
        let lines = (ours.listing.len(), theirs.listing.len());
        assert_eq!(lines, (which.len(), which.len()), "family {}: rules are listed line by line", self.family);
        let chain = ChainRef::new(table(self.family), CHAIN);
        for (n, pair) in which.iter().map(|&n| &self.pairs[n]).enumerate() {
            for (whose, listing) in [("nft's", &theirs.listing), ("ours", &ours.listing)] {
                if listing[n] != pair.listed(self.family) {
                    self.blame(pair, &format!("nft's listing of {whose}: {}", listing[n]));
                }
            }
            if ours.sent.rules[n] == theirs.sent.rules[n] && ours.rules[n] != theirs.rules[n] {
                let [ours, theirs] = [&ours, &theirs].map(|made| &made.rules[n].0);
                self.blame(pair, &format!("ours in the kernel:\n{ours}  nft's:\n{theirs}"));
            }
            // Rules are compared by what they do: nft's rule is found by the one in Rust.
            let said = pair.rule.normalized(&chain).unwrap();
            let may_differ = pair.differs.is_some() || pair.differs_in.iter().any(|(family, _)| *family == self.family);
            if normalized[n] != said && !may_differ {
                self.blame(pair, &format!("said  {said:?}\n  nft's {:?}", normalized[n]));
            }
        }
        for (ours, theirs) in ours.others.iter().zip(&theirs.others).filter(|(ours, theirs)| ours != theirs) {
            self.wrong.push(format!("in the kernel\n  of ours   {ours:?}\n  of nft's {theirs:?}"));
        }
        assert_eq!(ours.others.len(), theirs.others.len());
        let (one, other) = (BTreeSet::from_iter(&ours.elements), BTreeSet::from_iter(&theirs.elements));
        one.symmetric_difference(&other).for_each(|element| self.wrong.push(format!("of one side: {element}")));
    }

    fn compare_sent(&mut self, ours: &Sent, theirs: &Sent, which: &[usize]) {
        if let Some(differs) = first_that_differs(&ours.before, &theirs.before) {
            self.wrong.push(format!("declarations\n  {differs}"));
        }
        let messages = (ours.rules.len(), theirs.rules.len());
        assert_eq!(messages, (which.len(), which.len()), "family {}: a message for each rule", self.family);
        self.compared.extend(which.iter().copied().zip(ours.shapes.iter().cloned()));
        for (pair, (ours, theirs)) in which.iter().map(|&n| &self.pairs[n]).zip(ours.rules.iter().zip(&theirs.rules)) {
            let here = pair.differs_in.iter().find(|(family, _)| *family == self.family).map(|(_, why)| *why);
            match (pair.differs.or(here), first_that_differs(ours, theirs)) {
                (None, Some(differs)) => self.blame(pair, &differs),
                (Some(why), None) => self.blame(pair, &format!("it does not differ: {why}")),
                _ => {}
            }
        }
    }

    /// What is there before the pairs, but for the declarations.
    fn head(&self) -> String {
        let family = self.family;
        let hook = match family {
            Family::NETDEV => "{ type filter hook ingress device lo priority 0; }",
            _ => "",
        };
        format!(
            "add table {family} {TABLE}\nadd chain {family} {TABLE} {CHAIN} {hook}\nadd chain {family} {TABLE} other\n"
        )
    }

    fn script(&self, which: &[usize]) -> String {
        let (mut script, family) = (self.head(), self.family);
        for Declaration { text, .. } in &self.declarations {
            let (kind, rest) = text.split_once(' ').unwrap();
            writeln!(script, "add {} {family} {TABLE} {rest}", kind.replace('_', " ")).unwrap();
        }
        for pair in which.iter().map(|&n| &self.pairs[n]) {
            writeln!(script, "add rule {family} {TABLE} {CHAIN} {}", pair.nft()).unwrap();
        }
        script
    }

    fn batch<'p>(&self, pairs: impl IntoIterator<Item = &'p Pair>) -> Batch {
        let (table, mut batch) = (table(self.family), Batch::new());
        let chain = table.chain(CHAIN);
        batch.add(&table);
        if self.family == Family::NETDEV {
            batch.add(&chain.clone().filter(Hook::INGRESS, Priority::FILTER).device("lo"));
        } else {
            batch.add(&chain);
        }
        batch.add(&table.chain("other"));
        self.declarations.iter().for_each(|declaration| (declaration.declare)(&table, &mut batch));
        for pair in pairs {
            batch.append(&chain, &pair.rule);
        }
        batch
    }

    fn made(&mut self, sent: Sent) -> Made {
        const RULE_HANDLE_POSITION: &[u16] = &[3, 6];
        let family = self.family.to_string();
        let listing = support::nft(&["list", "chain", &family, TABLE, CHAIN]);
        let is_rule = |line: &&str| line.starts_with("\t\t") && !line.starts_with("\t\ttype ");
        let rules = self.conn.rules(..).unwrap();
        let others = state::as_the_kernel_has_it(&mut self.conn);
        Made {
            sent,
            listing: listing.lines().filter(is_rule).map(|line| line.trim_start().to_owned()).collect(),
            rules: rules
                .iter()
                .map(|rule| (rule.bytecode().to_string(), state::attributes(rule.raw(), RULE_HANDLE_POSITION)))
                .collect(),
            others: others.into_iter().filter(|(what, _)| !what.starts_with("rule")).collect(),
            elements: state::elements(&mut self.conn),
        }
    }
}

/// What is there of one side's rules.
struct Made {
    sent: Sent,
    listing: Vec<String>,
    rules: Vec<(String, Attributes)>,
    others: Vec<(String, Attributes)>,
    elements: Vec<String>,
}

/// The number of a line, from 0, and what nft has against it: `/dev/stdin:5:26-28: Error: syntax error`.
fn refused_line(said: &str) -> Option<(usize, &str)> {
    let (line, rest) = said.strip_prefix("/dev/stdin:")?.split_once(':')?;
    let (_, why) = rest.split_once(" Error: ")?;
    line.parse::<usize>().ok()?.checked_sub(1).map(|line| (line, why))
}

/// The first lines that differ, which say enough.
fn first_that_differs(ours: &[String], theirs: &[String]) -> Option<String> {
    let mut lines = (0..ours.len().max(theirs.len())).map(|n| (ours.get(n), theirs.get(n)));
    let (one, other) = lines.find(|(one, other)| one != other)?;
    let [one, other] = [one, other].map(|line| line.map_or("nothing", |line| line));
    Some(format!("we send   {one}\n  nft sends {other}"))
}
