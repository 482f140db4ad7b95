//! The log expression.

use std::fmt;

use super::Wire;
use crate::error::{BuildErrorKind, DecodeError};
use crate::wire::newtype::open_number;
use crate::wire::path::{AttrName, Schema};
use crate::wire::{AttrReader, AttrWriter, Name};

const NFTA_LOG_GROUP: u16 = 1;
const NFTA_LOG_PREFIX: u16 = 2;
const NFTA_LOG_SNAPLEN: u16 = 3;
const NFTA_LOG_QTHRESHOLD: u16 = 4;
const NFTA_LOG_LEVEL: u16 = 5;
const NFTA_LOG_FLAGS: u16 = 6;

/// The longest prefix in bytes (`NF_LOG_PREFIXLEN` less the NUL).
const PREFIX_MAX: usize = 127;

open_number! {
    /// How urgent a line of the kernel's log is (`enum nft_log_level`).
    #[doc(alias = "nft_log_level")]
    pub struct LogLevel(u32) {
        /// The system is unusable.
        EMERG = 0, "emerg";
        /// Someone has to act at once.
        ALERT = 1, "alert";
        /// Something critical.
        CRIT = 2, "crit";
        /// An error.
        ERR = 3, "err";
        /// A warning; what the kernel takes where nothing is said.
        WARNING = 4, "warn";
        /// Normal, and of interest.
        NOTICE = 5, "notice";
        /// For information.
        INFO = 6, "info";
        /// For those who look for mistakes.
        DEBUG = 7, "debug";
        /// Not the log, but the audit system (Linux 5.0).
        AUDIT = 8, "audit";
    }
}

bitflags::bitflags! {
    /// What a line of the kernel's log tells beyond the usual (`NF_LOG_*`).
    #[doc(alias = "NF_LOG")]
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct LogFlags: u32 {
        /// TCP's sequence numbers.
        const TCPSEQ = 1;
        /// TCP's options.
        const TCPOPT = 2;
        /// The options of IP.
        const IPOPT = 4;
        /// The user id of the sending socket.
        const UID = 8;
        /// The fields of the link-layer header.
        const MACDECODE = 0x20;
        /// All of these (`flags all`).
        const ALL = 0x2f;
        /// What later kernels add.
        const _ = !0;
    }
}

/// Logs the packet, to the kernel's log or to a program, and goes on.
///
/// To the log go `level` and `flags`, to a program `group`, `snaplen` and `qthreshold`: the
/// kernel refuses a group with a level or flags.
#[doc(alias = "nft_log")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Log {
    /// What the line begins with. A batch refuses more than 127 bytes, and a NUL.
    pub prefix: Option<Name>,
    /// The group of `nfnetlink_log` whose program is told; without one it is the kernel's log.
    pub group: Option<u16>,
    /// How many bytes of the packet the program gets at most; where nothing is said it decides.
    pub snaplen: Option<u32>,
    /// How many packets are gathered before the program is told.
    pub qthreshold: Option<u16>,
    /// How urgent the line is.
    pub level: Option<LogLevel>,
    /// What the line tells beyond the usual.
    pub flags: LogFlags,
}

impl Log {
    /// Logs to the kernel's log, with the level that it takes by itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Logs to the kernel's log, a line that begins with `prefix`.
    pub fn prefixed(prefix: impl Into<Name>) -> Self {
        Self { prefix: Some(prefix.into()), ..Self::default() }
    }

    /// Logs to the program that listens to a group of `nfnetlink_log`.
    pub fn group(group: u16) -> Self {
        Self { group: Some(group), ..Self::default() }
    }

