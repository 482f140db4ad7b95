//! Elements by the message: for more of them than one batch holds.

use super::{Batch, detail_of};
use crate::set::{
    Element, Key, LIST_MAX, Mapped, NFT_MSG_NEWSETELEM, NFTA_SET_ELEM_LIST_ELEMENTS, Order, SetRef, WhatOfElement,
};
use crate::wire::message::{NLM_F_CREATE, header, patch_length};

/// What is kept from one message of elements to the next.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    /// The element that had no room.
    rest: Vec<u8>,
    /// Whether the batch has no room for it either.
    full: bool,
    order: Order,
}

impl Filling {
    /// Whether what comes next has no room in the batch.
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }
}

impl Batch {
    /// Adds a message of elements: up to `count` of them, as long as the batch has no more than `bytes`, but at least
    /// one. Returns how many; with none left it adds nothing. A batch that is [full](Filling::is_full) by then would
    /// have more bytes with another message.
    pub(crate) fn fill<K: Key, V: Mapped>(
        &mut self,
        set: &SetRef,
        elements: &mut impl Iterator<Item = Element<K, V>>,
        filling: &mut Filling,
        (count, bytes): (usize, usize),
    ) -> usize {
        let mut next = match filling.rest.is_empty() {
            true => match elements.next() {
                None => return 0,
                first => first,
            },
            false => None,
        };
        let mut written = 0;
        filling.full = false;
        self.op(detail_of::<K>(), |batch| {
            batch.messages += 1;
            let start = batch.w.len();
            let w = &mut batch.w;
            w.buffer().extend_from_slice(&header(NFT_MSG_NEWSETELEM, NLM_F_CREATE, batch.messages, set.table.family));
            set.write(w);
            let list = w.open(NFTA_SET_ELEM_LIST_ELEMENTS);
            let head = w.len() - start;
            if !filling.rest.is_empty() {
                w.raw(&filling.rest);
                filling.rest.clear();
                written = 1;
            }
            while written < count.max(1) {
                let Some(element) = next.take().or_else(|| elements.next()) else { break };
                let before = w.len();
                w.check(element.check_object(&set.table));
                element.encode(WhatOfElement::Full, w, &mut filling.order);
                if written > 0 && (w.nested_len(&list) > LIST_MAX || w.len() > bytes) {
                    filling.full = w.len() + head > bytes;
                    filling.rest = w.buffer().split_off(before);
                    break;
                }
                written += 1;
            }
            w.close(list);
            patch_length(w.buffer(), start);
        });
        written
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::error::BuildErrorKind;
    use crate::wire::message::len_and_kind;
    use crate::{Interval, Set, Table};

    fn set<K: Key>() -> Set<K> {
        Set::new(Table::inet("fw"), "set")
    }

    /// How many elements go into each message, and the messages.
    fn messages<K: Key>(elements: Vec<Element<K>>, limits: (usize, usize)) -> Vec<(usize, Batch)> {
        let (mut elements, mut filling) = (elements.into_iter(), Filling::default());
        let mut messages = Vec::new();
        loop {
            let mut batch = Batch::new();
            match batch.fill(set::<K>().at(), &mut elements, &mut filling, limits) {
                0 => return messages,
                count => messages.push((count, batch)),
            }
        }
    }

    fn numbered(count: u32) -> Vec<Element<Ipv4Addr>> {
        (0..count).map(|n| Element::of(Ipv4Addr::from(n))).collect()
    }

    #[test]
    fn messages_are_full_and_hold_each_element_once() {
        let counts = |limits| messages(numbered(10_000), limits).iter().map(|(count, _)| *count).collect::<Vec<_>>();
        assert_eq!(counts((usize::MAX, usize::MAX)), [4095, 4095, 1810]);
        assert_eq!(counts((4000, usize::MAX)), [4000, 4000, 2000]);
        // Sixteen bytes each, and what says whose they are.
        let small = counts((usize::MAX, 16_100));
        assert_eq!((small[0], small.iter().sum::<usize>()), (1000 + (16_100 - 16_000 - 44) / 16, 10_000));
        assert_eq!(counts((usize::MAX, 0)), [1; 10_000]);
        // Together they are what one batch would have.
        let mut whole = Batch::new();
        whole.add_elements(&set(), numbered(10_000));
        let parts = messages(numbered(10_000), (usize::MAX, usize::MAX));
        let bytes: Vec<u8> = parts.iter().flat_map(|(_, batch)| batch.as_bytes()[16..].to_vec()).collect();
        let mut expected = Vec::new();
        let mut rest = whole.as_bytes();
        while let Some(head) = rest.first_chunk() {
            let (message, after) = rest.split_at(len_and_kind(head).0);
            expected.extend_from_slice(&message[16..]);
            rest = after;
        }
        assert_eq!(bytes, expected);
    }

    #[test]
    fn batch_of_several_messages_has_no_more_bytes_than_it_may() {
        let comment = "x".repeat(100);
        let commented = || numbered(3000).into_iter().map(|element| element.comment(comment.as_str()));
        for most in 100_000..100_500 {
            let (mut elements, mut filling, mut batch) = (commented(), Filling::default(), Batch::new());
            while !filling.is_full() {
                batch.fill(set::<Ipv4Addr>().at(), &mut elements, &mut filling, (usize::MAX, most));
            }
            assert!((most - 500..=most).contains(&batch.as_bytes().len()), "{} of {most}", batch.as_bytes().len());
        }
    }

    #[test]
    fn overlap_with_the_highest_values_is_found_across_messages() {
        let mistake = |ranges: &[(u8, u8)]| {
            let range = |&(a, b): &(u8, u8)| Interval::range(Ipv4Addr::from([a; 4])..=Ipv4Addr::from([b; 4]));
            let elements = ranges.iter().map(range).map(Element::of).collect::<Vec<Element<Interval<Ipv4Addr>>>>();
            let parts = messages(elements, (1, usize::MAX));
            parts.iter().find_map(|(_, batch)| batch.mistake().map(|mistake| mistake.kind().clone()))
        };
        assert_eq!(mistake(&[(1, 2), (3, 255), (0, 0)]), None);
        assert_eq!(mistake(&[(3, 255), (3, 255)]), None);
        for overlapping in [[(3, 255), (1, 3)], [(1, 3), (3, 255)], [(3, 255), (4, 255)], [(3, 255), (4, 9)]] {
            assert_eq!(mistake(&overlapping), Some(BuildErrorKind::Overlap), "{overlapping:?}");
        }
    }
}
