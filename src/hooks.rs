//! What is attached to the hooks of netfilter: base chains, and what other parts of the kernel have there.

use std::fmt;

use crate::chain::{ChainRef, Hook, Priority};
use crate::datum::IfName;
use crate::error::DecodeError;
use crate::flowtable::FlowtableRef;
use crate::table::TableRef;
use crate::wire::message::NFNL_SUBSYS_HOOK;
use crate::wire::reader::Notes;
use crate::wire::{Attr, AttrReader, AttrWriter, Family, Name};

/// What is asked, and what the answers are.
pub(crate) const NFNL_MSG_HOOK_GET: u16 = NFNL_SUBSYS_HOOK << 8;

const NFNLA_HOOK_HOOKNUM: u16 = 1;
pub(crate) const NFNLA_HOOK_PRIORITY: u16 = 2;
const NFNLA_HOOK_DEV: u16 = 3;
const NFNLA_HOOK_FUNCTION_NAME: u16 = 4;
const NFNLA_HOOK_MODULE_NAME: u16 = 5;
const NFNLA_HOOK_CHAIN_INFO: u16 = 6;

const NFNLA_HOOK_INFO_DESC: u16 = 1;
const NFNLA_HOOK_INFO_TYPE: u16 = 2;

const NFNL_HOOK_TYPE_NFTABLES: u32 = 1;
const NFNL_HOOK_TYPE_BPF: u32 = 2;
const NFNL_HOOK_TYPE_NFT_FLOWTABLE: u32 = 3;

const NFNLA_CHAIN_TABLE: u16 = 1;
const NFNLA_CHAIN_FAMILY: u16 = 2;
const NFNLA_CHAIN_NAME: u16 = 3;

const NFNLA_HOOK_BPF_ID: u16 = 1;

/// `NF_ARP_FORWARD`, which no chain can have: ARP between the ports of a bridge.
const NF_ARP_FORWARD: u32 = 2;

/// How many hooks there are in a family: the kernel lists one at a time.
pub(crate) fn count(family: Family) -> u32 {
    match family {
        Family::IP | Family::IP6 | Family::BRIDGE => 5,
        Family::ARP => NF_ARP_FORWARD + 1,
        Family::NETDEV => 2,
        _ => 0,
    }
}

/// Writes which hook is asked for.
pub(crate) fn write(number: u32, device: Option<IfName>, w: &mut AttrWriter) {
    w.u32(NFNLA_HOOK_HOOKNUM, number);
    if let Some(device) = device {
        w.string(NFNLA_HOOK_DEV, device.as_bytes());
    }
}

/// A function of the kernel that is attached to a hook of netfilter, and what it stands for.
///
/// Packets meet those at one hook in the order of their priorities: base chains of nf_tables, and connection
/// tracking, address translation, defragmentation, iptables, BPF programs and whatever else is there.
///
/// It displays as a line of `nft list hooks`.
#[doc(alias = "nfnetlink_hook")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookInfo {
    family: Family,
    number: u32,
    priority: i32,
    device: Option<IfName>,
    function: Option<Name>,
    module: Option<Name>,
    chain: Option<ChainRef>,
    flowtable: Option<FlowtableRef>,
    bpf_program: Option<u32>,
    unknown: bool,
    raw: Box<[u8]>,
}

impl HookInfo {
    /// Reads an answer to the question about a device, or about none.
    pub(crate) fn decode(family: Family, device: Option<IfName>, raw: &[u8]) -> Result<Self, DecodeError> {
        let notes = Notes::default();
        let mut info = Self {
            family,
            number: 0,
            priority: 0,
            device,
            function: None,
            module: None,
            chain: None,
            flowtable: None,
            bpf_program: None,
            unknown: false,
            raw: raw.into(),
        };
        let attrs = AttrReader::new(raw, &notes);
        for attr in attrs.clone() {
            match attr? {
                (NFNLA_HOOK_HOOKNUM, v) => info.number = v.u32()?,
                (NFNLA_HOOK_PRIORITY, v) => info.priority = v.u32()? as i32,
                (NFNLA_HOOK_DEV, v) => info.device = Some(IfName::new(v.str_bytes())),
                (NFNLA_HOOK_FUNCTION_NAME, v) => info.function = Some(v.name()),
                (NFNLA_HOOK_MODULE_NAME, v) => info.module = Some(v.name()),
                (NFNLA_HOOK_CHAIN_INFO, v) => info.read_what(v)?,
                (other, _) => attrs.note_unknown(other),
            }
        }
        info.unknown = notes.has_unknown();
        Ok(info)
    }

