//! Large batches, many elements, full queues.

use nftlink::datum::Mark;
use nftlink::{Batch, Conn, Error, Rule, Set, Table};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, setsockopt, socket, sockopt};

use crate::{Ruleset, commit, conn, fw, input};

/// The largest send buffer that this process may have, if there is a limit: root of the machine has none.
fn send_limit() -> Option<usize> {
    let socket = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).unwrap();
    if setsockopt(&socket, sockopt::SndBufForce, &(1 << 20)).is_ok() {
        return None;
    }
    setsockopt(&socket, sockopt::SndBuf, &(1 << 30)).unwrap();
    Some(getsockopt(&socket, sockopt::SndBuf).unwrap())
}

/// Commits a batch if it is not too large for this process, and returns whether it is applied.
#[track_caller]
fn commit_if_it_fits(conn: &mut Conn, batch: &Batch) -> bool {
    let len = batch.as_bytes().len();
    let result = conn.commit(batch);
    let (Err(error), Some(most)) = (&result, send_limit()) else {
        result.unwrap();
        return true;
    };
    let &Error::TooLarge { needed, limit } = error else { panic!("{error:?}") };
    assert!(needed > len && needed > limit, "{len} bytes, which need {needed}, of {limit}");
    assert_eq!(limit, most);
    let told = format!(
        "the batch needs a send buffer of {needed} bytes, the limit is {limit}: split it, or raise net.core.wmem_max"
    );
    assert_eq!(error.to_string(), told);
    false
}

pub(crate) fn ten_thousand_operations_fit_one_commit() {
    let mut conn = conn();
    // Small ones, so that they fit what an ordinary user may send at once.
    let (table, chain) = (Table::ip("t"), Table::ip("t").chain("c"));
    let mut batch = Batch::new();
    batch.add(&table).add(&chain);
    (0..10_000).for_each(|_| _ = batch.append(&chain, Rule::new()));
    assert_eq!(batch.len(), 10_002);
    conn.commit(&batch).unwrap();
    assert_eq!(conn.rules(&chain).unwrap().len(), 10_000);
}

fn marks() -> Set<Mark> {
    Set::new(fw(), "marks")
}

/// The marks in the set, sorted.
#[track_caller]
fn marks_of(conn: &mut Conn) -> Vec<u32> {
    let mut marks: Vec<_> =
        conn.elements(&marks()).unwrap().iter().map(|element| element.key().unwrap().get()).collect();
    marks.sort_unstable();
    marks
}

pub(crate) fn five_thousand_elements_arrive() {
    let mut conn = conn();
    commit(&mut conn, |batch| batch.add(&fw()).add(&marks()).add_elements(&marks(), 0..5000));
    assert!(marks_of(&mut conn).into_iter().eq(0..5000));
    commit(&mut conn, |batch| batch.delete_elements(&marks(), 0..4500));
    assert!(marks_of(&mut conn).into_iter().eq(4500..5000));
}

pub(crate) fn seventy_thousand_elements_of_one_call_arrive() {
    let mut conn = conn();
    let mut batch = Batch::new();
    batch.add(&fw()).add(&marks()).add_elements(&marks(), 0..70_000);
    assert_eq!(batch.len(), 3, "however many messages that takes");
    if !commit_if_it_fits(&mut conn, &batch) {
        commit(&mut conn, |batch| batch.add(&fw()).add(&marks()));
        for part in (0..70_000).step_by(17_500) {
            commit(&mut conn, |batch| batch.add_elements(&marks(), part..part + 17_500));
        }
    }
    assert!(marks_of(&mut conn).into_iter().eq(0..70_000));
}

