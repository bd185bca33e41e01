//! [`AsyncReceiver`] and [`AsyncPublisher`], which wait on tokio's reactor, without a thread.
//!
//! Waiting: the library's descriptor is duplicated and registered with the reactor. A call first
//! tries without waiting; if it finds nothing, it awaits readiness and tries again.
//!
//! Fairness: each call consumes a unit of tokio's cooperative budget, so that a task that never
//! has to wait still yields, timers fire, other tasks run, and it can be aborted. The budget is
//! consumed before anything is taken or queued, so a cancelled call has done nothing.
//!
//! Blocking calls (`stop`, `close`, `wait_ready`) run on the runtime's blocking pool. There are
//! no locks here.

use std::ops::Deref;
use std::os::fd::{BorrowedFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;
use tokio::task::coop::consume_budget;

use crate::component::timeout_ms;
use crate::envelope::{Batch, Envelope};
use crate::error::{check_unless, Error, Result};
use crate::publisher::{Publisher, Row};
use crate::receiver::{next_of, Receiver};

/// Registers a descriptor of the library with the current runtime's reactor.
///
/// It registers a duplicate, which stays open when the component is closed: it then becomes
/// readable, and its number cannot name another file meanwhile.
fn register(fd: RawFd) -> Result<AsyncFd<OwnedFd>> {
    // SAFETY: the descriptor is open, since the caller holds its component.
    let copy = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned().map_err(io_error)?;
    // SAFETY: AsyncFd owns the duplicate, and its number does not change.
    unsafe { AsyncFd::register_with_interest(copy, Interest::READABLE) }.map_err(io_error)
}

fn io_error(error: impl ToString) -> Error {
    Error::Io(error.to_string())
}

/// Calls `attempt` now, and again whenever the descriptor is readable, until it has a result.
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
        // Attempt before clearing the readiness: the reactor reports changes only.
        match attempt()? {
            Some(result) => return Ok(result),
            None => guard.clear_ready(),
        }
    }
}

/// Waits until a component is ready, on the blocking pool. If the future is dropped, the thread
/// gives up within SLICE.
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

/// Cancels the wait when it is dropped.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The error of a blocking call that did not complete: it panicked, or the runtime shut down.
fn internal(error: tokio::task::JoinError) -> Error {
    Error::Internal(error.to_string())
}

/// A [`Receiver`] whose calls wait on tokio's reactor, without a thread. It dereferences to the
/// receiver.
///
/// A cancelled call has taken nothing. Each call consumes cooperative budget, as tokio's own
/// channels do, so that a loop over many envelopes lets timers fire and other tasks run.
#[derive(Debug)]
pub struct AsyncReceiver {
    descriptor: AsyncFd<OwnedFd>, // declared first: deregistered before the receiver is dropped
    receiver: Receiver,
}

impl AsyncReceiver {
    /// Registers a receiver with the current runtime's reactor. Panics outside a runtime with
    /// I/O enabled, as all of tokio's I/O types do.
    pub fn new(receiver: Receiver) -> Result<Self> {
        Ok(Self { descriptor: register(receiver.fd()?)?, receiver })
    }

    /// The oldest envelope. [`Error::Stopped`] once the receiver has stopped and its queue is
    /// empty, or it is closed, before or during the call.
    pub async fn recv(&self) -> Result<Envelope> {
        until_some(&self.descriptor, || closed_is_stopped(self.receiver.try_recv())).await
    }

    /// Up to `max` envelopes. Waits for the first one only. Errors as [`recv`](Self::recv).
    pub async fn recv_batch(&self, max: usize) -> Result<Batch> {
        until_some(&self.descriptor, || closed_is_stopped(self.receiver.try_recv_batch(max))).await
    }

    /// The next envelope, for `while let Some(envelope) = receiver.next().await`. `None` once the
    /// receiver has stopped and its queue is empty, or it is closed.
    pub async fn next(&self) -> Option<Result<Envelope>> {
        next_of(self.recv().await)
    }

    /// Waits until it is connected. Limit it with [`tokio::time::timeout`](https://docs.rs/tokio).
    pub async fn wait_ready(&self) -> Result<()> {
        wait_ready(self.receiver.handle()).await
    }
}

/// Converts the error of a closed receiver to that of a call during which it is closed.
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

/// A [`Publisher`] for tasks: waiting for room, or for queued envelopes to be sent, suspends the
/// task and does not block the reactor.
///
/// Dropping it inside a runtime, as dropping a [`Publisher`], flushes on the blocking pool.
#[derive(Debug)]
pub struct AsyncPublisher {
    descriptor: AsyncFd<OwnedFd>, // declared first: deregistered before the publisher is dropped
    publisher: Publisher,
}

impl AsyncPublisher {
    /// Registers a publisher with the current runtime's reactor. Panics outside a runtime with
    /// I/O enabled, as all of tokio's I/O types do.
    pub fn new(publisher: Publisher) -> Result<Self> {
        Ok(Self { descriptor: register(publisher.fd()?)?, publisher })
    }

    /// Queues one envelope, as [`Publisher::publish`] does. If the queue is full and the option
    /// `queue.full` is `block`, the task waits for room without limit; limit it with
    /// [`tokio::time::timeout`](https://docs.rs/tokio). A cancelled call has queued nothing.
    pub async fn publish<T: Serialize + ?Sized>(&self, topic: &str, data: &T) -> Result<()> {
        self.queue(Row::of(topic, data)?).await
    }

    /// The same, with data that is JSON text already.
    pub async fn publish_json(&self, topic: &str, json: &str) -> Result<()> {
        self.queue(Row::of_json(topic, json)?).await
    }

    async fn queue(&self, row: Row) -> Result<()> {
        let attempt = || Ok(self.publisher.try_row(&row)?.then_some(()));
        until_some(&self.descriptor, attempt).await
    }

    /// Waits until it is connected and has a subscriber.
    pub async fn wait_ready(&self) -> Result<()> {
        wait_ready(self.publisher.handle()).await
    }

    /// Stops it as [`Publisher::stop`] does, on the blocking pool. Cancelling the call does not
    /// cancel the stop.
    pub async fn stop(&self, timeout: Duration) -> Result<()> {
        let (handle, timeout) = (self.publisher.handle(), timeout_ms(Some(timeout)));
        // SAFETY: takes numbers only.
        on_blocking_pool(move || unsafe { hermes_sys::hermes_stop(handle, timeout) }).await
    }

    /// Closes it as [`Publisher::close`] does, on the blocking pool. Cancelling the call does not
    /// cancel the close.
    pub async fn close(&self) -> Result<()> {
        let handle = self.publisher.handle();
        // SAFETY: takes a number only.
        on_blocking_pool(move || unsafe { hermes_sys::hermes_close(handle) }).await
    }

    /// The publisher itself, for its other calls. They may block the thread.
    pub fn get_ref(&self) -> &Publisher {
        &self.publisher
    }
}

/// Makes a blocking call on the blocking pool.
async fn on_blocking_pool(call: impl FnOnce() -> i32 + Send + 'static) -> Result<()> {
    // check() runs on the same thread, since the error text is kept per thread.
    let done = tokio::task::spawn_blocking(move || crate::error::check(call()).map(drop));
    done.await.map_err(internal)?
}
