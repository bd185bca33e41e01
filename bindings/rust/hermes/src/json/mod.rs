//! JSON as Python writes it, which is what hermes carries: serde_json reads and writes it, but
//! for `NaN`, `Infinity` and `-Infinity`, and for what is nested deeper than 127 levels. These
//! two modules add both.

mod read;
mod write;

pub(crate) use read::from_str;
pub(crate) use write::{to_string, to_writer};

/// Python's words for numbers that are not finite.
const NAN: &str = "NaN";
const INFINITY: &str = "Infinity";
const MINUS_INFINITY: &str = "-Infinity";

/// Calls what may recurse, on a new piece of stack where this one is nearly used up, so that
/// depth costs memory and does not end the process.
fn deeper<R>(call: impl FnOnce() -> R) -> R {
    const RED_ZONE: usize = 128 << 10; // bytes; an unoptimized visitor may need several KiB
    const PIECE: usize = 2 << 20;
    stacker::maybe_grow(RED_ZONE, PIECE, call)
}
