//! The sets of one name and their numbers, and the marks of those that are not finished.

use std::fmt;

use crate::conn::Conn;
use crate::error::Error;
use crate::expr::ObjectKind;
use crate::object::{Counter, Named, ObjectRef};
use crate::set::{SetInfo, SetRef};
use crate::table::TableRef;
use crate::wire::{Name, PortId};

/// What is between a set's name and its number, and around the word in a mark's name.
const DOT: &[u8] = b".";
/// What says that a set is not finished.
const LOADING: &[u8] = b"loading";

/// All there are of a set's name.
#[derive(Debug)]
pub(super) struct Members {
    /// Those that are finished, with their numbers, in ascending order: the live one is the last.
    finished: Vec<(u32, SetInfo)>,
    /// Those that are not.
    pub(super) unfinished: Vec<SetInfo>,
    /// The marks of the latter; of some the set is gone.
    pub(super) marks: Vec<ObjectRef>,
    /// The highest number of all.
    highest: u32,
}

impl Members {
    /// Reads them, within a snapshot.
    pub(super) fn read(conn: &mut Conn, of: &SetRef) -> Result<Self, Error> {
        let mut members = Self { finished: Vec::new(), unfinished: Vec::new(), marks: Vec::new(), highest: 0 };
        let mut marked = Vec::new();
        for object in conn.objects_of_kind(ObjectKind::COUNTER, of.table())? {
            if let Some(number) = number_of_mark(object.name(), of.name()) {
                marked.push(number);
                members.marks.push(object.at().clone());
            }
        }
        for set in conn.sets(of.table())? {
            match number_of_set(set.name(), of.name()) {
                None => {}
                Some(number) if marked.contains(&number) => {
                    members.highest = members.highest.max(number);
                    members.unfinished.push(set);
                }
                Some(number) => members.finished.push((number, set)),
            }
        }
        members.finished.sort_by_key(|(number, _)| *number);
        let finished = members.finished.last().map_or(0, |(number, _)| *number);
        members.highest = marked.into_iter().chain([members.highest, finished]).max().unwrap_or_default();
        Ok(members)
    }

    /// The set that is in use.
    pub(super) fn live(&self) -> Option<&SetInfo> {
        self.finished.last().map(|(_, set)| set)
    }

    /// All that are finished.
    pub(super) fn finished(&self) -> impl Iterator<Item = &SetInfo> {
        self.finished.iter().map(|(_, set)| set)
    }

    /// A name that none of them has.
    pub(super) fn next_name(&self, of: &SetRef) -> Name {
        let number = self.highest.checked_add(1).unwrap_or_else(|| {
            // Somebody has chosen the highest number there is.
            let taken = |number: &u32| self.finished.iter().any(|(other, _)| other == number);
            (1..).find(|number| !taken(number)).unwrap_or(1)
        });
        join(&[of.name().as_bytes(), number.to_string().as_bytes()])
    }
}

/// The mark of a set that the connection with that port fills.
///
/// No two connections of a network namespace have one port, so that of those who run at once none takes another's mark
/// for its own, even if it found the same name free.
pub(super) fn mark(table: &TableRef, set: &Name, port: PortId) -> Named<Counter> {
    let name = join(&[set.as_bytes(), LOADING, port.get().to_string().as_bytes()]);
    Counter::named(table, name).comment("this set is being filled by nftlink, or was left by a program that ended")
}

fn join(parts: &[&[u8]]) -> Name {
    parts.join(DOT).as_slice().into()
}

/// The number in a set's name, if it is one of `of`; 0 of that name itself.
fn number_of_set(name: &Name, of: &Name) -> Option<u32> {
    match name.as_bytes().strip_prefix(of.as_bytes())? {
        [] => Some(0),
        rest => number(rest.strip_prefix(DOT)?).filter(|&number| number > 0),
    }
}

/// The number of the set that a mark is for.
fn number_of_mark(name: &Name, of: &Name) -> Option<u32> {
    let mut parts = name.as_bytes().strip_prefix(of.as_bytes())?.strip_prefix(DOT)?.split(|byte| *byte == DOT[0]);
    let set = number(parts.next()?)?;
    let port = parts.next().filter(|word| *word == LOADING).and_then(|_| parts.next()).and_then(number);
    (port.is_some() && parts.next().is_none()).then_some(set)
}

/// A number as it is written, without zeros before it.
fn number(text: &[u8]) -> Option<u32> {
    let number: u32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == text).then_some(number)
}

/// A set's name in an error.
pub(super) fn describe(at: &impl fmt::Display) -> Box<str> {
    at.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;

    #[test]
    fn names_tell_sets_and_marks_of_one_name_from_all_others() {
        let of = Name::from("a.1");
        let set = |name: &str| number_of_set(&Name::from(name), &of);
        assert_eq!(["a.1", "a.1.1", "a.1.4294967295"].map(set), [Some(0), Some(1), Some(u32::MAX)]);
        for other in ["a", "a.2", "a.11", "a.1.", "a.1.0", "a.1.01", "a.1.+1", "a.1.1.1", "a.1.4294967296", "a.1.x"] {
            assert_eq!(set(other), None, "{other}");
        }
        let table = Table::inet("fw");
        let own = mark(table.as_ref(), &Name::from("a.1.7"), PortId::from_raw(9));
        assert_eq!(own.at().name(), &"a.1.7.loading.9");
        assert_eq!(number_of_mark(own.at().name(), &of), Some(7));
        assert_eq!(number_of_mark(own.at().name(), &Name::from("a")), None);
        for other in ["a.1.7.loading", "a.1.7.loading.", "a.1.7.loading.x", "a.1.7.loading.9.9", "a.1.7.9", "a.1"] {
            assert_eq!(number_of_mark(&Name::from(other), &of), None, "{other}");
        }
    }

    #[test]
    fn mark_of_a_name_of_225_bytes_is_no_longer_than_a_name_may_be() {
        let set = join(&["x".repeat(225).as_bytes(), u32::MAX.to_string().as_bytes()]);
        let mark = mark(Table::inet("fw").as_ref(), &set, PortId::from_raw(u32::MAX));
        assert_eq!(mark.at().name().as_bytes().len(), 255);
    }

    #[test]
    fn next_name_is_free() {
        let members = |highest| Members { finished: Vec::new(), unfinished: Vec::new(), marks: Vec::new(), highest };
        let of = SetRef::new(Table::inet("fw"), "a");
        assert_eq!([0, 7, u32::MAX].map(|n| members(n).next_name(&of).to_string()), ["a.1", "a.8", "a.1"]);
    }
}
