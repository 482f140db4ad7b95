//! One whose packets pass the rules.

use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nftlink::datum::Port;
use nftlink::field::{meta, udp};
use nftlink::trace::{PacketTracer, Traced, Tracer};
use nftlink::{Batch, Conn, Error, Hook, Priority, Rule, Set, Table, object};

use crate::{Kind, Load, conn};

fn table() -> Table {
    Table::ip("packets")
}

fn counter() -> object::Named<object::Counter> {
    object::Counter::named(table(), "sent")
}

/// The ports that were sent from; none stays long.
fn ports() -> Set<Port> {
    Set::new(table(), "ports").dynamic().timeouts().size(4096)
}

/// Those to which packets are counted, and to which they are traced.
const COUNTED: u16 = 9;
const TRACED: u16 = 10;

pub(crate) fn make(conn: &mut Conn) {
    let out = table().chain("out").filter(Hook::OUTPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&table()).add(&out).add(&counter()).add(&ports());
    let seen = udp::sport().timeout(Duration::from_millis(200));
    batch.append(&out, Rule::new().when(udp::dport().eq(TRACED)).set(meta::nftrace(), 1).drop());
    batch.append(&out, Rule::new().when(udp::dport().eq(COUNTED)).object(counter()).add_to(&ports(), seen));
    conn.commit(&batch).unwrap();
}

pub(crate) struct Packets {
    tracer: PacketTracer,
    /// Packets that were sent to be counted, and to be traced.
    sent: [u64; 2],
    told: u64,
    lost: bool,
}

impl Packets {
    pub(crate) fn new() -> Self {
        let tracer = Tracer::open().unwrap().packets().quiet(Duration::from_millis(1));
        Self { tracer, sent: [0; 2], told: 0, lost: false }
    }

    pub(crate) fn go_on(&mut self, load: &Load) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..20 {
            // Nobody listens: the answer to one is an error of the next, which is not sent then.
            self.sent[0] += u64::from(socket.send_to(b"x", ("127.0.0.1", COUNTED)).is_ok());
        }
        socket.send_to(b"x", ("127.0.0.1", TRACED)).unwrap_err();
        self.sent[1] += 1;
        load.packets.fetch_add(21, Ordering::Relaxed);
        self.trace(load);
    }

    fn trace(&mut self, load: &Load) {
        loop {
            match self.tracer.try_receive() {
                Ok(Some(Traced::Seen(packet))) => {
                    self.told += u64::from(packet.is_complete());
                    load.done(Kind::Trace);
                    assert!(!packet.is_complete() || packet.dropped_at().is_some(), "{packet}");
                }
                Ok(Some(_)) => self.lost = true,
                Ok(None) => return,
                // The packet comes all the same, without the rule.
                Err(Error::Inconsistent { .. }) => load.overtaken(Kind::Trace),
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    pub(crate) fn finish(mut self, load: &Load) {
        self.trace(load);
        let mut conn = conn();
        assert_eq!(conn.counter(counter()).unwrap().packets, self.sent[0]);
        assert!(self.lost || self.told == self.sent[1], "{} of {} packets were traced", self.told, self.sent[1]);
    }
}
