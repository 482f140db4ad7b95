//! A ruleset in a file: the kernel's messages behind a head that tells of what system they are, and checks them.
//!
//! ```text
//! bytes  what
//! 8      "nftruls\n"
//! 4      version of this format, 1; all numbers are little-endian
//! 4      CRC-32 (IEEE) of all that follows
//! 8      how many bytes follow
//! 8      when it was written, in seconds since 1970
//! 1      1 if the machine is little-endian, 2 if it is big-endian
//! 1      bytes of a pointer: what xtables' extensions keep depends on it
//! 2 + n  the kernel's release, behind its length
//! …      the messages: `Ruleset::to_bytes`
//! ```

#![allow(dead_code, reason = "the tests use a part of it")]
#![allow(unreachable_pub, reason = "a module of a program, written as the small library it is")]

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nftlink::Ruleset;
use nftlink::error::DecodeError;
use nix::sys::utsname::uname;

const MAGIC: &[u8; 8] = b"nftruls\n";
const VERSION: u32 = 1;
/// Magic, version, checksum and length.
const HEAD: usize = 24;

/// A ruleset with what its file tells of it.
#[derive(Debug)]
pub struct Backup {
    pub ruleset: Ruleset,
    /// When it was written.
    pub written: SystemTime,
    /// The kernel whose ruleset it is.
    pub kernel: String,
    pub machine: Machine,
}

/// What the bytes of xtables' extensions, and numbers in the host's order, depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    endian: u8,
    pointer: u8,
}

impl Machine {
    pub fn this() -> Self {
        Self { endian: if cfg!(target_endian = "little") { 1 } else { 2 }, pointer: size_of::<usize>() as u8 }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endian = if self.endian == 1 { "little" } else { "big" };
        write!(f, "{} bits, {endian}-endian", u32::from(self.pointer) * 8)
    }
}

/// Why a file is no backup that can be used.
#[derive(Debug)]
pub enum FileError {
    Io(io::Error),
    NoBackup,
    Version(u32),
    Damaged(&'static str),
    Messages(DecodeError),
}

impl std::error::Error for FileError {}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NoBackup => f.write_str("this is no backup of a ruleset"),
            Self::Version(version) => write!(f, "the file has version {version} of the format: this program reads 1"),
            Self::Damaged(how) => write!(f, "the file is damaged: {how}"),
            Self::Messages(error) => write!(f, "the file has what is no ruleset: {error}"),
        }
    }
}

/// Puts a ruleset into the form of a file.
pub fn encode(ruleset: &Ruleset) -> io::Result<Vec<u8>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let release = uname()?.release().to_string_lossy().into_owned();
    let Machine { endian, pointer } = Machine::this();
    let mut body = now.as_secs().to_le_bytes().to_vec();
    body.extend([endian, pointer]);
    body.extend((release.len() as u16).to_le_bytes());
    body.extend(release.as_bytes());
    body.extend(ruleset.to_bytes());

    let mut file = MAGIC.to_vec();
    file.extend(VERSION.to_le_bytes());
    file.extend(crc32fast::hash(&body).to_le_bytes());
    file.extend((body.len() as u64).to_le_bytes());
    file.extend(body);
    Ok(file)
}

/// Reads a file, all of which has to be right.
pub fn decode(file: &[u8]) -> Result<Backup, FileError> {
    let (head, body) = file.split_first_chunk::<HEAD>().ok_or(FileError::NoBackup)?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if head[..8] != *MAGIC {
        return Err(FileError::NoBackup);
    }
    if number(8) != VERSION {
        return Err(FileError::Version(number(8)));
    }
    let len = u64::from(number(16)) | u64::from(number(20)) << 32;
    if len != body.len() as u64 {
        return Err(FileError::Damaged(if len > body.len() as u64 {
            "its end is missing"
        } else {
            "it goes on behind its end"
        }));
    }
    if crc32fast::hash(body) != number(12) {
        return Err(FileError::Damaged("its checksum is another"));
    }
    let cut = || FileError::Damaged("its head is cut off");
    let (seconds, rest) = body.split_first_chunk::<8>().ok_or_else(cut)?;
    let (&[endian, pointer], rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (len, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
    let (release, messages) = rest.split_at_checked(u16::from_le_bytes(*len).into()).ok_or_else(cut)?;
    Ok(Backup {
        ruleset: Ruleset::from_bytes(messages).map_err(FileError::Messages)?,
        written: UNIX_EPOCH.checked_add(Duration::from_secs(u64::from_le_bytes(*seconds))).unwrap_or(UNIX_EPOCH),
        kernel: String::from_utf8_lossy(release).into_owned(),
        machine: Machine { endian, pointer },
    })
}

/// Writes a backup. A file that is there stays as it is until the new one is whole.
pub fn write(path: &Path, ruleset: &Ruleset) -> io::Result<()> {
    // Of a device or a directory nothing may be replaced.
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is there, and no regular file"));
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut file = fs::File::create(&part)?;
    file.write_all(&encode(ruleset)?)?;
    file.sync_all()?;
    fs::rename(part, path)
}

/// Reads a backup.
pub fn read(path: &Path) -> Result<Backup, FileError> {
    decode(&fs::read(path).map_err(FileError::Io)?)
}
