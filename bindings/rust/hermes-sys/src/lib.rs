//! The C interface of hermes 2, a pub/sub cluster library on the ZeroMQ protocol, as
//! `hermes.h` declares it, and documents it in full. The crate `hermes` is the one to use.
#![no_std]
#![allow(non_camel_case_types)]

#[rustfmt::skip] // made by a program, see there
mod raw;
pub use raw::*;
