//! What PostOffice, Publisher, Receiver and Node have in common: options, life cycle, counters
//! and events.
//!
//! [`Handle`] owns a handle of hermes.h and makes the calls; dropping it closes the component.
//! [`FlushingHandle`] does the same for publishers and nodes, whose closing may block. The macro
//! `component!` gives each public type the methods. There are no locks: the library synchronises
//! itself, and any thread may make any call.

use std::ffi::{c_char, CString};
use std::ops::Deref;
use std::time::Duration;

use serde_json::Value;

use crate::error::{check, check_unless, Error, Result};

/// A handle that is closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Handle(pub(crate) u64);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: any number may be closed, and ours is one.
        unsafe { hermes_sys::hermes_close(self.0) };
    }
}

/// The handle of a publisher or node. Closing it first sends what is queued, and so may block
/// for as long as the option "linger". Inside a tokio runtime, whose reactor must not block, a
/// thread of the runtime's blocking pool closes it; the shutdown of the runtime waits for that.
#[derive(Debug)]
pub(crate) struct FlushingHandle(Option<Handle>); // Some until it is dropped

impl FlushingHandle {
    pub(crate) fn new(handle: u64) -> Self {
        Self(Some(Handle(handle)))
    }
}

impl Deref for FlushingHandle {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        self.0.as_ref().expect("the handle is Some until it is dropped")
    }
}

#[cfg(feature = "tokio")]
impl Drop for FlushingHandle {
    fn drop(&mut self) {
        let handle = self.0.take();
        if let Ok(runtime) = ::tokio::runtime::Handle::try_current() {
            // A runtime that is ending drops the closure, and so closes the handle here.
            runtime.spawn_blocking(move || drop(handle));
        }
    }
}

/// A C string; an error if the text contains a NUL, where C would cut it off.
pub(crate) fn c_text(what: &str, text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::Invalid(format!("{what} {text:?} has a NUL inside")))
}

/// A timeout for hermes.h. `None`, and durations of more than 24 days, never expire.
pub(crate) fn timeout_ms(timeout: Option<Duration>) -> i32 {
    let Some(timeout) = timeout else {
        return hermes_sys::HERMES_FOREVER;
    };
    // Rounded up: a timeout of a microsecond must wait, not poll.
    let ms = timeout.as_nanos().div_ceil(1_000_000);
    i32::try_from(ms).unwrap_or(hermes_sys::HERMES_FOREVER)
}

/// A copy of a text that the library returned; frees the text.
pub(crate) fn take_text(text: *mut c_char, length: usize) -> String {
    // SAFETY: the library gave both, and the text is ours.
    unsafe {
        let bytes = std::slice::from_raw_parts(text.cast::<u8>(), length);
        let copy = String::from_utf8_lossy(bytes).into_owned();
        hermes_sys::hermes_free(text.cast());
        copy
    }
}

impl Handle {
    pub(crate) fn set(&self, key: &str, value: &str) -> Result<()> {
        let name = c_text("option", key)?;
        // The error does not show the value: it may be a secret key.
        let value = CString::new(value)
            .map_err(|_| Error::Invalid(format!("the value of option {key:?} has a NUL inside")))?;
        // SAFETY: both texts outlive the call.
        check(unsafe { hermes_sys::hermes_set(self.0, name.as_ptr(), value.as_ptr()) }).map(drop)
    }

    pub(crate) fn get(&self, key: &str) -> Result<String> {
        let key = c_text("option", key)?;
        let mut value = vec![0_u8; 256];
        loop {
            // SAFETY: the buffer is as large as it is said to be.
            let code = unsafe {
                let start = value.as_mut_ptr().cast::<c_char>();
                hermes_sys::hermes_get(self.0, key.as_ptr(), start, value.len())
            };
            if code != hermes_sys::HERMES_ERANGE {
                check(code)?;
                let length = value.iter().position(|&byte| byte == 0);
                value.truncate(length.unwrap_or(value.len()));
                return Ok(String::from_utf8_lossy(&value).into_owned());
            }
            value.resize(2 * value.len(), 0);
        }
    }

    pub(crate) fn start(&self) -> Result<()> {
        // SAFETY: takes a number only.
        check(unsafe { hermes_sys::hermes_start(self.0) }).map(drop)
    }

    pub(crate) fn stop(&self, timeout: Duration) -> Result<()> {
        // SAFETY: takes numbers only.
        check(unsafe { hermes_sys::hermes_stop(self.0, timeout_ms(Some(timeout))) }).map(drop)
    }

    pub(crate) fn stop_begin(&self, timeout: Duration) -> Result<()> {
        // SAFETY: takes numbers only.
        check(unsafe { hermes_sys::hermes_stop_begin(self.0, timeout_ms(Some(timeout))) }).map(drop)
    }

    pub(crate) fn pipe(&self) -> Result<std::os::fd::OwnedFd> {
        use std::os::fd::{FromRawFd, OwnedFd};
        // SAFETY: takes a number only, and gives a descriptor that is the caller's.
        unsafe { check(hermes_sys::hermes_pipe(self.0)).map(|fd| OwnedFd::from_raw_fd(fd)) }
    }

