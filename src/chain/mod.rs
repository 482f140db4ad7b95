//! Chains: where rules are, and where packets meet them.

#[cfg(test)]
mod corpus;
mod device;
mod hook;
mod info;
mod priority;

use std::fmt;
use std::sync::Arc;

pub use device::Device;
pub(crate) use device::{changed_devices, devices, read_list, write_list};
pub use hook::Hook;
pub use info::ChainInfo;
pub use priority::Priority;

use crate::error::BuildErrorKind;
use crate::expr::{Counter, Wire};
use crate::table::{Table, TableRef, reference};
use crate::userdata::Userdata;
use crate::wire::newtype::{handle, open_number};
use crate::wire::path::{AttrName, Schema};
use crate::wire::{Attr, AttrWriter, Family, Name};

pub(crate) const NFT_MSG_NEWCHAIN: u16 = 3;
pub(crate) const NFT_MSG_GETCHAIN: u16 = 4;
pub(crate) const NFT_MSG_DELCHAIN: u16 = 5;
pub(crate) const NFT_MSG_DESTROYCHAIN: u16 = 27;

pub(crate) const NFTA_CHAIN_TABLE: u16 = 1;
pub(crate) const NFTA_CHAIN_HANDLE: u16 = 2;
pub(crate) const NFTA_CHAIN_NAME: u16 = 3;
pub(crate) const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
pub(crate) const NFTA_CHAIN_USE: u16 = 6;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_CHAIN_COUNTERS: u16 = 8;
const NFTA_CHAIN_PAD: u16 = 9;
pub(crate) const NFTA_CHAIN_FLAGS: u16 = 10;
pub(crate) const NFTA_CHAIN_ID: u16 = 11;
const NFTA_CHAIN_USERDATA: u16 = 12;

const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_HOOK_DEV: u16 = 3;
const NFTA_HOOK_DEVS: u16 = 4;

const HOOK_SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_HOOK_HOOKNUM, "num"),
    AttrName::value(NFTA_HOOK_PRIORITY, "priority"),
    AttrName::value(NFTA_HOOK_DEV, "dev"),
    AttrName::values(NFTA_HOOK_DEVS, "devs"),
]);
pub(crate) const SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_CHAIN_TABLE, "table"),
    AttrName::value(NFTA_CHAIN_HANDLE, "handle"),
    AttrName::value(NFTA_CHAIN_NAME, "name"),
    AttrName::nest(NFTA_CHAIN_HOOK, "hook", &HOOK_SCHEMA),
    AttrName::value(NFTA_CHAIN_POLICY, "policy"),
    AttrName::value(NFTA_CHAIN_USE, "use"),
    AttrName::value(NFTA_CHAIN_TYPE, "type"),
    AttrName::nest(NFTA_CHAIN_COUNTERS, "counters", &Counter::SCHEMA),
    AttrName::value(NFTA_CHAIN_FLAGS, "flags"),
    AttrName::value(NFTA_CHAIN_ID, "id"),
    AttrName::value(NFTA_CHAIN_USERDATA, "userdata"),
]);

handle! {
    /// The number of a chain, unique in its table.
    ChainHandle
}

open_number! {
    /// What becomes of packets that no rule of a base chain decides on.
    pub struct Policy(u32) {
        /// They are dropped.
        DROP = 0, "drop";
        /// They pass.
        ACCEPT = 1, "accept";
    }
}

/// What the rules of a base chain are for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ChainKind {
    /// Rules decide on packets.
    Filter,
    /// Rules translate the first packet of a connection.
    Nat,
    /// Rules change packets, which are then routed anew (hook output).
    Route,
    /// A kind that this library has no name for.
    Other(Name),
}

