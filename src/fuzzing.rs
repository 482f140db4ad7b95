//! What hostile bytes are put through: each reader of what the kernel says, and what is made of what was read. The tests
//! of this library use it, and the targets in `fuzz/`; programs do not see it.

use std::net::Ipv4Addr;

use crate::chain::{ChainInfo, NFT_MSG_NEWCHAIN};
use crate::datum::Port;
use crate::engine::commit::{Fate, Options, Replies};
use crate::error::DecodeError;
use crate::expr::{Data, Verdict};
use crate::field::{ip, tcp};
use crate::flowtable::{FlowtableInfo, NFT_MSG_NEWFLOWTABLE};
use crate::hooks::NFNL_MSG_HOOK_GET;
use crate::object::{self, Counter, NFT_MSG_NEWOBJ, Named, ObjectInfo};
use crate::rule::{NFT_MSG_NEWRULE, RuleInfo};
use crate::set::{NFT_MSG_NEWSET, NFT_MSG_NEWSETELEM, assemble, read_element_list, read_set_ref};
use crate::table::{NFT_MSG_NEWTABLE, TableInfo};
use crate::trace::{NFT_MSG_TRACE, TraceEvent};
use crate::userdata;
use crate::wire::AttrReader;
use crate::wire::message::{Content, ExtAck, Messages};
use crate::wire::reader::Notes;
use crate::*;

/// Walks through attributes, and through each as if it were a nest.
///
/// # Panics
///
/// If there are more than the bytes have room for.
pub fn attributes(bytes: &[u8]) {
    fn walk(reader: AttrReader<'_>, left: &mut usize) {
        for attr in reader.map_while(Result::ok) {
            *left = left.checked_sub(1).expect("each attribute has a header of its own");
            let (_, value) = attr;
            let _ = (value.u8(), value.u16(), value.u32(), value.u64(), value.name(), value.str_bytes());
            if let Ok(nest) = value.nested() {
                walk(nest, left);
            }
        }
    }
    // Each nest is as long as its headers at least, and there are 24 levels at most.
    walk(AttrReader::new(bytes, &Notes::default()), &mut (bytes.len() / 4 * 25 + 1));
}

/// Reads all messages as the queries would, and uses what comes out. Returns how many were read without an error.
pub fn messages(bytes: &[u8]) -> usize {
    let mut whole = 0;
    let mut last = None;
    let mut shown_set: Option<SetInfo> = None;
    for message in Messages::new(bytes).map_while(Result::ok) {
        let Ok(Content::Nft { kind, family, attrs, .. }) = message.content() else { continue };
        let mut entries = Vec::new();
        let read = match kind {
            NFT_MSG_NEWTABLE => TableInfo::decode(family, attrs).map(|info| {
                Batch::new().add(&info).delete(&info).add(&Table::from(&info).forget_unknown());
                info.at().to_string().len()
            }),
            NFT_MSG_NEWCHAIN => ChainInfo::decode(family, attrs).map(|info| {
                Batch::new()
                    .add(&info)
                    .flush(&info)
                    .rename(&info, "new")
                    .delete_devices(&info, info.devices())
                    .add(&Chain::<Option<Hooked>>::from(&info).forget_unknown())
                    .to_string();
                format!("{:?} {:?}", info, info.named_priority()).len()
            }),
            NFT_MSG_NEWRULE => RuleInfo::decode(family, attrs, &mut last).map(|info| {
                let exprs = info.exprs().filter_map(Result::ok);
                exprs.for_each(|expr| _ = Batch::new().append(&info, Rule::new().expr(expr)));
                Batch::new().append(&info, &info).to_string();
                let _ = (info.normalized(), info.compat(), info.owner(), info.counter());
                if let Ok(rule) = info.to_rule() {
                    let _ = rule.normalized(info.chain());
                    Batch::new().append(&info, &rule).to_string();
                    if let Ok(whole) = info.with_own_rules([rule]) {
                        let _ = whole.normalized(info.chain());
                        Batch::new().append(&info, &whole).to_string();
                    }
                }
                format!("{:#}", info.bytecode()).len()
                    + info.bytecode().to_string().len()
                    + info.comment().map_or(0, str::len)
            }),
            NFT_MSG_NEWSET => SetInfo::decode(family, attrs).map(|info| {
                Batch::new().add(&info).add(&UntypedSet::from(&info)).to_string();
                let notes = (SetUserdata::parse(info.userdata()), info.key_typeof(), info.data_typeof());
                let notes = notes.0.as_ref().map_or(0, |notes| notes.to_bytes().len()) + format!("{notes:?}").len();
                let key = Data::new(&vec![1; info.key_len().min(64) as usize]);
                shown_set = Some(info.clone());
                notes
                    + info.display_key(&key).to_string().len()
                    + info.bytecode().to_string().len()
                    + info.describe().len()
                    + usize::from(info.typed::<Interval<Ipv4Addr>>().is_some())
            }),
            NFT_MSG_NEWSETELEM => read_element_list(attrs, &mut entries).map(|()| {
                let mut _typed = assemble::<Interval<Ipv4Addr>, ()>(entries.clone()).map(|all| {
                    all.iter().for_each(|element| _ = element.key().map(ToString::to_string));
                });
                let mut _typed = assemble::<(Interval<Ipv4Addr>, Port), Verdict>(entries.clone());
                for entry in &entries {
                    let _ = format!("{} {:#} {:?}", entry.bytecode(), entry.bytecode(), Entry::from(entry));
                }
                if let Some(set) = &shown_set {
                    Batch::new().add_entries(set, &entries).delete_entries(set, &entries).to_string();
                    let paired = set.paired(&entries);
                    paired.iter().for_each(|element| _ = set.display(element).to_string());
                }
                entries.len()
            }),
            NFT_MSG_NEWOBJ => ObjectInfo::decode(family, attrs).map(|info| {
                Batch::new().add(&info).delete_by_handle(&info).to_string();
                if let Ok(named) = Named::<object::Value>::try_from(&info) {
                    Batch::new().add(&named.forget_unknown()).to_string();
                }
                let _ = (info.any_value(), info.comment(), info.nft_body());
                info.bytecode().len() + info.value::<Counter>().map_or(0, |_| 1)
            }),
            NFT_MSG_NEWFLOWTABLE => FlowtableInfo::decode(family, attrs).map(|info| {
                Batch::new()
                    .add(&info)
                    .delete(&info)
                    .add(&Flowtable::from(&info).forget_unknown())
                    .add_devices(&info, info.devices())
                    .to_string();
                format!("{info:?} {} {}", info.hook(), info.named_priority()).len()
            }),
            NFNL_MSG_HOOK_GET => HookInfo::decode(family, None, attrs).map(|info| {
                format!("{info:?} {} {}", info.named_priority(), HookInfo::listing(&[info.clone(), info.clone()])).len()
            }),
            _ => Ok(0),
        };
        whole += usize::from(read.is_ok());
    }
    whole
}

