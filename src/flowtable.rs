//! Flowtables: where connections go that need no more rules.

use crate::chain::{Device, Hook, Priority, read_list, write_list};
use crate::error::{BuildErrorKind, DecodeError};
use crate::table::{Table, TableRef, reference};
use crate::wire::newtype::handle;
use crate::wire::path::{AttrName, Schema};
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, AttrWriter, Family, Name};

pub(crate) const NFT_MSG_NEWFLOWTABLE: u16 = 22;
pub(crate) const NFT_MSG_GETFLOWTABLE: u16 = 23;
pub(crate) const NFT_MSG_DELFLOWTABLE: u16 = 24;
pub(crate) const NFT_MSG_DESTROYFLOWTABLE: u16 = 32;

pub(crate) const NFTA_FLOWTABLE_TABLE: u16 = 1;
pub(crate) const NFTA_FLOWTABLE_NAME: u16 = 2;
pub(crate) const NFTA_FLOWTABLE_HOOK: u16 = 3;
const NFTA_FLOWTABLE_USE: u16 = 4;
pub(crate) const NFTA_FLOWTABLE_HANDLE: u16 = 5;
const NFTA_FLOWTABLE_PAD: u16 = 6;
pub(crate) const NFTA_FLOWTABLE_FLAGS: u16 = 7;

const NFTA_FLOWTABLE_HOOK_NUM: u16 = 1;
const NFTA_FLOWTABLE_HOOK_PRIORITY: u16 = 2;
const NFTA_FLOWTABLE_HOOK_DEVS: u16 = 3;

/// What the kernel tells of a flowtable and takes from nobody.
const OUTPUT: &[u16] = &[NFTA_FLOWTABLE_USE, NFTA_FLOWTABLE_HANDLE, NFTA_FLOWTABLE_PAD];

/// `NF_NETDEV_INGRESS`: the number of the only hook, whatever the family.
const INGRESS: u32 = 0;

const HOOK_SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_FLOWTABLE_HOOK_NUM, "num"),
    AttrName::value(NFTA_FLOWTABLE_HOOK_PRIORITY, "priority"),
    AttrName::values(NFTA_FLOWTABLE_HOOK_DEVS, "devs"),
]);
pub(crate) const SCHEMA: Schema = Schema(&[
    AttrName::value(NFTA_FLOWTABLE_TABLE, "table"),
    AttrName::value(NFTA_FLOWTABLE_NAME, "name"),
    AttrName::nest(NFTA_FLOWTABLE_HOOK, "hook", &HOOK_SCHEMA),
    AttrName::value(NFTA_FLOWTABLE_USE, "use"),
    AttrName::value(NFTA_FLOWTABLE_HANDLE, "handle"),
    AttrName::value(NFTA_FLOWTABLE_FLAGS, "flags"),
]);

handle! {
    /// The number of a flowtable, unique in its table.
    FlowtableHandle
}

bitflags::bitflags! {
    /// Flags of a flowtable (`enum nft_flowtable_flags`).
    #[doc(alias = "nft_flowtable_flags")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct FlowtableFlags: u32 {
        /// Its connections are given to the network card (Linux 5.5).
        const HW_OFFLOAD = 1;
        /// The packets that it forwards are counted, in connection tracking (Linux 5.7).
        const COUNTER = 2;
        /// What later kernels add.
        const _ = !0;
    }
}

reference! {
    /// Names a flowtable: a table and a name in it.
    FlowtableRef, "flowtable", NFTA_FLOWTABLE_NAME
}

impl FlowtableRef {
    /// Writes which devices of the flowtable are meant.
    pub(crate) fn write_devices(&self, devices: &[Device], w: &mut AttrWriter) {
        self.write(w);
        w.nest(NFTA_FLOWTABLE_HOOK, |w| write_list(NFTA_FLOWTABLE_HOOK_DEVS, devices, w));
    }
}

