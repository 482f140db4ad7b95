//! Sets, maps and meters that packets change: who is in them, for how long, and what is counted of each.

use nftlink::expr::Limit;
use nftlink::field::concat;
use nftlink::{Map, Meter};

use super::packet::*;
use super::*;

const HERE: IpAddr = LOOPBACKS[0];

/// Sends a datagram to port 9 from an address, with a mark.
fn send_from(sender: &Sender, host: u8, mark: u32) {
    sender.send(&Packet::udp(at([127, 0, 0, host], 4000), at(HERE, 9), b"?").mark(mark));
}

fn host(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 0, number)
}

pub(super) fn packets_add_to_sets_and_delete_from_them() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let seen = Set::<Ipv4Addr>::new(&table, "seen").dynamic().size(2);
    let pairs = Set::<(Ipv4Addr, Mark)>::new(&table, "pairs").dynamic();
    let marked = |mark: u32| Rule::new().when(meta::mark().eq(mark));
    let mut batch = Batch::new();
    batch.reset(&table).add(&seen).add(&pairs).add(&output);
    batch.append(&output, marked(1).add_to(&seen, ip::saddr()).counter());
    batch.append(&output, marked(2).delete_from(&seen, ip::saddr()).counter());
    batch.append(&output, Rule::new().add_to(&pairs, concat((ip::saddr(), meta::mark()))));
    batch.append(&output, Rule::new().when(ip::saddr().in_set(&seen)).counter());
    conn.commit(&batch).unwrap();
    let keys = |conn: &mut Conn| {
        let mut keys: Vec<_> = conn.elements(&seen).unwrap().iter().filter_map(|e| e.key().copied()).collect();
        keys.sort();
        keys
    };
    send_from(&sender, 5, 0);
    assert_eq!(keys(&mut conn), Vec::<Ipv4Addr>::new());
    send_from(&sender, 5, 1);
    send_from(&sender, 5, 1);
    send_from(&sender, 6, 1);
    assert_eq!(keys(&mut conn), [host(5), host(6)]);
    // It is full: the rule goes no further with what it cannot add.
    send_from(&sender, 7, 1);
    assert_eq!(keys(&mut conn), [host(5), host(6)]);
    assert_eq!(packets(&mut conn, &table, "output"), [3, 0, 3]);
    send_from(&sender, 5, 2);
    assert_eq!(keys(&mut conn), [host(6)]);
    send_from(&sender, 5, 0);
    send_from(&sender, 6, 0);
    assert_eq!(packets(&mut conn, &table, "output")[2], 4);
    let mut pairs: Vec<_> = conn.elements(&pairs).unwrap().iter().filter_map(|e| e.key().copied()).collect();
    pairs.sort();
    let expected =
        [(5, 0), (5, 1), (5, 2), (6, 0), (6, 1), (7, 1)].map(|(number, mark)| (host(number), Mark::new(mark)));
    assert_eq!(pairs, expected);
}

pub(super) fn updates_begin_timeouts_anew_and_adding_does_not() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let timeout = Duration::from_secs(2);
    let [added, updated] = ["added", "updated"].map(|name| Set::<Ipv4Addr>::new(&table, name).dynamic().timeouts());
    let mut batch = Batch::new();
    batch.reset(&table).add(&added).add(&updated).add(&output);
    batch.append(&output, Rule::new().add_to(&added, ip::saddr().timeout(timeout)));
    batch.append(&output, Rule::new().update_in(&updated, ip::saddr().timeout(timeout)));
    conn.commit(&batch).unwrap();
    let begin = Instant::now();
    send_from(&sender, 5, 0);
    let sent = Instant::now();
    let element = conn.elements(&added).unwrap().remove(0);
    assert_eq!(element.timeout(), Some(timeout));
    // The one is there as long as packets come, the other for its time.
    let (expired, last) = loop {
        let before = Instant::now();
        send_from(&sender, 5, 0);
        let expires = conn.elements(&updated).unwrap().remove(0).expires().unwrap();
        assert!(expires + before.elapsed() + TICKS >= timeout, "{expires:?}");
        let left = conn.elements(&added).unwrap().first().map(|element| element.expires().unwrap());
        match left {
            // It was added anew.
            Some(left) if left + begin.elapsed() > timeout + sent.duration_since(begin) + 2 * TICKS => {
                break (begin.elapsed(), left);
            }
            _ => assert!(begin.elapsed() < LONG, "it never expires"),
        }
        thread::sleep(Duration::from_millis(50));
    };
    assert!(expired + TICKS > timeout, "after {expired:?} it has {last:?}");
}

