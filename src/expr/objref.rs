//! The objref expression.

use std::fmt;

use super::{Reg, Wire};
use crate::error::DecodeError;
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Name};

const NFTA_OBJREF_IMM_TYPE: u16 = 1;
const NFTA_OBJREF_IMM_NAME: u16 = 2;
const NFTA_OBJREF_SET_SREG: u16 = 3;
const NFTA_OBJREF_SET_NAME: u16 = 4;
const NFTA_OBJREF_SET_ID: u16 = 5;

open_number! {
    /// The kind of a stateful object (`NFT_OBJECT_*`).
    #[doc(alias = "NFT_OBJECT")]
    pub struct ObjectKind(u32) {
        /// Counts packets and bytes.
        COUNTER = 1, "counter";
        /// Tells when a number of bytes has passed.
        QUOTA = 2, "quota";
        /// Sets a connection's tracking helper.
        CT_HELPER = 3, "ct helper";
        /// Bounds a rate.
        LIMIT = 4, "limit";
        /// Bounds the number of connections.
        CONNLIMIT = 5, "connlimit";
        /// Sets tunnel options.
        TUNNEL = 6, "tunnel";
        /// Sets a connection's timeouts.
        CT_TIMEOUT = 7, "ct timeout";
        /// Sets the security mark.
        SECMARK = 8, "secmark";
        /// Expects a connection.
        CT_EXPECT = 9, "ct expectation";
        /// Answers TCP's handshake in the server's stead.
        SYNPROXY = 10, "synproxy";
    }
}

/// Hands the packet to a named object, or to the one that a map names.
#[doc(alias = "nft_objref")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Objref {
    /// The object, named at once.
    pub object: Option<(ObjectKind, Name)>,
    /// The register with the key and the map.
    pub map: Option<(Reg, Name)>,
    /// The map's id in this batch, of an anonymous map.
    pub set_id: Option<u32>,
}

impl Objref {
    /// Hands the packet to the object of that kind and name.
    pub fn new(kind: ObjectKind, name: impl Into<Name>) -> Self {
        Self { object: Some((kind, name.into())), map: None, set_id: None }
    }

    /// Hands the packet to the object that `map` has for the key in `sreg`.
    pub fn map(sreg: Reg, map: impl Into<Name>) -> Self {
        Self { object: None, map: Some((sreg, map.into())), set_id: None }
    }
}

/// A name as nft sends it here. The kernel takes no attribute without a byte.
fn unterminated(name: &Name) -> &[u8] {
    match name.as_bytes() {
        [] => b"\0",
        name => name,
    }
}

impl Wire for Objref {
    const NAME: &'static str = "objref";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_OBJREF_IMM_TYPE, "type"),
        AttrName::value(NFTA_OBJREF_IMM_NAME, "name"),
        AttrName::value(NFTA_OBJREF_SET_SREG, "sreg"),
        AttrName::value(NFTA_OBJREF_SET_NAME, "set"),
        AttrName::value(NFTA_OBJREF_SET_ID, "set_id"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        if let Some((kind, name)) = &self.object {
            w.check(name.check_referred("object"));
            w.u32(NFTA_OBJREF_IMM_TYPE, kind.get());
            w.bytes(NFTA_OBJREF_IMM_NAME, unterminated(name));
        }
        if let Some((sreg, map)) = &self.map {
            w.check(map.check_referred("map"));
            sreg.write(w, NFTA_OBJREF_SET_SREG);
            w.bytes(NFTA_OBJREF_SET_NAME, unterminated(map));
        }
        if let Some(id) = self.set_id {
            w.u32(NFTA_OBJREF_SET_ID, id);
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let (mut kind, mut name, mut sreg, mut map, mut set_id) = (None, None, None, None, None);
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_OBJREF_IMM_TYPE, v) => kind = Some(ObjectKind::from_raw(v.u32()?)),
                (NFTA_OBJREF_IMM_NAME, v) => name = Some(v.name()),
                (NFTA_OBJREF_SET_SREG, v) => sreg = Some(Reg::read(v)?),
                (NFTA_OBJREF_SET_NAME, v) => map = Some(v.name()),
                (NFTA_OBJREF_SET_ID, v) => set_id = Some(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(Self { object: kind.zip(name), map: sreg.zip(map), set_id })
    }

    fn normalize(&mut self) {
        if let Some((reg, _)) = &mut self.map {
            Reg::normalize_all([reg]);
        }
        self.set_id = None;
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        vec![
            (Self::new(ObjectKind::COUNTER, "web"), b"\x08\0\x01\0\0\0\0\x01\x07\0\x02\0web\0"),
            (
                Self { set_id: Some(2), ..Self::map(Reg::R1, "__map%d") },
                b"\x08\0\x03\0\0\0\0\x01\x0b\0\x04\0__map%d\0\x08\0\x05\0\0\0\0\x02",
            ),
        ]
    }
}

impl fmt::Display for Objref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objref")?;
        if let Some((kind, name)) = &self.object {
            write!(f, " type {} name {name}", kind.get())?;
        }
        if let Some((sreg, map)) = &self.map {
            write!(f, " sreg {} set {map}", sreg.get())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel takes them as names of new things, and so tells them; it takes no string attribute without a byte.
    #[test]
    fn empty_names_are_written_with_a_nul() {
        let mut w = AttrWriter::new();
        Objref::new(ObjectKind::COUNTER, "").encode(&mut w);
        assert_eq!(w.bytes_written(), b"\x08\0\x01\0\0\0\0\x01\x05\0\x02\0\0\0\0\0");
    }
}
