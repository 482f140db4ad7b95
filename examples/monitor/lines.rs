//! What a monitor prints: each event as a line of nft's, rules by their bytecode.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use nftlink::datum::DataType;
use nftlink::expr::Value;
use nftlink::monitor::{Commit, ElementEvent, Event, Notice};
use nftlink::{Batch, ChainInfo, Conn, Declare, Entry, Error, RuleInfo, Ruleset, SetFlags, SetInfo, SetRef};

/// Writes events, with the types of sets, which events of elements do not tell.
#[derive(Debug)]
pub(crate) struct Lines {
    conn: Conn,
    sets: HashMap<SetRef, SetInfo>,
}

impl Lines {
    /// Asks for the types of sets by a connection of its own.
    pub(crate) fn new(conn: Conn) -> Self {
        Self { conn, sets: HashMap::new() }
    }

    /// Learns the types of all sets there are.
    pub(crate) fn learn(&mut self, ruleset: &Ruleset) {
        let sets = ruleset.tables().iter().flat_map(|table| table.sets()).map(|set| set.info());
        self.sets = sets.map(|set| (set.at().clone(), set.clone())).collect();
    }

    /// The lines of a notice, each with its end.
    pub(crate) fn of(&mut self, notice: &Notice) -> Result<String, Error> {
        match notice {
            Notice::Commit(commit) => self.commit(commit),
            Notice::Depleted(quota) => Ok(format!("# quota {} is used up\n", quota.at())),
            Notice::Overrun(overrun) => Ok(match overrun.last_complete() {
                Some(last) => format!("# lost events: there was no room for what came after generation {last}\n"),
                None => "# lost events: there was no room for them\n".to_owned(),
            }),
            _ => Ok("# a notice of a new kind\n".to_owned()),
        }
    }

    fn commit(&mut self, commit: &Commit) -> Result<String, Error> {
        let mut text = String::new();
        // The entries of one set are told in a row; two of them may be one interval.
        let is_same_set = |a: &Event, b: &Event| match (a, b) {
            (Event::NewElement(a), Event::NewElement(b)) | (Event::DeletedElement(a), Event::DeletedElement(b)) => {
                a.set() == b.set()
            }
            _ => false,
        };
        for events in commit.events().chunk_by(is_same_set) {
            match events {
                [Event::NewElement(first) | Event::DeletedElement(first), ..] => {
                    let elements = events.iter().filter_map(|event| match event {
                        Event::NewElement(element) | Event::DeletedElement(element) => Some(element),
                        _ => None,
                    });
                    let verb = if events[0].is_deletion() { "delete" } else { "add" };
                    match self.set(first.set())? {
                        Some(set) => write_elements(&mut text, verb, set, elements),
                        // It is gone already, and nobody knows what the keys are.
                        None => events.iter().for_each(|event| text += &format!("{event}\n")),
                    }
                }
                events => events.iter().for_each(|event| self.event(&mut text, event)),
            }
        }
        // Behind the events, as the commit's own Display has it.
        let by = commit.to_string();
        text += by.lines().last().unwrap_or_default();
        text += if commit.is_complete() { "\n" } else { " (some events are missing)\n" };
        Ok(text)
    }

    /// The set, if it is or was there.
    fn set(&mut self, at: &SetRef) -> Result<Option<&SetInfo>, Error> {
        if !self.sets.contains_key(at) {
            match self.conn.set(at) {
                Err(error) if error.is_not_found() => return Ok(None),
                set => self.sets.insert(at.clone(), set?),
            };
        }
        Ok(self.sets.get(at))
    }

    fn event(&mut self, text: &mut String, event: &Event) {
        *text += &match event {
            Event::NewTable(table) => format!("{}{}", declared(table), flags(table.flags())),
            Event::NewChain(chain) => {
                format!("add chain {}{} # handle {}", chain.at(), body(&chain_body(chain)), chain.handle())
            }
            Event::NewRule(rule, _) => format!("{event} {}", rule_body(rule)),
            Event::NewSet(set) => {
                self.sets.insert(set.at().clone(), set.clone());
                format!("{event}{}", body(&set_body(set)))
            }
            Event::DeletedSet(set) => {
                self.sets.remove(set.at());
                event.to_string()
            }
            Event::NewObject(object) => declared(object),
            Event::NewFlowtable(table) => {
                let devices: Vec<_> = table.devices().iter().map(ToString::to_string).collect();
                let place = format!("hook {} priority {};", table.hook(), table.named_priority());
                format!("{event}{}", body(&format!("{place} devices = {{ {} }};", devices.join(", "))))
            }
            _ => event.to_string(),
        };
        text.push('\n');
    }
}