impl ChainKind {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Filter => b"filter",
            Self::Nat => b"nat",
            Self::Route => b"route",
            Self::Other(name) => name.as_bytes(),
        }
    }

    fn write(&self, w: &mut AttrWriter) {
        /// `NFT_MODULE_AUTOLOAD_LIMIT`: a longer one could name no module.
        const LONGEST: u64 = 42;
        w.in_range("the name of a chain's type, in bytes,", self.as_bytes().len() as u64, 0..=LONGEST);
        w.string(NFTA_CHAIN_TYPE, self.as_bytes());
    }

    fn read(attr: Attr<'_>) -> Self {
        match attr.str_bytes() {
            b"filter" => Self::Filter,
            b"nat" => Self::Nat,
            b"route" => Self::Route,
            other => Self::Other(other.into()),
        }
    }
}

impl fmt::Display for ChainKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Name::from(self.as_bytes()))
    }
}

reference! {
    /// Names a chain: a table and a name in it.
    ChainRef, "chain", NFTA_CHAIN_NAME
}

impl ChainRef {
    /// Writes which devices of the chain are meant.
    pub(crate) fn write_devices(&self, devices: &[Device], w: &mut AttrWriter) {
        self.write(w);
        w.nest(NFTA_CHAIN_HOOK, |w| {
            if self.table.family != Family::NETDEV {
                // Where not all hooks have devices, the kernel has to be told that this one has.
                w.u32(NFTA_HOOK_HOOKNUM, Hook::INGRESS.number(Family::INET).unwrap_or_default());
            }
            device::write(devices, w);
        });
    }

    /// Writes that the chain with a handle is to have another name.
    pub(crate) fn write_rename(table: &TableRef, handle: ChainHandle, new: &Name, w: &mut AttrWriter) {
        table.write(w);
        w.check(new.check("chain"));
        w.name(NFTA_CHAIN_NAME, new);
        w.u64(NFTA_CHAIN_HANDLE, handle.get());
    }
}

/// State of a [`Chain`] that only rules lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Regular;

/// State of a [`Chain`] that packets come to at a hook: a base chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Hooked {
    kind: ChainKind,
    hook: Hook,
    priority: Priority,
    policy: Option<Policy>,
    devices: Vec<Device>,
    counters: Option<Counter>,
    /// It was read: what the kernel has may be put back.
    was_read: bool,
}

/// A chain as a program wants it.
///
/// It begins as one that only rules lead to; [`filter`](Self::filter), [`nat`](Self::nat) and
/// [`route`](Self::route) attach it to a hook, and only then it has a policy.
///
/// ```
/// use nftlink::{Hook, Policy, Priority, Table};
///
/// let fw = Table::inet("fw");
/// let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
/// let ssh = fw.chain("ssh").comment("rules jump here");
/// ```
///
/// ```compile_fail
/// # use nftlink::{Policy, Table};
/// Table::inet("fw").chain("ssh").policy(Policy::DROP);
/// ```
///
/// Of a chain that was read only the running program can tell what it is: a `Chain<Option<Hooked>>` is one or
/// the other.
///
/// ```
/// # use nftlink::{Batch, Chain, ChainInfo, Hooked};
/// # fn copy(info: &ChainInfo, batch: &mut Batch) {
/// let chain: Chain<Option<Hooked>> = info.into();
/// batch.add(&chain.comment("put back"));
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Chain<S = Regular> {
    at: ChainRef,
    flags: ChainFlags,
    userdata: Userdata,
    /// Whether it was read from a chain that has more than this says.
    incomplete: bool,
    state: S,
}

impl Table {
    /// Begins a chain in this table.
    pub fn chain(&self, name: impl Into<Name>) -> Chain {
        Chain::new(self, name)
    }
}

impl Chain {
    /// Begins a chain in any table.
    pub fn new(table: impl AsRef<TableRef>, name: impl Into<Name>) -> Self {
        let at = ChainRef::new(table, name);
        Self { at, flags: ChainFlags::empty(), userdata: Userdata::None, incomplete: false, state: Regular }
    }

    /// Attaches the chain to `hook`, where chains of lower `priority` run first.
    pub fn filter(self, hook: Hook, priority: impl Into<Priority>) -> Chain<Hooked> {
        self.hooked(ChainKind::Filter, hook, priority.into())
    }

