//! What hostile bytes are put through: each reader of what the kernel says, and what is made of what was read. The
//! tests of this library use it, and the targets in `fuzz/`; programs do not see it.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::chain::{ChainInfo, NFT_MSG_NEWCHAIN};
use crate::datum::Port;
use crate::engine::commit::{Fate, Options, Replies, Request};
use crate::error::DecodeError;
use crate::expr::{Data, DynsetFlags, Expr, ExprInfo, QuotaFlags, Verdict};
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

/// Makes requests of messages that were read: they have to say what the messages said, and what they say has to be a
/// fixed point of reading and writing. Returns how many requests they are.
///
/// # Panics
///
/// If they do not, or it is not.
pub fn rewritten(bytes: &[u8]) -> usize {
    let mut counts = Vec::new();
    let Some(once) = rewrite(bytes, |count| counts.push(count)) else { return 0 };
    let mut again = nft_messages(once.as_bytes());
    for ((kind, family, attrs), count) in nft_messages(bytes).zip(counts) {
        match kind {
            NFT_MSG_NEWSETELEM => same_lists(family, attrs, again.by_ref().take(count)),
            _ => same(kind, family, attrs, again.by_ref().take(count).next()),
        }
    }
    assert!(again.next().is_none(), "more is written than was read");
    let twice = rewrite(once.as_bytes(), |_| {}).expect("what was written here may be written again");
    assert!(once.as_bytes() == twice.as_bytes(), "{:02x?} becomes {:02x?}", once.as_bytes(), twice.as_bytes());
    once.last_sequence() as usize
}

/// Messages as they are read: their kind, family and attributes.
fn nft_messages(bytes: &[u8]) -> impl Iterator<Item = (u16, Family, &[u8])> {
    Messages::new(bytes).map_while(Result::ok).filter_map(|message| match message.content() {
        Ok(Content::Nft { kind, family, attrs, .. }) => Some((kind, family, attrs)),
        _ => None,
    })
}

