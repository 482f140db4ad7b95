//! Resets under traffic: what all readings told together, and what is left, is what was sent.

use std::collections::BTreeMap;

use nftlink::object::Quota;
use nftlink::{ElementInfo, Key, RuleInfo};

use super::*;
use crate::support::Stop;

/// Datagrams that each of two senders sends to each of [`PORTS`] at least, while there are so many readings at least.
const TIMES: u64 = 1500;
const READINGS: usize = 3;
const PORTS: [u16; 2] = [9, 10];
/// With their headers, of one byte of content.
const BYTES: u64 = 29;

fn fw() -> Table {
    Table::ip("fw")
}

/// What a sender sends is counted here before the call returns.
fn output() -> Chain<Hooked> {
    fw().chain("output").filter(Hook::OUTPUT, Priority::FILTER)
}

/// Sums of what was read, by what counted it.
#[derive(Default)]
struct Sums(BTreeMap<String, Counter>);

impl Sums {
    fn add(&mut self, what: impl ToString, counted: Counter) {
        let sum = self.0.entry(what.to_string()).or_default();
        // Of a packet that passes meanwhile one number may be in this reading, the other in the next.
        *sum = Counter::new(sum.packets + counted.packets, sum.bytes + counted.bytes);
    }

    fn rules(&mut self, rules: &[RuleInfo]) {
        rules.iter().for_each(|rule| self.add(rule.comment().unwrap(), rule.counter().unwrap()));
    }

    fn elements<K: Key + fmt::Display>(&mut self, elements: &[ElementInfo<K>]) {
        elements.iter().for_each(|element| self.add(element.key().unwrap(), element.counter().unwrap()));
    }
}

/// Reads over and over, by `reset`, which is told how often it was called, while two threads send; adds what
/// `rest` reads in the end, and compares each sum.
fn under_traffic(mut reset: impl FnMut(&mut Conn, usize, &mut Sums), rest: impl FnOnce(&mut Conn, &mut Sums)) {
    let (mut conn, mut sums) = (Conn::open().unwrap(), Sums::default());
    let (count, gone) = (AtomicUsize::new(0), AtomicBool::new(false));
    let times: u64 = thread::scope(|scope| {
        let senders = [(); 2].map(|()| {
            scope.spawn(|| {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                let mut times = 0;
                while times < TIMES || count.load(Ordering::Relaxed) < READINGS && !gone.load(Ordering::Relaxed) {
                    PORTS.iter().for_each(|&port| _ = socket.send_to(b"?", ("127.0.0.1", port)).unwrap());
                    times += 1;
                }
                times
            })
        });
        // Who sends does not wait for readings that are not to come.
        let _gone = Stop(&gone);
        while !senders.iter().all(|sender| sender.is_finished()) {
            reset(&mut conn, count.load(Ordering::Relaxed), &mut sums);
            count.fetch_add(1, Ordering::Relaxed);
        }
        senders.into_iter().map(|sender| sender.join().unwrap()).sum()
    });
    rest(&mut conn, &mut sums);
    let (sent, count) = (Counter::new(times, times * BYTES), count.into_inner());
    assert_eq!(sums.0.len() % PORTS.len(), 0, "{:?}", sums.0);
    assert!(sums.0.values().all(|sum| *sum == sent), "{count} readings told of {:?}, not of {sent:?}", sums.0);
}

pub(super) fn rules_that_are_reset_under_traffic_lose_nothing() {
    let mut conn = Conn::open().unwrap();
    let mut batch = Batch::new();
    batch.add(&fw()).add(&output());
    let rules = PORTS.map(|port| {
        batch.append(output(), Rule::new().when(udp::dport().eq(port)).counter().comment(port.to_string()));
        batch.last()
    });
    let applied = conn.commit_with_handles(&batch).unwrap();
    let handles = rules.map(|op| applied.rule(op).unwrap());
    under_traffic(
        |conn, n, sums| match n % 3 {
            0 => sums.rules(&conn.reset_rules(&output()).unwrap()),
            1 => sums.rules(&conn.reset_rules(..).unwrap()),
            _ => handles.iter().for_each(|&rule| sums.rules(&[conn.reset_rule(output(), rule).unwrap()])),
        },
        |conn, sums| sums.rules(&conn.rules(&output()).unwrap()),
    );
}

pub(super) fn elements_that_are_reset_under_traffic_lose_nothing() {
    let mut conn = Conn::open().unwrap();
    let single = Set::<Port>::new(fw(), "single").counters();
    let ranges = Set::<Interval<Port>>::new(fw(), "ranges").counters();
    let mut batch = Batch::new();
    batch.add(&fw()).add(&output()).add(&single).add(&ranges);
    batch.add_elements(&single, PORTS).add_elements(&ranges, [5..=9, 10..=11]);
    for found in [udp::dport().in_set(&single), udp::dport().in_set(&ranges)] {
        batch.append(output(), Rule::new().when(found));
    }
    conn.commit(&batch).unwrap();
    under_traffic(
        |conn, n, sums| match n % 2 {
            0 => {
                sums.elements(&conn.reset_elements(&single).unwrap());
                sums.elements(&conn.reset_elements(&ranges).unwrap());
            }
            _ => {
                for port in PORTS {
                    sums.elements(&[conn.reset_element(&single, port).unwrap()]);
                    sums.elements(&[conn.reset_element(&ranges, port).unwrap()]);
                }
            }
        },
        |conn, sums| {
            sums.elements(&conn.elements(&single).unwrap());
            sums.elements(&conn.elements(&ranges).unwrap());
        },
    );
}

pub(super) fn objects_that_are_reset_under_traffic_lose_nothing() {
    let mut conn = Conn::open().unwrap();
    let objects = PORTS.map(|port| {
        let counter = object::Counter::named(fw(), format!("counter {port}"));
        (port, counter, Quota::new(1 << 40).named(fw(), format!("quota {port}")))
    });
    let mut batch = Batch::new();
    batch.add(&fw()).add(&output());
    for (port, counter, quota) in &objects {
        batch.add(counter).add(quota);
        batch.append(output(), Rule::new().when(udp::dport().eq(*port)).object(counter).object(quota));
    }
    conn.commit(&batch).unwrap();

    fn add(sums: &mut Sums, infos: &[object::ObjectInfo]) {
        for info in infos {
            match info.any_value().unwrap() {
                object::Value::Counter(counted) => sums.add(info.name(), counted),
                object::Value::Quota(quota) => used(sums, info.name(), &quota),
                other => panic!("{other:?}"),
            }
        }
    }
    fn used(sums: &mut Sums, name: impl ToString, quota: &Quota) {
        // It counts bytes, and those of whole packets.
        assert_eq!(quota.consumed % BYTES, 0);
        sums.add(name, Counter::new(quota.consumed / BYTES, quota.consumed));
    }
    under_traffic(
        |conn, n, sums| match n % 3 {
            0 => add(sums, &conn.reset_objects(&fw()).unwrap()),
            1 => {
                for kind in [object::ObjectKind::COUNTER, object::ObjectKind::QUOTA] {
                    let found = conn.reset_objects_of_kind(kind, ..).unwrap();
                    assert!(found.len() == 2 && found.iter().all(|object| object.kind() == kind), "{found:?}");
                    add(sums, &found);
                }
            }
            _ => {
                for (_, counter, quota) in &objects {
                    sums.add(counter.at().name(), conn.reset_counter(counter).unwrap());
                    used(sums, quota.at().name(), &conn.reset_object_value(quota).unwrap());
                }
            }
        },
        |conn, sums| add(sums, &conn.objects(&fw()).unwrap()),
    );
}