    /// Attaches the chain to `hook` to translate the first packet of each connection. The
    /// priority has to be above -200, where connections are tracked. The kernel tracks them only
    /// if some rule translates or asks for their state: a chain that merely counts sees nothing.
    pub fn nat(self, hook: Hook, priority: impl Into<Priority>) -> Chain<Hooked> {
        self.hooked(ChainKind::Nat, hook, priority.into())
    }

    /// Attaches the chain to `hook`, which has to be [`Hook::OUTPUT`], to route packets anew
    /// after they have been changed.
    pub fn route(self, hook: Hook, priority: impl Into<Priority>) -> Chain<Hooked> {
        self.hooked(ChainKind::Route, hook, priority.into())
    }

    /// Attaches the chain to `hook` as one of any kind: the way down for kinds that have no method here.
    pub fn hooked(self, kind: ChainKind, hook: Hook, priority: impl Into<Priority>) -> Chain<Hooked> {
        let priority = priority.into();
        let (policy, devices, counters) = (None, Vec::new(), None);
        let state = Hooked { kind, hook, priority, policy, devices, counters, was_read: false };
        self.in_state(|_| state)
    }
}

impl Chain<Hooked> {
    /// Sets what becomes of packets that no rule decides on. Without it a new chain lets them
    /// pass, and one that is there keeps its policy.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.state.policy = Some(policy);
        self
    }

    /// Adds the device whose frames the chain sees, which a chain at [`Hook::INGRESS`] or
    /// [`Hook::EGRESS`] needs, and no other may have. Called again it adds another one.
    ///
    /// The device has to exist (`ENOENT`), but for the newest kernels, as Linux 6.18: there the chain
    /// waits for one of that name. A chain that is there keeps its devices and gets those it lacks
    /// (Linux 6.4).
    ///
    /// ```
    /// use nftlink::{Device, Hook, Priority, Table};
    ///
    /// let fw = Table::netdev("fw");
    /// let wan = fw.chain("wan").filter(Hook::INGRESS, Priority::FILTER).device("eth0");
    /// let all = fw.chain("all").filter(Hook::INGRESS, Priority::FILTER).device(Device::prefix("eth"));
    /// ```
    pub fn device(self, device: impl Into<Device>) -> Self {
        self.devices([device])
    }

    /// Adds devices, as [`device`](Self::device) does one. None may be given twice.
    pub fn devices(mut self, devices: impl IntoIterator<Item = impl Into<Device>>) -> Self {
        self.state.devices.extend(devices.into_iter().map(Into::into));
        self
    }

    /// Counts the packets that no rule decides on: those that the policy is for. Of a chain that is
    /// there the count begins anew.
    pub fn counters(self) -> Self {
        self.count_from(Counter::default())
    }

    /// [`counters`](Self::counters), which begin with those numbers.
    pub fn count_from(mut self, counter: Counter) -> Self {
        self.state.counters = Some(counter);
        self
    }

    /// Gives the chain's rules to the network card (`flags offload`; Linux 5.3). For family netdev at
    /// [`Hook::INGRESS`]; the kernel refuses it (`EOPNOTSUPP`) if a device or a rule is not up to it.
    #[doc(alias = "NFT_CHAIN_HW_OFFLOAD")]
    pub fn offload(mut self) -> Self {
        self.flags |= ChainFlags::HW_OFFLOAD;
        self
    }
}

impl<S> Chain<S> {
    /// The same chain in another state.
    fn in_state<T>(self, state: impl FnOnce(S) -> T) -> Chain<T> {
        let Self { at, flags, userdata, incomplete, state: before } = self;
        Chain { at, flags, userdata, incomplete, state: state(before) }
    }

    /// Sets a comment of at most 127 bytes (Linux 5.10).
    pub fn comment(mut self, comment: impl Into<Arc<str>>) -> Self {
        self.userdata = Userdata::comment(comment);
        self
    }

