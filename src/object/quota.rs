//! The quota object: a number of bytes that all rules which name it share.

use std::fmt;

use super::{Bytes, Kind, ObjectKind, Quota, QuotaFlags};

impl Kind for Quota {
    const KIND: ObjectKind = ObjectKind::QUOTA;

    fn fmt_object(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // libnftnl shows what is consumed of an expression, and not of an object.
        write!(f, "quota bytes {} flags {}", self.bytes, self.flags.bits())
    }

    fn fmt_nft(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        let over = if self.flags.contains(QuotaFlags::INV) { "over " } else { "" };
        write!(f, "{over}{}", Bytes(self.bytes))?;
        match self.consumed {
            0 => Ok(()),
            consumed => write!(f, " used {}", Bytes(consumed)),
        }
    }
}
