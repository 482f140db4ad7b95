//! What becomes of an event, and who waits for it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::error::Error;

/// An event that was handed to a [`Writer`](crate::Writer), and its outcome as soon as there is one.
///
/// It is waited for on a thread, by [`wait`](Self::wait), or in a task, as a future. Who drops it does without the
/// outcome; the event is committed all the same.
#[must_use = "the outcome of an event is told here and nowhere else"]
pub struct Pending {
    outcome: Arc<Outcome>,
}

/// The place where the outcome is put.
#[derive(Default)]
pub(super) struct Outcome {
    state: Mutex<State>,
    told: Condvar,
}

#[derive(Default)]
struct State {
    outcome: Option<Result<(), Error>>,
    /// Somebody sleeps until it is there.
    awaited: bool,
    waker: Option<Waker>,
}

impl Outcome {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, outcome: Result<(), Error>) {
        let mut state = self.lock();
        state.outcome = Some(outcome);
        let (awaited, waker) = (state.awaited, state.waker.take());
        drop(state);
        if awaited {
            self.told.notify_all();
        }
        if let Some(waker) = waker {
            // The waker is a stranger's: others are not to suffer from it.
            let _ = caught(|| waker.wake());
        }
    }
}

/// Calls what is a stranger's, and returns the text of its panic.
///
/// The panic itself is never dropped: that might panic, too.
pub(super) fn caught(call: impl FnOnce()) -> Result<(), Box<str>> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").into();
        std::mem::forget(panic);
        text
    })
}

impl Pending {
    pub(super) fn new(outcome: Arc<Outcome>) -> Self {
        Self { outcome }
    }

    /// Of an event that came when the writer had ended.
    pub(super) fn ended() -> Self {
        let outcome = Arc::new(Outcome::default());
        outcome.tell(Err(Error::WriterEnded));
        Self { outcome }
    }

    /// Waits until the event is committed or refused, and returns which.
    ///
    /// # Errors
    ///
    /// What [`Conn::commit`](crate::Conn::commit) would have returned for a batch of this event alone, and
    ///
    /// - [`Error::EventPanicked`] if the event panicked: nothing of it was applied.
    /// - [`Error::WriterEnded`] if the writer had ended before the event was handed over.
    pub fn wait(self) -> Result<(), Error> {
        let mut state = self.outcome.lock();
        loop {
            if let Some(outcome) = state.outcome.take() {
                return outcome;
            }
            state.awaited = true;
            state = self.outcome.told.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether the outcome is there: then [`wait`](Self::wait) does not block.
    pub fn is_done(&self) -> bool {
        self.outcome.lock().outcome.is_some()
    }
}

impl Future for Pending {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.outcome.lock();
        match &state.outcome {
            Some(outcome) => Poll::Ready(outcome.clone()),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").field("done", &self.is_done()).finish()
    }
}
