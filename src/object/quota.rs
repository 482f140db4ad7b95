//! The quota object: a number of bytes that all rules which name it share.

use std::fmt;

use super::{Kind, ObjectKind, Quota};

impl Kind for Quota {
    const KIND: ObjectKind = ObjectKind::QUOTA;

    fn fmt_object(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // libnftnl shows what is consumed of an expression, and not of an object.
        write!(f, "quota bytes {} flags {}", self.bytes, self.flags.bits())
    }
}
