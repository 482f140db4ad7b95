//! Packets in tunnels: what is known of them is not what is known of those that carry them.

use super::implied::{Link, Message};
use super::lower::{Context, Sink, contradiction};
use super::source::Tunnel;
use crate::datum::L4Proto;
use crate::error::BuildErrorKind;
use crate::wire::Family;

/// What is known of a packet that is not looked at now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Other {
    /// The last tunnel that was looked into.
    tunnel: Option<Tunnel>,
    network: Option<Family>,
    transport: Option<L4Proto>,
    has_ethernet: bool,
    pub(super) link: Link,
    message: Option<Message>,
}

impl Context<'_> {
    /// Looks at the packet that a tunnel carries, if it is one.
    pub(super) fn within(&mut self, tunnel: Option<Tunnel>, look: impl FnOnce(&mut Self)) {
        let Some(into) = tunnel else { return look(self) };
        if self.other.tunnel != tunnel {
            self.other = Other { tunnel, has_ethernet: into.has_frames(), ..Other::default() };
        }
        self.swap();
        self.tunnel = tunnel;
        look(self);
        self.tunnel = None;
        self.swap();
    }

    fn swap(&mut self) {
        std::mem::swap(&mut self.network, &mut self.other.network);
        std::mem::swap(&mut self.transport, &mut self.other.transport);
        std::mem::swap(&mut self.has_ethernet, &mut self.other.has_ethernet);
        std::mem::swap(&mut self.link, &mut self.other.link);
        std::mem::swap(&mut self.message, &mut self.other.message);
    }

    /// Makes sure that the packet is one that may carry another.
    pub(super) fn require_carrier(&mut self, tunnel: Tunnel, name: &'static str, sink: &mut impl Sink) {
        match tunnel {
            Tunnel::Gre | Tunnel::Gretap => self.require_transport(L4Proto::GRE, name, sink),
            Tunnel::Vxlan | Tunnel::Geneve => match self.transport {
                Some(L4Proto::UDP) => {}
                Some(has) => sink.fail(contradiction(name, &L4Proto::UDP, &has)),
                // The author has to say which port it is.
                None if self.opaque => {}
                None => sink.fail(BuildErrorKind::NoTransport { statement: name }),
            },
        }
    }
}
