//! What waits for the kernel to tell something.

use std::future::poll_fn;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::task::coop;
use futures_core::Stream;

use crate::error::{Errno, Error, IoError};
use crate::monitor::{self, Notice};

/// Gives what the kernel told, if there is something.
trait Source: AsFd {
    type Item;

    fn take(&mut self) -> Result<Option<Self::Item>, Error>;
}

impl Source for monitor::Monitor {
    type Item = Notice;

    fn take(&mut self) -> Result<Option<Notice>, Error> {
        self.try_receive()
    }
}

#[derive(Debug)]
struct Raw<S>(S);

impl<S: AsFd> AsRawFd for Raw<S> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// A source that the runtime waits for.
#[derive(Debug)]
struct Waiting<S: Source>(AsyncFd<Raw<S>>);

impl<S: Source> Waiting<S> {
    #[allow(
        deprecated,
        reason = "what replaces it is unsafe: the descriptor has to stay open, which here its owner sees to"
    )]
    fn new(source: S) -> Result<Self, Error> {
        AsyncFd::with_interest(Raw(source), Interest::READABLE).map(Self).map_err(failed)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Item, Error>> {
        // However much there is, other tasks have their turn.
        let turn = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(item) = self.0.get_mut().0.take()? {
                turn.made_progress();
                return Poll::Ready(Ok(item));
            }
            let mut ready = ready!(self.0.poll_read_ready_mut(cx)).map_err(failed)?;
            match ready.get_inner_mut().0.take()? {
                Some(item) => {
                    turn.made_progress();
                    return Poll::Ready(Ok(item));
                }
                None => ready.clear_ready(),
            }
        }
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Io(IoError { doing: "waiting in the runtime".into(), errno: Errno::from(&error) })
}

/// A [`monitor::Monitor`] that waits in the runtime: a stream of [`Notice`]s that never ends.
///
/// An error is not its end: what is polled after it tries again.
#[derive(Debug)]
pub struct Monitor(Waiting<monitor::Monitor>);

impl Monitor {
    /// Hands a monitor to the runtime.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system has no room for one more file descriptor to wait for.
    ///
    /// # Panics
    ///
    /// Outside of a runtime that does I/O, as all that tokio waits for.
    pub fn new(monitor: monitor::Monitor) -> Result<Self, Error> {
        Waiting::new(monitor).map(Self)
    }

    /// Waits for the next notice. A call that is given up loses nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system call fails.
    pub async fn receive(&mut self) -> Result<Notice, Error> {
        poll_fn(|cx| self.0.poll(cx)).await
    }

    /// Takes the monitor back from the runtime.
    pub fn into_inner(self) -> monitor::Monitor {
        self.0.0.into_inner().0
    }
}

impl Stream for Monitor {
    type Item = Result<Notice, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll(cx).map(Some)
    }
}
