//! Waiting on tokio's reactor: in order, none lost, woken by the end, and safe to cancel.
#![cfg(feature = "tokio")]

mod support;

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hermes::{AsyncPublisher, AsyncReceiver, Error, PostOffice, Publisher, Receiver};
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

const MANY: usize = 10_000;

/// A cluster whose receiver has this many envelopes to take.
fn flooded() -> Cluster {
    let c = Cluster::start();
    c.publisher.publish_batch((0..MANY).map(|number| ("t", number))).unwrap();
    let end = Instant::now() + PATIENCE;
    while c.receiver.stats().unwrap()["queued"] != MANY {
        assert!(Instant::now() < end, "{}", c.receiver.stats().unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    c
}

/// Makes calls that never have to wait, up to `MANY`, and counts those that were made before
/// another task of the same thread had a turn.
async fn before_another_has_a_turn<F: Future>(call: impl Fn() -> F) -> usize {
    let turn = Cell::new(false);
    let calls = async {
        for made in 0..MANY {
            if turn.get() {
                return made;
            }
            call().await;
        }
        MANY
    };
    let (made, ()) = tokio::join!(calls, async {
        tokio::task::yield_now().await;
        turn.set(true);
    });
    made
}

#[test]
fn a_flood_lets_other_tasks_run() {
    let Cluster { office: _office, receiver, publisher } = flooded();
    runtime().block_on(async {
        let receiver = AsyncReceiver::new(receiver).unwrap();
        let one = before_another_has_a_turn(|| async { receiver.recv().await.unwrap() }).await;
        assert!(one < MANY / 4, "{one} by recv");
        let next = || async { receiver.next().await.unwrap().unwrap() };
        let next = before_another_has_a_turn(next).await;
        assert!(next < MANY / 4, "{next} by next");
        let batch = || async { receiver.recv_batch(1).await.unwrap() };
        let batch = before_another_has_a_turn(batch).await;
        assert!(batch < MANY / 4, "{batch} by recv_batch");

        let publisher = AsyncPublisher::new(publisher).unwrap();
        let publish = || async { publisher.publish("t", &1).await.unwrap() };
        let publish = before_another_has_a_turn(publish).await;
        assert!(publish < MANY / 4, "{publish} by publish");
    });
}

#[test]
fn a_flood_lets_timers_fire_and_can_be_aborted() {
    let Cluster { office: _office, receiver, publisher: _publisher } = flooded();
    runtime().block_on(async {
        let receiver = Arc::new(AsyncReceiver::new(receiver).unwrap());
        let took = Cell::new(0);
        let taking = async {
            while receiver.recv().await.is_ok() {
                took.set(took.get() + 1);
                assert!(took.get() < MANY, "the timer has not fired");
            }
        };
        tokio::time::timeout(Duration::ZERO, taking).await.unwrap_err();

        let other = Arc::clone(&receiver);
        let left = MANY - took.get();
        let task = tokio::spawn(async move {
            for _ in 0..left {
                other.recv().await.unwrap();
            }
        });
        tokio::task::yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled(), "it went on to its end");
    });
}

#[test]
fn closing_in_the_body_of_a_loop_ends_it() {
    for end in [hermes::Receiver::close, |r: &hermes::Receiver| r.stop(PATIENCE)] {
        let Cluster { office: _office, receiver, publisher } = Cluster::start();
        publisher.publish("t", &1).unwrap();
        runtime().block_on(async {
            let receiver = AsyncReceiver::new(receiver).unwrap();
            let mut seen = 0;
            while let Some(envelope) = receiver.next().await {
                assert_eq!(envelope.unwrap().data::<i32>().unwrap(), 1);
                seen += 1;
                end(&receiver).unwrap();
            }
            assert_eq!(seen, 1);
            let after = receiver.recv().await;
            assert!(matches!(after, Err(Error::Stopped(_))), "{after:?}");
            let after = receiver.recv_batch(3).await;
            assert!(matches!(after, Err(Error::Stopped(_))), "{after:?}");
        });
    }
}

#[test]
fn a_receiver_that_was_never_started_gives_an_error() {
    let receiver = Receiver::new("tcp://127.0.0.1:1", "r").unwrap();
    runtime().block_on(async {
        let receiver = AsyncReceiver::new(receiver).unwrap();
        let never = tokio::time::timeout(PATIENCE, receiver.recv()).await.unwrap();
        assert!(matches!(never, Err(Error::State(_))), "{never:?}");
    });
}

/// A publisher whose envelopes go nowhere, with room for two, and which closes as slowly as
/// anything: if that blocks the reactor, then for ten minutes.
fn stuck() -> Publisher {
    let publisher = Publisher::new("tcp://127.0.0.1:1", "p").unwrap();
    let options =
        [("queue.messages", "2"), ("queue.block", "10m"), ("ready.hold", "1h"), ("linger", "10m")];
    for (key, value) in options {
        publisher.set(key, value).unwrap();
    }
    publisher.start().unwrap();
    publisher
}

#[test]
fn a_full_queue_holds_up_the_task_and_not_the_reactor() {
    runtime().block_on(async {
        let publisher = Arc::new(AsyncPublisher::new(stuck()).unwrap());
        publisher.publish("t", &1).await.unwrap();
        publisher.publish_json("t", "2").await.unwrap();
        let full = tokio::time::timeout(Duration::from_millis(20), publisher.publish("t", &3));
        full.await.unwrap_err();
        assert_eq!(publisher.get_ref().stats().unwrap()["accepted"], 2);

        let other = Arc::clone(&publisher);
        let waiting = tokio::spawn(async move { other.publish("t", &3).await });
        tokio::task::yield_now().await;
        publisher.get_ref().set("queue.messages", 3).unwrap(); // which makes room
        tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap();

        let other = Arc::clone(&publisher);
        let waiting = tokio::spawn(async move { other.publish("t", &4).await });
        tokio::task::yield_now().await;
        let stopped = publisher.stop(Duration::ZERO).await;
        assert!(matches!(stopped, Err(Error::Timeout(_))), "{stopped:?}");
        let ended = tokio::time::timeout(PATIENCE, waiting).await.unwrap().unwrap();
        assert!(matches!(ended, Err(Error::State(_))), "{ended:?}");
        publisher.close().await.unwrap();
    });
}

#[test]
fn what_is_published_as_json_is_one_value() {
    let Cluster { office: _office, receiver, publisher } = Cluster::start();
    runtime().block_on(async {
        let publisher = AsyncPublisher::new(publisher).unwrap();
        let receiver = AsyncReceiver::new(receiver).unwrap();
        let wrong =
            ["1, 5", "1, 5, 6", "", " ", "1],[\"t\",null,2", "]", "[", "\"", "{}{}", "nan", "1\0"];
        for json in wrong {
            let result = publisher.publish_json("t", json).await;
            assert!(matches!(result, Err(Error::Json(_))), "{json}: {result:?}");
        }
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        let right =
            ["1", " [1, 5] ", "\"1, \\\" 5\"", "[NaN, -Infinity]", "\"\\ud800\"", "1e999", &deep];
        for json in right {
            publisher.publish_json("t", json).await.unwrap();
            let envelope = tokio::time::timeout(PATIENCE, receiver.recv()).await.unwrap().unwrap();
            assert_eq!(envelope.json().trim(), json.trim());
        }
        assert_eq!(publisher.get_ref().stats().unwrap()["accepted"], right.len());
    });
}

#[test]
fn dropping_what_has_to_flush_does_not_block_the_reactor() {
    let runtime = runtime();
    let began = Instant::now();
    runtime.block_on(async {
        let publisher = stuck();
        publisher.publish("t", &1).unwrap();
        drop(publisher);
        let publisher = AsyncPublisher::new(stuck()).unwrap();
        publisher.publish("t", &1).await.unwrap();
        drop(publisher);
    });
    assert!(began.elapsed() < PATIENCE, "dropping took {:?}", began.elapsed());
    runtime.shutdown_background(); // or it would wait until both have flushed
}

#[test]
fn the_addresses_of_a_dropped_post_office_are_free_in_a_runtime_too() {
    runtime().block_on(async {
        let office = PostOffice::new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*").unwrap();
        office.start().unwrap();
        let [a, b] = ["endpoint.in", "endpoint.out"].map(|key| office.get(key).unwrap());
        for _ in 0..10 {
            let office = PostOffice::new(&a, &b).unwrap();
            assert!(matches!(office.start(), Err(Error::AddressInUse(_))));
        }
        drop(office);
        PostOffice::new(&a, &b).unwrap().start().unwrap();
    });
}

#[test]
fn what_is_dropped_in_a_runtime_is_flushed_before_that_ends() {
    let Cluster { office: _office, receiver, publisher } = Cluster::start();
    publisher.set("linger", "1m").unwrap();
    runtime().block_on(async {
        for number in 0..1000 {
            publisher.publish("t", &number).unwrap();
        }
        drop(publisher);
    });
    for number in 0..1000 {
        assert_eq!(receiver.recv_timeout(PATIENCE).unwrap().data::<i32>().unwrap(), number);
    }
}

#[test]
fn readiness_is_waited_for_without_blocking() {
    let Cluster { office, receiver, publisher } = Cluster::start();
    runtime().block_on(async {
        AsyncPublisher::new(publisher).unwrap().wait_ready().await.unwrap();
        AsyncReceiver::new(receiver).unwrap().wait_ready().await.unwrap();
        let lonely = AsyncPublisher::new(stuck()).unwrap();
        let wait = tokio::time::timeout(Duration::from_millis(20), lonely.wait_ready());
        wait.await.unwrap_err();
        lonely.stop(Duration::ZERO).await.unwrap();
    });
    drop(office);
}
