//! What the feature `log` tells of a connection: what happened, in numbers, and nothing of what is in a ruleset.

use std::net::Ipv4Addr;
use std::sync::Mutex;

use log::{Level, LevelFilter, Log, Metadata, Record};
use nftlink::field::ip;
use nftlink::{Batch, Errno, Hook, Priority, Recording, Refusal, Rule, Table};

/// Keeps what is logged, at any level.
struct Kept(Mutex<Vec<(Level, String)>>);

static KEPT: Kept = Kept(Mutex::new(Vec::new()));

impl Log for Kept {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        assert!(record.target().starts_with("nftlink"), "{}", record.target());
        self.0.lock().unwrap().push((record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

/// What was logged at a level since the last time.
fn told(level: Level) -> Vec<String> {
    let told = std::mem::take(&mut *KEPT.0.lock().unwrap());
    told.into_iter().filter(|(at, _)| *at == level).map(|(_, text)| text).collect()
}

// A process has one logger: so there is one test.
#[test]
fn tells_what_became_of_a_batch_and_nothing_that_is_in_it() {
    log::set_logger(&KEPT).unwrap();
    let secret = Table::inet("secret").comment("secret");
    let chain = secret.chain("secret").filter(Hook::INPUT, Priority::FILTER);
    let mut batch = Batch::new();
    batch.add(&secret).add(&chain);
    batch.append(&chain, Rule::new().when(ip::saddr().eq(Ipv4Addr::new(203, 0, 113, 7))).log("secret").drop());
    let (bytes, recording) = (batch.as_bytes().len(), Recording::new());
    let mut conn = recording.conn();

    log::set_max_level(LevelFilter::Debug);
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

    log::set_max_level(LevelFilter::Trace);
    conn.commit(&batch).unwrap();
    let each = told(Level::Trace);
    assert_eq!(each.len(), 3, "{each:?}");
    assert!(each[0].starts_with("commit: message 1: type 0, flags "), "{each:?}");
    conn.commit(&batch).unwrap();
    let all = KEPT.0.lock().unwrap();
    assert!(all.len() == 4 && !all.iter().any(|(_, text)| text.contains("secret") || text.contains("203")), "{all:?}");
}
