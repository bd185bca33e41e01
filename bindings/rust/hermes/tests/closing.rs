//! Closing and stopping wake calls that wait in other threads.

mod support;

use std::time::Duration;

use hermes::{Error, Receiver, Result};
use support::{Cluster, PATIENCE};

/// The error of a waiting call when the receiver is stopped or closed.
fn woken<T: Send>(
    wait: impl Fn(&Receiver) -> T + Sync,
    end: impl Fn(&Receiver) -> Result<()>,
) -> T {
    let c = Cluster::start();
    std::thread::scope(|threads| {
        let waiting = threads.spawn(|| wait(&c.receiver));
        std::thread::sleep(Duration::from_millis(100)); // until it most probably waits
        end(&c.receiver).unwrap();
        waiting.join().unwrap()
    })
}

fn stop(receiver: &Receiver) -> Result<()> {
    receiver.stop(PATIENCE)
}

#[test]
fn closing_wakes_who_receives() {
    let one = woken(Receiver::recv, Receiver::close);
    assert!(matches!(one, Err(Error::Stopped(_))), "{one:?}");
    let many = woken(|r| r.recv_batch_timeout(10, PATIENCE), Receiver::close);
    assert!(matches!(many, Err(Error::Stopped(_))), "{many:?}");
    assert_eq!(woken(|r| r.iter().count(), Receiver::close), 0);
    woken(|r| r.wait(None), Receiver::close).unwrap();
}

#[test]
fn stopping_wakes_who_receives() {
    let one = woken(Receiver::recv, stop);
    assert!(matches!(one, Err(Error::Stopped(_))), "{one:?}");
    assert_eq!(woken(|r| r.iter().count(), stop), 0);
}

#[test]
fn a_stop_is_only_begun() {
    let c = Cluster::start();
    c.publisher.stop_begin(PATIENCE).unwrap();
    c.publisher.wait(Some(PATIENCE)).unwrap();
    assert_eq!(c.publisher.get("stop_error").unwrap(), "");
}

#[test]
fn an_object_goes_with_its_socket() {
    let c = Cluster::start();
    drop(c.receiver.pipe().unwrap());
    let end = std::time::Instant::now() + PATIENCE;
    while !matches!(c.receiver.stats(), Err(Error::BadHandle(_))) {
        assert!(std::time::Instant::now() < end);
        std::thread::sleep(Duration::from_millis(1));
    }
}
