//! What only the bytes show: requests that no [`Conn`] sends, and rulesets that no kernel has.

use std::io::IoSlice;

use super::*;
use crate::chain::Hook;
use crate::datum::{Interval, Port};
use crate::engine::Transport;
use crate::field::tcp;
use crate::object::NFT_MSG_GETOBJ;
use crate::rule::{NFT_MSG_GETRULE, Rule};
use crate::set::{NFT_MSG_GETSET, NFT_MSG_GETSETELEM, NFT_MSG_NEWSETELEM, Set};
use crate::table::{NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, Table};
use crate::wire::message::{Content, Envelope, Messages, NFT_MSG_GETGEN, NLM_F_DUMP, NLM_F_DUMP_INTR, message};
use crate::wire::{AttrWriter, Family};

fn recording() -> Recording {
    let fw = Table::inet("fw");
    let input = fw.chain("input").filter(Hook::INPUT, crate::chain::Priority::FILTER);
    let ports = Set::<Interval<Port>>::new(&fw, "ports");
    let mut batch = Batch::new();
    batch.add(&fw).add(&input).add(&ports).add_elements(&ports, [1..=9, 80..=80]);
    batch.append(&input, Rule::new().when(tcp::dport().in_set(&ports)).counter().drop());
    batch.append(&input, Rule::new().when(tcp::sport().one_of([1, 2])).jump_rules([Rule::new().drop()]));
    Recording::with(&batch).unwrap()
}

/// What is answered to one message: the kinds of answers, and the error at their end.
fn answers(recording: &Recording, kind: u16, flags: u16, content: impl FnOnce(&mut AttrWriter)) -> (Vec<u16>, i32) {
    let mut w = AttrWriter::new();
    message(&mut w, kind, flags, 7, Family::INET, content);
    let mut tape = Tape::new(recording.shared.clone(), false);
    tape.send(&[IoSlice::new(w.bytes_written())]).unwrap();
    let (mut kinds, mut errno) = (Vec::new(), 0);
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(received) = tape.receive(&mut buffer) {
        for message in Messages::new(&buffer[..received.len]).map(Result::unwrap) {
            assert_eq!((message.sequence, message.port, message.flags & NLM_F_DUMP_INTR), (7, tape.port(), 0));
            match message.content().unwrap() {
                Content::Nft { kind, .. } => kinds.push(kind),
                Content::Ack { errno: Some(error), .. } => errno = error.get(),
                Content::Done { errno: None } => errno = -1,
                other => panic!("{other:?}"),
            }
        }
    }
    (kinds, errno)
}

#[test]
fn queries_of_absent_things_are_answered_by_each_kind_in_its_own_way() {
    let recording = recording();
    let absent = |w: &mut AttrWriter| w.string(1, b"absent");
    assert_eq!(answers(&recording, NFT_MSG_GETTABLE, 0, absent), (vec![], 2));
    assert_eq!(answers(&recording, NFT_MSG_GETTABLE, 0, |_| {}), (vec![], 22));
    assert_eq!(answers(&recording, NFT_MSG_GETRULE, NLM_F_DUMP, absent), (vec![], -1));
    assert_eq!(answers(&recording, NFT_MSG_GETOBJ, NLM_F_DUMP, absent), (vec![], -1));
    assert_eq!(answers(&recording, NFT_MSG_GETSET, NLM_F_DUMP, absent), (vec![], 2));
    assert_eq!(answers(&recording, NFT_MSG_GETSETELEM, NLM_F_DUMP, absent), (vec![], 2));
    let elements = |w: &mut AttrWriter| {
        w.string(1, b"fw");
        w.string(2, b"ports");
    };
    // The last tells of no more.
    let two = vec![NFT_MSG_NEWSETELEM; 2];
    assert_eq!(answers(&recording, NFT_MSG_GETSETELEM, NLM_F_DUMP, elements), (two, -1));
    assert_eq!(answers(&recording, NFT_MSG_GETSETELEM, 0, elements), (vec![], 22));
}

#[test]
fn what_is_no_query_is_refused() {
    let recording = recording();
    for kind in [NFT_MSG_NEWTABLE, NFT_MSG_NEWSETELEM, 34, 255] {
        assert_eq!(answers(&recording, kind, 0, |w| w.string(1, b"new")), (vec![], 22));
    }
    assert_eq!(answers(&recording, NFT_MSG_GETGEN, 0, |_| {}).0.len(), 1);
    assert_eq!(recording.ruleset().unwrap().tables().len(), 1);
}

/// Numbers that are always the same.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below
    }
}

#[test]
fn no_bytes_make_a_recording_panic() {
    let recording = recording();
    recording.apply_commits(true);
    let fw = Table::inet("fw");
    let mut batch = Batch::new();
    batch.reset(&fw).add_ruleset(&recording.ruleset().unwrap()).flush(&fw.chain("input")).delete(&fw.chain("input"));
    let envelope = Envelope::new(None, batch.last_sequence() + 1, true);
    let whole = [envelope.begin(), batch.as_bytes(), envelope.end()].concat();
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let mut buffer = vec![0; 64 * 1024];
    for _ in 0..800 {
        let mut bytes = whole.clone();
        for _ in 0..=numbers.next(4) {
            let at = numbers.next(bytes.len());
            bytes[at] = numbers.next(256) as u8;
        }
        bytes.truncate(bytes.len() - numbers.next(2) * numbers.next(whole.len()));
        let mut tape = Tape::new(recording.shared.clone(), false);
        tape.send(&[IoSlice::new(&bytes)]).unwrap();
        while tape.receive(&mut buffer).is_ok() {}
        let _ = recording.ruleset();
    }
}

#[test]
fn no_file_makes_a_recording_panic() {
    let whole = recording().ruleset().unwrap().to_bytes();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let mut read = 0;
    for _ in 0..600 {
        let mut bytes = whole.clone();
        for _ in 0..=numbers.next(4) {
            let at = numbers.next(bytes.len());
            bytes[at] = numbers.next(256) as u8;
        }
        let Ok(ruleset) = Ruleset::from_bytes(&bytes) else { continue };
        read += 1;
        let recording = Recording::of(&ruleset);
        let mut conn = recording.conn();
        let _ = (conn.ruleset(..), conn.reset_rules(..), conn.reset_objects(..));
        for set in conn.sets(..).unwrap_or_default() {
            let _ = (conn.elements(&set), conn.reset_elements(&set));
        }
        for rule in conn.rules(..).unwrap_or_default() {
            let _ = (conn.rule(&rule, rule.handle()), conn.normalized(&rule));
        }
        let mut batch = Batch::new();
        batch.add_ruleset(&ruleset);
        let _ = recording.apply(&batch);
        batch.clear();
        batch.flush_ruleset().add_ruleset(&ruleset);
        let _ = recording.apply(&batch);
    }
    assert!(read > 50, "{read}");
}