    /// Sets the userdata as bytes, in place of a comment: at most 256, which the kernel passes on unread.
    /// nft keeps comments there, as type, length, value; what it cannot read as such it ignores.
    pub fn userdata(mut self, bytes: impl Into<Arc<[u8]>>) -> Self {
        self.userdata = Userdata::Bytes(bytes.into());
        self
    }

    /// Accepts that attributes of the chain that was read, and that this library does not know, are lost
    /// where this is written. Without it a batch refuses to write it.
    pub fn forget_unknown(mut self) -> Self {
        self.incomplete = false;
        self
    }

    /// Returns the table and name.
    pub fn at(&self) -> &ChainRef {
        &self.at
    }
}

impl<S: State> Chain<S> {
    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        if self.incomplete {
            w.fail(BuildErrorKind::UnknownAttributes("chain".into()));
        }
        self.at.write(w);
        self.state.encode(self.at.table.family, w);
        // That it is a base chain its hook says.
        write_flags(self.flags - ChainFlags::BASE, w);
        self.userdata.write(w, NFTA_CHAIN_USERDATA);
    }
}

fn write_flags(flags: ChainFlags, w: &mut AttrWriter) {
    if !flags.is_empty() {
        w.u32(NFTA_CHAIN_FLAGS, flags.bits());
    }
}

/// Writes a chain that belongs to the rule which jumps to it, and which has the number `id` in its batch.
pub(crate) fn write_own(table: &TableRef, id: u32, w: &mut AttrWriter) {
    table.write(w);
    w.u32(NFTA_CHAIN_ID, id);
    write_flags(ChainFlags::BINDING, w);
}

/// Whether a chain is attached to a hook: [`Regular`], [`Hooked`], or as the running program finds.
pub trait State {
    #[doc(hidden)]
    fn encode(&self, family: Family, w: &mut AttrWriter);
}

impl State for Regular {
    fn encode(&self, _family: Family, _w: &mut AttrWriter) {}
}

impl State for Hooked {
    fn encode(&self, family: Family, w: &mut AttrWriter) {
        self.kind.write(w);
        if let Some(policy) = self.policy {
            w.u32(NFTA_CHAIN_POLICY, policy.get());
        }
        let hook = || self.hook.to_string().into();
        let bare = self.devices.is_empty();
        match (self.hook.has_devices(), bare) {
            // Its devices may be gone.
            _ if self.was_read => {}
            (Some(true), true) => w.fail(BuildErrorKind::NoDevice { hook: hook() }),
            (Some(false), false) => w.fail(BuildErrorKind::DeviceNotAtHook { hook: hook() }),
            _ => {}
        }
        let number = self.hook.number(family).unwrap_or_else(|| {
            w.fail(BuildErrorKind::HookNotInFamily { hook: hook(), family: family.to_string().into() });
            0
        });
        w.nest(NFTA_CHAIN_HOOK, |w| {
            w.u32(NFTA_HOOK_HOOKNUM, number);
            w.u32(NFTA_HOOK_PRIORITY, self.priority.number(family) as u32);
            if bare && self.hook.has_devices() == Some(true) {
                // The kernel wants to be told so.
                return w.nest(NFTA_HOOK_DEVS, |_| {});
            }
            device::write(&self.devices, w);
        });
        if let Some(counter) = self.counters {
            w.nest(NFTA_CHAIN_COUNTERS, |w| counter.encode_whole(w));
        }
    }
}

impl State for Option<Hooked> {
    fn encode(&self, family: Family, w: &mut AttrWriter) {
        if let Some(hooked) = self {
            hooked.encode(family, w);
        }
    }
}

impl From<Chain> for Chain<Option<Hooked>> {
    fn from(chain: Chain) -> Self {
        chain.in_state(|_| None)
    }
}

impl From<Chain<Hooked>> for Chain<Option<Hooked>> {
    fn from(chain: Chain<Hooked>) -> Self {
        chain.in_state(Some)
    }
}

