//! [`AsyncReceiver`] and [`AsyncPublisher`]: waiting on tokio's reactor, without a thread.
//!
//! Each takes part in tokio's cooperative budget: a task that always finds something to take,
//! or room, yields now and then, so that timers fire, other tasks run, and it can be aborted.
//! The budget is asked first, before anything is taken or queued, so a wait that is cancelled
//! has done nothing.

use std::ops::Deref;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::task::coop::consume_budget;

use crate::envelope::{Batch, Envelope};
use crate::error::{check_unless, Error, Result};
use crate::json;
use crate::object::timeout_ms;
use crate::publisher::Publisher;
use crate::receiver::{next_of, Receiver};

/// A descriptor of the library's on the reactor of the runtime that this is called in.
///
/// It is a copy, which outlives the closing of the object: what is waited for then becomes
/// readable, and its number does not name another file meanwhile.
fn register(fd: RawFd) -> Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is that of an object that the caller holds, and open.
    let copy = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned().map_err(io_error)?;
    // SAFETY: the copy is owned by what it is registered with, and stays the same.
    unsafe { AsyncFd::register_with_interest(copy, Interest::READABLE) }.map_err(io_error)
}

fn io_error(error: impl ToString) -> Error {
    Error::Io(error.to_string())
}

/// Makes attempts until one has a result: one now, and one whenever the descriptor is readable.
async fn until_some<T>(
    descriptor: &AsyncFd<OwnedFd>,
    mut attempt: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    consume_budget().await;
    if let Some(result) = attempt()? {
        return Ok(result);
    }
    loop {
        let mut guard = descriptor.readable().await.map_err(io_error)?;
        // Attempted before the readiness is cleared, for the reactor tells of changes only.
        match attempt()? {
            Some(result) => return Ok(result),
            None => guard.clear_ready(),
        }
    }
}

/// Waits until an object is ready, on a thread for blocking work, which gives up soon after
/// the caller does.
async fn wait_ready(handle: u64) -> Result<()> {
    const SLICE: Duration = Duration::from_millis(50);
    let wanted = Wanted(Arc::new(AtomicBool::new(true)));
    let still = Arc::clone(&wanted.0);
    let waiting = tokio::task::spawn_blocking(move || {
        while still.load(Ordering::Relaxed) {
            // SAFETY: takes numbers only.
            let code = unsafe { hermes_sys::hermes_wait_ready(handle, timeout_ms(Some(SLICE))) };
            if check_unless(hermes_sys::HERMES_ETIMEOUT, code, ())?.is_some() {
                return Ok(());
            }
        }
        Ok(())
    });
    waiting.await.map_err(internal)?
}

/// Tells, when it is dropped, that the result is not wanted any more.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// For a blocking call that has not been run to its end: it panicked, or the runtime ends.
fn internal(error: tokio::task::JoinError) -> Error {
    Error::Internal(error.to_string())
}

/// A receiver that is waited for on tokio's reactor, without a thread. All else that a
/// [`Receiver`] can do it can do too.
///
/// A wait that is cancelled has taken nothing. Each call uses up some of the task's
/// cooperative budget, as those of tokio's own channels do: a loop over a flood of envelopes
/// lets timers fire and other tasks run.
#[derive(Debug)]
pub struct AsyncReceiver {
    descriptor: AsyncFd<OwnedFd>, // dropped, and off the reactor, before the receiver
    receiver: Receiver,
}

impl AsyncReceiver {
    /// Puts a receiver on the reactor of the runtime that this is called in. Panics outside of
    /// a runtime with I/O enabled, as everything does that tokio waits for.
    pub fn new(receiver: Receiver) -> Result<Self> {
        Ok(Self { descriptor: register(receiver.fd()?)?, receiver })
    }

    /// The oldest envelope. [`Error::Stopped`] once the receiver has stopped and nothing is
    /// left, or is closed: while this waits, or before.
    pub async fn recv(&self) -> Result<Envelope> {
        until_some(&self.descriptor, || closed_is_stopped(self.receiver.try_recv())).await
    }

    /// Up to `max` envelopes; waits for the first one only. Ends as [`recv`](Self::recv) does.
    pub async fn recv_batch(&self, max: usize) -> Result<Batch> {
        until_some(&self.descriptor, || closed_is_stopped(self.receiver.try_recv_batch(max))).await
    }