/// The requests that make anew what messages tell: of those that can be read. `wrote` learns of each message how many
/// requests it became. None if they may not be written.
fn rewrite(bytes: &[u8], mut wrote: impl FnMut(usize)) -> Option<Batch> {
    let mut batch = Batch::new();
    let mut last = None;
    for (kind, family, attrs) in nft_messages(bytes) {
        let before = batch.last_sequence();
        let _ = add_again(&mut batch, kind, family, attrs, &mut last);
        wrote((batch.last_sequence() - before) as usize);
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

/// Compares what was read twice, by getters.
macro_rules! compare {
    ($one:ident, $other:ident: $($getter:ident)*) => {
        $(assert_eq!($one.$getter(), $other.$getter(), stringify!($getter));)*
    };
}

/// Compares what a message says with what the request says that was made of it. What only the kernel can say, as
/// handles, is not in requests.
fn same(kind: u16, family: Family, attrs: &[u8], again: Option<(u16, Family, &[u8])>) {
    match kind {
        NFT_MSG_NEWTABLE => {
            let Some((one, other)) = both(attrs, again, |attrs| TableInfo::decode(family, attrs)) else { return };
            compare!(one, other: at flags userdata has_unknown);
        }
        NFT_MSG_NEWCHAIN => {
            let Some((one, other)) = both(attrs, again, |attrs| ChainInfo::decode(family, attrs)) else { return };
            compare!(one, other: at kind hook priority devices counters policy flags userdata has_unknown);
        }
        NFT_MSG_NEWRULE => {
            let read = |attrs: &_| RuleInfo::decode(family, attrs, &mut None);
            let Some((one, other)) = both(attrs, again, read) else { return };
            compare!(one, other: chain userdata has_unknown);
            let exprs =
                |info: &RuleInfo| info.exprs().map(|expr| expr.map(|expr| requested(&expr))).collect::<Vec<_>>();
            assert_eq!(exprs(&one), exprs(&other));
        }
        NFT_MSG_NEWSET => {
            let Some((one, other)) = both(attrs, again, |attrs| SetInfo::decode(family, attrs)) else { return };
            compare!(one, other: at flags key_type key_len data_type data_len object_kind policy size timeout);
            compare!(one, other: gc_interval fields userdata);
            assert!(same_exprs(one.stateful(), other.stateful()), "{one:?} becomes {other:?}");
        }
        NFT_MSG_NEWOBJ => {
            let Some((one, other)) = both(attrs, again, |attrs| ObjectInfo::decode(family, attrs)) else { return };
            compare!(one, other: at userdata has_unknown);
            assert_eq!(requested_value(&one), requested_value(&other));
        }
        NFT_MSG_NEWFLOWTABLE => {
            let Some((one, other)) = both(attrs, again, |attrs| FlowtableInfo::decode(family, attrs)) else { return };
            compare!(one, other: at hook priority devices flags has_unknown);
        }
        _ => assert!(again.is_none(), "{kind:#x} is no more than read"),
    }
}

/// Reads a message, and the request that was made of it: there is one if it can be read.
fn both<T>(
    attrs: &[u8],
    again: Option<(u16, Family, &[u8])>,
    read: impl Fn(&[u8]) -> Result<T, DecodeError>,
) -> Option<(T, T)> {
    match (read(attrs), again) {
        (Ok(one), Some((.., again))) => Some((one, read(again).expect("what was written here"))),
        (Err(_), None) => None,
        (one, _) => panic!("it is read: {}, and written: {}", one.is_ok(), again.is_some()),
    }
}

/// An expression as a request has it.
fn requested(info: &ExprInfo) -> Expr {
    let mut expr = info.comparable();
    leave_told(&mut expr);
    expr
}

/// Leaves away what the kernel tells, and takes from nobody.
fn leave_told(expr: &mut Expr) {
    match expr {
        Expr::Quota(quota) => quota.flags -= QuotaFlags::DEPLETED,
        Expr::Dynset(dynset) => {
            // Of more than one expression requests say that they are there.
            dynset.flags.set(DynsetFlags::EXPR, dynset.exprs.len() > 1);
            dynset.exprs.iter_mut().for_each(leave_told);
        }
        Expr::Inner(inner) => leave_told(&mut inner.expr),
        _ => {}
    }
}

fn same_exprs(one: &[ExprInfo], other: &[ExprInfo]) -> bool {
    one.iter().map(requested).eq(other.iter().map(requested))
}

/// What an object holds, as a request has it.
fn requested_value(info: &ObjectInfo) -> Result<object::Value, DecodeError> {
    info.any_value().map(|mut value| {
        if let object::Value::Quota(quota) = &mut value {
            quota.flags -= QuotaFlags::DEPLETED;
        }
        value
    })
}

/// Compares the entries that a message lists with those of the requests that were made of it.
fn same_lists<'a>(family: Family, attrs: &[u8], again: impl Iterator<Item = (u16, Family, &'a [u8])>) {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let read = read_element_list(attrs, &mut one).and_then(|()| read_set_ref(family, attrs));
    for (_, family, again) in again {
        let at = read_set_ref(family, again);
        assert_eq!(read, at, "another set");
        read_element_list(again, &mut other).expect("what was written here");
    }
    if read.is_ok() {
        // Requests have them in an order that the kernel takes, which leaves those of one key as they are.
        let place = |entry: &ElementInfo| (entry.key().is_none(), entry.key().cloned(), !entry.is_interval_end());
        one.sort_by_cached_key(place);
        other.sort_by_cached_key(place);
    } else {
        one.clear();
    }
    assert!(one.len() == other.len(), "{} entries become {}", one.len(), other.len());
    one.iter().zip(&other).for_each(|(one, other)| same_entry(one, other));
}

/// Compares an entry with the one that was made of it.
fn same_entry(one: &ElementInfo, other: &ElementInfo) {
    compare!(one, other: key key_end data object flags userdata);
    assert_eq!(one.raw().is_some(), other.raw().is_some(), "raw");
    // What the set gives to all its entries kernels tell of the ends of intervals, too, and do not take.
    if !one.is_interval_end() {
        compare!(one, other: timeout);
        // To the kernel nothing left would mean all of it.
        assert_eq!(one.expires().map(|left| left.max(Duration::from_millis(1))), other.expires(), "expires");
        assert!(same_exprs(one.stateful(), other.stateful()), "{one:?} becomes {other:?}");
    }
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
    same_ruleset(bytes, &ruleset, &again);
    let shown = format!("{}{:#}", ruleset.bytecode(), ruleset.bytecode());
    assert!(shown.len() < 100 * bytes.len() + 1000, "{} bytes are shown in {}", bytes.len(), shown.len());
    let mut batch = Batch::new();
    batch.add_ruleset(&ruleset).to_string();
    assert!(batch.as_bytes().len() < 10 * bytes.len() + 1000, "{} bytes become more", bytes.len());
}

