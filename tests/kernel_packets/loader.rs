//! What packets meet while a set is replaced again and again.

use nftlink::{Key, KeyFor, Loader};

use super::*;

/// In each of the sets, in every other one, in none.
const ALWAYS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const EVEN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);
const ODD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);
const NEVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);

/// Sends to a port of an address, and tells whether that was allowed.
pub(super) fn passes(socket: &UdpSocket, to: Ipv4Addr, port: u16) -> bool {
    match socket.send_to(b"?", (to, port)) {
        Ok(_) => true,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => false,
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn packets_see_the_old_set_or_the_new_one_and_nothing_between() {
    replaced_under_traffic(&Set::<Ipv4Addr>::new(Table::ip("fw"), "blocked"), |address| address);
}

pub(super) fn packets_see_the_old_intervals_or_the_new_ones_and_nothing_between() {
    replaced_under_traffic(&Set::<Interval<Ipv4Addr>>::new(Table::ip("fw"), "blocked"), Interval::value);
}

fn replaced_under_traffic<K: Key + KeyFor<Ipv4Addr> + Send + Sync>(set: &Set<K>, key: fn(Ipv4Addr) -> K) {
    let table = Table::ip("fw");
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let mut conn = Conn::open().unwrap();
    let mut batch = Batch::new();
    conn.commit(batch.reset(&table).add(&output)).unwrap();
    let loader = Loader::new(set);
    // What is looked for comes last: it is there only when all is.
    let elements = |swap: usize| {
        let others = (0..6000).map(|n| Ipv4Addr::from(0x0a00_0000 + n * 2));
        let of_this = if swap % 2 == 0 { EVEN } else { ODD };
        others.chain([of_this, ALWAYS]).map(key).map(Element::of)
    };
    let live = loader.load(&mut conn, elements(0)).unwrap();
    batch.clear();
    batch.append(&output, Rule::new().when(udp::dport().eq(9)).when(ip::daddr().in_set(&live)).drop());
    // One packet looks twice, and finds the same.
    let twice = Rule::new().when(udp::dport().eq(9)).when(ip::daddr().not_in_set(&live));
    batch.append(&output, twice.when(ip::daddr().in_set(&live)).counter().comment("torn"));
    conn.commit(&batch).unwrap();
    let (done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            let mut seen = [[0; 2]; 2];
            while !done.load(Ordering::Relaxed) {
                let number = sent.load(Ordering::Relaxed);
                assert!(!passes(&socket, ALWAYS, 9), "number {number} slipped through");
                assert!(passes(&socket, NEVER, 9), "number {number} was stopped");
                for (seen, address) in seen.iter_mut().zip([EVEN, ODD]) {
                    seen[usize::from(passes(&socket, address, 9))] += 1;
                }
                sent.fetch_add(1, Ordering::Release);
            }
            seen
        });
        let ends = support::Stop(&done);
        for swap in 1..=support::times(100).max(4) {
            loader.load(&mut conn, elements(swap)).unwrap();
            let before = sent.load(Ordering::Acquire);
            while sent.load(Ordering::Acquire) < before + 5 && !sender.is_finished() {
                thread::yield_now();
            }
        }
        drop(ends);
        let seen = sender.join().unwrap();
        assert!(seen.iter().flatten().all(|&seen| seen > 0), "each set was in use: {seen:?}");
    });
    let rules = conn.rules(&output).unwrap();
    assert_eq!(rules[1].counter().map(|counter| counter.packets), Some(0));
}
