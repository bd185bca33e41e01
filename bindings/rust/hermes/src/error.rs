//! [`Error`]: the codes of hermes.h, each with a text that names the object and the cause.

use std::ffi::{c_char, c_int, CStr};
use std::fmt;

/// The error of a failed call. Its text, which `Display` prints, names the object and the cause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An argument is out of range.
    Invalid(String),
    /// The component is closed.
    BadHandle(String),
    /// Not started, or started already.
    State(String),
    /// Not an address, or not a supported one.
    Address(String),
    /// Another socket is bound to the address.
    AddressInUse(String),
    /// No such option, or not a value of it.
    Option(String),
    /// Text that is not UTF-8.
    Utf8(String),
    /// Data that is not one JSON value, or that does not fit the type it should become.
    Json(String),
    /// The queue had no room in time.
    Full(String),
    /// The timeout expired.
    Timeout(String),
    /// The component has stopped, and its queue is empty.
    Stopped(String),
    /// This process was forked after the library's first use.
    Forked(String),
    /// A fault inside the library; the component has failed.
    Internal(String),
    /// Out of memory.
    NoMemory(String),
    /// A buffer is too small.
    Range(String),
    /// An envelope above the limit `message.bytes`.
    TooBig(String),
    /// Not supported by this kind of component.
    NotSupported(String),
    /// The operating system refused.
    Io(String),
    /// The peer does not let this component in: its key is not known, or has no rights there.
    AccessDenied(String),
    /// The peer has not proved that it is the one expected.
    NotAuthenticated(String),
    /// A code that this crate does not know.
    Other(i32, String),
}

/// The result of most calls.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The error for a code of hermes.h.
    pub fn new(code: i32, text: impl Into<String>) -> Self {
        let text = text.into();
        match code {
            hermes_sys::HERMES_EINVAL => Self::Invalid(text),
            hermes_sys::HERMES_EBADHANDLE => Self::BadHandle(text),
            hermes_sys::HERMES_ESTATE => Self::State(text),
            hermes_sys::HERMES_EADDRESS => Self::Address(text),
            hermes_sys::HERMES_EADDRINUSE => Self::AddressInUse(text),
            hermes_sys::HERMES_EOPTION => Self::Option(text),
            hermes_sys::HERMES_EUTF8 => Self::Utf8(text),
            hermes_sys::HERMES_EJSON => Self::Json(text),
            hermes_sys::HERMES_EFULL => Self::Full(text),
            hermes_sys::HERMES_ETIMEOUT => Self::Timeout(text),
            hermes_sys::HERMES_ESTOPPED => Self::Stopped(text),
            hermes_sys::HERMES_EFORKED => Self::Forked(text),
            hermes_sys::HERMES_EINTERNAL => Self::Internal(text),
            hermes_sys::HERMES_ENOMEM => Self::NoMemory(text),
            hermes_sys::HERMES_ERANGE => Self::Range(text),
            hermes_sys::HERMES_ETOOBIG => Self::TooBig(text),
            hermes_sys::HERMES_ENOTSUP => Self::NotSupported(text),
            hermes_sys::HERMES_EIO => Self::Io(text),
            hermes_sys::HERMES_EACCES => Self::AccessDenied(text),
            hermes_sys::HERMES_EAUTH => Self::NotAuthenticated(text),
            _ => Self::Other(code, text),
        }
    }

    /// The code of hermes.h.
    pub fn code(&self) -> i32 {
        match self {
            Self::Invalid(_) => hermes_sys::HERMES_EINVAL,
            Self::BadHandle(_) => hermes_sys::HERMES_EBADHANDLE,
            Self::State(_) => hermes_sys::HERMES_ESTATE,
            Self::Address(_) => hermes_sys::HERMES_EADDRESS,
            Self::AddressInUse(_) => hermes_sys::HERMES_EADDRINUSE,
            Self::Option(_) => hermes_sys::HERMES_EOPTION,
            Self::Utf8(_) => hermes_sys::HERMES_EUTF8,
            Self::Json(_) => hermes_sys::HERMES_EJSON,
            Self::Full(_) => hermes_sys::HERMES_EFULL,
            Self::Timeout(_) => hermes_sys::HERMES_ETIMEOUT,
            Self::Stopped(_) => hermes_sys::HERMES_ESTOPPED,
            Self::Forked(_) => hermes_sys::HERMES_EFORKED,
            Self::Internal(_) => hermes_sys::HERMES_EINTERNAL,
            Self::NoMemory(_) => hermes_sys::HERMES_ENOMEM,
            Self::Range(_) => hermes_sys::HERMES_ERANGE,
            Self::TooBig(_) => hermes_sys::HERMES_ETOOBIG,
            Self::NotSupported(_) => hermes_sys::HERMES_ENOTSUP,
            Self::Io(_) => hermes_sys::HERMES_EIO,
            Self::AccessDenied(_) => hermes_sys::HERMES_EACCES,
            Self::NotAuthenticated(_) => hermes_sys::HERMES_EAUTH,
            Self::Other(code, _) => *code,
        }
    }

    /// The text, which names the object and the cause.
    pub fn text(&self) -> &str {
        match self {
            Self::Invalid(text)
            | Self::BadHandle(text)
            | Self::State(text)
            | Self::Address(text)
            | Self::AddressInUse(text)
            | Self::Option(text)
            | Self::Utf8(text)
            | Self::Json(text)
            | Self::Full(text)
            | Self::Timeout(text)
            | Self::Stopped(text)
            | Self::Forked(text)
            | Self::Internal(text)
            | Self::NoMemory(text)
            | Self::Range(text)
            | Self::TooBig(text)
            | Self::NotSupported(text)
            | Self::Io(text)
            | Self::AccessDenied(text)
            | Self::NotAuthenticated(text)
            | Self::Other(_, text) => text,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Error {}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error.to_string())
    }
}

/// A short English text for a code; for unknown codes too.
pub fn describe(code: i32) -> &'static str {
    // SAFETY: the text is static and never NULL.
    let text = unsafe { CStr::from_ptr(hermes_sys::hermes_strerror(code)) };
    text.to_str().unwrap_or_default()
}

/// The text of the calling thread's last failed call.
fn last_error() -> String {
    let mut text = vec![0_u8; 512];
    loop {
        // SAFETY: the buffer is as large as it is said to be.
        let length = unsafe {
            hermes_sys::hermes_last_error(text.as_mut_ptr().cast::<c_char>(), text.len())
        };
        if length < text.len() {
            text.truncate(length);
            return String::from_utf8_lossy(&text).into_owned();
        }
        text.resize(length + 1, 0);
    }
}

/// Turns what a call returned into a result.
pub(crate) fn check(code: c_int) -> Result<c_int> {
    if code >= 0 {
        Ok(code)
    } else {
        Err(Error::new(code, last_error()))
    }
}

/// The same, but this one failure is no error, and gives nothing.
pub(crate) fn check_unless<T>(tolerated: c_int, code: c_int, value: T) -> Result<Option<T>> {
    if code == tolerated {
        return Ok(None);
    }
    check(code).map(|_| Some(value))
}
