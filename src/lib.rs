//! nftlink manages the Linux firewall from Rust: it speaks the netlink protocol of nf_tables to
//! the kernel, without the `nft` program, without libnftnl, without C.
//!
//! What a program wants (a [`Table`], a [`Chain`], a [`Set`], a [`Rule`]) goes into a [`Batch`],
//! which a [`Conn`] commits: the kernel applies all of it or nothing, and where it refuses, the
//! [`Error`] says which operation, which attribute and which part of a rule it was. What the
//! kernel has is read into values that lose nothing ([`TableInfo`], [`RuleInfo`] …).
//!
//! # A dynamic blacklist
//!
//! ```
//! # fn main() -> Result<(), nftlink::Error> { Ok(()) }
//! # fn blacklist(conn: &mut nftlink::Conn, attacker: std::net::Ipv4Addr) -> Result<(), nftlink::Error> {
//! use std::net::Ipv4Addr;
//! use std::time::Duration;
//! use nftlink::field::ip;
//! use nftlink::{Batch, Element, Hook, Interval, Policy, Priority, Rule, Set, Table};
//!
//! let fw = Table::inet("fw");
//! let blocked = Set::<Interval<Ipv4Addr>>::new(&fw, "blocked").timeouts();
//! let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::ACCEPT);
//!
//! let mut batch = Batch::new();
//! // The table exists and is empty, then it is filled: one atomic step.
//! batch.reset(&fw).add(&blocked).add(&input);
//! batch.append(&input, Rule::new().when(ip::saddr().in_set(&blocked)).counter().drop());
//! conn.commit(&batch)?;
//!
//! batch.clear();
//! batch.refresh_elements(&blocked, [Element::new(attacker).timeout(Duration::from_secs(600))]);
//! conn.commit(&batch)?;
//! # Ok(())
//! # }
//! ```
//!
//! # A named counter
//!
//! ```
//! # fn main() -> Result<(), nftlink::Error> { Ok(()) }
//! # fn counter(conn: &mut nftlink::Conn) -> Result<(), nftlink::Error> {
//! use nftlink::field::tcp;
//! use nftlink::{Batch, Hook, Priority, Rule, Table, object};
//!
//! let fw = Table::inet("fw");
//! let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
//! let web = object::Counter::named(&fw, "web");
//!
//! let mut batch = Batch::new();
//! batch.reset(&fw).add(&input).add(&web);
//! batch.append(&input, Rule::new().when(tcp::dport().eq(80)).object(&web));
//! conn.commit(&batch)?;
//!
//! let seen = conn.counter(&web)?;
//! println!("{} packets, {} bytes", seen.packets, seen.bytes);
//! # Ok(())
//! # }
//! ```
//!
//! # Port forward and masquerade
//!
//! ```
//! # fn main() -> Result<(), nftlink::Error> { Ok(()) }
//! # fn nat(conn: &mut nftlink::Conn) -> Result<(), nftlink::Error> {
//! use std::net::{Ipv4Addr, SocketAddrV4};
//! use nftlink::field::{meta, tcp};
//! use nftlink::{Batch, Hook, Priority, Rule, Table};
//!
//! let nat = Table::inet("nat");
//! let prerouting = nat.chain("prerouting").nat(Hook::PREROUTING, Priority::DSTNAT);
//! let postrouting = nat.chain("postrouting").nat(Hook::POSTROUTING, Priority::SRCNAT);
//! let server = SocketAddrV4::new(Ipv4Addr::new(10, 0, 0, 2), 80);
//!
//! let mut batch = Batch::new();
//! batch.reset(&nat).add(&prerouting).add(&postrouting);
//! batch.append(&prerouting, Rule::new().when(tcp::dport().eq(8080)).dnat(server));
//! batch.append(&postrouting, Rule::new().when(meta::oifname().eq("eth0")).masquerade());
//! conn.commit(&batch)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Where things are
//!
//! | module | what is in it |
//! |---|---|
//! | [`guide`] | whole programs for whole tasks, which the tests run with real packets: begin here |
//! | the root | [`Conn`], [`Batch`], and what is put into one: [`Table`], [`Chain`], [`Set`], [`Map`], [`Element`], [`Flowtable`], [`Rule`]; [`Loader`] for sets of very many elements; [`Recording`] to test programs without a kernel; [`Writer`] to commit the events of many threads |
//! | [`field`] | what a rule compares: `ip::saddr()`, `tcp::dport()`, `ct::state()` … |
//! | [`object`] | named stateful objects: counters, quotas, limits, conntrack helpers and timeouts, tunnels … |
//! | [`datum`] | nft's data types: ports, marks, interface names, ICMP types, TCP flags, intervals … |
//! | [`ruleset`] | the whole ruleset as a value: to be looked at, kept in a file, and written back |
//! | [`monitor`] | who changes what in the ruleset; a copy of a part of it, kept in step |
//! | [`trace`] | which rules a packet meets, and what becomes of it |
//! | [`expr`] | the kernel's own expressions, below the typed language |
//! | `tokio` | with the feature `tokio`: monitor and traces as streams, and a connection for tasks |
//! | [`error`](mod@error) | what can go wrong |
//!
//! # Privileges, namespaces, kernels
//!
//! The kernel demands `CAP_NET_ADMIN` over the network namespace, for reading too; in a user
//! namespace of its own an ordinary user has it. A [`Conn`] works on the namespace that its
//! thread was in when it was opened, or on the one that its [options](ConnOptions) name.
//! Kernels from 5.10 on are supported; what needs a newer one says so, and [`Conn::features`] tells beforehand.
//!
//! With the feature `log` commits, refusals and resyncs are told to the crate of that name, in numbers and without
//! names.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