/// A flowtable as a program wants it (Linux 4.16, where it was built with `NF_FLOW_TABLE`).
///
/// A [rule](crate::RuleBuilder::flow_offload) puts connections into it. Their packets then go from one of its
/// devices to the other past the rules, until the connection ends. For families ip, ip6 and inet.
///
/// ```
/// use nftlink::field::ip;
/// use nftlink::datum::L4Proto;
/// use nftlink::{Batch, Hook, Priority, Rule, Table};
///
/// let fw = Table::inet("fw");
/// let fast = fw.flowtable("fast", Priority::FILTER).devices(["lan", "wan"]).counter();
/// let forward = fw.chain("forward").filter(Hook::FORWARD, Priority::FILTER);
/// let mut batch = Batch::new();
/// batch.add(&fw).add(&fast).add(&forward);
/// batch.append(&forward, Rule::new().when(ip::protocol().eq(L4Proto::TCP)).flow_offload(&fast));
/// ```
#[doc(alias = "nft_flowtable")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Flowtable {
    at: FlowtableRef,
    hook: u32,
    priority: Priority,
    devices: Vec<Device>,
    flags: FlowtableFlags,
    /// Whether it was read from a flowtable that has more than this says.
    incomplete: bool,
}

impl Table {
    /// Begins a flowtable in this table, at the ingress of its devices, where chains and flowtables of lower
    /// `priority` see frames first.
    pub fn flowtable(&self, name: impl Into<Name>, priority: impl Into<Priority>) -> Flowtable {
        Flowtable::new(self, name, priority)
    }
}

impl Flowtable {
    /// Begins a flowtable in any table.
    pub fn new(table: impl AsRef<TableRef>, name: impl Into<Name>, priority: impl Into<Priority>) -> Self {
        let (at, priority) = (FlowtableRef::new(table, name), priority.into());
        let (devices, flags) = (Vec::new(), FlowtableFlags::empty());
        Self { at, hook: INGRESS, priority, devices, flags, incomplete: false }
    }

    /// Adds a device between which and the others packets are forwarded. It has to exist (`ENOENT`), but for the
    /// newest kernels, as Linux 6.18: there the flowtable waits for one of that name.
    pub fn device(self, device: impl Into<Device>) -> Self {
        self.devices([device])
    }

    /// Adds devices, as [`device`](Self::device) does one. None may be given twice.
    pub fn devices(mut self, devices: impl IntoIterator<Item = impl Into<Device>>) -> Self {
        self.devices.extend(devices.into_iter().map(Into::into));
        self
    }

    /// Sets the flags, in place of those there are.
    pub fn flags(mut self, flags: FlowtableFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Counts the packets that it forwards (`counter`; Linux 5.7).
    pub fn counter(mut self) -> Self {
        self.flags |= FlowtableFlags::COUNTER;
        self
    }

    /// Gives its connections to the network card (`flags offload`; Linux 5.5). The kernel refuses it
    /// (`EOPNOTSUPP`) if a device cannot do so.
    #[doc(alias = "NFT_FLOWTABLE_HW_OFFLOAD")]
    pub fn offload(mut self) -> Self {
        self.flags |= FlowtableFlags::HW_OFFLOAD;
        self
    }

    /// Accepts that attributes of the flowtable that was read, and that this library does not know, are lost
    /// where this is written. Without it a batch refuses to write it.
    pub fn forget_unknown(mut self) -> Self {
        self.incomplete = false;
        self
    }

    /// Returns the table and name.
    pub fn at(&self) -> &FlowtableRef {
        &self.at
    }

    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        if self.incomplete {
            w.fail(BuildErrorKind::UnknownAttributes("flowtable".into()));
        }
        self.at.write(w);
        w.nest(NFTA_FLOWTABLE_HOOK, |w| {
            w.u32(NFTA_FLOWTABLE_HOOK_NUM, self.hook);
            w.u32(NFTA_FLOWTABLE_HOOK_PRIORITY, self.priority.number(self.at.table.family) as u32);
            if !self.devices.is_empty() {
                write_list(NFTA_FLOWTABLE_HOOK_DEVS, &self.devices, w);
            }
        });
        if !self.flags.is_empty() {
            w.u32(NFTA_FLOWTABLE_FLAGS, self.flags.bits());
        }
    }
}

impl AsRef<FlowtableRef> for Flowtable {
    fn as_ref(&self) -> &FlowtableRef {
        &self.at
    }
}

/// The flowtable to be made again, perhaps changed: all of it that this library knows. If it
/// [has more](FlowtableInfo::has_unknown), a batch refuses to write it: that would be lost.
/// [`forget_unknown`](Flowtable::forget_unknown) accepts that.
impl From<&FlowtableInfo> for Flowtable {
    fn from(info: &FlowtableInfo) -> Self {
        Self {
            at: info.at.clone(),
            hook: info.hook,
            priority: info.priority.into(),
            devices: info.devices.clone(),
            flags: info.flags,
            incomplete: info.unknown,
        }
    }
}

