//! What the feature `log` tells: kinds, numbers and errnos; never what is in a ruleset.

use crate::batch::Batch;
use crate::error::Error;
use crate::ruleset::Generation;
#[cfg(feature = "log")]
use crate::wire::message::words;

/// Tells what became of a batch that was sent, or was not.
#[cfg(feature = "log")]
pub(crate) fn batch<T>(batch: &Batch, is_check: bool, result: &Result<T, Error>) {
    let what = if is_check { "check" } else { "commit" };
    let (bytes, ops) = (batch.as_bytes(), batch.len());
    if log::log_enabled!(log::Level::Trace) {
        let mut rest = bytes;
        while let Some((words, len)) = words(rest) {
            let (sequence, kind, flags) = (words.sequence, words.kind & 0xff, words.flags);
            log::trace!("{what}: message {sequence}: type {kind}, flags {flags:#x}, {} bytes", words.len);
            rest = rest.split_at(len).1;
        }
    }
    let Err(error) = result else {
        log::debug!("{what} of {ops} operations, {} bytes: done", bytes.len());
        return;
    };
    let errno = error.errno().map(|errno| format!(", {errno}")).unwrap_or_default();
    let kind = match error {
        Error::Build(_) => "not sent, it has a mistake",
        Error::Rejected(_) | Error::Unsupported { .. } => "refused",
        Error::Stale { .. } => "refused, the generation is another",
        Error::TooLarge { .. } => "not sent, it is too large",
        Error::FateUnknown { .. } => "fate unknown",
        _ => "failed",
    };
    log::debug!("{what} of {ops} operations, {} bytes: {kind}{errno}", bytes.len());
    for refused in error.rejections() {
        let at = refused.path().map(|path| format!(" at {path}")).unwrap_or_default();
        log::debug!("{what}: {} refused: {}{at}", refused.op(), refused.errno());
    }
}

/// Tells that a monitor knows all up to a generation.
#[cfg(feature = "log")]
pub(crate) fn resync(generation: Generation) {
    log::debug!("a monitor goes on from generation {}", generation.get());
}

/// Tells that events were lost.
#[cfg(feature = "log")]
pub(crate) fn overrun() {
    log::debug!("a monitor has lost events: its queue was full");
}

#[cfg(not(feature = "log"))]
pub(crate) fn batch<T>(_: &Batch, _: bool, _: &Result<T, Error>) {}

#[cfg(not(feature = "log"))]
pub(crate) fn resync(_: Generation) {}

#[cfg(not(feature = "log"))]
pub(crate) fn overrun() {}
