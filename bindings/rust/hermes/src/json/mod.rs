//! JSON as hermes carries it. It is serde_json's, plus the literals `NaN`, `Infinity` and
//! `-Infinity` of Python, plus nesting deeper than 127 levels.

mod read;
mod write;

pub(crate) use read::from_str;
#[cfg(feature = "tokio")]
pub(crate) use read::is_one_value;
pub(crate) use write::{to_string, to_writer};

/// Python's literals for non-finite numbers.
const NAN: &str = "NaN";
const INFINITY: &str = "Infinity";
const MINUS_INFINITY: &str = "-Infinity";

/// Calls a function that may recurse. If the stack is nearly used up it runs on a new segment,
/// so that deep data costs memory and cannot overflow the stack.
fn deeper<R>(call: impl FnOnce() -> R) -> R {
    const RED_ZONE: usize = 128 << 10; // bytes; an unoptimized visitor may need several KiB
    const PIECE: usize = 2 << 20;
    stacker::maybe_grow(RED_ZONE, PIECE, call)
}
