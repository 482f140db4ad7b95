//! What the fuzz targets share.

mod expressions;
pub mod memory;
pub mod operations;
pub mod paths;
pub mod strict;
pub mod userdata;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// Bytes that reading may hold for each byte that is read, and beside.
const EACH: usize = 64;
const BESIDE: usize = 4096;
/// Bytes that building may hold for each byte of the batch.
const OF_BATCH: usize = 16;

/// The messages of a recording, with their padding.
pub fn messages(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let len = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let (message, rest) = bytes.split_at_checked(len.next_multiple_of(4)).filter(|_| len >= 16)?;
        bytes = rest;
        Some(message)
    })
}

/// Puts bytes through something that may hold no more memory than is in proportion to them.
///
/// # Panics
///
/// If it does.
pub fn bounded<T>(bytes: &[u8], target: impl FnOnce(&[u8]) -> T) {
    let peak = memory::peak(|| {
        target(bytes);
    });
    let most = EACH * bytes.len() + BESIDE;
    assert!(peak <= most, "{} bytes were read with {peak} bytes of memory", bytes.len());
}

/// Builds a batch of what bytes say, which may hold no more memory than is in proportion to both.
///
/// The batch counts beside the bytes of which it is made: of one of these a name is made, a verb of another, and a rule
/// of a few, each of hundreds of bytes. In proportion to a batch are its buffer, which doubles, the commands that show
/// it, and the copy that is sent where answers are asked for.
///
/// # Panics
///
/// If it holds more, or the strict parser does not take it.
pub fn bounded_by_batch(bytes: &[u8]) {
    operations::prepare();
    let mut built = 0;
    let peak = memory::peak(|| built = operations::run(bytes, &mut strict::Met::default()).as_bytes().len());
    let most = EACH * bytes.len() + OF_BATCH * built + BESIDE;
    assert!(peak <= most, "{built} bytes were built of {} with {peak} bytes of memory", bytes.len());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::messages;

    #[test]
    #[should_panic = "10 bytes were read with"]
    fn more_memory_than_is_in_proportion_is_told() {
        super::bounded(&[0; 10], |_| vec![0_u8; super::BESIDE + 11 * super::EACH]);
    }

    /// All of nf_tables that there are in dumps and requests, as the seeds are, a trace, and what is at hooks: what
    /// begins there is read.
    ///
    /// `hooks.nl` is none of a kernel's: those that nftlink was written on have no `NFNL_SUBSYS_HOOK`. It was put
    /// together by hand as `nfnetlink_hook.c` puts a listing together, with each attribute that the library reads but
    /// the device.
    #[test]
    fn seeds_have_every_kind_of_message_and_are_read() {
        const NFTABLES: u8 = 10;
        const HOOK: u8 = 12;
        let (mut kinds, mut read, mut traces, mut requests) = (BTreeSet::new(), 0, 0, 0);
        for file in fs::read_dir("seeds").unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            (read, traces) = (read + nftlink::fuzzing::messages(&bytes), traces + nftlink::fuzzing::events(&bytes));
            for message in messages(&bytes) {
                let (kind, subsystem, flags) = (message[4], message[5], message[6]);
                kinds.insert((subsystem, kind));
                requests += usize::from(subsystem == NFTABLES && flags & 1 != 0);
            }
        }
        println!("{read} messages and {traces} traces are read, {requests} are requests");
        let wanted = [0, 3, 6, 9, 12, 18, 22].map(|kind| (NFTABLES, kind));
        assert!(wanted.iter().chain(&[(HOOK, 0)]).all(|kind| kinds.contains(kind)), "{kinds:?}");
        assert!(read > 500 && traces > 10 && requests > 100, "{read} messages, {traces} traces, {requests} requests");
    }

    /// Message by message, and all of a recording, which may be a ruleset.
    #[test]
    fn what_seeds_say_is_what_is_written_of_them() {
        let mut written = 0;
        for file in fs::read_dir("seeds").unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            nftlink::fuzzing::rewritten(&bytes);
            nftlink::fuzzing::backup(&bytes);
            written += messages(&bytes).map(nftlink::fuzzing::rewritten).sum::<usize>();
        }
        println!("{written} requests");
        assert!(written > 500, "{written} requests");
    }

    /// Of all that keeps userdata there is some, which is read as what it is.
    #[test]
    fn seeds_have_userdata_of_every_kind() {
        let mut kinds = BTreeSet::new();
        for file in fs::read_dir("seeds").unwrap() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            for message in messages(&bytes) {
                for userdata in super::userdata::of_message(message) {
                    let mut rest = userdata;
                    while let [_, len, ref value @ ..] = *rest {
                        rest = value.get(usize::from(len)..).unwrap_or_else(|| panic!("{userdata:?}"));
                    }
                    assert!(rest.is_empty(), "{userdata:?}");
                    nftlink::fuzzing::userdata(userdata);
                    kinds.insert(message[4]);
                }
            }
        }
        assert_eq!(kinds, BTreeSet::from([0, 3, 6, 9, 12, 18]));
    }
}