/// What adds something, as a batch shows it.
fn declared(what: &impl Declare) -> String {
    Batch::new().add(what).to_string().trim_end().to_owned()
}

fn body(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" {{ {text} }}") }
}

fn flags(flags: nftlink::TableFlags) -> String {
    let names: Vec<String> = flags.iter_names().map(|(name, _)| name.to_lowercase()).collect();
    if names.is_empty() { String::new() } else { format!(" {{ flags {}; }}", names.join(",")) }
}

fn chain_body(chain: &ChainInfo) -> String {
    let mut text = String::new();
    if let Some(((kind, hook), priority)) = chain.kind().zip(chain.hook()).zip(chain.named_priority()) {
        text = format!("type {kind} hook {hook}");
        text.extend(chain.devices().iter().map(|device| format!(" device {device}")));
        text += &format!(" priority {priority};");
    }
    text.extend(chain.policy().map(|policy| format!(" policy {policy};")));
    text
}

/// nft would write what the rule says; this is what the kernel runs.
fn rule_body(rule: &RuleInfo) -> String {
    let bytecode = rule.bytecode().to_string();
    let mut text = bytecode.split_whitespace().collect::<Vec<_>>().join(" ");
    text.extend(rule.comment().map(|comment| format!(" comment {comment:?}")));
    text
}

fn set_body(set: &SetInfo) -> String {
    let parts: Vec<_> = set.key_type().parts().map(|part| part.to_string()).collect();
    let mut text = format!("type {}", parts.join(" . "));
    match (set.object_kind(), set.data_type()) {
        (Some(kind), _) => text += &format!(" : {kind}"),
        (None, Some(data)) => text += &format!(" : {data}"),
        (None, None) => {}
    }
    text.push(';');
    let words = [
        (SetFlags::CONSTANT, "constant"),
        (SetFlags::INTERVAL, "interval"),
        (SetFlags::TIMEOUT, "timeout"),
        (SetFlags::EVAL, "dynamic"),
    ];
    let words: Vec<_> = words.iter().filter(|(flag, _)| set.flags().contains(*flag)).map(|(_, word)| *word).collect();
    if !words.is_empty() {
        text += &format!(" flags {};", words.join(","));
    }
    text.extend(set.size().map(|size| format!(" size {size};")));
    text.extend(set.timeout().map(|timeout| format!(" timeout {};", Time(timeout))));
    text
}

fn write_elements<'a>(text: &mut String, verb: &str, set: &SetInfo, of: impl Iterator<Item = &'a ElementEvent>) {
    for element in set.paired(of.map(|event| event.element())) {
        let _ =
            writeln!(text, "{verb} element {} {{ {}{} }}", set.at(), set.display(&element), more(set, &element.entry));
    }
}

/// What an element has beside its key.
fn more(set: &SetInfo, entry: &Entry) -> String {
    let mut text = String::new();
    text.extend(entry.timeout.map(|timeout| format!(" timeout {}", Time(timeout))));
    text.extend(entry.expires.map(|left| format!(" expires {}", Time(left))));
    text.extend(entry.comment().map(|comment| format!(" comment {comment:?}")));
    match (&entry.value, &entry.object) {
        (Some(Value::Data(data)), _) => {
            let kind = set.data_type().unwrap_or(DataType::INTEGER);
            text += &format!(" : {}", kind.display(data.as_bytes()));
        }
        (Some(Value::Verdict(verdict)), _) => text += &format!(" : {verdict}"),
        (None, Some(object)) => text += &format!(" : {object}"),
        _ => {}
    }
    text
}

/// A duration as nft writes it: `1h30m`, `500ms`.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        let parts = [(seconds / 86400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
        let parts = parts.into_iter().chain([(millis.into(), "ms")]).filter(|(count, _)| *count > 0);
        if self.0 < Duration::from_millis(1) {
            return f.write_str("0s");
        }
        parts.into_iter().try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}