    pub(crate) fn close(&self) -> Result<()> {
        // SAFETY: takes a number only.
        check(unsafe { hermes_sys::hermes_close(self.0) }).map(drop)
    }

    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        // SAFETY: takes numbers only.
        check(unsafe { hermes_sys::hermes_wait(self.0, timeout_ms(timeout)) }).map(drop)
    }

    pub(crate) fn wait_ready(&self, timeout: Option<Duration>) -> Result<()> {
        // SAFETY: takes numbers only.
        check(unsafe { hermes_sys::hermes_wait_ready(self.0, timeout_ms(timeout)) }).map(drop)
    }

    pub(crate) fn stats(&self) -> Result<Value> {
        let (mut text, mut length) = (std::ptr::null_mut(), 0);
        // SAFETY: both are valid for writing.
        check(unsafe { hermes_sys::hermes_stats(self.0, &mut text, &mut length) })?;
        Ok(serde_json::from_str(&take_text(text, length))?)
    }

    pub(crate) fn next_event(&self, timeout: Option<Duration>) -> Result<Option<Value>> {
        let (mut text, mut length) = (std::ptr::null_mut(), 0);
        let timeout = timeout_ms(timeout);
        // SAFETY: both are valid for writing.
        let code =
            unsafe { hermes_sys::hermes_next_event(self.0, timeout, &mut text, &mut length) };
        match check_unless(hermes_sys::HERMES_ETIMEOUT, code, ())? {
            None => Ok(None),
            Some(()) => Ok(Some(serde_json::from_str(&take_text(text, length))?)),
        }
    }

    pub(crate) fn fd(&self) -> Result<std::os::fd::RawFd> {
        // SAFETY: takes a number only.
        check(unsafe { hermes_sys::hermes_fd(self.0) })
    }
}

/// The public methods that all four types have.
macro_rules! component {
    ($kind:ident) => {
        impl $kind {
            /// Sets an option, such as `("queue.block", "250ms")`. docs/configuration.md
            /// lists them all.
            pub fn set(&self, key: &str, value: impl ToString) -> $crate::Result<()> {
                self.handle.set(key, &value.to_string())
            }

            /// The value of an option, or of a read-only key: `name`, `address`, `state`,
            /// `stop_reason`, and for a post office `endpoint`.
            pub fn get(&self, key: &str) -> $crate::Result<String> {
                self.handle.get(key)
            }

            /// Binds or begins to connect, and returns.
            pub fn start(&self) -> $crate::Result<()> {
                self.handle.start()
            }

            /// Stops it. A publisher first sends what is queued, for at most `timeout`; if
            /// envelopes were dropped, returns [`Error::Timeout`](crate::Error::Timeout).
            pub fn stop(&self, timeout: std::time::Duration) -> $crate::Result<()> {
                self.handle.stop(timeout)
            }

            /// Begins to stop as [`stop`](Self::stop) does, and returns at once;
            /// [`wait`](Self::wait) returns when it has stopped; `get("stop_error")` then says
            /// what was dropped.
            pub fn stop_begin(&self, timeout: std::time::Duration) -> $crate::Result<()> {
                self.handle.stop_begin(timeout)
            }

            /// A socket for event loops that read, and close, what they wait for. A byte arrives
            /// when envelopes may be queued; the next one only after a receive has found the
            /// queue empty. Dropping it closes the component.
            pub fn pipe(&self) -> $crate::Result<std::os::fd::OwnedFd> {
                self.handle.pipe()
            }

            /// Closes it, from any thread; calls that wait on it return. What is queued is sent
            /// first, for at most the option `linger` (1 s). Dropping closes too. Inside a tokio
            /// runtime (feature `tokio`) dropping a publisher or node returns at once, and
            /// a thread of the runtime's blocking pool closes it. Idempotent.
            pub fn close(&self) -> $crate::Result<()> {
                self.handle.close()
            }

            /// Waits until it is not running; `None` never expires.
            pub fn wait(&self, timeout: Option<std::time::Duration>) -> $crate::Result<()> {
                self.handle.wait(timeout)
            }

            /// Waits until it is ready: a publisher has a subscriber, a receiver is connected, a
            /// post office is bound. `None` never expires.
            pub fn wait_ready(&self, timeout: Option<std::time::Duration>) -> $crate::Result<()> {
                self.handle.wait_ready(timeout)
            }

            /// The counters, as a JSON object; docs/guide.md explains each.
            pub fn stats(&self) -> $crate::Result<serde_json::Value> {
                self.handle.stats()
            }

            /// The oldest event, as a JSON object; `None` when the timeout expires. A timeout of
            /// `None` never expires.
            pub fn next_event(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> $crate::Result<Option<serde_json::Value>> {
                self.handle.next_event(timeout)
            }

            /// Its handle in hermes.h.
            pub fn handle(&self) -> u64 {
                self.handle.0
            }
        }
    };
}
pub(crate) use component;
