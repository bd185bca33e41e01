//! [`Publisher`].

use std::ffi::{c_char, CStr};
use std::os::fd::RawFd;

use serde::Serialize;

use crate::component::{c_text, component, FlushingHandle};
use crate::error::{check, check_unless, Error, Result};
use crate::json;

/// Sends envelopes to a post office.
#[derive(Debug)]
pub struct Publisher {
    pub(crate) handle: FlushingHandle,
}

component!(Publisher);

impl Publisher {
    /// A publisher that will connect to the post office's SUB side. The name is the origin of
    /// its envelopes.
    pub fn new(address: &str, name: &str) -> Result<Self> {
        let (address, name) = (c_text("address", address)?, c_text("name", name)?);
        let mut handle = 0;
        // SAFETY: the texts outlive the call, and the handle is valid for writing.
        check(unsafe {
            hermes_sys::hermes_publisher_new(address.as_ptr(), name.as_ptr(), &mut handle)
        })?;
        let handle = FlushingHandle::new(handle);
        Ok(Self { handle })
    }

    /// Queues one envelope with data that serde serializes, and returns. A tuple becomes an
    /// array: `("Tick", 1763800000.25, "BTCUSD", 42000)` is a Python `Message`.
    /// `NaN` and the infinities are sent as Python writes them: `NaN`, `Infinity`, `-Infinity`.
    ///
    /// If the queue is full, the option `queue.full` decides; waiting for room blocks the
    /// thread for at most `queue.block` (1 s). Async tasks use `AsyncPublisher` instead.
    pub fn publish<T: Serialize + ?Sized>(&self, topic: &str, data: &T) -> Result<()> {
        self.publish_json(topic, &json::to_string(data)?)
    }

    /// Queues one envelope with data that is JSON text already.
    pub fn publish_json(&self, topic: &str, json: &str) -> Result<()> {
        self.queue(topic, None, json)
    }

    /// The same, with another origin.
    pub fn publish_json_of(&self, origin: &str, topic: &str, json: &str) -> Result<()> {
        self.queue(topic, Some(origin), json)
    }

    /// Queues one envelope. Never waits: returns `false` if the queue is full.
    /// [`fd`](Self::fd) polls readable once there is room again.
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

    /// A descriptor that polls readable, except after [`try_publish`](Self::try_publish) found
    /// no room. Poll it only. It is closed with the publisher.
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

    /// Queues many envelopes, topics with data, in one call. If the queue fills up midway, the
    /// error comes with the number of envelopes queued.
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
        // SAFETY: the text outlives the call, and the count is valid for writing.
        let code = unsafe {
            let start = json.as_ptr().cast::<c_char>();
            hermes_sys::hermes_publish_batch(self.handle.0, start, json.len(), &mut count)
        };
        check(code).map(|_| count).map_err(|error| (count, error))
    }
}