/// Compares a ruleset with what was kept of it. All but entries is kept as it came, and padded.
fn same_ruleset(bytes: &[u8], one: &Ruleset, other: &Ruleset) {
    /// Of each list as many, with like attributes.
    macro_rules! kept {
        ($one:ident, $other:ident: $($list:ident)*) => {$(
            assert_eq!($one.$list().len(), $other.$list().len(), stringify!($list));
            $one.$list().iter().zip($other.$list()).for_each(|(one, other)| same_raw(one.raw(), other.raw()));
        )*};
    }
    let mut counts = [0; 6];
    compare!(one, other: generation);
    assert_eq!(one.tables().len(), other.tables().len());
    for (one, other) in one.tables().iter().zip(other.tables()) {
        assert_eq!(one.info().at(), other.info().at());
        same_raw(one.info().raw(), other.info().raw());
        kept!(one, other: chains rules objects flowtables);
        assert_eq!(one.sets().len(), other.sets().len());
        for (one, other) in one.sets().iter().zip(other.sets()) {
            same_raw(one.info().raw(), other.info().raw());
            assert_eq!(one.entries().len(), other.entries().len());
            one.entries().iter().zip(other.entries()).for_each(|(one, other)| same_entry(one, other));
        }
        let here = [1, one.chains().len(), one.rules().len(), one.sets().len(), one.objects().len()];
        counts.iter_mut().zip(here.into_iter().chain([one.flowtables().len()])).for_each(|(all, here)| *all += here);
    }
    const KINDS: [u16; 6] =
        [NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWRULE, NFT_MSG_NEWSET, NFT_MSG_NEWOBJ, NFT_MSG_NEWFLOWTABLE];
    let told = KINDS.map(|kind| nft_messages(bytes).filter(|(other, ..)| *other == kind).count());
    assert_eq!(told, counts, "something was read that is nowhere");
}

/// How a batch is sent: one bit for each option.
fn options_of(bits: u8) -> Options {
    let has = |bit: u8| bits & (1 << bit) != 0;
    Options { generation: has(0).then_some(7), handles: has(1), dry_run: has(2), last_ack: has(3), acks_last: has(4) }
}

/// Returns the datagram that a batch is sent in, and whether it is to be a dry run.
pub fn datagram(batch: &Batch, options: u8) -> (Vec<u8>, bool) {
    let options = options_of(options);
    let parts = Request::new(batch, options).send(|parts| parts.iter().flat_map(|part| part.to_vec()).collect());
    (parts, options.dry_run)
}

/// Compares attributes, the last of which may have got its padding.
fn same_raw(one: &[u8], other: &[u8]) {
    let padding = other.strip_prefix(one);
    assert!(matches!(padding, Some([] | [0] | [0, 0] | [0, 0, 0])), "{one:?} becomes {other:?}");
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
    let mut replies = Replies::new(&batch, options_of(options), 0);
    // Some answers come in one datagram, others in another, which may be cut.
    let (one, other) = datagrams.split_at(datagrams.len() / 4 * 2);
    replies.datagram(one, true);
    replies.datagram(other, !has(6));
    if has(7) {
        replies.lose(Errno::ENOBUFS);
    }
    let _ = (replies.complete(), replies.silence(), replies.acks_end(), replies.has_end());
    let fate = replies.fate();
    let _ = format!("{fate:?}");
    if let Fate::Rejected(rejections) = fate {
        let _ = rejections.to_string();
    }
}

/// Makes requests of messages, and hands the kind and attributes of each to `refuse`, with what tells which of its
/// attributes a refusal is about: by the offset that it has, or by an attribute that is missing, at its top or in the
/// nest at that offset.
pub fn paths(bytes: &[u8], mut refuse: impl FnMut(u16, &[u8], &dyn Fn(Option<u32>, Option<u32>) -> Option<String>)) {
    let Some(batch) = rewrite(bytes, |_| {}) else { return };
    for (sequence, (kind, _, attrs)) in (1..).zip(nft_messages(batch.as_bytes())) {
        refuse(kind, attrs, &|offset, missing| {
            let extended = match missing {
                Some(_) => ExtAck { missing, missing_in: offset, ..ExtAck::default() },
                None => ExtAck { offset, ..ExtAck::default() },
            };
            let rejection = batch.explain(sequence, Errno::EINVAL, &extended)?;
            let _ = rejection.to_string();
            rejection.path().map(ToString::to_string)
        });
    }
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
