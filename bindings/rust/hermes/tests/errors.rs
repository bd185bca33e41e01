//! Every code arrives as its variant, with a text: those that a program can bring about are
//! brought about, and all are compared with hermes.h.

mod support;

use std::time::Duration;

use hermes::{describe, Error, Node, PostOffice, Publisher, Receiver, Result};
use support::{Cluster, PATIENCE};

const NOW: Duration = Duration::ZERO;

/// Looks whether a call failed with this variant, and a text that names the cause.
#[track_caller]
fn fails<T>(result: Result<T>, want: fn(String) -> Error, cause: &str) {
    let error = result.map(drop).expect_err("no failure");
    assert_eq!(error, want(error.text().to_owned()));
    assert!(error.text().contains(cause), "{error} does not name {cause}");
}

#[test]
fn all_codes_of_the_header_have_a_variant() {
    let unknown = describe(-9999);
    let mut code = -1;
    while describe(code) != unknown {
        let error = Error::new(code, "why");
        assert!(!matches!(error, Error::Other(..)), "{code} is {}", describe(code));
        assert_eq!((error.code(), error.to_string().as_str()), (code, "why"));
        code -= 1;
    }
    assert_eq!(code, -21);
    assert_eq!(Error::new(-9999, "why"), Error::Other(-9999, "why".into()));
}

#[test]
fn made_wrongly() {
    fails(Publisher::new("tcp://127.0.0.1:1", ""), Error::Invalid, "name");
    fails(Publisher::new("tcp://127.0.0.1:1", "a\0b"), Error::Invalid, "NUL");
    fails(Receiver::new("nowhere", "r"), Error::Address, "nowhere");
    fails(PostOffice::new("tcp://127.0.0.1:*", "nowhere"), Error::Address, "nowhere");
    fails(PostOffice::new("tcp://127.0.0.1:*\0", "tcp://127.0.0.1:*"), Error::Invalid, "NUL");
    fails(Receiver::new("tcp://127.0.0.1:1\0", "r"), Error::Invalid, "NUL");
    fails(Node::new("n\0", None, None), Error::Invalid, "NUL");
    let publisher = Publisher::new("tcp://127.0.0.1:1", "p").unwrap();
    fails(publisher.set("queue.mesages", 1), Error::Option, "queue.mesages");
    fails(publisher.set("linger", "soon"), Error::Option, "soon");
    fails(publisher.get("colour"), Error::Option, "colour");
    fails(publisher.get("linger\0"), Error::Invalid, "NUL");
    fails(publisher.set("linger\0", "1s"), Error::Invalid, "NUL");
    fails(publisher.set("linger", "1s\0"), Error::Invalid, "NUL");
    fails(publisher.publish("t", &1), Error::State, "p");
    let receiver = Receiver::new("tcp://127.0.0.1:1", "r").unwrap();
    fails(receiver.recv_timeout(NOW), Error::State, "r");
    fails(receiver.unsubscribe("x"), Error::Invalid, "x");
}

#[test]
fn while_running() {
    let c = Cluster::start();
    fails(c.publisher.start(), Error::State, "p");
    fails(c.publisher.publish_json("t", "1,"), Error::Json, "1,");
    fails(c.receiver.recv_timeout(Duration::from_micros(1)), Error::Timeout, "r");
    let mute = Node::new("mute", None, Some(&c.publisher)).unwrap();
    fails(mute.recv_timeout(NOW), Error::NotSupported, "mute");
    let address_in = c.office.get("endpoint.in").unwrap();
    let second = PostOffice::new(&address_in, "tcp://127.0.0.1:*").unwrap();
    fails(second.start(), Error::AddressInUse, &address_in);
    let nowhere = PostOffice::new("ipc:///nonexistent/in", "ipc:///nonexistent/out").unwrap();
    fails(nowhere.start(), Error::Address, "/nonexistent");
    let refused = PostOffice::new("ipc:///proc/in", "ipc:///proc/out").unwrap();
    fails(refused.start(), Error::Io, "/proc/");
    c.receiver.stop(PATIENCE).unwrap();
    fails(c.receiver.recv(), Error::Stopped, "r");
    c.receiver.close().unwrap();
    c.receiver.close().unwrap();
    fails(c.receiver.recv(), Error::BadHandle, "hermes_recv");
}

#[test]
fn text_that_is_no_utf8() {
    // A str cannot hold it, so the code is brought about below the safe interface.
    let c = Cluster::start();
    let (topic, data) = ([0xff_u8], [b'1']);
    // SAFETY: the texts are there.
    let code = unsafe {
        let (topic, data) = (topic.as_ptr().cast(), data.as_ptr().cast());
        hermes_sys::hermes_publish(c.publisher.handle(), topic, 1, std::ptr::null(), 0, data, 1)
    };
    assert_eq!(Error::new(code, ""), Error::Utf8(String::new()));
}

#[test]
fn at_a_limit() {
    let office = PostOffice::new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*").unwrap();
    office.start().unwrap();
    let publisher = Publisher::new(&office.get("endpoint.in").unwrap(), "p").unwrap();
    let hold = "1h"; // no subscriber, so nothing leaves the queue
    let options = [("queue.messages", "2"), ("queue.block", "0"), ("ready.hold", hold)];
    for (key, value) in options {
        publisher.set(key, value).unwrap();
    }
    publisher.set("message.bytes", 1000).unwrap();
    publisher.start().unwrap();
    fails(publisher.publish("t", &"x".repeat(2000)), Error::TooBig, "message.bytes");
    let (queued, error) = publisher.publish_batch([("t", 1), ("t", 2), ("t", 3)]).unwrap_err();
    assert_eq!(queued, 2);
    fails::<()>(Err(error), Error::Full, "p");
    fails(publisher.publish("t", &3), Error::Full, "p");
    assert!(!publisher.try_publish("t", &3).unwrap());
    publisher.stop_begin(Duration::from_millis(1)).unwrap();
    publisher.wait(Some(PATIENCE)).unwrap();
    let given_up = publisher.get("stop_error").unwrap();
    assert!(given_up.contains('2'), "{given_up}");
}

#[test]
fn data_that_serde_cannot_write_or_read() {
    let c = Cluster::start();
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    fails(c.publisher.publish("t", &map), Error::Json, "key");
    c.publisher.publish("t", "text").unwrap();
    let envelope = c.receiver.recv_timeout(PATIENCE).unwrap();
    fails(envelope.data::<u32>(), Error::Json, "invalid type");
}

#[test]
fn in_a_forked_child() {
    let c = Cluster::start();
    // SAFETY: the child calls the library, which only refuses, and ends.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            let code = c.publisher.publish_json("t", "1").map_or_else(|e| e.code(), |()| 0);
            libc::_exit(i32::from(code != hermes_sys::HERMES_EFORKED));
        }
        let mut status = -1;
        assert_eq!(libc::waitpid(child, &mut status, 0), child);
        assert_eq!(status, 0);
    }
}