/// A flowtable as the kernel has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowtableInfo {
    at: FlowtableRef,
    handle: FlowtableHandle,
    hook: u32,
    priority: i32,
    devices: Vec<Device>,
    flags: FlowtableFlags,
    uses: u32,
    unknown: bool,
    raw: Box<[u8]>,
}

impl FlowtableInfo {
    pub(crate) fn decode(family: Family, raw: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let (mut table, mut name) = (Name::from(""), Name::from(""));
        let mut info = Self {
            at: FlowtableRef::new(TableRef::new(family, ""), ""),
            handle: FlowtableHandle::from_raw(0),
            hook: INGRESS,
            priority: 0,
            devices: Vec::new(),
            flags: FlowtableFlags::empty(),
            uses: 0,
            unknown: false,
            raw: raw.into(),
        };
        let attrs = AttrReader::new(raw, &notes);
        for attr in attrs.clone() {
            match attr? {
                (NFTA_FLOWTABLE_TABLE, v) => table = v.name(),
                (NFTA_FLOWTABLE_NAME, v) => name = v.name(),
                (NFTA_FLOWTABLE_HOOK, v) => info.read_hook(v)?,
                (NFTA_FLOWTABLE_USE, v) => info.uses = v.u32()?,
                (NFTA_FLOWTABLE_HANDLE, v) => info.handle = FlowtableHandle::from_raw(v.u64()?),
                (NFTA_FLOWTABLE_FLAGS, v) => info.flags = FlowtableFlags::from_bits_retain(v.u32()?),
                (NFTA_FLOWTABLE_PAD, _) => {}
                (other, _) => attrs.note_unknown(other),
            }
        }
        info.unknown = notes.has_unknown();
        info.at = FlowtableRef { table: TableRef { family, name: table }, name };
        Ok(info)
    }

    fn read_hook(&mut self, hook: Attr<'_>) -> Result<(), DecodeError> {
        let attrs = hook.nested()?;
        for attr in attrs.clone() {
            match attr? {
                (NFTA_FLOWTABLE_HOOK_NUM, v) => self.hook = v.u32()?,
                (NFTA_FLOWTABLE_HOOK_PRIORITY, v) => self.priority = v.u32()? as i32,
                (NFTA_FLOWTABLE_HOOK_DEVS, v) => self.devices = read_list(v)?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(())
    }

    /// Writes what it takes to make the flowtable again, attributes unknown here included.
    pub(crate) fn encode(&self, w: &mut AttrWriter) {
        w.copy(&self.raw, |number| !OUTPUT.contains(&number));
    }

    /// Returns the table and name.
    pub fn at(&self) -> &FlowtableRef {
        &self.at
    }

    /// Returns the table.
    pub fn table(&self) -> &TableRef {
        &self.at.table
    }

    /// Returns the name.
    pub fn name(&self) -> &Name {
        &self.at.name
    }

    /// Returns the number.
    pub fn handle(&self) -> FlowtableHandle {
        self.handle
    }

    /// Returns the hook of its devices: [`Hook::INGRESS`], or one that this library has no name for.
    pub fn hook(&self) -> Hook {
        // The kernel counts the hooks of devices here, whatever the table's family.
        Hook::from_number(Family::NETDEV, self.hook)
    }

    /// Returns the priority as a number.
    pub fn priority(&self) -> i32 {
        self.priority
    }

    /// Returns the priority by nft's name: it displays as `filter` or `filter - 5`.
    pub fn named_priority(&self) -> Priority {
        Priority::from_number(Family::NETDEV, Hook::INGRESS, self.priority)
    }

    /// Returns the devices between which it forwards packets; none are left when they have been deleted.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Returns the flags.
    pub fn flags(&self) -> FlowtableFlags {
        self.flags
    }

    /// Returns how many rules refer to it.
    pub fn uses(&self) -> u32 {
        self.uses
    }

    /// Whether it has attributes that this library does not know. Written back as it is it keeps them.
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }
}

impl AsRef<FlowtableRef> for FlowtableInfo {
    fn as_ref(&self) -> &FlowtableRef {
        &self.at
    }
}

/// The devices that a flowtable's message only names to add or delete them: its hook has no priority.
pub(crate) fn changed_flow_devices(hook: Attr<'_>) -> Option<Vec<Device>> {
    let attrs = || hook.nested().ok().into_iter().flatten().map_while(Result::ok);
    if attrs().any(|(number, _)| number == NFTA_FLOWTABLE_HOOK_PRIORITY) {
        return None;
    }
    let list = attrs().find(|(number, _)| *number == NFTA_FLOWTABLE_HOOK_DEVS);
    list.and_then(|(_, list)| read_list(list).ok())
}

/// The devices that a flowtable's message names.
pub(crate) fn flow_devices(hook: Attr<'_>) -> Vec<Device> {
    let attrs = hook.nested().ok().into_iter().flatten().map_while(Result::ok);
    let lists = attrs.filter(|(number, _)| *number == NFTA_FLOWTABLE_HOOK_DEVS);
    lists.flat_map(|(_, list)| read_list(list).unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut AttrWriter)) -> Vec<u8> {
        let mut w = AttrWriter::new();
        write(&mut w);
        assert_eq!(w.take_error(), None);
        w.bytes_written().to_vec()
    }

