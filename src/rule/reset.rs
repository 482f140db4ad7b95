//! What a rule takes out of a packet.

use super::{RuleBuilder, Step};
use crate::expr::{Exthdr, TcpOption};

impl RuleBuilder {
    /// Takes a TCP option out of the packet (`reset tcp option fastopen`; Linux 5.18): "no operation" is in its place.
    /// A packet without it goes on as it is.
    ///
    /// ```
    /// use nftlink::Rule;
    /// use nftlink::expr::TcpOption;
    /// use nftlink::field::tcp;
    ///
    /// let rule = Rule::new().when(tcp::dport().eq(443)).reset_tcp_option(TcpOption::MPTCP);
    /// ```
    #[doc(alias = "reset")]
    pub fn reset_tcp_option(self, option: impl Into<TcpOption>) -> Self {
        self.push(Step::Statement(Exthdr::strip(option.into().get()).into()))
    }
}
