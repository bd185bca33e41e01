//! Waiting on tokio's reactor: in order, none lost, woken by the end, and safe to cancel.
#![cfg(feature = "tokio")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use hermes::{AsyncReceiver, Error};
use support::{Cluster, PATIENCE};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn envelopes_come_in_bursts_and_none_is_missed() {
    let Cluster { office: _office, receiver, publisher } = Cluster::start();
    let publishing = std::thread::spawn(move || {
        let mut next = 0;
        while next < 100_000 {
            for number in next..next + 1 + next % 97 {
                publisher.publish("t", &number).unwrap();
            }
            next += 1 + next % 97;
            if next % 7 == 0 {
                std::thread::sleep(Duration::from_micros(200)); // so that the inbox runs dry
            }
        }
        publisher.publish("t", &-1).unwrap();
        publisher.stop(PATIENCE).unwrap();
        next
    });
    let received = runtime().block_on(async {
        let receiver = AsyncReceiver::new(receiver).unwrap();
        let mut next = 0;
        loop {
            let waiting = tokio::time::timeout(PATIENCE, receiver.recv());
            let number: i64 = waiting.await.expect("lost wake-up").unwrap().data().unwrap();
            if number < 0 {
                break next;
            }
            assert_eq!(number, next);
            next += 1;
        }
    });
    assert_eq!(publishing.join().unwrap(), received);
}

#[test]
fn batches_and_cancelled_waits_lose_nothing() {
    let Cluster { office: _office, receiver, publisher } = Cluster::start();
    runtime().block_on(async {
        let receiver = AsyncReceiver::new(receiver).unwrap();
        let mut got = 0;
        for number in 0..200 {
            // Most of these waits are given up before anything comes.
            let wait = tokio::time::timeout(Duration::from_micros(50), receiver.recv());
            if let Ok(envelope) = wait.await {
                assert_eq!(envelope.unwrap().data::<i64>().unwrap(), got);
                got += 1;
            }
            publisher.publish("t", &number).unwrap();
        }
        while got < 200 {
            let wait = tokio::time::timeout(PATIENCE, receiver.recv_batch(7));
            for envelope in &wait.await.unwrap().unwrap() {
                assert_eq!(envelope.data::<i64>().unwrap(), got);
                got += 1;
            }
        }
    });
}

#[test]
fn the_end_wakes_who_waits() {
    for end in [hermes::Receiver::close, |r: &hermes::Receiver| r.stop(PATIENCE)] {
        let Cluster { office: _office, receiver, publisher: _publisher } = Cluster::start();
        runtime().block_on(async {
            let receiver = Arc::new(AsyncReceiver::new(receiver).unwrap());
            let other = Arc::clone(&receiver);
            let ending = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(50));
                end(&other).unwrap();
            });
            let woken = tokio::time::timeout(PATIENCE, receiver.recv()).await.unwrap();
            assert!(matches!(woken, Err(Error::Stopped(_))), "{woken:?}");
            ending.join().unwrap();
        });
    }
}
