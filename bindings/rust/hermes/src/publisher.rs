//! [`Publisher`].

use std::ffi::{c_char, CStr};
use std::os::fd::RawFd;

use serde::Serialize;

use crate::error::{check, check_unless, Error, Result};
use crate::json;
use crate::object::{c_text, object, FlushingHandle};

/// Hands envelopes to a post office.
#[derive(Debug)]
pub struct Publisher {
    pub(crate) handle: FlushingHandle,
}

object!(Publisher);

impl Publisher {
    /// One that will connect to the post office's incoming side. The name is the origin of
    /// what it publishes.
    pub fn new(address: &str, name: &str) -> Result<Self> {
        let (address, name) = (c_text("address", address)?, c_text("name", name)?);
        let mut handle = 0;
        // SAFETY: the texts outlive the call, and the handle is there to be written to.
        check(unsafe {
            hermes_sys::hermes_publisher_new(address.as_ptr(), name.as_ptr(), &mut handle)
        })?;
        let handle = FlushingHandle::new(handle);
        Ok(Self { handle })
    }

    /// Queues one envelope with whatever serde serializes, and returns. A tuple becomes an
    /// array: `("Tick", 1763800000.25, "BTCUSD", 42000)` is what a `Message` of Python is.
    /// `NaN` and the infinities travel as Python writes them: `NaN`, `Infinity`, `-Infinity`.
    ///
    /// Where the queue is full it waits for room as the option `queue.full` says, and blocks
    /// the thread for at most `queue.block` (1 s). Tasks on a reactor use `AsyncPublisher`.
    pub fn publish<T: Serialize + ?Sized>(&self, topic: &str, data: &T) -> Result<()> {
        self.publish_json(topic, &json::to_string(data)?)
    }

    /// Queues one envelope whose data are JSON already.
    pub fn publish_json(&self, topic: &str, json: &str) -> Result<()> {
        self.queue(topic, None, json)
    }

    /// The same, in another's name.
    pub fn publish_json_of(&self, origin: &str, topic: &str, json: &str) -> Result<()> {
        self.queue(topic, Some(origin), json)
    }

    /// Queues one envelope and never waits: `false` where there is no room now.
    /// [`fd`](Self::fd) polls readable when it is worth another try.
    pub fn try_publish<T: Serialize + ?Sized>(&self, topic: &str, data: &T) -> Result<bool> {
        let json = json::to_string(&(topic, None::<&str>, data))?;
        self.try_row(&c_text("data", &json)?)
    }

    /// The same for a JSON array `[topic, origin or null, data]`.
    pub(crate) fn try_row(&self, row: &CStr) -> Result<bool> {
        // SAFETY: the text outlives the call.
        let code = unsafe { hermes_sys::hermes_publish_try(self.handle.0, row.as_ptr()) };
        Ok(check_unless(hermes_sys::HERMES_ETIMEOUT, code, ())?.is_some())
    }

    /// A descriptor that polls readable unless [`try_publish`](Self::try_publish) has found no
    /// room. Only wait on it. It ends with the publisher.
    pub fn fd(&self) -> Result<RawFd> {
        self.handle.fd()
    }

    fn queue(&self, topic: &str, origin: Option<&str>, json: &str) -> Result<()> {
        let (origin, origin_len) = match origin {
            Some(origin) => (origin.as_ptr().cast::<c_char>(), origin.len()),
            None => (std::ptr::null(), 0),
        };
        // SAFETY: all texts outlive the call.
        check(unsafe {
            hermes_sys::hermes_publish(
                self.handle.0,
                topic.as_ptr().cast::<c_char>(),
                topic.len(),
                origin,
                origin_len,
                json.as_ptr().cast::<c_char>(),
                json.len(),
            )
        })
        .map(drop)
    }

    /// Queues many envelopes, topics with data, in one call. The error of a queue that is full
    /// in the middle comes with the number of those that have been queued.
    pub fn publish_batch<S, T>(
        &self,
        envelopes: impl IntoIterator<Item = (S, T)>,
    ) -> std::result::Result<usize, (usize, Error)>
    where
        S: AsRef<str>,
        T: Serialize,
    {
        let mut json = Vec::from(*b"[");
        for (topic, data) in envelopes {
            if json.len() > 1 {
                json.push(b',');
            }
            json::to_writer(&mut json, &(topic.as_ref(), None::<&str>, data))
                .map_err(|error| (0, error))?;
        }
        json.push(b']');
        self.queue_batch(&json)
    }

    /// Queues a JSON array of `[topic, origin or null, data]`, in one call.
    pub fn publish_json_batch(&self, json: &str) -> std::result::Result<usize, (usize, Error)> {
        self.queue_batch(json.as_bytes())
    }

    fn queue_batch(&self, json: &[u8]) -> std::result::Result<usize, (usize, Error)> {
        let mut count = 0;
        // SAFETY: the text outlives the call, and the count is there to be written to.
        let code = unsafe {
            let start = json.as_ptr().cast::<c_char>();
            hermes_sys::hermes_publish_batch(self.handle.0, start, json.len(), &mut count)
        };
        check(code).map(|_| count).map_err(|error| (count, error))
    }
}
