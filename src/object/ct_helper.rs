//! The ct helper object.

use std::fmt;

use super::{Kind, L3Proto, ObjectKind};
use crate::datum::L4Proto;
use crate::error::{BuildErrorKind, DecodeError};
use crate::expr::Wire;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Name};

const NFTA_CT_HELPER_NAME: u16 = 1;
const NFTA_CT_HELPER_L3PROTO: u16 = 2;
const NFTA_CT_HELPER_L4PROTO: u16 = 3;

/// The longest name of a helper in bytes (`NF_CT_HELPER_NAME_LEN` less the NUL).
const NAME_MAX: usize = 15;

/// Sets the helper that follows a connection which opens others (`ct helper`; Linux 4.12).
///
/// A rule that assigns it stands where the connection is new and tracked: behind conntrack, at
/// prerouting or output.
///
/// ```
/// use nftlink::{Batch, Table, datum::L4Proto, object::CtHelper};
///
/// let fw = Table::inet("fw");
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&CtHelper::new("ftp", L4Proto::TCP).named(&fw, "ftp"));
/// ```
#[doc(alias = "nft_ct_helper_obj")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CtHelper {
    /// The kernel's name of the helper, one to 15 bytes: `ftp`, `sip`, `tftp` …
    pub helper: Name,
    /// The network protocol of the connections; without it, those of the table's family.
    pub l3proto: Option<L3Proto>,
    /// The transport protocol of the connections.
    pub protocol: L4Proto,
}

impl CtHelper {
    /// Sets a helper on connections of a transport protocol. The kernel must have the helper (`ENOENT`).
    pub fn new(helper: impl Into<Name>, protocol: L4Proto) -> Self {
        Self { helper: helper.into(), l3proto: None, protocol }
    }

    /// Sets the network protocol of the connections.
    pub fn l3proto(mut self, l3proto: impl Into<L3Proto>) -> Self {
        self.l3proto = Some(l3proto.into());
        self
    }
}

impl Kind for CtHelper {
    const KIND: ObjectKind = ObjectKind::CT_HELPER;

    fn fmt_nft(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        write!(f, "type \"{}\" protocol {};", self.helper, self.protocol)?;
        if let Some(l3proto) = self.l3proto {
            write!(f, " l3proto {l3proto};")?;
        }
        Ok(())
    }
}

impl Wire for CtHelper {
    const NAME: &'static str = "ct_helper";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_CT_HELPER_NAME, "name"),
        AttrName::value(NFTA_CT_HELPER_L3PROTO, "l3proto"),
        AttrName::value(NFTA_CT_HELPER_L4PROTO, "l4proto"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        let (what, len) = ("helper", self.helper.as_bytes().len());
        w.check(self.helper.check(what));
        if len > NAME_MAX {
            w.fail(BuildErrorKind::NameTooLong { what, len, max: NAME_MAX });
        }
        w.in_range("a helper's protocol", self.protocol.get(), 1..=255);
        w.bytes(NFTA_CT_HELPER_NAME, self.helper.as_bytes());
        if let Some(l3proto) = self.l3proto {
            w.u16(NFTA_CT_HELPER_L3PROTO, l3proto.get());
        }
        w.u8(NFTA_CT_HELPER_L4PROTO, self.protocol.get());
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut helper = Self::new("", L4Proto::from_raw(0));
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_CT_HELPER_NAME, v) => helper.helper = v.name(),
                (NFTA_CT_HELPER_L3PROTO, v) => helper.l3proto = Some(L3Proto::from_raw(v.u16()?)),
                (NFTA_CT_HELPER_L4PROTO, v) => helper.protocol = L4Proto::from_raw(v.u8()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(helper)
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::new("ftp", L4Proto::TCP), b"\x07\0\x01\0ftp\0\x05\0\x03\0\x06\0\0\0"),
            (
                Self::new("sip", L4Proto::UDP).l3proto(L3Proto::IP),
                b"\x07\0\x01\0sip\0\x06\0\x02\0\0\x02\0\0\x05\0\x03\0\x11\0\0\0",
            ),
        ]
    }
}

impl fmt::Display for CtHelper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = self.l3proto.map_or(0, L3Proto::get);
        write!(f, "ct_helper name {} family {family} protocol {}", self.helper, self.protocol.get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::mistake;

    #[test]
    fn names_that_the_kernel_would_refuse_are_refused() {
        let with = |name: &str| mistake(&CtHelper::new(name, L4Proto::TCP));
        assert_eq!(with("fifteen-letters"), None);
        let too_long = BuildErrorKind::NameTooLong { what: "helper", len: 16, max: 15 };
        assert_eq!(with("sixteen--letters"), Some(too_long));
        assert_eq!(with(""), Some(BuildErrorKind::NameEmpty { what: "helper" }));
        assert_eq!(with("f\0p"), Some(BuildErrorKind::NameHasNul { what: "helper" }));
    }

    #[test]
    fn no_helper_is_for_no_protocol() {
        let refused = mistake(&CtHelper::new("ftp", L4Proto::from_raw(0)));
        let wants = BuildErrorKind::OutOfRange { what: "a helper's protocol", value: 0, min: 1, max: 255 };
        assert_eq!(refused, Some(wants));
    }
}
