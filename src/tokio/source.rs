//! What waits for the kernel to tell something.

use std::future::{Future as _, poll_fn};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use ::tokio::io::Interest;
use ::tokio::io::unix::AsyncFd;
use ::tokio::task::coop;
use ::tokio::time::{Sleep, sleep_until};
use futures_core::Stream;

use super::Conn;
use crate::error::{Errno, Error, IoError};
use crate::monitor::{self, Notice};
use crate::ruleset::Generation;
use crate::trace::{self, PacketTrace, Traced};

/// Gives what the kernel told, if there is something.
trait Source: AsFd {
    type Item;

    fn take(&mut self) -> Result<Option<Self::Item>, Error>;

    /// When there may be something although nothing was told.
    fn wakes_at(&self) -> Option<Instant> {
        None
    }
}

impl Source for monitor::Monitor {
    type Item = Notice;

    fn take(&mut self) -> Result<Option<Notice>, Error> {
        self.try_receive()
    }
}

impl Source for trace::Tracer {
    type Item = Traced;

    fn take(&mut self) -> Result<Option<Traced>, Error> {
        self.try_receive()
    }
}

impl Source for trace::PacketTracer {
    type Item = Traced<PacketTrace>;

    fn take(&mut self) -> Result<Option<Traced<PacketTrace>>, Error> {
        self.try_receive()
    }

    fn wakes_at(&self) -> Option<Instant> {
        trace::PacketTracer::wakes_at(self)
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
struct Waiting<S: Source> {
    fd: AsyncFd<Raw<S>>,
    /// Made when it is needed for the first time.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<S: Source> Waiting<S> {
    #[allow(
        deprecated,
        reason = "what replaces it is unsafe: the descriptor has to stay open, which its owner sees to"
    )]
    fn new(source: S) -> Result<Self, Error> {
        let fd = AsyncFd::with_interest(Raw(source), Interest::READABLE).map_err(failed)?;
        Ok(Self { fd, alarm: None })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<S::Item, Error>> {
        // However much there is, other tasks have their turn.
        let turn = ready!(coop::poll_proceed(cx));
        loop {
            if let Some(item) = self.fd.get_mut().0.take()? {
                turn.made_progress();
                return Poll::Ready(Ok(item));
            }
            match self.fd.poll_read_ready_mut(cx).map_err(failed)? {
                // What came since it was looked at last is found now, and if it was nothing, it is waited for.
                Poll::Ready(mut ready) => match ready.get_inner_mut().0.take()? {
                    Some(item) => {
                        turn.made_progress();
                        return Poll::Ready(Ok(item));
                    }
                    None => ready.clear_ready(),
                },
                Poll::Pending => ready!(self.poll_alarm(cx)),
            }
        }
    }

    /// Ready when it is time to look although nothing was told.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.fd.get_ref().0.wakes_at() else { return Poll::Pending };
        let at = at.into();
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if alarm.deadline() != at {
            alarm.as_mut().reset(at);
        }
        alarm.as_mut().poll(cx)
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::Io(IoError { doing: "waiting in the runtime".into(), errno: Errno::from(&error) })
}

macro_rules! streams {
    ($($(#[$meta:meta])* $name:ident($inner:ty) of $item:ty, $what:literal, $of:ty => $open:expr;)*) => {$(
        $(#[$meta])*
        ///
        /// An error is not its end: what is polled after it goes on.
        #[derive(Debug)]
        pub struct $name(Waiting<$inner>);

        impl $name {
            #[doc = concat!("Opens a ", $what, " in the calling thread's network namespace.")]
            ///
            /// # Errors
            ///
            #[doc = concat!("Those of [`open`](", stringify!($of), "::open) and of [`new`](Self::new).")]
            ///
            /// # Panics
            ///
            /// See [`new`](Self::new).
            pub fn open() -> Result<Self, Error> {
                $open.and_then(Self::new)
            }

            #[doc = concat!("Hands a ", $what, " to the runtime.")]
            ///
            /// # Errors
            ///
            /// [`Error::Io`] if the system has no room for one more file descriptor to wait for.
            ///
            /// # Panics
            ///
            /// Outside of a runtime that does I/O and has a clock, as all that tokio waits for.
            pub fn new(inner: $inner) -> Result<Self, Error> {
                Waiting::new(inner).map(Self)
            }

            /// Waits for what is told next. A call that is given up loses nothing.
            ///
            /// # Errors
            ///
            #[doc = concat!("Those of [`receive`](", stringify!($inner), "::receive).")]
            pub async fn receive(&mut self) -> Result<$item, Error> {
                poll_fn(|cx| self.0.poll(cx)).await
            }

            #[doc = concat!("Returns the ", $what, " that the runtime waits for.")]
            pub fn get_ref(&self) -> &$inner {
                &self.0.fd.get_ref().0
            }

            #[doc = concat!("Takes the ", $what, " back from the runtime.")]
            pub fn into_inner(self) -> $inner {
                self.0.fd.into_inner().0
            }
        }

        impl Stream for $name {
            type Item = Result<$item, Error>;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                self.0.poll(cx).map(Some)
            }
        }
    )*};
}

streams! {
    /// A [`monitor::Monitor`] that waits in the runtime: a stream of [`Notice`]s that never ends.
    Monitor(monitor::Monitor) of Notice, "monitor", monitor::Monitor => monitor::Monitor::open();
    /// A [`trace::Tracer`] that waits in the runtime: a stream of events that never ends.
    Tracer(trace::Tracer) of Traced, "tracer", trace::Tracer => trace::Tracer::open();
    /// A [`trace::PacketTracer`] that waits in the runtime: a stream of packets that never ends.
    PacketTracer(trace::PacketTracer) of Traced<PacketTrace>, "tracer", trace::Tracer => trace::Tracer::open().map(trace::Tracer::packets);
}

impl Monitor {
    /// Reads by `read` at one generation, and from then on tells only of commits after that, as
    /// [`monitor::Monitor::resync`] does. If it is given up, an overrun is told.
    ///
    /// # Errors
    ///
    /// Those of [`monitor::Monitor::resync`] and of [`Conn::run`].
    pub async fn resync<R: Send + 'static>(
        &mut self,
        conn: &mut Conn,
        read: impl FnMut(&mut crate::conn::Conn) -> Result<R, Error> + Send + 'static,
    ) -> Result<(R, Generation), Error> {
        self.0.fd.get_mut().0.begin_resync()?;
        let (value, generation) = conn.run(|conn| conn.snapshot(read)).await?;
        self.0.fd.get_mut().0.end_resync(generation);
        Ok((value, generation))
    }
}