pub(super) fn packets_delete_elements_long_before_their_time() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let seen = Set::<Ipv4Addr>::new(&table, "seen").dynamic().timeouts();
    let pairs = Set::<(Ipv4Addr, Port)>::new(&table, "pairs").dynamic().timeout(LONG);
    let marked = |mark: u32| Rule::new().when(meta::mark().eq(mark));
    let pair = || concat((ip::saddr(), udp::dport()));
    let counted = || ip::saddr().timeout(LONG).stateful(Counter::default());
    let mut batch = Batch::new();
    batch.reset(&table).add(&seen).add(&pairs).add(&output);
    batch.append(&output, marked(1).update_in(&seen, counted()).update_in(&pairs, pair()));
    batch.append(&output, marked(2).delete_from(&seen, ip::saddr()).counter());
    batch.append(&output, marked(2).delete_from(&pairs, pair()));
    // To look an element up is to count it, too.
    batch.append(&output, marked(0).when(ip::saddr().in_set(&seen)).counter());
    conn.commit(&batch).unwrap();
    let counts = |conn: &mut Conn| {
        let elements = conn.elements(&seen).unwrap();
        let mut counts: Vec<_> = elements.iter().map(|e| (*e.key().unwrap(), e.counter().unwrap().packets)).collect();
        counts.sort();
        counts
    };
    for number in [5, 6, 5] {
        send_from(&sender, number, 1);
    }
    // To update is to count on.
    assert_eq!(counts(&mut conn), [(host(5), 2), (host(6), 1)]);
    assert_eq!(conn.elements(&pairs).unwrap().len(), 2);
    for number in [5, 7] {
        send_from(&sender, number, 2);
    }
    assert_eq!(counts(&mut conn), [(host(6), 1)]);
    let left: Vec<_> = conn.elements(&pairs).unwrap().iter().map(|e| *e.key().unwrap()).collect();
    assert_eq!(left, [(host(6), Port::new(9))]);
    send_from(&sender, 5, 0);
    send_from(&sender, 6, 0);
    assert_eq!(packets(&mut conn, &table, "output"), [2, 1], "to delete what is not there is no mistake");
    // What comes back begins again.
    send_from(&sender, 5, 1);
    assert_eq!(counts(&mut conn), [(host(5), 1), (host(6), 2)]);
}

pub(super) fn each_sender_has_a_limit_of_its_own() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let flood = Set::<Ipv4Addr>::new(&table, "flood").dynamic();
    let counted = Set::<Ipv4Addr>::new(&table, "counted").dynamic();
    let over = ip::saddr().element().stateful(Limit::packets(1, Limit::HOUR).burst(4).over());
    let mut batch = Batch::new();
    batch.reset(&table).add(&flood).add(&counted).add(&output);
    batch.append(&output, Rule::new().add_to(&counted, ip::saddr().element().stateful(Counter::default())));
    batch.append(&output, Rule::new().add_to(&flood, over).counter().drop());
    append_counted(&mut batch, &output, [5, 6, 7].map(|number| ip::saddr().eq(host(number))));
    conn.commit(&batch).unwrap();
    for _ in 0..10 {
        send_from(&sender, 5, 0);
    }
    for _ in 0..3 {
        send_from(&sender, 6, 0);
    }
    for _ in 0..5 {
        send_from(&sender, 7, 0);
    }
    assert_eq!(packets(&mut conn, &table, "output"), [6 + 1, 4, 3, 4]);
    let elements = conn.elements(&counted).unwrap();
    let mut counts: Vec<_> = elements.iter().map(|e| (*e.key().unwrap(), e.counter().unwrap().packets)).collect();
    counts.sort();
    assert_eq!(counts, [(host(5), 10), (host(6), 3), (host(7), 5)]);
}