    fn read_what(&mut self, what: Attr<'_>) -> Result<(), DecodeError> {
        let attrs = what.nested()?;
        let (mut kind, mut described) = (None, None);
        for attr in attrs.clone() {
            match attr? {
                (NFNLA_HOOK_INFO_TYPE, v) => kind = Some(v.u32()?),
                (NFNLA_HOOK_INFO_DESC, v) => described = Some(v.nested()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        match (kind, described) {
            (Some(NFNL_HOOK_TYPE_NFTABLES), Some(described)) => {
                let (table, name) = read_place(described)?;
                self.chain = Some(ChainRef { table, name });
            }
            (Some(NFNL_HOOK_TYPE_NFT_FLOWTABLE), Some(described)) => {
                let (table, name) = read_place(described)?;
                self.flowtable = Some(FlowtableRef { table, name });
            }
            (Some(NFNL_HOOK_TYPE_BPF), Some(described)) => {
                for attr in described.clone() {
                    match attr? {
                        (NFNLA_HOOK_BPF_ID, v) => self.bpf_program = Some(v.u32()?),
                        (other, _) => described.note_unknown(other),
                    }
                }
            }
            _ => attrs.note_unknown(NFNLA_HOOK_INFO_DESC),
        }
        Ok(())
    }

    /// Returns the family of the hook: ip and ip6 for what is of inet, too.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Returns the hook. Of family arp [`Hook::FORWARD`] has entries, which no chain can have.
    pub fn hook(&self) -> Hook {
        match (self.family, self.number) {
            (Family::ARP, NF_ARP_FORWARD) => Hook::FORWARD,
            (family, number) => Hook::from_number(family, number),
        }
    }

    /// Returns the device, of family netdev.
    pub fn device(&self) -> Option<IfName> {
        self.device
    }

    /// Returns the priority as a number: lower ones see packets first.
    pub fn priority(&self) -> i32 {
        self.priority
    }

    /// Returns the priority by nft's name: it displays as `filter` or `filter - 5`.
    pub fn named_priority(&self) -> Priority {
        Priority::from_number(self.family, self.hook(), self.priority)
    }

    /// Returns the name of the function, if the kernel has its names (`CONFIG_KALLSYMS`).
    pub fn function(&self) -> Option<&Name> {
        self.function.as_ref()
    }

    /// Returns the name of the module that the function is of, if it was not built in.
    pub fn module(&self) -> Option<&Name> {
        self.module.as_ref()
    }

    /// Returns the base chain of nf_tables, if it is one. Its table may be of family inet.
    pub fn chain(&self) -> Option<&ChainRef> {
        self.chain.as_ref()
    }

    /// Returns the flowtable, if it is one (Linux 6.17; older kernels tell its function only).
    pub fn flowtable(&self) -> Option<&FlowtableRef> {
        self.flowtable.as_ref()
    }

    /// Returns the number of the BPF program, if it is one (Linux 6.4).
    pub fn bpf_program(&self) -> Option<u32> {
        self.bpf_program
    }

    /// Whether it has attributes that this library does not know.
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// Returns the attributes as the kernel sent them.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Returns entries in the form of `nft list hooks`: by family, hook and device, in their order.
    ///
    /// ```no_run
    /// use nftlink::{Conn, Family, HookInfo};
    ///
    /// let hooks = Conn::open()?.hooks(Family::IP)?;
    /// print!("{}", HookInfo::listing(&hooks));
    /// # Ok::<(), nftlink::Error>(())
    /// ```
    pub fn listing(hooks: &[Self]) -> impl fmt::Display + '_ {
        Listing(hooks)
    }

    fn is_beside(&self, other: &Self) -> bool {
        (self.family, self.number, self.device) == (other.family, other.number, other.device)
    }
}

/// Reads table and name of a chain or flowtable.
fn read_place(attrs: AttrReader<'_>) -> Result<(TableRef, Name), DecodeError> {
    let (mut family, mut table, mut name) = (Family::UNSPEC, Name::from(""), Name::from(""));
    for attr in attrs.clone() {
        match attr? {
            (NFNLA_CHAIN_TABLE, v) => table = v.name(),
            (NFNLA_CHAIN_FAMILY, v) => family = Family::from_raw(v.u8()?),
            (NFNLA_CHAIN_NAME, v) => name = v.name(),
            (other, _) => attrs.note_unknown(other),
        }
    }
    Ok((TableRef { family, name: table }, name))
}

impl fmt::Display for HookInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.priority {
            i32::MIN..0 => '-',
            0 => ' ',
            1.. => '+',
        };
        write!(f, "{sign}{:010}", self.priority.unsigned_abs())?;
        match (&self.chain, &self.flowtable, &self.function) {
            (Some(chain), ..) => write!(f, " chain {chain}")?,
            (None, Some(flowtable), _) => write!(f, " flowtable {flowtable}")?,
            (None, None, Some(function)) => write!(f, " {function}")?,
            (None, None, None) => {}
        }
        if let Some(program) = self.bpf_program {
            write!(f, " id {program}")?;
        }
        if let Some(module) = &self.module {
            write!(f, " [{module}]")?;
        }
        Ok(())
    }
}

