//! [`PostOffice`].

use crate::component::{c_text, component, Handle};
use crate::error::{check, Result};

/// A broker (XSUB/XPUB proxy) between publishers and receivers of any ZeroMQ implementation.
///
/// Its addresses are free once [`close`](Self::close) or [`stop`](Self::stop) has returned, or it
/// is dropped.
#[derive(Debug)]
pub struct PostOffice {
    handle: Handle,
}

component!(PostOffice);

impl PostOffice {
    /// A post office that will bind `address_in` for publishers and `address_out` for receivers.
    /// [`start`](Self::start) returns an error if one is in use.
    pub fn new(address_in: &str, address_out: &str) -> Result<Self> {
        Self::make(address_in, address_out, None)
    }

    /// The same, with an address at which a copy of every envelope is published.
    pub fn with_debug(address_in: &str, address_out: &str, debug: &str) -> Result<Self> {
        Self::make(address_in, address_out, Some(debug))
    }

    fn make(address_in: &str, address_out: &str, debug: Option<&str>) -> Result<Self> {
        let (address_in, address_out) =
            (c_text("address", address_in)?, c_text("address", address_out)?);
        let debug = debug.map(|debug| c_text("address", debug)).transpose()?;
        let debug = debug.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
        let mut handle = 0;
        // SAFETY: the texts outlive the call, and the handle is valid for writing.
        check(unsafe {
            hermes_sys::hermes_postoffice_new(
                address_in.as_ptr(),
                address_out.as_ptr(),
                debug,
                &mut handle,
            )
        })?;
        let handle = Handle(handle);
        Ok(Self { handle })
    }
}