    fn fast() -> Flowtable {
        Table::inet("t").flowtable("f", 5).devices(["lo", "v1", "v0"]).counter()
    }

    /// What nft 1.0.6 sends for `flowtable f { hook ingress priority 5; devices = { v0, v1, lo }; counter; }`.
    #[cfg(target_endian = "little")]
    #[test]
    fn a_flowtable_is_written_as_nft_writes_it() {
        assert_eq!(
            written(|w| fast().encode(w)),
            b"\x06\0\x01\0t\0\0\0\x06\0\x02\0f\0\0\0\x30\0\x03\x80\x08\0\x01\0\0\0\0\0\x08\0\x02\0\0\0\0\x05\
              \x1c\0\x03\x80\x07\0\x01\0lo\0\0\x07\0\x01\0v1\0\0\x07\0\x01\0v0\0\0\x08\0\x07\0\0\0\0\x02"
        );
    }

    #[test]
    fn what_the_kernel_tells_is_written_again_without_what_only_it_can_say() {
        // As Linux dumps it: no nest has its flag.
        let raw = written(|w| {
            w.name(NFTA_FLOWTABLE_TABLE, &"t".into());
            w.name(NFTA_FLOWTABLE_NAME, &"f".into());
            w.u32(NFTA_FLOWTABLE_USE, 2);
            w.u64(NFTA_FLOWTABLE_HANDLE, 7);
            w.u32(NFTA_FLOWTABLE_FLAGS, 6);
            w.nest(NFTA_FLOWTABLE_HOOK, |w| {
                w.u32(NFTA_FLOWTABLE_HOOK_NUM, 9);
                w.u32(NFTA_FLOWTABLE_HOOK_PRIORITY, -500_i32 as u32);
                write_list(NFTA_FLOWTABLE_HOOK_DEVS, &["a".into(), Device::prefix("b")], w);
            });
        });
        let info = FlowtableInfo::decode(Family::IP, &raw).unwrap();
        assert_eq!((info.handle().get(), info.uses(), info.priority()), (7, 2, -500));
        assert_eq!((info.flags().bits(), info.hook().to_string()), (6, "9".to_owned()));
        assert_eq!(info.devices(), [Device::from("a"), Device::prefix("b")]);
        let again = written(|w| Flowtable::from(&info).encode(w));
        let expected = FlowtableInfo { handle: FlowtableHandle::from_raw(0), uses: 0, raw: again[..].into(), ..info };
        assert_eq!(FlowtableInfo::decode(Family::IP, &again).unwrap(), expected);
        let copied = written(|w| expected.encode(w));
        assert_eq!(copied, again);
    }

    #[test]
    fn a_flowtable_without_devices_lists_none() {
        let bare = Table::ip("t").flowtable("f", Priority::FILTER);
        let raw = written(|w| bare.encode(w));
        let info = FlowtableInfo::decode(Family::IP, &raw).unwrap();
        assert_eq!((info.devices(), info.named_priority()), (&[][..], Priority::FILTER));
        assert_eq!(Flowtable::from(&info), Flowtable { priority: 0.into(), ..bare });
    }
}
