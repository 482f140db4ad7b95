//! The connlimit object: a number of connections that all rules which name it share. nft has no word
//! for it as an object.

use super::{Connlimit, Kind, ObjectKind};

impl Kind for Connlimit {
    const KIND: ObjectKind = ObjectKind::CONNLIMIT;
}