/// The chain to be made again, perhaps changed: all of it that this library knows. If it
/// [has more](ChainInfo::has_unknown), a batch refuses to write it: that would be lost.
/// [`forget_unknown`](Chain::forget_unknown) accepts that.
impl From<&ChainInfo> for Chain<Option<Hooked>> {
    fn from(info: &ChainInfo) -> Self {
        Self {
            at: info.at().clone(),
            flags: info.flags(),
            userdata: Userdata::kept(info.userdata()),
            incomplete: info.has_unknown(),
            state: info.hooked(),
        }
    }
}

impl<S> AsRef<ChainRef> for Chain<S> {
    fn as_ref(&self) -> &ChainRef {
        &self.at
    }
}

impl<S> From<&Chain<S>> for Name {
    /// Returns the chain's name, as a verdict has it.
    fn from(chain: &Chain<S>) -> Self {
        chain.at.name.clone()
    }
}

impl From<&ChainRef> for Name {
    fn from(chain: &ChainRef) -> Self {
        chain.name.clone()
    }
}

impl<S> From<&Chain<S>> for ChainRef {
    fn from(chain: &Chain<S>) -> Self {
        chain.at.clone()
    }
}

bitflags::bitflags! {
    /// Flags of a chain (`enum nft_chain_flags`).
    #[doc(alias = "nft_chain_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct ChainFlags: u32 {
        /// It is attached to a hook.
        const BASE = 1;
        /// Its rules are given to the network card (Linux 5.3).
        const HW_OFFLOAD = 2;
        /// It belongs to the one rule that jumps to it (Linux 5.9).
        const BINDING = 4;
        /// What later kernels add.
        const _ = !0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_that_the_family_lacks_is_a_mistake() {
        let mut w = AttrWriter::new();
        Table::netdev("t").chain("c").filter(Hook::FORWARD, Priority::FILTER).encode(&mut w);
        let error = w.take_error().unwrap();
        assert_eq!(error.to_string(), "family netdev has no hook forward");
    }

    fn written<S: State>(chain: &Chain<S>) -> (Vec<u8>, Option<BuildErrorKind>) {
        let mut w = AttrWriter::new();
        chain.encode(&mut w);
        (w.bytes_written().to_vec(), w.take_error())
    }

    #[test]
    fn a_chain_that_would_see_nothing_is_a_mistake() {
        for chain in [Table::netdev("t").chain("c"), Table::inet("t").chain("c")] {
            let (_, mistake) = written(&chain.filter(Hook::INGRESS, Priority::FILTER));
            let text = "a chain at hook ingress needs a device: name it with `device`";
            assert_eq!(mistake.unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_device_where_none_belongs_is_a_mistake() {
        let (_, mistake) = written(&Table::ip("t").chain("c").filter(Hook::INPUT, 0).device("eth0"));
        assert_eq!(
            mistake.unwrap().to_string(),
            "a chain at hook input has no device: only those at ingress and egress have"
        );
        let new_hook = Hook::from_number(Family::NETDEV, 7);
        for chain in [Table::netdev("t").chain("c").filter(new_hook, 0).device("eth0"), fw().filter(new_hook, 0)] {
            assert_eq!(written(&chain).1, None, "who knows");
        }
    }

    #[test]
    fn device_names_the_kernel_cannot_have_are_mistakes() {
        for bad in ["", "1234567890123456", "a\0b"] {
            for device in [Device::from(bad), Device::prefix(bad)] {
                let (_, mistake) = written(&fw().filter(Hook::INGRESS, 0).device("eth0").device(device));
                assert!(matches!(mistake, Some(BuildErrorKind::BadValue { what: "interface name", .. })), "{bad:?}");
            }
        }
    }

    fn fw() -> Chain {
        Table::netdev("t").chain("c")
    }

    /// What nft 1.0.6 sends for `add chain netdev t c { type filter hook ingress ... }`.
    #[cfg(target_endian = "little")]
    #[test]
    fn devices_are_written_as_nft_writes_them() {
        const HEAD: &[u8] = b"\x06\0\x01\0t\0\0\0\x06\0\x03\0c\0\0\0\x0b\0\x07\0filter\0\0";
        let tail = |chain: &Chain<Hooked>| {
            let (bytes, mistake) = written(chain);
            assert_eq!(mistake, None);
            bytes.strip_prefix(HEAD).unwrap().to_vec()
        };
        // device "v0" priority -5; policy drop;
        let one = fw().filter(Hook::INGRESS, -5).device("v0").policy(Policy::DROP);
        assert_eq!(
            tail(&one),
            b"\x08\0\x05\0\0\0\0\0\x1c\0\x04\x80\
              \x08\0\x01\0\0\0\0\0\x08\0\x02\0\xff\xff\xff\xfb\x07\0\x03\0v0\0\0"
        );
        // devices = { v0, v1 } priority 0; nft sends them from the last to the first.
        let two = fw().filter(Hook::EGRESS, Priority::FILTER).devices(["v1", "v0"]);
        assert_eq!(
            tail(&two),
            b"\x28\0\x04\x80\x08\0\x01\0\0\0\0\x01\x08\0\x02\0\0\0\0\0\
              \x14\0\x04\x80\x07\0\x01\0v1\0\0\x07\0\x01\0v0\0\0"
        );
    }

    #[test]
    fn devices_and_counters_are_read_as_written() {
        let chain = fw().filter(Hook::INGRESS, 0).devices(["eth0", "lo"]).device(Device::prefix("wlan")).counters();
        let info = ChainInfo::decode(Family::NETDEV, &written(&chain).0).unwrap();
        assert_eq!(info.devices(), [Device::from("eth0"), Device::from("lo"), Device::prefix("wlan")]);
        assert_eq!(info.counters(), Some(Counter::new(0, 0)));
        assert_eq!(info.named_priority(), Some(Priority::FILTER));
        let one = ChainInfo::decode(Family::NETDEV, &written(&fw().filter(Hook::EGRESS, 0).device("eth0")).0).unwrap();
        assert_eq!((one.devices(), one.counters()), (&[Device::from("eth0")][..], None));
        assert_eq!(one.hook(), Some(Hook::EGRESS));
    }

    #[test]
    fn a_device_that_the_kernel_tells_of_twice_is_one() {
        let mut w = AttrWriter::new();
        w.nest(NFTA_CHAIN_HOOK, |w| {
            w.u32(NFTA_HOOK_HOOKNUM, 0);
            w.u32(NFTA_HOOK_PRIORITY, 0);
            w.nest(NFTA_HOOK_DEVS, |w| w.string(1, b"eth0"));
            w.string(NFTA_HOOK_DEV, b"eth0");
        });
        let info = ChainInfo::decode(Family::NETDEV, w.bytes_written()).unwrap();
        assert_eq!(info.devices(), [Device::from("eth0")]);
        let mut again = AttrWriter::new();
        info.encode(&mut again);
        assert_eq!(again.bytes_written(), w.bytes_written());
    }

    #[test]
    fn what_was_read_is_written_again_from_a_spec_and_nothing_is_lost() {
        let mut w = AttrWriter::new();
        w.name(NFTA_CHAIN_TABLE, &"t".into());
        w.name(NFTA_CHAIN_NAME, &"c".into());
        w.u64(NFTA_CHAIN_HANDLE, 7);
        w.nest(NFTA_CHAIN_HOOK, |w| {
            w.u32(NFTA_HOOK_HOOKNUM, 9);
            w.u32(NFTA_HOOK_PRIORITY, i32::MIN as u32);
        });
        w.u32(NFTA_CHAIN_POLICY, 5);
        w.string(NFTA_CHAIN_TYPE, b"quantum");
        w.nest(NFTA_CHAIN_COUNTERS, |w| Counter::new(3, 4).encode_whole(w));
        w.u32(NFTA_CHAIN_FLAGS, 0x83);
        w.u32(NFTA_CHAIN_USE, 2);
        w.bytes(NFTA_CHAIN_USERDATA, &[9, 1, 0xff]);
        let info = ChainInfo::decode(Family::INET, w.bytes_written()).unwrap();
        assert_eq!((info.userdata(), info.comment()), (&[9, 1, 0xff][..], None));
        let spec = info.to_base().unwrap();
        let (again, mistake) = written(&spec);
        assert_eq!(mistake, None);
        let again = ChainInfo::decode(Family::INET, &again).unwrap();
        assert_eq!((again.hook(), again.priority()), (info.hook(), Some(i32::MIN)));
        assert_eq!((again.kind(), again.policy()), (Some(&ChainKind::Other("quantum".into())), info.policy()));
        assert_eq!((again.counters(), again.flags().bits()), (Some(Counter::new(3, 4)), 0x82));
        assert_eq!(again.userdata(), info.userdata());
        assert_eq!(info.to_regular(), None);
        assert_eq!(Chain::<Option<Hooked>>::from(&info), Chain::<Option<Hooked>>::from(spec));
    }

    #[test]
    fn a_regular_chain_that_was_read_is_one_again() {
        let regular = fw().comment("mine");
        let info = ChainInfo::decode(Family::NETDEV, &written(&regular).0).unwrap();
        assert_eq!(written(&info.to_regular().unwrap()).0, written(&regular).0);
        assert_eq!(info.to_base(), None);
        assert_eq!(written(&Chain::<Option<Hooked>>::from(regular.clone())), written(&regular));
    }

    #[test]
    fn a_chain_whose_devices_are_gone_is_put_back_without_any() {
        let mut w = AttrWriter::new();
        w.nest(NFTA_CHAIN_HOOK, |w| {
            w.u32(NFTA_HOOK_HOOKNUM, 0);
            w.u32(NFTA_HOOK_PRIORITY, 0);
            w.nest(NFTA_HOOK_DEVS, |_| {});
        });
        w.name(NFTA_CHAIN_TABLE, &"t".into());
        w.name(NFTA_CHAIN_NAME, &"c".into());
        let info = ChainInfo::decode(Family::NETDEV, w.bytes_written()).unwrap();
        let (bytes, mistake) = written(&info.to_base().unwrap());
        assert_eq!(mistake, None);
        assert!(bytes.windows(4).any(|part| part == [4, 0, 4, 0x80]), "an empty list: {bytes:02x?}");
    }

    #[test]
    fn the_name_of_a_kind_is_as_long_as_the_kernel_takes() {
        let chain = |len| fw().hooked(ChainKind::Other("x".repeat(len).as_str().into()), Hook::INGRESS, 0).device("lo");
        assert_eq!(written(&chain(42)).1, None);
        assert!(matches!(written(&chain(43)).1, Some(BuildErrorKind::OutOfRange { value: 43, .. })));
    }

    #[test]
    fn more_devices_than_the_kernel_takes_are_a_mistake() {
        let chain = |count: u32| fw().filter(Hook::INGRESS, 0).devices((0..count).map(|n| format!("d{n}")));
        assert_eq!(written(&chain(255)).1, None);
        assert_eq!(
            written(&chain(256)).1.unwrap().to_string(),
            "a number of devices of 256: the kernel takes 0 to 255"
        );
    }

    #[test]
    fn what_a_chain_is_given_beside_its_place_is_written_as_nft_and_iptables_write_it() {
        let chain = fw().filter(Hook::INGRESS, 0).device("lo").offload().count_from(Counter::new(1, 2));
        let info = ChainInfo::decode(Family::NETDEV, &written(&chain).0).unwrap();
        assert_eq!((info.flags(), info.counters()), (ChainFlags::HW_OFFLOAD, Some(Counter::new(1, 2))));
        let mut own = AttrWriter::new();
        write_own(fw().at.table(), 2, &mut own);
        // What nft 1.0.6 sends for `jump { … }`.
        assert_eq!(own.bytes_written(), b"\x06\0\x01\0t\0\0\0\x08\0\x0b\0\0\0\0\x02\x08\0\x0a\0\0\0\0\x04");
    }
}
