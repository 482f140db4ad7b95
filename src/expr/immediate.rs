//! The immediate expression.

use std::fmt;

use super::data::DATA_SCHEMA;
use super::{Data, Reg, Value, Verdict, Wire, numbers};
use crate::error::DecodeError;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter};

const NFTA_IMMEDIATE_DREG: u16 = 1;
const NFTA_IMMEDIATE_DATA: u16 = 2;

/// Puts bytes into a register, or gives a verdict.
#[doc(alias = "nft_immediate")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Immediate {
    /// Where the value goes; a verdict goes to [`Reg::VERDICT`].
    pub dreg: Reg,
    /// The value.
    pub value: Value,
}

impl Immediate {
    /// Puts bytes into a register: 1 to 16.
    #[inline]
    pub fn data(dreg: Reg, data: impl Into<Data>) -> Self {
        Self { dreg, value: Value::Data(data.into()) }
    }

    /// Gives a verdict.
    #[inline]
    pub fn verdict(verdict: Verdict) -> Self {
        Self { dreg: Reg::VERDICT, value: Value::Verdict(verdict) }
    }
}

/// Writes a verdict as the expression that gives it.
#[inline]
pub(super) fn write_verdict(w: &mut AttrWriter, verdict: &Verdict) {
    super::write_as::<Immediate>(w, |w| {
        Reg::VERDICT.write(w, NFTA_IMMEDIATE_DREG);
        verdict.write(w, NFTA_IMMEDIATE_DATA);
    });
}

impl Wire for Immediate {
    const NAME: &'static str = "immediate";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_IMMEDIATE_DREG, "dreg"),
        AttrName::nest(NFTA_IMMEDIATE_DATA, "data", &DATA_SCHEMA),
    ]);

    #[inline]
    fn encode(&self, w: &mut AttrWriter) {
        self.dreg.write(w, NFTA_IMMEDIATE_DREG);
        match &self.value {
            Value::Data(data) => data.write_operand(w, NFTA_IMMEDIATE_DATA),
            Value::Verdict(verdict) => verdict.write(w, NFTA_IMMEDIATE_DATA),
        }
    }

    #[inline]
    fn read_usual(data: &[u8]) -> Option<Self> {
        let ([dreg], value) = numbers(data, [NFTA_IMMEDIATE_DREG])?;
        let value = Value::read_usual(value, NFTA_IMMEDIATE_DATA)?;
        Some(Self { dreg: Reg::from_raw(dreg), value })
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut dreg = Reg::VERDICT;
        let mut value = None;
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_IMMEDIATE_DREG, v) => dreg = Reg::read(v)?,
                (NFTA_IMMEDIATE_DATA, v) => value = Some(Value::read(v)?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        let value = value.ok_or(DecodeError::new("immediate", "it has no value"))?;
        Ok(Self { dreg, value })
    }

    fn normalize(&mut self) {
        Reg::normalize_all([&mut self.dreg]);
        if let Value::Verdict(verdict) = &mut self.value {
            // The kernel tells the name of the chain that had it.
            verdict.chain_id = None;
        }
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::data(Reg::R1, [10, 0, 0, 1]), b"\x08\0\x01\0\0\0\0\x01\x0c\0\x02\x80\x08\0\x01\0\x0a\0\0\x01"),
            (Self::verdict(Verdict::DROP), b"\x08\0\x01\0\0\0\0\0\x10\0\x02\x80\x0c\0\x02\x80\x08\0\x01\0\0\0\0\0"),
            (
                Self::verdict(Verdict::jump("other")),
                b"\x08\0\x01\0\0\0\0\0\x1c\0\x02\x80\x18\0\x02\x80\x08\0\x01\0\xff\xff\xff\xfd\x0a\0\x02\0other\0\0\0",
            ),
            (
                Self::verdict(Verdict { chain_id: Some(3), ..Verdict::plain(super::VerdictCode::GOTO) }),
                b"\x08\0\x01\0\0\0\0\0\x18\0\x02\x80\x14\0\x02\x80\x08\0\x01\0\xff\xff\xff\xfc\x08\0\x03\0\0\0\0\x03",
            ),
        ]
    }
}

impl fmt::Display for Immediate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "immediate {} ", self.dreg)?;
        match &self.value {
            Value::Data(data) => data.fmt(f),
            Value::Verdict(verdict) => verdict.fmt(f),
        }
    }
}
