//! Received envelopes: [`EnvelopeView`] reads one, [`Envelope`] owns one, [`Batch`] several.
//!
//! All are immutable after the library returned them, so any thread may read them, without locks.
//! A view refers to the owner's memory; the owner frees it when it is dropped.

use std::ffi::{c_char, CStr};
use std::fmt;
use std::iter::FusedIterator;
use std::ops::{Deref, Index};
use std::ptr::NonNull;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// One envelope, owned by an [`Envelope`] or a [`Batch`].
#[repr(transparent)]
pub struct EnvelopeView(hermes_sys::hermes_envelope);

type TextField =
    unsafe extern "C" fn(*const hermes_sys::hermes_envelope, *mut usize) -> *const c_char;

// SAFETY: an envelope does not change, and any thread may read it or free it.
unsafe impl Send for EnvelopeView {}
// SAFETY: as above.
unsafe impl Sync for EnvelopeView {}

impl EnvelopeView {
    fn text(&self, field: TextField) -> &str {
        let mut length = 0;
        // SAFETY: the envelope, and so its text, is valid as long as this reference.
        let bytes = unsafe {
            let start = field(&self.0, &mut length);
            std::slice::from_raw_parts(start.cast::<u8>(), length)
        };
        // The library returns only UTF-8; a fault there gives an empty text, not a panic.
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// The topic.
    pub fn topic(&self) -> &str {
        self.text(hermes_sys::hermes_envelope_topic)
    }

    /// The origin: the name of the publisher or node that sent it.
    pub fn origin(&self) -> &str {
        self.text(hermes_sys::hermes_envelope_origin)
    }

    /// The data as its JSON text on the wire, which may contain `NaN` and `Infinity`.
    pub fn json(&self) -> &str {
        self.text(hermes_sys::hermes_envelope_data)
    }

    /// The data as a value: of any type that serde can read, or a [`serde_json::Value`].
    ///
    /// `NaN`, `Infinity` and `-Infinity`, which Python writes, become an `f64` or `f32` if the
    /// type has one there. Self-describing types such as `Value` cannot hold them. Data that
    /// does not fit is an [`Error::Json`] with the beginning of the text; the envelope is
    /// unchanged, and [`json`](Self::json) is the whole text.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T> {
        let json = self.json();
        crate::json::from_str(json).map_err(|error| {
            Error::Json(format!(
                "the data of an envelope with topic {:?} from {:?} do not become what was asked \
                 for: {error}; the data are {}",
                excerpt(self.topic()),
                excerpt(self.origin()),
                excerpt(json)
            ))
        })
    }

    /// When the sender passed it to its socket, by the sender's clock.
    pub fn ts(&self) -> SystemTime {
        time(self.ts_seconds())
    }

    /// The same in seconds since the Unix epoch, as on the wire.
    pub fn ts_seconds(&self) -> f64 {
        // SAFETY: the envelope is valid.
        unsafe { hermes_sys::hermes_envelope_ts(&self.0) }
    }

    /// When it arrived, by this machine's clock.
    pub fn received(&self) -> SystemTime {
        // SAFETY: the envelope is valid.
        time(unsafe { hermes_sys::hermes_envelope_received(&self.0) })
    }

    /// How many envelopes of the same topic and sender were lost right before this one.
    pub fn lost(&self) -> u64 {
        // SAFETY: the envelope is valid.
        unsafe { hermes_sys::hermes_envelope_lost(&self.0) }
    }

    /// The trace context that it was published with, in the form of W3C; as a rule there is none.
    pub fn traceparent(&self) -> Option<&str> {
        // SAFETY: the envelope, and so the text, is valid as long as this reference.
        unsafe {
            let start = hermes_sys::hermes_envelope_traceparent(&self.0);
            (!start.is_null()).then(|| CStr::from_ptr(start).to_str().unwrap_or_default())
        }
    }
}

/// The beginning of a text, for error texts.
fn excerpt(text: &str) -> String {
    const MOST: usize = 100; // characters
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The time so many seconds after the epoch; the epoch if `SystemTime` cannot represent it.
fn time(seconds: f64) -> SystemTime {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

impl fmt::Debug for EnvelopeView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("topic", &self.topic())
            .field("origin", &self.origin())
            .field("data", &self.json())
            .field("ts", &self.ts_seconds())
            .finish()
    }
}

/// One received envelope. It dereferences to [`EnvelopeView`].
pub struct Envelope(NonNull<hermes_sys::hermes_envelope>);

// SAFETY: an envelope does not change, and any thread may read it or free it.
unsafe impl Send for Envelope {}
// SAFETY: as above.
unsafe impl Sync for Envelope {}

impl Envelope {
    /// Takes ownership of what the library returned; `None` for NULL.
    pub(crate) fn own(raw: *mut hermes_sys::hermes_envelope) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }
}

impl Deref for Envelope {
    type Target = EnvelopeView;

    fn deref(&self) -> &EnvelopeView {
        // SAFETY: it is valid until it is dropped, and EnvelopeView is a transparent wrapper.
        unsafe { self.0.cast().as_ref() }
    }
}

impl Drop for Envelope {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and no reference to it is left.
        unsafe { hermes_sys::hermes_envelope_free(self.0.as_ptr()) }
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Several received envelopes, in order.
pub struct Batch(NonNull<hermes_sys::hermes_batch>);

// SAFETY: a batch does not change, and any thread may read it or free it.
unsafe impl Send for Batch {}
// SAFETY: as above.
unsafe impl Sync for Batch {}

impl Batch {
    /// Takes ownership of what the library returned; `None` for NULL.
    pub(crate) fn own(raw: *mut hermes_sys::hermes_batch) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }

    /// How many envelopes there are.
    pub fn len(&self) -> usize {
        // SAFETY: it is valid until it is dropped.
        unsafe { hermes_sys::hermes_batch_size(self.0.as_ptr()) }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The envelope at `index`; `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<&EnvelopeView> {
        // SAFETY: it is valid until it is dropped; NULL beyond the end.
        unsafe {
            hermes_sys::hermes_batch_at(self.0.as_ptr(), index).cast::<EnvelopeView>().as_ref()
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { batch: self, next: 0, end: self.len() }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: it is owned here, and no reference to it is left.
        unsafe { hermes_sys::hermes_batch_free(self.0.as_ptr()) }
    }
}

impl Index<usize> for Batch {
    type Output = EnvelopeView;

    fn index(&self, index: usize) -> &EnvelopeView {
        let length = self.len();
        self.get(index).unwrap_or_else(|| panic!("envelope {index} of a batch of {length}"))
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a EnvelopeView;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

/// The envelopes of a [`Batch`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    batch: &'a Batch,
    next: usize,
    end: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a EnvelopeView;

    fn next(&mut self) -> Option<&'a EnvelopeView> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        self.batch.get(self.next - 1)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        self.end -= 1;
        self.batch.get(self.end)
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}
