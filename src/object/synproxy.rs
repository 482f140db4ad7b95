//! The synproxy object: what rules which name it answer in a server's stead.

use std::fmt;

use super::{Kind, ObjectKind, Synproxy, SynproxyFlags};

impl Kind for Synproxy {
    const KIND: ObjectKind = ObjectKind::SYNPROXY;

    fn fmt_nft(&self, f: &mut dyn fmt::Write) -> fmt::Result {
        let mut parts = Vec::new();
        if self.flags.contains(SynproxyFlags::MSS) {
            parts.push(format!("mss {};", self.mss));
        }
        if self.flags.contains(SynproxyFlags::WSCALE) {
            parts.push(format!("wscale {};", self.wscale));
        }
        let timestamp = self.flags.contains(SynproxyFlags::TIMESTAMP).then_some("timestamp");
        let sack_perm = self.flags.contains(SynproxyFlags::SACK_PERM).then_some("sack-perm");
        let words: Vec<_> = timestamp.into_iter().chain(sack_perm).collect();
        if !words.is_empty() {
            parts.push(format!("{};", words.join(" ")));
        }
        f.write_str(&parts.join(" "))
    }
}
