//! hermes 2: publish and subscribe between processes and machines, on the ZeroMQ protocol.
//!
//! A [`Publisher`] sends envelopes to a [`PostOffice`], a broker, which forwards each one to
//! every [`Receiver`] that has subscribed to a prefix of its topic. A [`Node`] is a name with a
//! receiver, a publisher, or both.
//!
//! All types are `Send` and `Sync`: any thread may make any call, and `close` wakes calls that
//! wait in other threads. The data of an envelope is JSON, converted from and to Rust by serde.
//!
//! After a `fork` the library cannot be used in the child, where every call gives
//! [`Error::Forked`].
#![cfg_attr(docsrs, feature(doc_cfg))]

mod component;
mod envelope;
mod error;
mod json;
mod node;
mod postoffice;
mod publisher;
mod receiver;
#[cfg(feature = "tokio")]
mod tokio;

pub use crate::envelope::{Batch, Envelope, EnvelopeView, Iter};
pub use crate::error::{describe, Error, Result};
pub use crate::node::Node;
pub use crate::postoffice::PostOffice;
pub use crate::publisher::Publisher;
pub use crate::receiver::{Incoming, Receiver};
#[cfg(feature = "tokio")]
pub use crate::tokio::{AsyncPublisher, AsyncReceiver};

/// The version of the loaded library, such as "2.0.0".
pub fn version() -> &'static str {
    // SAFETY: the text is static and never NULL.
    let text = unsafe { std::ffi::CStr::from_ptr(hermes_sys::hermes_version_string()) };
    text.to_str().unwrap_or_default()
}

/// The `HERMES_ABI_VERSION` that the library was built with.
pub fn abi_version() -> i32 {
    // SAFETY: takes nothing.
    unsafe { hermes_sys::hermes_abi_version() }
}

/// The README's programs, which are compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
