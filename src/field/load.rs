//! Fields in registers: their bytes, the bits of them, and what is computed.

use super::lower::{Context, Sink, SinkExt};
use super::source::{BitOp, Bits, Load, Source};
use crate::error::BuildErrorKind;
use crate::expr::{Bitwise, Byteorder, ByteorderOp, Ct, Data, Hash, Meta, Payload, Reg};
use crate::wire::order;

impl Context<'_> {
    /// Loads the value of a field.
    pub(super) fn load(&self, source: &Source, reg: Reg, sink: &mut impl Sink) {
        self.load_bytes(source, reg, sink);
        match source.bits {
            Some(_) if source.len > Bits::MAX / 8 => sink.fail(BuildErrorKind::BadValue {
                what: source.name,
                value: format!("of {} bytes", source.len).into(),
                reason: "bits are moved within four bytes",
            }),
            Some(bits) => shift(bits, source.len, reg, sink),
            None => {}
        }
        for op in source.ops.iter() {
            match op {
                BitOp::MaskXor { mask, xor } => sink.put(Bitwise::mask_xor(reg, mask.clone(), xor.clone())),
                BitOp::Shl(bits) => sink.put(Bitwise::shl(reg, *bits)),
                BitOp::Shr(bits) => sink.put(Bitwise::shr(reg, *bits)),
                BitOp::Mistake(mistake) => sink.fail((**mistake).clone()),
            }
        }
    }

    /// Loads what is compared with values that have been [placed](Source::place).
    pub(super) fn load_placed(&self, source: &Source, reg: Reg, sink: &mut impl Sink) {
        match source.placing() {
            Some(_) => self.load_bytes(source, reg, sink),
            None => self.load(source, reg, sink),
        }
    }

    /// Loads the bytes that have the value, with all other bits zero.
    pub(super) fn load_bytes(&self, source: &Source, reg: Reg, sink: &mut impl Sink) {
        match &source.load {
            Load::Payload { base, .. } => {
                let len = source.bits.map_or(source.len, |bits| bits.loaded);
                sink.put_of(source.tunnel, Payload::load(*base, self.offset(source), len.into(), reg));
            }
            Load::Meta(key) => sink.put_of(source.tunnel, Meta::load(*key, reg)),
            Load::Ct(key, None) => sink.put(Ct::load(*key, reg)),
            Load::Ct(key, Some(direction)) => sink.put(Ct::load_of(*key, *direction, reg)),
            Load::Expr(loaded) => sink.put_expr(&loaded.at(reg)),
            Load::Hash(hash) => self.load_hash(&hash.0, &hash.1, reg, sink),
            // Its parts are loaded, never the whole.
            Load::Concatenation(_) => {}
        }
        if let Some(bits) = source.bits.filter(|bits| !bits.is_whole()) {
            let mask = bits.mask();
            let none = Data::new(&vec![0; mask.len()]);
            sink.put(Bitwise::mask_xor(reg, mask, none));
        }
    }

    /// Loads fields behind the register for their hash, each at the next four bytes.
    fn load_hash(&self, hash: &Hash, of: &Source, reg: Reg, sink: &mut impl Sink) {
        let first = (reg.word_index() + 1).next_multiple_of(4);
        let Some(words) = self.load_parts(of, first, |_| false, sink) else { return };
        let len = match of.parts() {
            [one] => one.len.into(),
            _ => words * 4,
        };
        let sreg = Reg::word(first).map(Reg::normalized);
        sink.put(Hash { sreg, len, dreg: reg, ..*hash });
    }

    /// Loads fields one after another, each at the next four bytes from the word `first` on, and tells how many
    /// words they take; `swaps` says which go to network order, if they are not in it.
    pub(super) fn load_parts(
        &self,
        source: &Source,
        first: u32,
        swaps: impl Fn(usize) -> bool,
        sink: &mut impl Sink,
    ) -> Option<u32> {
        let mut word = first;
        for (n, part) in source.parts().iter().enumerate() {
            let words = u32::from(part.len).div_ceil(4);
            let last = (word + words).checked_sub(1).and_then(Reg::word);
            let (Some(reg), Some(_)) = (Reg::word(word), last) else {
                sink.fail(BuildErrorKind::TooManyFields);
                return None;
            };
            let reg = reg.normalized();
            self.load(part, reg, sink);
            if swaps(n) && part.swaps {
                sink.put(hton(reg, part.len.into()));
            }
            word += words;
        }
        Some(word - first)
    }
}

/// Moves bits to where a value of `value_len` bytes has them, four at most.
fn shift(bits: Bits, value_len: u8, reg: Reg, sink: &mut impl Sink) {
    let (shift, loaded) = (i32::from(bits.shift), i32::from(bits.loaded));
    // The bytes that are loaded are as many as the value has, more of them or less, and both begin at the same place.
    let right = shift + 8 * (i32::from(value_len) - loaded);
    // The kernel shifts words of four bytes in the host's order. nft leaves more than one byte as the header has them,
    // and shifts into each byte what is not its own. It turns numbers of two bytes, of four and of eight.
    let turns = order::HOST_IS_LITTLE;
    let (right, ntoh, hton_len) = match (loaded, value_len) {
        _ if right == 0 => return,
        _ if !turns => (right, None, None),
        (1, 1) => (shift, None, None),
        (2 | 4, 1) => (shift, Some(loaded), None),
        (2, 2) => (shift, Some(2), Some(2)),
        _ => (right, Some(4), Some(4)),
    };
    if let Some(len) = ntoh {
        sink.put(Byteorder::new(ByteorderOp::NTOH, reg, len.unsigned_abs()));
    }
    let len = ntoh.unwrap_or(loaded).unsigned_abs();
    match right {
        0 => {}
        1.. => sink.put(Bitwise { len, ..Bitwise::shr(reg, right.unsigned_abs()) }),
        left => sink.put(Bitwise { len, ..Bitwise::shl(reg, left.unsigned_abs()) }),
    }
    if let Some(len) = hton_len {
        sink.put(hton(reg, len));
    }
}

/// Turns numbers of the host's order into those of network order.
pub(super) fn hton(reg: Reg, len: usize) -> Byteorder {
    Byteorder::new(ByteorderOp::HTON, reg, len as u32)
}
