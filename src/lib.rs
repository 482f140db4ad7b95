//! nftlink
mod batch;
mod chain;
pub mod datum;
pub mod error;
pub mod expr;
pub mod field;
pub mod object;
mod rule;
mod set;
mod table;
mod userdata;
mod wire;
pub use batch::{Batch, Declare, Delete, Flush, Position};
pub use chain::{
    Chain, ChainFlags, ChainHandle, ChainInfo, ChainKind, ChainRef, Hook, Hooked, Policy, Priority, Regular,
};
pub use datum::Interval;
pub use error::{Errno, Error, Op};
pub use rule::{AsRule, NatTarget, PortTarget, Rule, RuleBuilder, RuleHandle, RuleInfo};
pub use set::{Element, ElementInfo, IntoElement, Key, KeyFor, Set, SetFlags, SetHandle, SetInfo, SetPolicy, SetRef};
pub use table::{Table, TableFlags, TableHandle, TableInfo, TableRef};
pub use wire::{Family, Name};
