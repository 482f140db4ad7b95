//! A batch prints as nft prints the messages that it sends.

use nftlink::expr::Counter;
use nftlink::field::tcp;
use nftlink::{Batch, Hook, Policy, Priority, Rule, Table};

use crate::support;

/// The messages of nf_tables that change something, as nft prints them, without colours.
fn of_nft(script: &str) -> Vec<String> {
    let debugged = support::nft_debugging(script);
    assert_eq!(debugged.refusal, "");
    let mut plain = String::new();
    let mut parts = debugged.printed.split("\x1b[");
    plain.push_str(parts.next().unwrap_or_default());
    parts.for_each(|part| plain.push_str(part.split_once('m').map_or(part, |(_, text)| text)));
    // What nft reads comes first, then a begin, and an end behind.
    let (_, batch) = plain.split_once("| 00016 | R--- |").expect("a begin");
    let (batch, _) = batch.split_once("| 00017 | R--- |").expect("an end");
    let mut messages = messages(batch);
    messages.pop();
    messages.remove(0);
    messages
}

/// Each message without the rulers around it.
fn messages(text: &str) -> Vec<String> {
    let ruler = "----------------\t------------------\n";
    let twice = format!("{ruler}{ruler}");
    let joined: String = text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| [line, "\n"]).collect();
    joined.split(&twice).map(|message| message.trim_matches(['-', '\t', '\n']).to_owned()).collect()
}

pub(super) fn batch_prints_as_nft_prints_what_it_sends() {
    let fw = Table::ip("fw").comment("a \\ comment");
    let input = fw.chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
    let mut counter = Counter::default();
    (counter.packets, counter.bytes) = (1, 84);
    let mut batch = Batch::new();
    batch.add(&fw).add(&input);
    batch.append(&input, Rule::new().when(tcp::dport().eq(22)).expr(counter).accept());
    let script = "add table ip fw { comment \"a \\ comment\"; }\n\
        add chain ip fw input { type filter hook input priority 0; policy drop; }\n\
        add rule ip fw input tcp dport 22 counter packets 1 bytes 84 accept\n";
    let (nft, own) = (of_nft(script), messages(&batch.dump().to_string()));
    assert_eq!(own.len(), 3);
    for (own, nft) in own.iter().zip(&nft) {
        assert_eq!(own, nft, "\n{own}\n\nnft:\n{nft}");
    }
    assert_eq!(own.len(), nft.len(), "{nft:#?}");
}
