//! [`Receiver`].

use std::ffi::c_char;
use std::iter::FusedIterator;
use std::os::fd::RawFd;
use std::ptr::null_mut;
use std::time::Duration;

use crate::component::{c_text, component, take_text, timeout_ms, Handle};
use crate::envelope::{Batch, Envelope};
use crate::error::{check, Error, Result};

/// Receives envelopes from a post office. `for envelope in &receiver` yields them until it is
/// stopped.
#[derive(Debug)]
pub struct Receiver {
    pub(crate) handle: Handle,
}

component!(Receiver);

impl Receiver {
    /// A receiver that will connect to the post office's PUB side. Without
    /// [`subscribe`](Self::subscribe) it subscribes to every topic.
    pub fn new(address: &str, name: &str) -> Result<Self> {
        let (address, name) = (c_text("address", address)?, c_text("name", name)?);
        let mut handle = 0;
        // SAFETY: the texts outlive the call, and the handle is valid for writing.
        check(unsafe {
            hermes_sys::hermes_receiver_new(address.as_ptr(), name.as_ptr(), &mut handle)
        })?;
        let handle = Handle(handle);
        Ok(Self { handle })
    }

    /// Subscribes to the topics that begin with this prefix, before or after the start. The first
    /// subscription replaces "every topic".
    pub fn subscribe(&self, topic: &str) -> Result<()> {
        let start = topic.as_ptr().cast::<c_char>();
        // SAFETY: the text outlives the call.
        check(unsafe { hermes_sys::hermes_receiver_subscribe(self.handle.0, start, topic.len()) })
            .map(drop)
    }

    /// Undoes one [`subscribe`](Self::subscribe).
    pub fn unsubscribe(&self, topic: &str) -> Result<()> {
        let start = topic.as_ptr().cast::<c_char>();
        // SAFETY: the text outlives the call.
        check(unsafe { hermes_sys::hermes_receiver_unsubscribe(self.handle.0, start, topic.len()) })
            .map(drop)
    }

    /// Accepts envelopes of this origin. After the first call, other origins are rejected.
    pub fn accept(&self, origin: &str) -> Result<()> {
        let start = origin.as_ptr().cast::<c_char>();
        // SAFETY: the text outlives the call.
        check(unsafe { hermes_sys::hermes_receiver_accept(self.handle.0, start, origin.len()) })
            .map(drop)
    }

    /// The oldest envelope. Waits without limit.
    pub fn recv(&self) -> Result<Envelope> {
        self.take(None)
    }

    /// The oldest envelope; [`Error::Timeout`] when the timeout expires.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Envelope> {
        self.take(Some(timeout))
    }

    /// The oldest envelope; `None` if the queue is empty.
    pub fn try_recv(&self) -> Result<Option<Envelope>> {
        none_in_time(self.take(Some(Duration::ZERO)))
    }

    fn take(&self, timeout: Option<Duration>) -> Result<Envelope> {
        let mut envelope = null_mut();
        // SAFETY: the pointer is valid for writing.
        let code =
            unsafe { hermes_sys::hermes_recv(self.handle.0, timeout_ms(timeout), &mut envelope) };
        owned(code, Envelope::own(envelope))
    }

    /// Up to `max` envelopes. Waits for the first one, without limit.
    pub fn recv_batch(&self, max: usize) -> Result<Batch> {
        self.take_batch(max, None)
    }

    /// Up to `max` envelopes; [`Error::Timeout`] when the timeout expires.
    pub fn recv_batch_timeout(&self, max: usize, timeout: Duration) -> Result<Batch> {
        self.take_batch(max, Some(timeout))
    }

    /// Up to `max` envelopes; `None` if the queue is empty.
    pub fn try_recv_batch(&self, max: usize) -> Result<Option<Batch>> {
        none_in_time(self.take_batch(max, Some(Duration::ZERO)))
    }

    fn take_batch(&self, max: usize, timeout: Option<Duration>) -> Result<Batch> {
        let mut batch = null_mut();
        // SAFETY: the pointer is valid for writing.
        let code = unsafe {
            hermes_sys::hermes_recv_batch(self.handle.0, max, timeout_ms(timeout), &mut batch)
        };
        owned(code, Batch::own(batch))
    }

    /// Up to `max` envelopes as one JSON text, `[[topic, origin, data, ts], ...]`. Waits for the
    /// first one only; `None` never expires.
    pub fn recv_json(&self, max: usize, timeout: Option<Duration>) -> Result<String> {
        let (mut text, mut length, timeout) = (null_mut(), 0, timeout_ms(timeout));
        // SAFETY: both are valid for writing; the count may be NULL.
        check(unsafe {
            hermes_sys::hermes_recv_json(
                self.handle.0,
                max,
                timeout,
                &mut text,
                &mut length,
                null_mut(),
            )
        })?;
        Ok(take_text(text, length))
    }

    /// A descriptor that polls readable while envelopes are queued, or once the receiver has
    /// stopped. Poll it only. It is closed with the receiver.
    pub fn fd(&self) -> Result<RawFd> {
        self.handle.fd()
    }

    /// Every received envelope, until the receiver is stopped or closed, also by the loop's own
    /// body. A receiver that was never started yields one error and then ends.
    pub fn iter(&self) -> Incoming<'_> {
        Incoming { receiver: self, over: false }
    }
}

/// The result of a call that returned a code and an envelope or batch.
pub(crate) fn owned<T>(code: i32, value: Option<T>) -> Result<T> {
    check(code)?;
    value.ok_or_else(|| Error::Internal("success, and no envelope".into()))
}

/// Converts [`Error::Timeout`] to `None`.
pub(crate) fn none_in_time<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::Timeout(_)) => Ok(None),
        other => other.map(Some),
    }
}

/// The iterator of [`Receiver::iter`]. Waits for each envelope.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    receiver: &'a Receiver,
    over: bool,
}

impl Iterator for Incoming<'_> {
    type Item = Result<Envelope>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let item = next_of(self.receiver.recv());
        self.over = is_last(&item);
        item
    }
}

impl FusedIterator for Incoming<'_> {}

/// A result as an iterator's item: `None` if the receiver has stopped or is closed.
pub(crate) fn next_of<T>(result: Result<T>) -> Option<Result<T>> {
    match result {
        Err(Error::Stopped(_) | Error::BadHandle(_)) => None,
        other => Some(other),
    }
}

/// Whether the iteration ends with this item. `NoMemory` concerns one envelope only; every other
/// error is the last item.
fn is_last<T>(item: &Option<Result<T>>) -> bool {
    !matches!(item, Some(Ok(_) | Err(Error::NoMemory(_))))
}

impl<'a> IntoIterator for &'a Receiver {
    type Item = Result<Envelope>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.iter()
    }
}