    /// The next envelope for a loop, `while let Some(envelope) = receiver.next().await`: nothing
    /// once the receiver has stopped and nothing is left, or is closed.
    pub async fn next(&self) -> Option<Result<Envelope>> {
        next_of(self.recv().await)
    }

    /// Waits until it is connected. [`tokio::time::timeout`](https://docs.rs/tokio) bounds that.
    pub async fn wait_ready(&self) -> Result<()> {
        wait_ready(self.receiver.handle()).await
    }
}

/// Gives a closed receiver the end that a thread gets which waits while it is closed.
fn closed_is_stopped<T>(result: Result<T>) -> Result<T> {
    match result {
        Err(Error::BadHandle(text)) => Err(Error::Stopped(text)),
        other => other,
    }
}

impl Deref for AsyncReceiver {
    type Target = Receiver;

    fn deref(&self) -> &Receiver {
        &self.receiver
    }
}

/// A publisher for tasks: what waits for room, or for what is queued to be sent, holds up the
/// task and not the reactor.
///
/// Dropping it, as dropping a [`Publisher`] inside a runtime, leaves the flushing to a thread for
/// blocking work.
#[derive(Debug)]
pub struct AsyncPublisher {
    descriptor: AsyncFd<OwnedFd>, // dropped, and off the reactor, before the publisher
    publisher: Publisher,
}

impl AsyncPublisher {
    /// Puts a publisher on the reactor of the runtime that this is called in. Panics outside of
    /// a runtime with I/O enabled, as everything does that tokio waits for.
    pub fn new(publisher: Publisher) -> Result<Self> {
        Ok(Self { descriptor: register(publisher.fd()?)?, publisher })
    }

    /// Queues one envelope, as [`Publisher::publish`] does. Where the queue is full, and the
    /// option `queue.full` is `block`, the task waits for room without end; what bounds that is
    /// [`tokio::time::timeout`](https://docs.rs/tokio). A call that is cancelled has queued
    /// nothing.
    pub async fn publish<T: Serialize + ?Sized>(&self, topic: &str, data: &T) -> Result<()> {
        self.queue(json::to_string(&(topic, None::<&str>, data))?).await
    }

    /// The same with data that are JSON already.
    pub async fn publish_json(&self, topic: &str, json: &str) -> Result<()> {
        // More than one value would be more of the row: another time, say.
        json::from_str::<serde::de::IgnoredAny>(json)?;
        self.queue(format!("[{},null,{json}]", json::to_string(topic)?)).await
    }

    async fn queue(&self, row: String) -> Result<()> {
        let row = crate::object::c_text("data", &row)?;
        let attempt = || Ok(self.publisher.try_row(&row)?.then_some(()));
        until_some(&self.descriptor, attempt).await
    }

    /// Waits until it is connected and a subscriber is there.
    pub async fn wait_ready(&self) -> Result<()> {
        wait_ready(self.publisher.handle()).await
    }

    /// Stops it as [`Publisher::stop`] does, on a thread for blocking work. It goes on where
    /// the task is cancelled meanwhile.
    pub async fn stop(&self, timeout: Duration) -> Result<()> {
        let (handle, timeout) = (self.publisher.handle(), timeout_ms(Some(timeout)));
        // SAFETY: takes numbers only.
        elsewhere(move || unsafe { hermes_sys::hermes_stop(handle, timeout) }).await
    }

    /// Closes it as [`Publisher::close`] does, on a thread for blocking work. It goes on where
    /// the task is cancelled meanwhile.
    pub async fn close(&self) -> Result<()> {
        let handle = self.publisher.handle();
        // SAFETY: takes a number only.
        elsewhere(move || unsafe { hermes_sys::hermes_close(handle) }).await
    }

    /// The publisher itself, whose own calls may block the thread: for what is not here.
    pub fn get_ref(&self) -> &Publisher {
        &self.publisher
    }
}

/// Makes a call that may block on a thread for blocking work.
async fn elsewhere(call: impl FnOnce() -> i32 + Send + 'static) -> Result<()> {
    // The text of an error belongs to the thread that made the call.
    let done = tokio::task::spawn_blocking(move || crate::error::check(call()).map(drop));
    done.await.map_err(internal)?
}
