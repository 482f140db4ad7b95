//! What packets meet while a table is made anew again and again.

use super::loader::passes;
use super::*;

const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;

pub(super) fn reset_lets_no_more_through_than_the_packet_that_is_between_two_chains() {
    let [fw, long] = ["fw", "long"].map(Table::ip);
    let [output, between] = [&fw, &long].map(|table| table.chain("output").filter(Hook::OUTPUT, Priority::FILTER));
    let mut conn = Conn::open().unwrap();
    let (done, sent, slipped) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let mut reset = || {
        // This is to be between the old chain and the new one: the kernel has the latest of one priority come first.
        let mut batch = Batch::new();
        batch.reset(&long).add(&between);
        for port in 1000..1200 {
            batch.append(&between, Rule::new().when(udp::dport().eq(port)).drop());
        }
        conn.commit(&batch).unwrap();
        batch.clear();
        batch.reset(&fw).add(&output);
        batch.append(&output, Rule::new().when(udp::dport().eq(7)).accept());
        batch.append(&output, Rule::new().when(udp::dport().eq(9)).drop());
        conn.commit(&batch).unwrap();
    };
    reset();
    thread::scope(|scope| {
        // One packet at a time: each is through the hook, or refused, before the next one comes.
        let sender = scope.spawn(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            while !done.load(Ordering::Relaxed) {
                slipped.fetch_add(usize::from(passes(&socket, HERE, 9)), Ordering::Relaxed);
                assert!(passes(&socket, HERE, 7), "number {} was stopped", sent.load(Ordering::Relaxed));
                sent.fetch_add(1, Ordering::Release);
            }
        });
        let wait_for = |more| {
            let before = sent.load(Ordering::Acquire);
            while sent.load(Ordering::Acquire) < before + more && !sender.is_finished() {
                thread::yield_now();
            }
            slipped.load(Ordering::Relaxed)
        };
        let _ends = support::Stop(&done);
        let mut before = wait_for(2);
        assert_eq!(before, 0);
        for _ in 0..support::times(300) {
            reset();
            let after = wait_for(5);
            assert!(after - before <= 1, "{} slipped through", after - before);
            before = after;
        }
    });
}