struct Listing<'a>(&'a [HookInfo]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for family in self.0.chunk_by(|one, next| one.family == next.family) {
            for (at, hook) in family.chunk_by(HookInfo::is_beside).enumerate() {
                let [first, ..] = hook else { continue };
                if at == 0 {
                    writeln!(f, "family {} {{", first.family)?;
                }
                write!(f, "\thook {}", first.hook())?;
                if let Some(device) = first.device {
                    write!(f, " device {device}")?;
                }
                f.write_str(" {\n")?;
                hook.iter().try_for_each(|entry| writeln!(f, "\t\t{entry}"))?;
                f.write_str("\t}\n")?;
            }
            f.write_str("}\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel says of a chain, and what it does not say yet.
    fn entry(content: impl FnOnce(&mut AttrWriter)) -> HookInfo {
        let mut w = AttrWriter::new();
        w.u32(NFNLA_HOOK_HOOKNUM, 1);
        w.u32(NFNLA_HOOK_PRIORITY, -5_i32 as u32);
        w.string(NFNLA_HOOK_MODULE_NAME, b"nf_tables");
        w.string(NFNLA_HOOK_FUNCTION_NAME, b"nft_do_chain_inet");
        content(&mut w);
        HookInfo::decode(Family::IP, None, w.bytes_written()).unwrap()
    }

    fn what(kind: u32, description: impl FnOnce(&mut AttrWriter)) -> HookInfo {
        entry(|w| {
            w.nest(NFNLA_HOOK_CHAIN_INFO, |w| {
                w.u32(NFNLA_HOOK_INFO_TYPE, kind);
                w.nest(NFNLA_HOOK_INFO_DESC, description);
            });
        })
    }

    fn place(w: &mut AttrWriter) {
        w.string(NFNLA_CHAIN_TABLE, b"fw");
        w.string(NFNLA_CHAIN_NAME, b"input");
        w.u8(NFNLA_CHAIN_FAMILY, Family::INET.get());
    }

    #[test]
    fn what_is_attached_is_told() {
        let function = entry(|_| {});
        assert_eq!((function.hook(), function.named_priority()), (Hook::INPUT, Priority::FILTER - 5));
        assert_eq!(function.to_string(), "-0000000005 nft_do_chain_inet [nf_tables]");
        let chain = what(NFNL_HOOK_TYPE_NFTABLES, place);
        assert_eq!(chain.chain(), Some(&ChainRef::new(TableRef::new(Family::INET, "fw"), "input")));
        assert_eq!(chain.to_string(), "-0000000005 chain inet fw input [nf_tables]");
        let flowtable = what(NFNL_HOOK_TYPE_NFT_FLOWTABLE, place);
        assert_eq!(flowtable.to_string(), "-0000000005 flowtable inet fw input [nf_tables]");
        let program = what(NFNL_HOOK_TYPE_BPF, |w| w.u32(NFNLA_HOOK_BPF_ID, 7));
        assert_eq!((program.bpf_program(), program.chain()), (Some(7), None));
        assert_eq!(program.to_string(), "-0000000005 nft_do_chain_inet id 7 [nf_tables]");
        assert!([function, chain, flowtable, program].iter().all(|info| !info.has_unknown()));
    }

    #[test]
    fn what_is_unknown_is_kept_and_hides_nothing() {
        let more = |w: &mut AttrWriter| {
            place(w);
            w.u32(99, 1);
        };
        let chain = what(NFNL_HOOK_TYPE_NFTABLES, more);
        assert!(chain.has_unknown() && chain.chain().is_some());
        let later = what(42, place);
        assert!(later.has_unknown() && later.chain().is_none() && later.function().is_some());
        let attribute = entry(|w| w.u32(99, 1));
        assert!(attribute.has_unknown() && attribute.raw().ends_with(&[0, 0, 0, 1]));
    }

    #[test]
    fn arp_between_the_ports_of_a_bridge_has_a_hook_that_chains_have_not() {
        let mut w = AttrWriter::new();
        w.u32(NFNLA_HOOK_HOOKNUM, 2);
        let info = HookInfo::decode(Family::ARP, None, w.bytes_written()).unwrap();
        assert_eq!(info.hook(), Hook::FORWARD);
        assert_eq!(Hook::FORWARD.number(Family::ARP), None);
    }

    #[test]
    fn listings_are_grouped_as_nft_groups_them() {
        let device = Some(IfName::new("eth0"));
        let ingress = HookInfo::decode(Family::NETDEV, device, b"").unwrap();
        let all = [entry(|_| {}), what(NFNL_HOOK_TYPE_NFTABLES, place), ingress];
        let expected = "family ip {\n\thook input {\n\t\t-0000000005 nft_do_chain_inet [nf_tables]\n\
                        \t\t-0000000005 chain inet fw input [nf_tables]\n\t}\n}\n\
                        family netdev {\n\thook ingress device eth0 {\n\t\t 0000000000\n\t}\n}\n";
        assert_eq!(HookInfo::listing(&all).to_string(), expected);
        assert_eq!(HookInfo::listing(&[]).to_string(), "");
    }
}
