//! Makes seeds of recorded netlink messages: `seeds OUT FILE...`.
//!
//! Each target gets what it reads: single messages and whole files, only their attributes, or what nft keeps in these.
//! Small ones are best, for the fuzzer changes a byte here and there.

use std::collections::HashSet;
use std::path::Path;
use std::{env, fs, io};

// Built as the targets are, it needs what they are linked with.
use libfuzzer_sys as _;
use nftlink_fuzz::{messages, paths, userdata};

/// Larger ones take long, and say little more.
const MOST: usize = 4096;

/// The targets that read whole messages.
const OF_MESSAGES: [&str; 4] = ["messages", "rewritten", "backup", "events"];

fn main() -> io::Result<()> {
    let mut args = env::args_os().skip(1);
    let out = args.next().expect("where the seeds go");
    let mut seen = HashSet::new();
    for file in args {
        let bytes = fs::read(&file)?;
        let all: Vec<&[u8]> = messages(&bytes).collect();
        for message in &all {
            write(Path::new(&out), &OF_MESSAGES, message, &mut seen)?;
            write(Path::new(&out), &["attributes"], message.get(20..).unwrap_or_default(), &mut seen)?;
            for userdata in userdata::of_message(message) {
                write(Path::new(&out), &["userdata"], userdata, &mut seen)?;
            }
            // A refusal at some attribute of it.
            let refusal = [&(seen.len() as u16).to_le_bytes(), &[0, paths::COUNTED][..], message].concat();
            write(Path::new(&out), &["paths"], &refusal, &mut seen)?;
        }
        // What belongs together: a table with its chains, sets and rules.
        let mut together = Vec::new();
        for message in all {
            if together.len() + message.len() > MOST {
                write(Path::new(&out), &OF_MESSAGES, &together, &mut seen)?;
                together.clear();
            }
            together.extend_from_slice(message);
        }
        write(Path::new(&out), &OF_MESSAGES, &together, &mut seen)?;
    }
    for answers in answers() {
        write(Path::new(&out), &["answers"], &answers, &mut seen)?;
    }
    println!("{} seeds", seen.len());
    Ok(())
}

fn write(out: &Path, targets: &[&str], seed: &[u8], seen: &mut HashSet<Vec<u8>>) -> io::Result<()> {
    if seed.is_empty() || seed.len() > MOST || !seen.insert(seed.to_vec()) {
        return Ok(());
    }
    for target in targets {
        let dir = out.join(target);
        fs::create_dir_all(&dir)?;
        fs::write(dir.join(seen.len().to_string()), seed)?;
    }
    Ok(())
}

/// Two answers to a batch each, one in each half, behind the byte that tells how the batch was sent.
fn answers() -> impl Iterator<Item = Vec<u8>> {
    let places = (0..12).flat_map(|sequence| (20..300).step_by(8).map(move |offset| (sequence, offset)));
    places.enumerate().map(|(n, (sequence, offset))| {
        let errno = if n % 7 == 0 { 0 } else { -2 };
        [&[n as u8][..], &answer(sequence, errno, offset), &answer(sequence + 1, errno, offset + 4)].concat()
    })
}

/// An ack or refusal with the offset of an attribute.
fn answer(sequence: u32, errno: i32, offset: u32) -> Vec<u8> {
    const NLMSG_ERROR: u32 = 2;
    const CAPPED_WITH_TLVS: u32 = 0x300;
    const OFFSET: u32 = 2;
    let head = [44, NLMSG_ERROR | CAPPED_WITH_TLVS << 16, sequence, 0, errno as u32];
    let (original, tlv) = ([0; 4], [8 | OFFSET << 16, offset]);
    [&head[..], &original, &tlv].concat().into_iter().flat_map(u32::to_le_bytes).collect()
}
