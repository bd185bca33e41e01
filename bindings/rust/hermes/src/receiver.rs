//! [`Receiver`].

use std::ffi::c_char;
use std::iter::FusedIterator;
use std::os::fd::RawFd;
use std::ptr::null_mut;
use std::time::Duration;

use crate::envelope::{Batch, Envelope};
use crate::error::{check, Error, Result};
use crate::object::{c_text, object, take_text, timeout_ms, Handle};

/// Takes what a post office sends. `for envelope in &receiver` takes all until it is stopped.
#[derive(Debug)]
pub struct Receiver {
    pub(crate) handle: Handle,
}

object!(Receiver);

impl Receiver {
    /// One that will connect to the post office's outgoing side. Without
    /// [`subscribe`](Self::subscribe) it follows every topic.
    pub fn new(address: &str, name: &str) -> Result<Self> {
        let (address, name) = (c_text("address", address)?, c_text("name", name)?);
        let mut handle = 0;
        // SAFETY: the texts outlive the call, and the handle is there to be written to.
        check(unsafe {
            hermes_sys::hermes_receiver_new(address.as_ptr(), name.as_ptr(), &mut handle)
        })?;
        let handle = Handle(handle);
        Ok(Self { handle })
    }

    /// Follows the topics that begin so, before or after the start. The first subscription
    /// replaces "every topic".
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

    /// Accepts envelopes of this origin; the first call turns away all others.
    pub fn accept(&self, origin: &str) -> Result<()> {
        let start = origin.as_ptr().cast::<c_char>();
        // SAFETY: the text outlives the call.
        check(unsafe { hermes_sys::hermes_receiver_accept(self.handle.0, start, origin.len()) })
            .map(drop)
    }

    /// The oldest envelope, waiting for it without end.
    pub fn recv(&self) -> Result<Envelope> {
        self.take(None)
    }

    /// The oldest envelope; [`Error::Timeout`] when the time is up.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Envelope> {
        self.take(Some(timeout))
    }

    /// The oldest envelope, if there is one now.
    pub fn try_recv(&self) -> Result<Option<Envelope>> {
        none_in_time(self.take(Some(Duration::ZERO)))
    }

    fn take(&self, timeout: Option<Duration>) -> Result<Envelope> {
        let mut envelope = null_mut();
        // SAFETY: the pointer is there to be written to.
        let code =
            unsafe { hermes_sys::hermes_recv(self.handle.0, timeout_ms(timeout), &mut envelope) };
        owned(code, Envelope::own(envelope))
    }

    /// Up to `max` envelopes, waiting for the first one without end.
    pub fn recv_batch(&self, max: usize) -> Result<Batch> {
        self.take_batch(max, None)
    }

    /// Up to `max` envelopes; [`Error::Timeout`] when the time is up.
    pub fn recv_batch_timeout(&self, max: usize, timeout: Duration) -> Result<Batch> {
        self.take_batch(max, Some(timeout))
    }

    /// Up to `max` envelopes, if there are any now.
    pub fn try_recv_batch(&self, max: usize) -> Result<Option<Batch>> {
        none_in_time(self.take_batch(max, Some(Duration::ZERO)))
    }

    fn take_batch(&self, max: usize, timeout: Option<Duration>) -> Result<Batch> {
        let mut batch = null_mut();
        // SAFETY: the pointer is there to be written to.
        let code = unsafe {
            hermes_sys::hermes_recv_batch(self.handle.0, max, timeout_ms(timeout), &mut batch)
        };
        owned(code, Batch::own(batch))
    }

    /// Up to `max` envelopes as one JSON text, `[[topic, origin, data, ts], ...]`; waits for the
    /// first one only, and `None` without end.
    pub fn recv_json(&self, max: usize, timeout: Option<Duration>) -> Result<String> {
        let (mut text, mut length, timeout) = (null_mut(), 0, timeout_ms(timeout));
        // SAFETY: both are there to be written to; the count is not asked for.
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

    /// A descriptor that polls readable while there is something to take, or the receiver has
    /// stopped. Only wait on it. It ends with the receiver.
    pub fn fd(&self) -> Result<RawFd> {
        self.handle.fd()
    }

    /// Every envelope that comes, until the receiver is stopped or closed, in the body of the
    /// loop too. A receiver that was never started gives one error and then nothing.
    pub fn iter(&self) -> Incoming<'_> {
        Incoming { receiver: self, over: false }
    }
}

/// What a call that may give an object gave.
pub(crate) fn owned<T>(code: i32, object: Option<T>) -> Result<T> {
    check(code)?;
    object.ok_or_else(|| Error::Internal("success, and no envelope".into()))
}

/// Nothing instead of the error that says that the time is up.
pub(crate) fn none_in_time<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(Error::Timeout(_)) => Ok(None),
        other => other.map(Some),
    }
}

/// The envelopes that come to a [`Receiver`], each waited for.
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

/// What a loop gets of a result: nothing where the receiver has stopped or is closed.
pub(crate) fn next_of<T>(result: Result<T>) -> Option<Result<T>> {
    match result {
        Err(Error::Stopped(_) | Error::BadHandle(_)) => None,
        other => Some(other),
    }
}

/// Whether nothing will come after it: after an error only where that is about one envelope.
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