pub(crate) fn batch_of_ten_megabytes_is_applied_or_refused_with_the_limit() {
    let mut conn = conn();
    let before = Ruleset::read(&mut conn);
    let again = fw().comment("x".repeat(127));
    let mut batch = Batch::new();
    while batch.as_bytes().len() < 10_000_000 {
        batch.add(&again);
    }
    batch.add(&Table::ip("last"));
    if commit_if_it_fits(&mut conn, &batch) {
        assert_eq!(conn.tables(..).unwrap().len(), 2);
    } else {
        assert_eq!(Ruleset::read(&mut conn), before);
        commit(&mut conn, |batch| batch.add(&fw()));
    }
}

pub(crate) fn options_leave_room_for_large_batches() {
    let fill = |batch: &mut Batch| {
        batch.reset(&fw()).add(&input());
        (0..4096).for_each(|_| _ = batch.append(input(), Rule::new().drop()));
    };
    let mut batch = Batch::new();
    fill(&mut batch);
    // More than the usual send buffer holds.
    assert!(batch.as_bytes().len() > 212_992, "{}", batch.as_bytes().len());
    for options in [
        Conn::options(),
        Conn::options().receive_buffer(1 << 20),
        Conn::options().receive_buffer(1).send_buffer(1),
        Conn::options().send_buffer(300_000),
    ] {
        let mut conn = options.open().unwrap();
        conn.commit(&batch).unwrap();
        assert_eq!(conn.rules(&input()).unwrap().len(), 4096);
    }
    match (Conn::options().send_buffer(10_000_000).open(), send_limit()) {
        (Ok(_), most) => assert!(most.is_none_or(|most| most >= 10_000_000)),
        (Err(Error::TooLarge { needed, limit }), Some(most)) => {
            assert!(needed >= 10_000_000 && limit == most && needed > limit, "{needed}, {limit}, {most}");
        }
        (Err(error), _) => panic!("{error}"),
    }
}

pub(crate) fn more_refusals_than_the_queue_holds_are_told_as_such() {
    let mut conn = Conn::options().receive_buffer(4096).open().unwrap();
    let absent = Table::ip("absent");
    let mut batch = Batch::new();
    (0..5000).for_each(|_| _ = batch.delete(&absent));
    for _ in 0..2 {
        let error = conn.commit(&batch).unwrap_err();
        let Error::Rejected(rejections) = &error else { panic!("{error:?}") };
        assert!(rejections.truncated());
        let told = rejections.iter().count();
        assert!((1..5000).contains(&told), "{told}");
        assert!(rejections.iter().enumerate().all(|(n, rejection)| rejection.op().index() == n), "the first ones");
        // What was not told may be of another kind.
        assert!(!error.is_not_found());
        assert!(error.to_string().ends_with("and others that did not fit the receive queue"), "{error}");
        // What is left of it confuses nobody.
        assert_eq!(conn.tables(..).unwrap(), []);
    }
    commit(&mut conn, |batch| batch.add(&fw()));
    assert_eq!(conn.tables(..).unwrap().len(), 1);
    // With the usual buffer all of them are told, where the system permits one.
    if send_limit().is_none() {
        let error = self::conn().commit(&batch).unwrap_err();
        assert_eq!(error.rejections().count(), 5000);
    }
}

pub(crate) fn more_handles_than_the_queue_holds_are_no_failure() {
    let mut conn = Conn::options().receive_buffer(4096).open().unwrap();
    let mut batch = Batch::new();
    batch.add(&fw()).add(&input());
    let ops: Vec<_> = (0..4000).map(|_| batch.append(input(), Rule::new()).last()).collect();
    let applied = conn.commit_with_handles(&batch).unwrap();
    let rules = conn.rules(&input()).unwrap();
    assert_eq!(rules.len(), ops.len());
    for (rule, op) in rules.iter().zip(ops) {
        let handle = applied.rule(op);
        assert!(handle == Some(rule.handle()) || handle.is_none() && !applied.is_complete(), "{handle:?}");
    }
    if send_limit().is_none() {
        assert!(applied.is_complete(), "where the buffer may grow, it does");
    }
}
