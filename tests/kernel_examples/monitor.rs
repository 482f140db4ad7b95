//! The parts of `examples/monitor.rs`: how it writes events.

use std::net::Ipv4Addr;
use std::time::Duration;

use nftlink::datum::{Mark, Port};
use nftlink::expr::Verdict;
use nftlink::field::tcp;
use nftlink::monitor::{Monitor, Notice};
use nftlink::object::Counter;
use nftlink::{Batch, Conn, Element, Hook, Interval, Map, Policy, Priority, Rule, Set, Table, TableFlags};

#[path = "../../examples/monitor/lines.rs"]
mod lines;

use lines::Lines;

fn fw() -> Table {
    Table::inet("fw")
}

/// Commits, and returns what is written of it, without the line of who it was.
#[track_caller]
fn told(monitor: &mut Monitor, lines: &mut Lines, fill: impl FnOnce(&mut Batch)) -> String {
    let mut batch = Batch::new();
    fill(&mut batch);
    Conn::open().unwrap().commit(&batch).unwrap();
    let notice = monitor.try_receive().unwrap().expect("a commit");
    let Notice::Commit(commit) = &notice else { panic!("{notice:?}") };
    let text = lines.of(&notice).unwrap();
    let (events, by) = text.trim_end().rsplit_once('\n').unwrap();
    assert!(by.starts_with(&format!("# generation {} by process ", commit.generation())), "{by}");
    format!("{events}\n")
}

fn start() -> (Monitor, Lines) {
    (Monitor::open().unwrap(), Lines::new(Conn::open().unwrap()))
}

pub(crate) fn writes_what_is_new_as_nft_does() {
    let (mut monitor, mut lines) = start();
    let input = fw().chain("input").filter(Hook::INPUT, Priority::FILTER).policy(Policy::DROP);
    let blocked = Set::<Interval<Ipv4Addr>>::new(fw(), "blocked").timeout(Duration::from_secs(90)).size(50);
    let marks = Map::<(Ipv4Addr, Port), Mark>::new(fw(), "marks");
    let web = Counter::named(fw(), "web");
    let text = told(&mut monitor, &mut lines, |batch| {
        batch.add(&fw().flags(TableFlags::DORMANT)).add(&input).add(&fw().chain("other")).add(&blocked).add(&marks);
        batch.add(&web).append(&input, Rule::new().when(tcp::dport().eq(22)).accept().comment("ssh"));
    });
    let mut conn = Conn::open().unwrap();
    let handle = conn.rules(..).unwrap()[0].handle();
    let chains: Vec<_> = conn.chains(..).unwrap().iter().map(|chain| chain.handle()).collect();
    let expected = format!(
        "add table inet fw {{ flags dormant; }}\n\
         add chain inet fw input {{ type filter hook input priority filter; policy drop; }} # handle {}\n\
         add chain inet fw other # handle {}\n\
         add set inet fw blocked {{ type ipv4_addr; flags interval,timeout; size 50; timeout 1m30s; }}\n\
         add map inet fw marks {{ type ipv4_addr . inet_service : mark; }}\n\
         add counter inet fw web\n\
         add rule inet fw input handle {handle} [ meta load l4proto => reg 1 ] [ cmp eq reg 1 0x00000006 ] \
         [ payload load 2b @ transport header + 2 => reg 1 ] [ cmp eq reg 1 0x00001600 ] \
         [ immediate reg 0 accept ] comment \"ssh\"\n",
        chains[0], chains[1]
    );
    assert_eq!(text, expected);
}

pub(crate) fn writes_elements_with_the_types_of_their_sets() {
    let blocked = Set::<Interval<Ipv4Addr>>::new(fw(), "blocked").timeouts();
    let marks = Map::<(Ipv4Addr, Port), Mark>::new(fw(), "marks");
    let verdicts = Map::<Port, Verdict>::new(fw(), "verdicts");
    let mut batch = Batch::new();
    batch.add(&fw()).add(&blocked).add(&marks).add(&verdicts);
    Conn::open().unwrap().commit(&batch).unwrap();
    // It has not seen how they were made.
    let (mut monitor, mut lines) = start();
    let network = |third| Interval::prefix(Ipv4Addr::new(198, 51, third, 0), 24);
    let text = told(&mut monitor, &mut lines, |batch| {
        batch.add_elements(
            &blocked,
            [Element::new(network(100)).timeout(Duration::from_secs(3600)), Element::new(network(102))],
        );
        batch.add_elements(&marks, [((Ipv4Addr::LOCALHOST, 80), 7)]);
        batch.add_elements(&verdicts, [Element::new(22).to(Verdict::ACCEPT).comment("ssh")]);
    });
    let expected = "add element inet fw blocked { 198.51.100.0/24 timeout 1h expires 1h }\n\
                    add element inet fw blocked { 198.51.102.0/24 }\n\
                    add element inet fw marks { 127.0.0.1 . 80 : 0x00000007 }\n\
                    add element inet fw verdicts { 22 comment \"ssh\" : accept }\n";
    // A little of the time may be gone.
    let text = text.replace("expires 59m59s", "expires 1h");
    let at = text.find("expires 1h").map_or(0, |at| at + "expires 1h".len());
    let end = text[at..].find(" }").map_or(at, |end| at + end);
    assert_eq!([&text[..at], &text[end..]].concat(), expected);

    let text = told(&mut monitor, &mut lines, |batch| {
        batch.delete_elements(&blocked, [network(102)]).delete(&marks);
    });
    let handle = text.rsplit(' ').next().unwrap();
    let expected =
        format!("delete element inet fw blocked {{ 198.51.102.0/24 }}\ndelete set inet fw marks # handle {handle}");
    assert_eq!(text, expected);
}

pub(crate) fn elements_of_a_set_that_nobody_knows_are_bytes() {
    let ports = Set::<Port>::new(fw(), "ports");
    let (mut conn, mut batch) = (Conn::open().unwrap(), Batch::new());
    batch.add(&fw()).add(&ports);
    for (is_learned, expected) in
        [(false, "add element inet fw ports { 0x0050 }"), (true, "add element inet fw ports { 80 }")]
    {
        conn.commit(&batch).unwrap();
        let (mut monitor, mut lines) = start();
        if is_learned {
            lines.learn(&conn.ruleset(..).unwrap());
        }
        let text = told(&mut monitor, &mut lines, |batch| {
            batch.add_elements(&ports, [80]).delete(&ports);
        });
        assert_eq!(text.lines().next(), Some(expected));
    }
}

pub(crate) fn says_that_events_were_lost() {
    let mut monitor = Conn::options().receive_buffer(0).monitor().unwrap();
    let mut lines = Lines::new(Conn::open().unwrap());
    let mut conn = Conn::open().unwrap();
    // More than the buffer that everybody has.
    let first = told(&mut monitor, &mut lines, |batch| _ = batch.add(&fw()));
    assert_eq!(first, "add table inet fw\n");
    let last = conn.generation().unwrap();
    let chain = |policy| fw().chain("input").filter(Hook::INPUT, Priority::FILTER).policy(policy);
    for policy in [Policy::ACCEPT, Policy::DROP].into_iter().cycle().take(2000) {
        conn.commit(Batch::new().add(&chain(policy))).unwrap();
    }
    let mut text = String::new();
    while let Some(notice) = monitor.try_receive().unwrap() {
        text += &lines.of(&notice).unwrap();
    }
    let lost = text.lines().find(|line| line.starts_with("# lost")).unwrap_or_default();
    assert_eq!(lost, format!("# lost events: there was no room for what came after generation {last}"));
}
