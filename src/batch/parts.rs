//! A batch that is put together from others, which know nothing of each other.

use super::Batch;

impl Batch {
    /// Forgets all, and makes ready to be [taken in](Self::take_in) by a batch whose last message has that sequence.
    pub(crate) fn begin_after(&mut self, sequence: u32) {
        self.before = sequence;
        self.clear();
    }

    /// Whether it was begun behind the message with that sequence, whatever was done to it since.
    pub(crate) fn is_after(&self, sequence: u32) -> bool {
        self.before == sequence
    }

    /// Appends the operations of a batch that was begun behind this one's last message, whose numbers they go on with.
    pub(crate) fn take_in(&mut self, part: &Self) {
        let (offset, steps) = (self.w.len(), self.steps.len() as u32);
        self.ops.extend(part.ops.iter().enumerate().map(|(at, entry)| {
            let end = part.ops.get(at + 1).map_or(part.w.len(), |next| next.offset);
            let bytes = part.as_bytes().get(entry.offset..end).unwrap_or_default();
            // Nothing but a rule has steps.
            let has_steps = !part.steps.is_empty() && super::show::place_of_rule(bytes).is_some();
            let detail = entry.detail + if has_steps { steps } else { 0 };
            super::Entry { offset: entry.offset + offset, sequence: entry.sequence, detail }
        }));
        self.w.buffer().extend_from_slice(part.as_bytes());
        self.steps.extend_from_slice(&part.steps);
        self.messages = part.messages;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::field::{ip, tcp};
    use crate::rule::Rule;
    use crate::set::Set;
    use crate::table::Table;

    #[test]
    fn batch_put_together_from_parts_is_one_that_was_filled_at_once() {
        let fw = Table::inet("fw");
        let (set, input) = (Set::<Ipv4Addr>::new(&fw, "blocked"), fw.chain("input"));
        let adds: [&dyn Fn(&mut Batch); 4] = [
            &|batch| _ = batch.reset(&fw).add(&set).add(&input),
            &|batch| {
                batch.append(&input, Rule::new().when(tcp::dport().one_of([22, 80])).accept());
                let first = batch.last();
                batch.append(&input, Rule::new().when(ip::saddr().in_set(&set)).counter().drop());
                batch.insert_before(&input, first, Rule::new().counter());
            },
            &|_| {},
            &|batch| _ = batch.add_elements(&set, [Ipv4Addr::LOCALHOST]).add_elements(&set, [] as [Ipv4Addr; 0]),
        ];
        let (mut whole, mut parts, mut part) = (Batch::new(), Batch::new(), Batch::new());
        for add in adds.iter().cycle().take(3 * adds.len()) {
            add(&mut whole);
            part.begin_after(parts.last_sequence());
            add(&mut part);
            // As if nothing had been added before.
            let before = part.clone();
            part.clear();
            add(&mut part);
            assert_eq!(part, before);
            parts.take_in(&part);
        }
        assert_eq!(parts, whole);
        assert_eq!(parts.steps, whole.steps);
        assert_eq!(parts.last_sequence(), whole.last_sequence());
        assert_eq!(parts.to_string(), whole.to_string());
    }
}