#[cfg(not(target_os = "linux"))]
compile_error!("nftlink works on Linux only: it speaks to the Linux kernel's nf_tables");

mod batch;
mod chain;
mod conn;
pub mod datum;
mod engine;
pub mod error;
pub mod expr;
pub mod field;
mod flowtable;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
pub mod guide;
mod hooks;
mod loader;
pub mod monitor;
pub mod object;
mod rule;
pub mod ruleset;
mod set;
mod table;
#[cfg(test)]
mod tests;
#[cfg(feature = "tokio")]
pub mod tokio;
pub mod trace;
mod userdata;
mod wire;
mod writer;

pub use batch::{Batch, Declare, Delete, DeleteByHandle, Flush, HasDevices, Position, Rename};
pub use chain::{
    Chain, ChainFlags, ChainHandle, ChainInfo, ChainKind, ChainRef, Device, Hook, Hooked, Policy, Priority, Regular,
};
pub use conn::{
    Conn, ConnOptions, Consistency, ElementOf, ElementSource, ElementsOf, HookScope, Recording, Refusal, RuleLike,
    RuleScope, Streamed, TableScope,
};
pub use datum::Interval;
pub use engine::{Applied, Handle};
pub use error::{Errno, Error, Feature, Features, Op};
pub use flowtable::{Flowtable, FlowtableFlags, FlowtableHandle, FlowtableInfo, FlowtableRef};
pub use hooks::HookInfo;
pub use loader::Loader;
pub use rule::{
    AsRule, Compat, CompatFlags, DynamicElement, IntoAddress, IntoStep, Meter, NatTarget, NatValue, NormalizedRule,
    PortTarget, QueueTarget, RejectWith, Rule, RuleBuilder, RuleHandle, RuleHead, RuleInfo, TproxyTarget,
};
pub use ruleset::{Generation, Ruleset};
pub use set::{
    Element, ElementFlags, ElementInfo, Entry, IntoElement, IntoPair, Key, KeyFor, KeyPart, Map, MapValue, Mapped, Set,
    SetFlags, SetHandle, SetInfo, SetPolicy, SetRef, TypeofField, UntypedElement, UntypedSet, ValueFor,
};
pub use table::{Table, TableFlags, TableHandle, TableInfo, TableRef};
pub use userdata::{SetUserdata, Typeof};
pub use wire::{Family, Name, PortId};
pub use writer::{Pending, Writer, WriterHandle, WriterOptions};

/// The README's examples, to be compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
