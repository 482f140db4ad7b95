//! What the feature `log` tells of connections and monitors: what happened, in numbers, and nothing of what is in a
//! ruleset.

use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use log::{Level, LevelFilter, Log, Metadata, Record};
use nftlink::field::ip;
use nftlink::monitor::Notice;
use nftlink::{Batch, Conn, Errno, Hook, Priority, Recording, Refusal, Rule, Table};

mod support;

fn main() -> ExitCode {
    log::set_logger(&Keeper).expect("the first logger");
    log::set_max_level(LevelFilter::Trace);
    support::main(&[
        test!(tells_what_became_of_a_batch_and_nothing_that_is_in_it),
        test!(tells_that_events_were_lost_and_from_where_a_monitor_goes_on),
    ])
}

/// Keeps what is logged, at any level, for the thread that did it: each test has one of its own.
struct Keeper;

thread_local! {
    static KEPT: RefCell<Vec<(Level, String)>> = const { RefCell::new(Vec::new()) };
}

impl Log for Keeper {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // The laboratory's libraries have something to tell, too.
        if !record.module_path().is_some_and(|path| path.starts_with("nftlink::")) {
            return;
        }
        assert!(record.target().starts_with("nftlink"), "{}", record.target());
        KEPT.with_borrow_mut(|kept| kept.push((record.level(), record.args().to_string())));
    }

    fn flush(&self) {}
}

/// What was logged at a level since the last time.
fn told(level: Level) -> Vec<String> {
    let told = KEPT.take();
    told.into_iter().filter(|(at, _)| *at == level).map(|(_, text)| text).collect()
}

fn tells_what_became_of_a_batch_and_nothing_that_is_in_it() {
    let secret = Table::inet("secret").comment("secret");
    let chain = secret.chain("secret").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&secret).add(&chain);
    batch.append(&chain, Rule::new().when(ip::saddr().eq(Ipv4Addr::new(203, 0, 113, 7))).log("secret").drop());
    let (bytes, recording) = (batch.as_bytes().len(), Recording::new());
    let mut conn = recording.conn();

    conn.commit(&batch).unwrap();
    assert_eq!(told(Level::Debug), [format!("commit of 3 operations, {bytes} bytes: done")]);
    conn.check(&batch).unwrap();
    assert_eq!(told(Level::Debug), [format!("check of 3 operations, {bytes} bytes: done")]);
    recording.refuse_next(Refusal::operation(2, Errno::ENOENT));
    conn.commit(&batch).unwrap_err();
    assert_eq!(
        told(Level::Debug),
        [
            format!("commit of 3 operations, {bytes} bytes: refused, no such file or directory"),
            "commit: operation 2 refused: no such file or directory".to_owned()
        ]
    );
    recording.refuse_next(Refusal::lost());
    conn.commit(&batch).unwrap_err();
    let lost = told(Level::Debug);
    assert!(lost.len() == 1 && lost[0].contains("fate unknown"), "{lost:?}");

    conn.commit(&batch).unwrap();
    let each = told(Level::Trace);
    assert_eq!(each.len(), 3, "{each:?}");
    assert!(each[0].starts_with("commit: message 1: type 0, flags "), "{each:?}");
    conn.commit(&batch).unwrap();
    let all = KEPT.take();
    assert!(all.len() == 4 && !all.iter().any(|(_, text)| text.contains("secret") || text.contains("203")), "{all:?}");
}

fn tells_that_events_were_lost_and_from_where_a_monitor_goes_on() {
    let mut monitor = Conn::options().receive_buffer(0).monitor().unwrap();
    let (mut conn, mut batch) = (Conn::open().unwrap(), Batch::new());
    let secret = Table::inet("secret");
    batch.add(&secret).delete(&secret);
    // More than there is room for.
    (0..1000).for_each(|_| conn.commit(&batch).unwrap());
    KEPT.take();

    let notice = monitor.try_receive().unwrap();
    assert!(matches!(notice, Some(Notice::Overrun(_))), "{notice:?}");
    assert_eq!(told(Level::Debug), ["a monitor has lost events: its queue was full"]);
    let (_, generation) = monitor.resync(&mut conn, |conn| conn.tables(..)).unwrap();
    assert_eq!(told(Level::Debug), [format!("a monitor goes on from generation {}", generation.get())]);
    // Nothing is told where nothing is lost.
    conn.commit(&batch).unwrap();
    KEPT.take();
    let notice = monitor.try_receive().unwrap();
    assert!(matches!(&notice, Some(Notice::Commit(commit)) if commit.is_complete()), "{notice:?}");
    assert!(KEPT.take().is_empty());
}
