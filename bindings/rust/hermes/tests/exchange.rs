//! Envelopes go through and come out as they went in, one by one, in batches and as iterators;
//! options, counters, events, the descriptor and nodes work.

mod support;

use std::os::fd::RawFd;
use std::time::{Duration, SystemTime};

use hermes::{Batch, Envelope, Error, Node, PostOffice, Publisher, Receiver};
use serde::{Deserialize, Serialize};
use serde_json::{json, Value};
use support::{Cluster, PATIENCE};

const SHORT: Duration = Duration::from_millis(20);

fn is_send_and_sync<T: Send + Sync>() {}

#[test]
fn everything_may_go_to_other_threads() {
    is_send_and_sync::<PostOffice>();
    is_send_and_sync::<Publisher>();
    is_send_and_sync::<Receiver>();
    is_send_and_sync::<Node>();
    is_send_and_sync::<Envelope>();
    is_send_and_sync::<Batch>();
    is_send_and_sync::<Error>();
}

#[test]
fn one_by_one() {
    let c = Cluster::start();
    let before = SystemTime::now() - Duration::from_secs(1);
    let data = json!({"π": [3.25, null, "\u{0} ½ 🙂"]});
    c.publisher.publish("grüße/\n\0/🙂", &data).unwrap();
    let envelope = c.receiver.recv_timeout(PATIENCE).unwrap();
    assert_eq!(envelope.topic(), "grüße/\n\0/🙂");
    assert_eq!(envelope.origin(), "p");
    assert_eq!(envelope.data::<Value>().unwrap(), data);
    assert!(envelope.ts() > before && envelope.received() > before);
    assert!(envelope.ts_seconds() > 1.7e9);
    assert_eq!(envelope.lost(), 0);
    assert!(format!("{envelope:?}").contains("origin: \"p\""));

    c.publisher.publish_json("", "[NaN, 123456789012345678901234567890]").unwrap();
    c.publisher.publish_json_of("", "t", "2").unwrap();
    let envelope = c.receiver.recv().unwrap();
    assert_eq!((envelope.topic(), envelope.json()), ("", "[NaN, 123456789012345678901234567890]"));
    assert!(matches!(envelope.data::<Value>(), Err(Error::Json(_))));
    assert_eq!(c.receiver.recv().unwrap().origin(), "");

    assert!(c.receiver.try_recv().unwrap().is_none());
    assert!(c.receiver.try_recv_batch(3).unwrap().is_none());
    let big = "x".repeat(16 << 20);
    c.publisher.publish("big", &big).unwrap();
    assert!(c.receiver.recv_timeout(PATIENCE).unwrap().data::<String>().unwrap() == big);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tick {
    dtype: String,
    ts: f64,
    symbol: String,
    price: f64,
}

#[test]
fn structs_come_as_objects_and_as_messages_of_python() {
    let c = Cluster::start();
    let tick = Tick { dtype: "Tick".into(), ts: 1.5, symbol: "₿".into(), price: 42000.0 };
    c.publisher.publish("object", &tick).unwrap();
    c.publisher.publish("message", &("Tick", 1.5, "₿", 42000)).unwrap();
    let object = c.receiver.recv_timeout(PATIENCE).unwrap();
    assert!(object.json().starts_with("{\"dtype\""));
    assert_eq!(object.data::<Tick>().unwrap(), tick);
    let message = c.receiver.recv_timeout(PATIENCE).unwrap();
    assert_eq!(message.json(), "[\"Tick\",1.5,\"₿\",42000]");
    assert_eq!(message.data::<Tick>().unwrap(), tick);
}

#[test]
fn in_batches() {
    let c = Cluster::start();
    let numbers = (0..1000).map(|number| (format!("t/{number}"), number));
    assert_eq!(c.publisher.publish_batch(numbers).unwrap(), 1000);
    let mut got = Vec::new();
    while got.len() < 1000 {
        let batch = c.receiver.recv_batch_timeout(64, PATIENCE).unwrap();
        assert!(!batch.is_empty() && batch.len() <= 64 && batch.iter().len() == batch.len());
        assert!(batch.get(batch.len()).is_none());
        assert_eq!(batch[0].json(), batch.iter().next().unwrap().json());
        let backwards: Vec<_> = batch.iter().rev().map(|e| e.data::<i32>().unwrap()).collect();
        got.extend(backwards.into_iter().rev());
    }
    assert_eq!(got, (0..1000).collect::<Vec<_>>());

    assert_eq!(c.publisher.publish_json_batch(r#"[["t", "o", true]]"#).unwrap(), 1);
    let rows = c.receiver.recv_json(10, Some(PATIENCE)).unwrap();
    let rows: Vec<(String, String, bool, f64)> = serde_json::from_str(&rows).unwrap();
    assert_eq!((rows[0].0.as_str(), rows[0].1.as_str(), rows[0].2), ("t", "o", true));
}

#[test]
fn as_an_iterator() {
    let c = Cluster::start();
    for number in 0..100 {
        c.publisher.publish("t", &number).unwrap();
    }
    let mut next = 0;
    for envelope in &c.receiver {
        assert_eq!(envelope.unwrap().data::<i32>().unwrap(), next);
        next += 1;
        if next == 100 {
            c.receiver.stop(PATIENCE).unwrap(); // which ends the loop
        }
    }
    assert_eq!(next, 100);
    c.receiver.close().unwrap();
    assert!(c.receiver.iter().next().is_none());
}

#[test]
fn subscriptions() {
    let c = Cluster::start();
    let some = Receiver::new(&c.office.get("endpoint.out").unwrap(), "some").unwrap();
    for topic in ["a/", "b/", "c/"] {
        some.subscribe(topic).unwrap();
    }
    some.unsubscribe("b/").unwrap();
    some.accept("p").unwrap();
    some.start().unwrap();
    loop {
        // Subscriptions take a moment to arrive: asked for again until one has come through.
        c.publisher.publish("c/first", &0).unwrap();
        match some.recv_timeout(SHORT) {
            Ok(_) => break,
            Err(error) => assert!(matches!(error, Error::Timeout(_)), "{error}"),
        }
    }
    for topic in ["b/1", "x/1", "a/1"] {
        c.publisher.publish(topic, &1).unwrap();
    }
    c.publisher.publish_json_of("other", "a/2", "1").unwrap();
    c.publisher.publish("c/last", &2).unwrap();
    let mut topics = Vec::new();
    while topics.last().is_none_or(|last| last != "c/last") {
        let envelope = some.recv_timeout(PATIENCE).unwrap();
        if envelope.topic() != "c/first" {
            topics.push(envelope.topic().to_owned());
        }
    }
    assert_eq!(topics, ["a/1", "c/last"]);
}

#[test]
fn settings_and_facts() {
    let publisher = Publisher::new("tcp://127.0.0.1:1", "ñame").unwrap();
    publisher.set("queue.messages", 1234).unwrap();
    assert_eq!(publisher.get("queue.messages").unwrap(), "1234");
    assert_eq!(publisher.get("name").unwrap(), "ñame");
    assert_eq!(publisher.get("state").unwrap(), "new");
    let name = "n".repeat(1000); // longer than the first buffer
    let long = Publisher::new("tcp://127.0.0.1:1", &name).unwrap();
    assert_eq!(long.get("name").unwrap(), name);
    assert_eq!(hermes::version(), env!("CARGO_PKG_VERSION"));
    assert!(hermes::abi_version() >= hermes_sys::HERMES_ABI_VERSION);
}

#[test]
fn counters_and_notices() {
    let c = Cluster::start();
    assert_eq!(c.publisher.stats().unwrap()["accepted"], 0);
    let event = c.receiver.next_event(Some(PATIENCE)).unwrap().unwrap();
    assert!(event["kind"].is_string() && event["ts"].is_f64());
    while c.receiver.next_event(Some(Duration::ZERO)).unwrap().is_some() {}
    assert!(matches!(c.office.wait(Some(SHORT)), Err(Error::Timeout(_))));
    c.office.stop(PATIENCE).unwrap();
    c.office.wait(None).unwrap();
}

#[test]
fn a_copy_for_whoever_debugs() {
    let [a, b, debug] = ["inproc://rs-a", "inproc://rs-b", "tcp://127.0.0.1:*"];
    let office = PostOffice::with_debug(a, b, debug).unwrap();
    office.start().unwrap();
    assert!(office.get("endpoint.debug").unwrap().starts_with("tcp://127.0.0.1:"));
}

fn readable(fd: RawFd, timeout: Duration) -> bool {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let timeout = i32::try_from(timeout.as_millis()).unwrap();
    // SAFETY: one entry is there.
    unsafe { libc::poll(&mut poll, 1, timeout) == 1 }
}

#[test]
fn the_descriptor_tells_of_envelopes() {
    let c = Cluster::start();
    assert!(readable(c.publisher.fd().unwrap(), Duration::ZERO));
    let fd = c.receiver.fd().unwrap();
    assert!(!readable(fd, Duration::ZERO));
    assert!(c.publisher.try_publish("t", "a \0 b").unwrap());
    assert!(readable(fd, PATIENCE));
    assert!(c.receiver.try_recv().unwrap().is_some());
    assert!(!readable(fd, Duration::ZERO));
}

#[test]
fn nodes() {
    let c = Cluster::start();
    let node = Node::new("n", Some(&c.receiver), Some(&c.publisher)).unwrap();
    node.publish("channel", &42).unwrap();
    let envelope = node.recv().unwrap();
    assert_eq!((envelope.topic(), envelope.origin(), envelope.json()), ("channel/n", "n", "42"));
    assert!(node.try_recv().unwrap().is_none());
    assert_eq!(node.fd().unwrap(), c.receiver.fd().unwrap());

    let ear = Receiver::new(&c.office.get("endpoint.out").unwrap(), "echo").unwrap();
    ear.subscribe("t").unwrap();
    let mouth = Publisher::new(&c.office.get("endpoint.in").unwrap(), "echo").unwrap();
    let echo = Node::new("echo", Some(&ear), Some(&mouth)).unwrap();
    assert!(matches!(echo.run(), Err(Error::State(_))));
    echo.start().unwrap();
    std::thread::scope(|threads| {
        let running = threads.spawn(|| echo.run());
        loop {
            c.publisher.publish("t", &7).unwrap(); // until the subscription has arrived
            match c.receiver.recv_timeout(SHORT) {
                Ok(envelope) if envelope.topic() == "RAW/echo" => {
                    assert_eq!((envelope.origin(), envelope.json()), ("echo", "7"));
                    break;
                }
                Ok(_) | Err(Error::Timeout(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        echo.stop(PATIENCE).unwrap();
        running.join().unwrap().unwrap();
    });
}

/// What Python sends that JSON has no word for, and serde_json no room.
#[test]
fn data_as_python_writes_them() {
    let c = Cluster::start();
    let json = r#"{"a": [NaN, Infinity, -Infinity, 1, -2.5e3, null], "NaN": "Infinity \" NaN",
        "rest": [NaN, {"x": NaN}], "by": {"-7": NaN}, "kind": {"Price": [NaN]}, "two": [1, NaN]}"#;
    #[derive(Deserialize)]
    enum Kind {
        Price(Vec<f64>),
    }
    #[derive(Deserialize)]
    struct Strange {
        a: Vec<Option<f64>>,
        #[serde(rename = "NaN")]
        text: String,
        by: std::collections::BTreeMap<i8, f32>,
        kind: Kind,
        two: (u8, f64),
    }
    c.publisher.publish_json("t", json).unwrap();
    let envelope = c.receiver.recv_timeout(PATIENCE).unwrap();
    let strange: Strange = envelope.data().unwrap();
    assert!(strange.a[0].unwrap().is_nan() && strange.a[5].is_none());
    assert_eq!(strange.a[1..3], [Some(f64::INFINITY), Some(f64::NEG_INFINITY)]);
    assert_eq!(strange.a[3..5], [Some(1.0), Some(-2500.0)]);
    assert_eq!(strange.text, "Infinity \" NaN");
    assert!(strange.by[&-7].is_nan() && strange.two.0 == 1 && strange.two.1.is_nan());
    let Kind::Price(prices) = strange.kind;
    assert!(prices[0].is_nan());

    // A type that cannot hold it is an error with the text, of this envelope alone.
    c.publisher.publish_json("next", "[1]").unwrap();
    for error in [
        envelope.data::<Value>().unwrap_err(),
        envelope.data::<std::collections::HashMap<String, Vec<i64>>>().unwrap_err(),
    ] {
        let named = ["topic \"t\" from \"p\"", r#"{"a": [NaN, Infinity"#];
        assert!(matches!(error, Error::Json(_)), "{error:?}");
        assert!(named.iter().all(|name| error.text().contains(name)), "{error}");
    }
    assert_eq!(envelope.json(), json);
    assert_eq!(c.receiver.recv_timeout(PATIENCE).unwrap().data::<Value>().unwrap(), json!([1]));
}

#[test]
fn what_is_not_finite_is_published_as_python_does() {
    #[derive(Serialize)]
    struct Prices {
        bid: f64,
        ask: Option<f32>,
        none: Option<f64>,
        unit: (),
        more: Vec<f64>,
        pair: (f64, i32),
    }
    let prices = Prices {
        bid: f64::NAN,
        ask: Some(f32::INFINITY),
        none: None,
        unit: (),
        more: vec![f64::NEG_INFINITY, 0.5],
        pair: (f64::NAN, 1),
    };
    let want = r#"{"bid":NaN,"ask":Infinity,"none":null,"unit":null,"more":[-Infinity,0.5],"pair":[NaN,1]}"#;
    let c = Cluster::start();
    let node = Node::new("n", None, Some(&c.publisher)).unwrap();
    c.publisher.publish("t", &prices).unwrap();
    node.publish("t", &prices).unwrap();
    assert!(c.publisher.try_publish("t", &prices).unwrap());
    c.publisher.publish_batch([("t", &prices)]).unwrap();
    for _ in 0..4 {
        assert_eq!(c.receiver.recv_timeout(PATIENCE).unwrap().json(), want);
    }
    c.publisher.publish("t", &f64::NAN).unwrap();
    assert!(c.receiver.recv_timeout(PATIENCE).unwrap().data::<f64>().unwrap().is_nan());
    // As a key it cannot be, and the next null is one again.
    #[derive(Serialize)]
    struct Key(Vec<Option<f64>>);
    let map = [(f64::NAN.to_bits(), Key(vec![Some(f64::NAN), None]))];
    let map = std::collections::BTreeMap::from(map);
    c.publisher.publish("t", &map).unwrap();
    let envelope = c.receiver.recv_timeout(PATIENCE).unwrap();
    assert!(envelope.json().ends_with(":[NaN,null]}"), "{}", envelope.json());
}

#[test]
fn what_is_nested_deep_arrives() {
    let c = Cluster::start();
    let nested = |depth: usize| format!("{}[7]{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    for depth in [127, 128, 129, 500, 1000] {
        c.publisher.publish_json("t", &nested(depth)).unwrap();
        let envelope = c.receiver.recv_timeout(PATIENCE).unwrap();
        let mut value: Value = envelope.data().unwrap();
        c.publisher.publish("t", &value).unwrap();
        assert_eq!(c.receiver.recv_timeout(PATIENCE).unwrap().json(), nested(depth));
        for _ in 0..depth {
            value = value[0].take();
        }
        assert_eq!(value, 7);
    }
}

#[test]
fn what_python_can_hold_and_a_string_cannot() {
    let c = Cluster::start();
    c.publisher.publish_json("t", r#""\ud800""#).unwrap();
    c.publisher.publish_json("t", "123456789012345678901234567890").unwrap();
    let envelope = c.receiver.recv_timeout(PATIENCE).unwrap();
    let error = envelope.data::<Value>().unwrap_err();
    assert!(matches!(error, Error::Json(_)) && error.text().contains(r"\ud800"), "{error}");
    assert_eq!(envelope.json(), r#""\ud800""#);
    let envelope = c.receiver.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(envelope.data::<i64>(), Err(Error::Json(_))));
    assert_eq!(envelope.data::<u128>().unwrap(), 123_456_789_012_345_678_901_234_567_890);
}

#[test]
fn iterating_ends() {
    let c = Cluster::start();
    c.publisher.publish("t", &1).unwrap();
    let mut seen = 0;
    for envelope in &c.receiver {
        envelope.unwrap();
        seen += 1;
        c.receiver.close().unwrap();
    }
    assert_eq!(seen, 1);

    let never = Receiver::new("tcp://127.0.0.1:1", "r").unwrap();
    let items: Vec<_> = never.iter().take(3).collect(); // that it ends is what is tested
    assert!(matches!(items[..], [Err(Error::State(_))]), "{items:?}");
}
