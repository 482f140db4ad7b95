//! What the routing tables know of an address of the packet.
//!
//! ```
//! use nftlink::Rule;
//! use nftlink::datum::FibAddrType;
//! use nftlink::field::fib;
//!
//! // fib saddr . iif oif missing drop: packets whose answer would go another way
//! let spoofed = Rule::new().when(fib::saddr().and_iif().oif().missing()).drop();
//! // fib daddr type local
//! let to_us = fib::daddr().fib_type().eq(FibAddrType::LOCAL);
//! ```
//!
//! For tables of families ip, ip6, inet and netdev, at the hooks that know what is asked with (Linux 4.10).

use super::matching::Test;
use super::source::{Families, IP_TABLES, Needs};
use super::{Field, Load, Match};
use crate::datum::{DataType, Datum, FibAddrType, IfIndex, IfName};
use crate::expr::{CmpOp, Data, Expr, Fib, FibFlags, FibResult, Reg};
use crate::userdata::Typeof;
use crate::wire::{Family, order};

/// Tables of devices have no hook that knows by which interface a packet goes out.
const WITHOUT_OIF: Needs = Needs::Tables(Families::of(&[Family::INET, Family::IP, Family::IP6, Family::NETDEV]));

/// What is looked up in the routing tables. `I` is [`AnyInterface`] until an interface is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "a question does nothing until its answer is compared"]
pub struct Route<I = AnyInterface> {
    with: FibFlags,
    interface: I,
}

/// A route by any interface will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AnyInterface;

/// Only a route by a certain interface will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OneInterface;

/// Marks a [`Field`] that a packet has or has not: the interface of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Found;

/// `fib saddr`: looks up the packet's source address.
pub fn saddr() -> Route {
    Route { with: FibFlags::SADDR, interface: AnyInterface }
}

/// `fib daddr`: looks up the packet's destination address.
pub fn daddr() -> Route {
    Route { with: FibFlags::DADDR, interface: AnyInterface }
}

impl Route {
    /// `. iif`: by the interface that the packet came in by.
    pub fn and_iif(self) -> Route<OneInterface> {
        Route { with: self.with | FibFlags::IIF, interface: OneInterface }
    }

    /// `. oif`: by the interface that the packet goes out by.
    pub fn and_oif(self) -> Route<OneInterface> {
        Route { with: self.with | FibFlags::OIF, interface: OneInterface }
    }
}

impl<I> Route<I> {
    /// `. mark`: with the packet's mark.
    pub fn and_mark(self) -> Self {
        Self { with: self.with | FibFlags::MARK, ..self }
    }

    /// `oif`: the index of the interface that the route leaves by; 0 if there is no route.
    pub fn oif(self) -> Field<IfIndex, Found> {
        self.field("fib oif", FibResult::OIF)
    }

    /// `oifname`: the name of the interface that the route leaves by.
    pub fn oifname(self) -> Field<IfName> {
        let mut field = self.field("fib oifname", FibResult::OIFNAME);
        // To nft it is any text.
        field.source.kind = DataType::STRING;
        field
    }

    /// `type`: the kind of address: whether it is this host's, one for all …
    pub fn fib_type(self) -> Field<FibAddrType> {
        self.field("fib type", FibResult::ADDRTYPE)
    }

    fn field<V: Datum, A>(self, name: &'static str, result: FibResult) -> Field<V, A> {
        let of = Typeof::Fib { result: result.get(), flags: self.with.bits() };
        let needs = if self.with.contains(FibFlags::OIF) { IP_TABLES } else { WITHOUT_OIF };
        Field::loaded(name, Fib::new(result, self.with, Reg::R1), of).needing(needs)
    }
}

impl Field<IfIndex, Found> {
    /// There is a route (`exists`).
    pub fn exists(&self) -> Match {
        self.presence(true)
    }

    /// There is no route (`missing`).
    pub fn missing(&self) -> Match {
        self.presence(false)
    }

    fn presence(&self, there: bool) -> Match {
        let mut field = self.clone();
        if let Load::Expr(loaded) = &mut field.source.load {
            if let Expr::Fib(fib) = &mut loaded.expr {
                fib.flags |= FibFlags::PRESENT;
            }
        }
        // nft compares four bytes of the register; the kernel clears the last three.
        let data = Data::from(order::host_u32(there.into()));
        field.test(Test::Cmp { op: CmpOp::EQ, data, swap: false })
    }
}
