//! The operating system of the sender, as its way of opening TCP connections tells it.
//!
//! ```
//! use nftlink::expr::OsfTtl;
//! use nftlink::field::osf;
//!
//! // osf ttl skip version "Linux:4.10"
//! let old = osf::ttl(OsfTtl::SKIP).version().eq("Linux:4.10");
//! ```
//!
//! Packets that do not open a TCP connection over IPv4 match none of these. The kernel has no fingerprints until a
//! program has loaded some. For tables of families ip and inet.

use super::Field;
use super::source::{Families, Needs};
use crate::datum::OsfName;
use crate::expr::{Osf, OsfFlags, OsfTtl, Reg};
use crate::userdata::Typeof;
use crate::wire::Family;

/// How strictly the time to live is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "this does nothing until a name is compared"]
pub struct Ttl(OsfTtl);

/// `osf ttl loose`: looks for fingerprints whose time to live fits so.
pub fn ttl(ttl: OsfTtl) -> Ttl {
    Ttl(ttl)
}

/// `osf name`: the name of the system (Linux 4.19).
pub fn name() -> Field<OsfName> {
    ttl(OsfTtl::STRICT).name()
}

/// `osf version`: the name of the system and its version (Linux 5.2).
pub fn version() -> Field<OsfName> {
    ttl(OsfTtl::STRICT).version()
}

impl Ttl {
    /// `name`: the name of the system (Linux 4.19).
    pub fn name(self) -> Field<OsfName> {
        self.field("osf name", OsfFlags::empty())
    }

    /// `version`: the name of the system and its version (Linux 5.2).
    pub fn version(self) -> Field<OsfName> {
        self.field("osf version", OsfFlags::VERSION)
    }

    fn field(self, name: &'static str, flags: OsfFlags) -> Field<OsfName> {
        let osf = Osf { ttl: self.0, flags, ..Osf::load(Reg::R1) };
        Field::loaded(name, osf, Typeof::Osf).needing(Needs::Tables(Families::of(&[Family::INET, Family::IP])))
    }
}
