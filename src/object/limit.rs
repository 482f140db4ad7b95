//! The limit object: a rate that all rules which name it share.

use std::fmt;

use super::{Bytes, Kind, Limit, LimitFlags, LimitKind, ObjectKind};

impl Kind for Limit {
    const KIND: ObjectKind = ObjectKind::LIMIT;

    fn fmt_object(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, unit, burst, .. } = self;
        let (kind, flags) = (self.kind.get(), self.flags.bits());
        write!(f, "limit rate {rate} unit {unit} burst {burst} type {kind} flags {flags}")
    }

    fn fmt_nft(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        let over = if self.flags.contains(LimitFlags::INV) { "over " } else { "" };
        let unit = match self.unit {
            Self::SECOND => "second".to_owned(),
            Self::MINUTE => "minute".to_owned(),
            Self::HOUR => "hour".to_owned(),
            Self::DAY => "day".to_owned(),
            Self::WEEK => "week".to_owned(),
            seconds => format!("{seconds}s"),
        };
        match (self.kind, self.burst) {
            (LimitKind::BYTES, 0) => write!(f, "rate {over}{}/{unit}", Bytes(self.rate)),
            (LimitKind::BYTES, burst) => {
                write!(f, "rate {over}{}/{unit} burst {}", Bytes(self.rate), Bytes(burst.into()))
            }
            (_, burst) => write!(f, "rate {over}{}/{unit} burst {burst} packets", self.rate),
        }
    }
}