/// Makes requests of messages that were read: what they say has to be a fixed point of reading and writing.
///
/// # Panics
///
/// If it is not.
pub fn rewritten(bytes: &[u8]) {
    let Some(once) = rewrite(bytes) else { return };
    let twice = rewrite(once.as_bytes()).expect("what was written here may be written again");
    let (once, twice) = (once.as_bytes(), twice.as_bytes());
    assert!(once == twice, "{once:02x?} becomes {twice:02x?}");
}

/// The requests that make anew what messages tell: of those that can be read. None if they may not be written.
fn rewrite(bytes: &[u8]) -> Option<Batch> {
    let mut batch = Batch::new();
    let mut last = None;
    for message in Messages::new(bytes).map_while(Result::ok) {
        let Ok(Content::Nft { kind, family, attrs, .. }) = message.content() else { continue };
        let _ = add_again(&mut batch, kind, family, attrs, &mut last);
    }
    batch.mistake().is_none().then_some(batch)
}

fn add_again(
    batch: &mut Batch,
    kind: u16,
    family: Family,
    attrs: &[u8],
    last: &mut Option<ChainRef>,
) -> Result<(), DecodeError> {
    match kind {
        NFT_MSG_NEWTABLE => _ = batch.add(&TableInfo::decode(family, attrs)?),
        NFT_MSG_NEWCHAIN => _ = batch.add(&ChainInfo::decode(family, attrs)?),
        NFT_MSG_NEWRULE => {
            let rule = RuleInfo::decode(family, attrs, last)?;
            batch.append(&rule, &rule);
        }
        NFT_MSG_NEWSET => _ = batch.add(&SetInfo::decode(family, attrs)?),
        NFT_MSG_NEWSETELEM => {
            let mut entries = Vec::new();
            read_element_list(attrs, &mut entries)?;
            batch.add_entries(&read_set_ref(family, attrs)?, &entries);
        }
        NFT_MSG_NEWOBJ => _ = batch.add(&ObjectInfo::decode(family, attrs)?),
        NFT_MSG_NEWFLOWTABLE => _ = batch.add(&FlowtableInfo::decode(family, attrs)?),
        _ => {}
    }
    Ok(())
}

