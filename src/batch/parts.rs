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
