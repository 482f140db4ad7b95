//! What packets meet when the owner of a table goes.

use super::*;

/// Nothing goes out to port 9.
fn shut(table: &Table) -> Batch {
    let output = table.chain("output").filter(Hook::OUTPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(table).add(&output).flush(table);
    batch.append(&output, Rule::new().when(udp::dport().eq(9)).drop());
    batch
}

/// Sends, and tells whether that was allowed.
fn passes(socket: &UdpSocket) -> bool {
    match socket.send_to(b"?", "127.0.0.1:9") {
        Ok(_) => true,
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => false,
        Err(error) => panic!("{error}"),
    }
}

pub(super) fn what_an_owned_table_drops_passes_when_its_owner_goes() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..20 {
        assert!(passes(&socket));
        let mut owner = Conn::open().unwrap();
        owner.commit(&shut(&Table::ip("fw").owned())).unwrap();
        assert!(!passes(&socket));
        drop(owner);
    }
    assert!(passes(&socket));
}

pub(super) fn no_packet_slips_through_while_a_persistent_table_changes_its_owner() {
    let shut = shut(&Table::ip("fw").owned().persistent());
    let mut owner = Conn::open().unwrap();
    owner.commit(&shut).unwrap();
    let (done, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            while !done.load(Ordering::Relaxed) {
                assert!(!passes(&socket), "number {}", sent.load(Ordering::Relaxed));
                sent.fetch_add(1, Ordering::Release);
            }
        });
        for _ in 0..50 {
            drop(owner);
            // Some meet the orphan.
            let before = sent.load(Ordering::Acquire);
            while sent.load(Ordering::Acquire) < before + 20 && !sender.is_finished() {
                thread::yield_now();
            }
            owner = Conn::open().unwrap();
            owner.commit(&shut).unwrap();
            let read = owner.table(Table::ip("fw")).unwrap();
            assert!(owner.owns(&read));
        }
        done.store(true, Ordering::Relaxed);
    });
}
