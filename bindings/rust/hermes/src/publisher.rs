//! [`Publisher`].

use std::ffi::c_char;
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

    /// Like [`publish`](Self::publish), with a trace context in the form of W3C, which receivers
    /// see as [`traceparent`](crate::EnvelopeView::traceparent) if it is sampled.
    pub fn publish_traced<T: Serialize + ?Sized>(
        &self,
        topic: &str,
        data: &T,
        traceparent: &str,
    ) -> Result<()> {
        let json = json::to_string(data)?;
        let traceparent = c_text("traceparent", traceparent)?;
        // SAFETY: all texts outlive the call.
        check(unsafe {
            hermes_sys::hermes_publish_traced(
                self.handle.0,
                topic.as_ptr().cast::<c_char>(),
                topic.len(),
                std::ptr::null(),
                0,
                json.as_ptr().cast::<c_char>(),
                json.len(),
                traceparent.as_ptr(),
            )
        })
        .map(drop)
    }

    /// Queues one envelope. Never waits: returns `false` if the queue is full.
    /// [`fd`](Self::fd) polls readable once there is room again.
    pub fn try_publish<T: Serialize + ?Sized>(&self, topic: &str, data: &T) -> Result<bool> {
        self.try_row(&Row::of(topic, data)?)
    }

    pub(crate) fn try_row(&self, row: &Row) -> Result<bool> {
        let start = row.0.as_ptr().cast::<c_char>();
        // SAFETY: the text ends with a NUL and outlives the call.
        let code = unsafe { hermes_sys::hermes_publish_try(self.handle.0, start) };
        Ok(check_unless(hermes_sys::HERMES_ETIMEOUT, code, ())?.is_some())
    }

    /// A descriptor that polls readable, except after [`try_publish`](Self::try_publish) found
    /// no room. Poll it only. It is closed with the publisher.
    pub fn fd(&self) -> Result<RawFd> {
        self.handle.fd()
    }

    fn queue(&self, topic: &str, origin: Option<&str>, json: &str) -> Result<()> {
        self.queue_text(topic.as_bytes(), origin, json.as_bytes())
    }

    fn queue_text(&self, topic: &[u8], origin: Option<&str>, json: &[u8]) -> Result<()> {
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

    /// Queues many envelopes, topics with data, in order. If one cannot be serialized, none is
    /// queued; if one cannot be queued, the error comes with the number of those before it.
    pub fn publish_batch<S, T>(
        &self,
        envelopes: impl IntoIterator<Item = (S, T)>,
    ) -> std::result::Result<usize, (usize, Error)>
    where
        S: AsRef<str>,
        T: Serialize,
    {
        // All texts in one buffer, with the ends of each topic and its data.
        let (mut text, mut ends) = (Vec::with_capacity(4096), Vec::with_capacity(64));
        for (topic, data) in envelopes {
            text.extend_from_slice(topic.as_ref().as_bytes());
            let topic_end = text.len();
            json::to_writer(&mut text, &data).map_err(|error| (0, error))?;
            ends.push((topic_end, text.len()));
        }
        let mut start = 0;
        for (count, &(middle, end)) in ends.iter().enumerate() {
            let (topic, data) = (&text[start..middle], &text[middle..end]);
            self.queue_text(topic, None, data).map_err(|error| (count, error))?;
            start = end;
        }
        Ok(ends.len())
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

/// The JSON text `[topic, null, data]` of an envelope with the publisher's name as its origin,
/// which ends with a NUL and has no other.
pub(crate) struct Row(Vec<u8>);

impl Row {
    /// The row of data that serde serializes, which escapes NULs.
    pub(crate) fn of<T: Serialize + ?Sized>(topic: &str, data: &T) -> Result<Self> {
        Self::new(topic, |row| json::to_writer(row, data))
    }

    /// The row of data that is JSON text already.
    #[cfg(feature = "tokio")]
    pub(crate) fn of_json(topic: &str, data: &str) -> Result<Self> {
        if !json::is_one_value(data) {
            // More than one would add elements to the array: so an error, whatever it holds.
            json::from_str::<serde::de::IgnoredAny>(data)?;
        }
        Self::new(topic, |row| {
            row.extend_from_slice(data.as_bytes());
            Ok(())
        })
    }

    fn new(topic: &str, data: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Self> {
        let mut row = Vec::with_capacity(192);
        row.push(b'[');
        json::to_writer(&mut row, topic)?;
        row.extend_from_slice(b",null,");
        data(&mut row)?;
        row.extend_from_slice(b"]");
        if row.contains(&0) {
            return Err(Error::Json(format!("the data for topic {topic:?} contain a NUL")));
        }
        row.push(0);
        Ok(Self(row))
    }
}
