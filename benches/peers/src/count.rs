//! Counts what the kernel has, independently of who put it there.

use anyhow::Result;
use peers_work::{BUFFER, LOADED, SET, Socket, What, attrs, messages};

use crate::wire::{self, DUMP, GETCHAIN, GETRULE, GETSET, GETSETELEM};

/// How often a set is listed anew until the kernel has it in order.
const ATTEMPTS: usize = 50;

/// How many rules or elements there are, and, from a listing, which: a sum over all, whatever their order.
pub struct Count {
    pub count: u64,
    pub digest: Option<u64>,
}

/// Counts by what the kernel itself keeps count of, where it does; by a listing, where not or where told to.
pub fn count(what: What, listed: bool) -> Result<Count> {
    let socket = Socket::open()?;
    let kept = if listed { None } else { kept(&socket, what)? };
    match kept {
        Some(count) => Ok(Count { count, digest: None }),
        None => settled(&socket, what),
    }
}

/// Lists until two listings agree: the kernel moves the elements of a set that has grown, and does not tell.
fn settled(socket: &Socket, what: What) -> Result<Count> {
    let mut last = listing(socket, what)?;
    for _ in 0..ATTEMPTS {
        let next = listing(socket, what)?;
        if (last.count, last.digest) == (next.count, next.digest) {
            break;
        }
        last = next;
    }
    Ok(last)
}

fn set_of(what: What) -> &'static str {
    if matches!(what, What::Loaded | What::LoadedSized) { LOADED } else { SET }
}

fn be32(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(|bytes| u32::from_be_bytes(bytes).into())
}

/// A chain's users are its rules. Sets tell since Linux 6.16 how many elements they have; those of intervals
/// tell other numbers.
fn kept(socket: &Socket, what: What) -> Result<Option<u64>> {
    let (kind, number) = match what {
        _ if what.is_of_rules() => (GETCHAIN, 6),
        What::Intervals => return Ok(None),
        _ => (GETSET, 20),
    };
    let found = socket.one(&wire::request(kind, 0, set_of(what)), |of| {
        attrs(of).find(|(other, _)| *other == number).and_then(|(_, value)| be32(value))
    })?;
    Ok(found)
}

fn listing(socket: &Socket, what: What) -> Result<Count> {
    let (mut count, mut digest) = (0, 0u64);
    let mut add = |of: u64| {
        count += 1;
        digest = digest.wrapping_add(of);
    };
    let kind = if what.is_of_rules() { GETRULE } else { GETSETELEM };
    socket.dump(&wire::request(kind, DUMP, set_of(what)), &mut vec![0; BUFFER], |datagram| {
        for (_, body) in messages(datagram).filter(|(kind, _)| kind >> 8 == 0x0a) {
            for (number, value) in attrs(&body[4..]) {
                match (what.is_of_rules(), number) {
                    (true, 4) => add(hash(0, value)),
                    (false, 3) => attrs(value).filter_map(|(_, entry)| element(entry)).for_each(&mut add),
                    _ => {}
                }
            }
        }
    })?;
    Ok(Count { count, digest: Some(digest) })
}

/// The hash of an element's key, value and flags, in whichever order they come.
fn element(entry: &[u8]) -> Option<u64> {
    let (mut sum, mut zero, mut end) = (0u64, false, false);
    for (number, value) in attrs(entry) {
        match number {
            1 => zero = value[4..].iter().all(|byte| *byte == 0),
            3 => end = value == [0, 0, 0, 1],
            _ => {}
        }
        if matches!(number, 1 | 2 | 3 | 10) {
            sum = sum.wrapping_add(hash(number, value));
        }
    }
    // Some write that nothing ends where the space of addresses begins. It says nothing.
    (!(zero && end)).then_some(sum)
}

/// FNV-1a.
fn hash(number: u16, bytes: &[u8]) -> u64 {
    let begin = 0xcbf2_9ce4_8422_2325 ^ u64::from(number);
    bytes.iter().fold(begin, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