/// Reads a ruleset's backup, writes it again, shows it, and makes a batch of it.
///
/// # Panics
///
/// If what is written is not what was read, or much more.
pub fn backup(bytes: &[u8]) {
    let Ok(ruleset) = Ruleset::from_bytes(bytes) else { return };
    let kept = ruleset.to_bytes();
    assert!(kept.len() < 4 * bytes.len() + 1000, "{} bytes become {}", bytes.len(), kept.len());
    let again = Ruleset::from_bytes(&kept).expect("what was written here");
    assert!(again.to_bytes() == kept, "another one is read");
    let shown = format!("{}{:#}", ruleset.bytecode(), ruleset.bytecode());
    assert!(shown.len() < 100 * bytes.len() + 1000, "{} bytes are shown in {}", bytes.len(), shown.len());
    let mut batch = Batch::new();
    batch.add_ruleset(&ruleset).to_string();
    assert!(batch.as_bytes().len() < 10 * bytes.len() + 1000, "{} bytes become more", bytes.len());
}

/// Reads answers to a batch, and finds out what became of it and which attributes were refused.
pub fn answers(bytes: &[u8]) {
    let Some((&options, datagrams)) = bytes.split_first() else { return };
    let fw = Table::inet("fw");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER);
    let blocked = Set::<Interval<Ipv4Addr>>::new(&fw, "blocked");
    let mut batch = Batch::new();
    batch.add(&fw).add(&input).add(&blocked).add(&Counter::named(&fw, "seen"));
    batch.add_elements(&blocked, [Interval::prefix(Ipv4Addr::LOCALHOST, 8), Ipv4Addr::BROADCAST.into()]);
    let rule = Rule::new().when(ip::saddr().in_set(&blocked)).when(tcp::dport().one_of([22, 80])).counter().drop();
    batch.append(&input, rule).flush(&input);
    let has = |bit: u8| options & (1 << bit) != 0;
    let options = Options {
        generation: has(0).then_some(7),
        handles: has(1),
        dry_run: has(2),
        first_ack: has(3),
        last_ack: has(4),
        end_unacked: has(5),
    };
    let mut replies = Replies::new(&batch, options, 0);
    // Some answers come in one datagram, others in another, which may be cut.
    let (one, other) = datagrams.split_at(datagrams.len() / 4 * 2);
    replies.datagram(one, true);
    replies.datagram(other, !has(6));
    if has(7) {
        replies.lose(Errno::ENOBUFS);
    }
    let _ = (replies.complete(), replies.end_acked(), replies.has_end());
    let fate = replies.fate();
    let _ = format!("{fate:?}");
    if let Fate::Rejected(rejections) = fate {
        let _ = rejections.to_string();
    }
}

/// Makes requests of messages, and finds out which of their attributes a refusal of each is about, at an offset that the
/// first bytes tell. Returns how many have one there.
pub fn paths(bytes: &[u8]) -> usize {
    let Some((&[low, high, missing, within], messages)) = bytes.split_first_chunk() else { return 0 };
    let offset = u32::from(u16::from_le_bytes([low, high]));
    let missing = (missing != 0).then_some(missing.into());
    let extended = match within {
        0 => ExtAck { offset: Some(offset), ..ExtAck::default() },
        1 => ExtAck { missing, ..ExtAck::default() },
        _ => ExtAck { missing, missing_in: Some(offset), ..ExtAck::default() },
    };
    let Some(batch) = rewrite(messages) else { return 0 };
    let told = (1..=batch.last_sequence()).filter_map(|sequence| {
        let rejection = batch.explain(sequence, Errno::EINVAL, &extended)?;
        let _ = (rejection.to_string(), batch.lacking(&rejection));
        rejection.path().map(ToString::to_string)
    });
    told.count()
}

/// Reads events of the ruleset, and of packets' traces. Returns how many of the latter there are.
pub fn events(bytes: &[u8]) -> usize {
    monitor::read(bytes);
    let mut traces = 0;
    for message in Messages::new(bytes).map_while(Result::ok) {
        let Ok(Content::Nft { kind, family, attrs, .. }) = message.content() else { continue };
        if let Ok(event) = TraceEvent::decode(family, attrs) {
            let _ = format!("{event} {:?} {:?}", event, event.headers());
            let _ = (event.is_final(), event.is_drop(), event.ct_state());
            traces += usize::from(kind == NFT_MSG_TRACE);
        }
    }
    traces
}

/// Reads userdata, of whatever it may be.
///
/// # Panics
///
/// If what is read of a set's cannot be written and read again.
pub fn userdata(bytes: &[u8]) {
    let _ = (userdata::comment(bytes), userdata::owner(bytes), userdata::set_comment(bytes), userdata::is_open(bytes));
    let _ = (userdata::merges(bytes), userdata::key_order(bytes), userdata::data_order(bytes));
    let _ = format!("{:?} {:?}", userdata::key_typeof(bytes), userdata::data_typeof(bytes));
    if let Some(notes) = SetUserdata::parse(bytes) {
        let once = notes.to_bytes();
        let twice = SetUserdata::parse(&once).expect("what was written here").to_bytes();
        assert!(once == twice, "{once:02x?} becomes {twice:02x?}");
    }
}
