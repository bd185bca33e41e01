//! A small cluster on ports that the system chooses.
#![allow(dead_code)] // not every test needs all of it

use std::time::Duration;

use hermes::{PostOffice, Publisher, Receiver};

/// How long anything may take before a test calls it dead. Never a measure of speed.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Cluster {
    pub publisher: Publisher,
    pub receiver: Receiver,
    pub office: PostOffice,
}

impl Cluster {
    /// A post office, a publisher "p" and a receiver "r", ready.
    pub fn start() -> Self {
        let office = PostOffice::new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*").unwrap();
        office.start().unwrap();
        let receiver = Receiver::new(&office.get("endpoint.out").unwrap(), "r").unwrap();
        receiver.set("on_slow", "ignore").unwrap();
        receiver.start().unwrap();
        receiver.wait_ready(Some(PATIENCE)).unwrap();
        let publisher = Publisher::new(&office.get("endpoint.in").unwrap(), "p").unwrap();
        publisher.start().unwrap();
        publisher.wait_ready(Some(PATIENCE)).unwrap();
        Self { publisher, receiver, office }
    }
}