pub(super) fn each_sender_has_a_meter_of_its_own() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let over = Limit::packets(1, Limit::HOUR).burst(4).over();
    let mut batch = Batch::new();
    batch.reset(&table).add(&output);
    // Each begins anew while its time is not over.
    let each = ip::saddr().timeout(LONG);
    let rule = Rule::new().meter(Meter::new("flood", each, over).size(2)).counter().drop();
    batch.append(&output, rule.clone());
    append_counted(&mut batch, &output, [5, 6, 7].map(|number| ip::saddr().eq(host(number))));
    conn.commit(&batch).unwrap();
    for (number, times) in [(5, 10), (6, 3), (7, 6)] {
        (0..times).for_each(|_| send_from(&sender, number, 0));
    }
    // The meter was full when the third came: no packet of its went beyond.
    assert_eq!(packets(&mut conn, &table, "output"), [6, 4, 3, 6]);
    let elements = conn.elements(&Set::<Ipv4Addr>::new(&table, "flood")).unwrap();
    let mut seen: Vec<_> = elements.iter().map(|element| *element.key().unwrap()).collect();
    seen.sort();
    assert_eq!(seen, [host(5), host(6)]);
    // It is copied with its name, and with its set gone with its rule.
    let found = conn.find_rules(&output, &rule).unwrap();
    assert_eq!(found.len(), 1);
    let copy = Table::inet("copy");
    let ruleset = conn.ruleset(&table).unwrap();
    let copied = ruleset.tables()[0].to_rule(&found[0]).unwrap();
    batch.clear();
    batch.add(&copy).add(&copy.chain("output")).append(copy.chain("output"), copied);
    conn.commit(&batch).unwrap();
    assert_eq!(conn.sets(&copy).unwrap()[0].name(), "flood");
    assert_eq!(conn.find_rules(copy.chain("output"), &rule).unwrap().len(), 1);
    batch.clear();
    conn.commit(batch.delete_rule(&output, found[0].handle())).unwrap();
    assert_eq!(conn.sets(&table).unwrap().len(), 0);
}

pub(super) fn maps_that_packets_fill_are_read_back() {
    let mut conn = Conn::open().unwrap();
    let sender = Sender::new();
    let table = Table::inet("fw");
    let output = dead_end(&table);
    let owners = Map::<Ipv4Addr, Mark>::new(&table, "owners").dynamic().timeouts();
    let by_pair = Map::<(Ipv4Addr, Port), Ipv4Addr>::new(&table, "by_pair").dynamic();
    let timeout = Duration::from_secs(600);
    let marked = || Rule::new().when(meta::mark().ne(0));
    let mut batch = Batch::new();
    batch.reset(&table).add(&owners).add(&by_pair).add(&output);
    batch.append(&output, marked().update_in(&owners, ip::saddr().timeout(timeout).to::<Mark>(meta::mark())));
    let pair = concat((ip::saddr(), udp::dport())).element();
    batch.append(&output, marked().add_to(&by_pair, pair.to::<Ipv4Addr>(ip::daddr())));
    // Those that come without a mark get their sender's.
    batch.append(&output, Rule::new().when(meta::mark().eq(0)).set(meta::mark(), ip::saddr().map(&owners)));
    append_counted(&mut batch, &output, [0, 0x50, 0x0100].map(|mark| meta::mark().eq(mark)));
    conn.commit(&batch).unwrap();
    send_from(&sender, 5, 0);
    assert_eq!(packets(&mut conn, &table, "output"), [1, 0, 0]);
    send_from(&sender, 5, 0x50);
    send_from(&sender, 6, 0x0100);
    assert_eq!(packets(&mut conn, &table, "output"), [1, 1, 1]);
    send_from(&sender, 5, 0);
    send_from(&sender, 5, 0);
    send_from(&sender, 6, 0);
    send_from(&sender, 7, 0);
    assert_eq!(packets(&mut conn, &table, "output"), [2, 3, 2]);
    let elements = conn.elements(&owners).unwrap();
    let mut read: Vec<_> = elements.iter().map(|e| (*e.key().unwrap(), *e.value(), e.timeout().unwrap())).collect();
    read.sort();
    assert_eq!(read, [(host(5), Mark::new(0x50), timeout), (host(6), Mark::new(0x0100), timeout)]);
    let elements = conn.elements(&by_pair).unwrap();
    let mut read: Vec<_> = elements.iter().map(|e| (*e.key().unwrap(), *e.value())).collect();
    read.sort();
    let here = Ipv4Addr::LOCALHOST;
    assert_eq!(read, [((host(5), Port::new(9)), here), ((host(6), Port::new(9)), here)]);
}
