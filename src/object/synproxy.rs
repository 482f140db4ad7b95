//! The synproxy object: what rules which name it answer in a server's stead.

use super::{Kind, ObjectKind, Synproxy};

impl Kind for Synproxy {
    const KIND: ObjectKind = ObjectKind::SYNPROXY;
}