    /// Sets what the line begins with.
    pub fn prefix(mut self, prefix: impl Into<Name>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets how urgent the line is.
    pub fn level(mut self, level: LogLevel) -> Self {
        self.level = Some(level);
        self
    }

    /// Sets what the line tells beyond the usual.
    pub fn flags(mut self, flags: LogFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Sets how many bytes of the packet the program gets at most.
    pub fn snaplen(mut self, bytes: u32) -> Self {
        self.snaplen = Some(bytes);
        self
    }

    /// Sets how many packets are gathered before the program is told.
    pub fn queue_threshold(mut self, packets: u16) -> Self {
        self.qthreshold = Some(packets);
        self
    }
}

impl From<String> for Log {
    fn from(prefix: String) -> Self {
        Self::prefixed(prefix)
    }
}

impl From<&str> for Log {
    fn from(prefix: &str) -> Self {
        Self::prefixed(prefix)
    }
}

fn check(prefix: &Name) -> Result<(), BuildErrorKind> {
    match prefix.as_bytes() {
        bytes if bytes.len() > PREFIX_MAX => Err(BuildErrorKind::LogPrefixTooLong { len: bytes.len() }),
        bytes if bytes.contains(&0) => Err(BuildErrorKind::LogPrefixHasNul),
        _ => Ok(()),
    }
}

impl Wire for Log {
    const NAME: &'static str = "log";
    const SCHEMA: Schema = Schema(&[
        AttrName::value(NFTA_LOG_GROUP, "group"),
        AttrName::value(NFTA_LOG_PREFIX, "prefix"),
        AttrName::value(NFTA_LOG_SNAPLEN, "snaplen"),
        AttrName::value(NFTA_LOG_QTHRESHOLD, "qthreshold"),
        AttrName::value(NFTA_LOG_LEVEL, "level"),
        AttrName::value(NFTA_LOG_FLAGS, "flags"),
    ]);

    fn encode(&self, w: &mut AttrWriter) {
        for (what, said) in [("snaplen", self.snaplen.is_some()), ("queue-threshold", self.qthreshold.is_some())] {
            if said && self.group.is_none() {
                w.fail(BuildErrorKind::LogWithoutGroup { what });
            }
        }
        // The kernel keeps the lowest byte, and not all of that.
        w.in_range("the flags of a log", self.flags.bits(), 0..=255);
        if let Some(prefix) = &self.prefix {
            w.check(check(prefix));
            w.name(NFTA_LOG_PREFIX, prefix);
        }
        if let Some(group) = self.group {
            w.u16(NFTA_LOG_GROUP, group);
        }
        if let Some(snaplen) = self.snaplen {
            w.u32(NFTA_LOG_SNAPLEN, snaplen);
        }
        if let Some(qthreshold) = self.qthreshold {
            w.u16(NFTA_LOG_QTHRESHOLD, qthreshold);
        }
        if let Some(level) = self.level {
            // The kernel keeps the lowest byte, and then refuses what it does not know.
            w.in_range("a log level", level.get(), 0..=255);
            w.u32(NFTA_LOG_LEVEL, level.get());
        }
        if !self.flags.is_empty() {
            w.u32(NFTA_LOG_FLAGS, self.flags.bits());
        }
    }

    fn decode(attrs: &mut AttrReader<'_>) -> Result<Self, DecodeError> {
        let mut log = Self::default();
        while let Some(attr) = attrs.next() {
            match attr? {
                (NFTA_LOG_GROUP, v) => log.group = Some(v.u16()?),
                (NFTA_LOG_PREFIX, v) => log.prefix = Some(v.name()),
                (NFTA_LOG_SNAPLEN, v) => log.snaplen = Some(v.u32()?),
                (NFTA_LOG_QTHRESHOLD, v) => log.qthreshold = Some(v.u16()?),
                (NFTA_LOG_LEVEL, v) => log.level = Some(LogLevel::from_raw(v.u32()?)),
                (NFTA_LOG_FLAGS, v) => log.flags = LogFlags::from_bits_retain(v.u32()?),
                (other, _) => attrs.note_unknown(other),
            }
        }
        Ok(log)
    }

    fn normalize(&mut self) {
        // The kernel tells the level and the threshold that it took by itself.
        if self.group.is_some() {
            self.snaplen = self.snaplen.filter(|&bytes| bytes != 0);
            self.qthreshold = self.qthreshold.filter(|&packets| packets != 0);
        } else {
            self.level.get_or_insert(LogLevel::WARNING);
        }
    }

    #[cfg(test)]
    fn golden() -> Vec<(Self, &'static [u8])> {
        let flags = LogFlags::TCPSEQ | LogFlags::TCPOPT | LogFlags::IPOPT | LogFlags::UID | LogFlags::MACDECODE;
        let prefix = Some("p".into());
        vec![
            (Self::new(), b""),
            (Self::prefixed("drop: "), b"\x0b\0\x02\0drop: \0\0"),
            (
                Self { prefix, snaplen: Some(100), qthreshold: Some(5), ..Self::group(3) },
                b"\x06\0\x02\0p\0\0\0\x06\0\x01\0\0\x03\0\0\x08\0\x03\0\0\0\0\x64\x06\0\x04\0\0\x05\0\0",
            ),
            (
                Self { level: Some(LogLevel::DEBUG), flags, ..Self::new() },
                b"\x08\0\x05\0\0\0\0\x07\x08\0\x06\0\0\0\0\x2f",
            ),
        ]
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("log")?;
        if let Some(prefix) = &self.prefix {
            write!(f, " prefix {prefix}")?;
        }
        if let Some(group) = self.group {
            let (snaplen, qthreshold) = (self.snaplen.unwrap_or(0), self.qthreshold.unwrap_or(0));
            return write!(f, " group {group} snaplen {snaplen} qthreshold {qthreshold}");
        }
        if let Some(level) = self.level {
            write!(f, " level {}", level.get())?;
        }
        for (flag, word) in [
            (LogFlags::TCPSEQ, "tcpseq"),
            (LogFlags::TCPOPT, "tcpopt"),
            (LogFlags::IPOPT, "ipopt"),
            (LogFlags::UID, "uid"),
            (LogFlags::MACDECODE, "macdecode"),
        ] {
            if self.flags.contains(flag) {
                write!(f, " {word}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_that_the_kernel_cannot_take_is_refused() {
        let written = |prefix: &[u8]| {
            let mut w = AttrWriter::new();
            Log::prefixed(prefix).encode(&mut w);
            w.take_error()
        };
        assert_eq!(written(&[b'x'; 127]), None);
        assert_eq!(written(b""), None);
        assert_eq!(written(b"\xff\x01"), None, "which bytes they are is nobody's business");
        assert_eq!(written(&[b'x'; 128]), Some(BuildErrorKind::LogPrefixTooLong { len: 128 }));
        assert_eq!(written(b"a\0b"), Some(BuildErrorKind::LogPrefixHasNul));
    }
}
