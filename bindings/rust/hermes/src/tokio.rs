//! [`AsyncReceiver`].

use std::ops::Deref;
use std::os::fd::{BorrowedFd, OwnedFd};

use tokio::io::unix::AsyncFd;
use tokio::io::Interest;

use crate::envelope::{Batch, Envelope};
use crate::error::{Error, Result};
use crate::receiver::Receiver;

/// A receiver that is waited for on tokio's reactor, without a thread. All else that a
/// [`Receiver`] can do it can do too.
///
/// A wait that is cancelled has taken nothing.
#[derive(Debug)]
pub struct AsyncReceiver {
    // A copy of the descriptor, which outlives the closing of the receiver: what is waited for
    // then becomes readable, and its number is not somebody else's meanwhile.
    bell: AsyncFd<OwnedFd>,
    receiver: Receiver,
}

impl AsyncReceiver {
    /// Puts a receiver on the reactor of the runtime that this is called in. Panics outside of
    /// a runtime with I/O enabled, as everything does that tokio waits for.
    pub fn new(receiver: Receiver) -> Result<Self> {
        let fd = receiver.fd()?;
        // SAFETY: the descriptor is the receiver's, which is here and open.
        let copy = unsafe { BorrowedFd::borrow_raw(fd) }.try_clone_to_owned();
        let copy = copy.map_err(|error| Error::Io(error.to_string()))?;
        // SAFETY: the copy is owned by what it is registered with, and stays the same.
        let bell = unsafe { AsyncFd::register_with_interest(copy, Interest::READABLE) };
        let bell = bell.map_err(|error| Error::Io(error.to_string()))?;
        Ok(Self { bell, receiver })
    }

    /// The oldest envelope.
    pub async fn recv(&self) -> Result<Envelope> {
        self.until_some(Receiver::try_recv).await
    }

    /// Up to `max` envelopes; waits for the first one only.
    pub async fn recv_batch(&self, max: usize) -> Result<Batch> {
        self.until_some(|receiver| receiver.try_recv_batch(max)).await
    }

    async fn until_some<T>(&self, take: impl Fn(&Receiver) -> Result<Option<T>>) -> Result<T> {
        if let Some(taken) = take(&self.receiver)? {
            return Ok(taken);
        }
        loop {
            let readable = self.bell.readable().await;
            let mut guard = readable.map_err(|error| Error::Io(error.to_string()))?;
            // Looked before the readiness is cleared, for the reactor tells of changes only.
            match take(&self.receiver) {
                Ok(Some(taken)) => return Ok(taken),
                Ok(None) => guard.clear_ready(),
                // As where a thread waits.
                Err(Error::BadHandle(text)) => return Err(Error::Stopped(text)),
                Err(error) => return Err(error),
            }
        }
    }
}

impl Deref for AsyncReceiver {
    type Target = Receiver;

    fn deref(&self) -> &Receiver {
        &self.receiver
    }
}
