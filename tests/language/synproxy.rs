//! `synproxy`: handshakes that are answered in a server's stead.

use nftlink::datum::CtState;
use nftlink::expr::{Synproxy, SynproxyFlags};
use nftlink::field::ct;

use super::*;

pub(super) fn pairs() -> Vec<Pair> {
    let with = |synproxy| Rule::new().synproxy(synproxy);
    let pairs = vec![
        does("synproxy", with(Synproxy::new())),
        does("synproxy mss 1460 wscale 0", with(Synproxy::new().mss(1460))).typed("synproxy mss 1460"),
        does("synproxy mss 0 wscale 7", with(Synproxy::new().wscale(7))).typed("synproxy wscale 7"),
        does("synproxy mss 1460 wscale 14", with(Synproxy::new().mss(1460).wscale(14))),
        does("synproxy timestamp", with(Synproxy::new().timestamp())),
        does("synproxy sack-perm", with(Synproxy::new().sack_perm())),
        does("synproxy timestamp sack-perm", {
            with(Synproxy::new().flags(SynproxyFlags::TIMESTAMP | SynproxyFlags::SACK_PERM))
        }),
        does(
            "ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm",
            Rule::new()
                .when(ct::state().has_any(CtState::INVALID | CtState::UNTRACKED))
                .synproxy(Synproxy::new().mss(1460).wscale(7).timestamp().sack_perm()),
        ),
        does("synproxy mss 1300 wscale 9 timestamp counter packets 0 bytes 0 drop", {
            with(Synproxy::new().mss(1300).wscale(9).timestamp()).counter().drop()
        })
        .typed("synproxy mss 1300 wscale 9 timestamp counter drop"),
    ];
    each(pairs, |pair| pair.not_in(Family::BRIDGE, "older kernels take it there, and do nothing"))
}
