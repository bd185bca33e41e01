//! [`Node`].

use std::ffi::c_char;
use std::os::fd::RawFd;
use std::ptr::null_mut;
use std::time::Duration;

use serde::Serialize;

use crate::component::{c_text, component, timeout_ms, FlushingHandle};
use crate::envelope::Envelope;
use crate::error::{check, Result};
use crate::publisher::Publisher;
use crate::receiver::{none_in_time, owned, Receiver};

/// A name for a receiver, a publisher, or both, which it starts and stops. The caller owns
/// them; once one is closed, the node's calls that need it return errors.
#[derive(Debug)]
pub struct Node {
    handle: FlushingHandle,
}

component!(Node);

impl Node {
    /// A node with a receiver, a publisher, or both.
    pub fn new(
        name: &str,
        receiver: Option<&Receiver>,
        publisher: Option<&Publisher>,
    ) -> Result<Self> {
        let name = c_text("name", name)?;
        let receiver = receiver.map_or(0, Receiver::handle);
        let publisher = publisher.map_or(0, Publisher::handle);
        let mut handle = 0;
        // SAFETY: the text outlives the call, and the handle is valid for writing.
        check(unsafe {
            hermes_sys::hermes_node_new(name.as_ptr(), receiver, publisher, &mut handle)
        })?;
        let handle = FlushingHandle::new(handle);
        Ok(Self { handle })
    }

    /// Publishes under the topic "channel/name" with the node's name as the origin.
    pub fn publish<T: Serialize + ?Sized>(&self, channel: &str, data: &T) -> Result<()> {
        self.publish_json(channel, &crate::json::to_string(data)?)
    }

    /// The same, with data that is JSON text already.
    pub fn publish_json(&self, channel: &str, json: &str) -> Result<()> {
        // SAFETY: both texts outlive the call.
        check(unsafe {
            hermes_sys::hermes_node_publish(
                self.handle.0,
                channel.as_ptr().cast::<c_char>(),
                channel.len(),
                json.as_ptr().cast::<c_char>(),
                json.len(),
            )
        })
        .map(drop)
    }

    /// The oldest envelope. Waits without limit.
    pub fn recv(&self) -> Result<Envelope> {
        self.take(None)
    }

    /// The oldest envelope; [`Error::Timeout`](crate::Error::Timeout) when the timeout expires.
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
        let code = unsafe {
            hermes_sys::hermes_node_recv(self.handle.0, timeout_ms(timeout), &mut envelope)
        };
        owned(code, Envelope::own(envelope))
    }

    /// Publishes what it receives on the channel `RAW`, until it is stopped.
    pub fn run(&self) -> Result<()> {
        // SAFETY: takes a number only.
        check(unsafe { hermes_sys::hermes_node_run(self.handle.0) }).map(drop)
    }

    /// The descriptor of its receiver.
    pub fn fd(&self) -> Result<RawFd> {
        self.handle.fd()
    }
}
