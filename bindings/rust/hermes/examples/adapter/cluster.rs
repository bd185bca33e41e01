//! Exchanges numbers with other runtimes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hermes::{Publisher, Receiver};
use serde_json::{json, Value};

use crate::steps::{wrong, Failure, PATIENCE};

/// Exchanges numbers with the peers; returns whether all came.
pub fn join(address_in: &str, address_out: &str, name: &str, count: &str, peers: &str) -> bool {
    let mut line = json!({"runtime": "rust", "name": name, "ok": true, "received": {}, "why": ""});
    match exchange(address_in, address_out, name, count, peers) {
        Ok(received) => line["received"] = json!(received),
        Err(failure) => {
            line["ok"] = json!(false);
            line["why"] = json!(failure.to_string());
        }
    }
    println!("{line}");
    line["ok"] == true
}

/// What was received so far, and which members have heard which.
#[derive(Default)]
struct Heard {
    names: BTreeSet<String>,
    complete: BTreeSet<String>,
    received: BTreeMap<String, u64>,
    last: Option<Instant>,
}

impl Heard {
    /// Takes what comes within this time, but one envelope at most.
    fn take(&mut self, receiver: &Receiver, timeout: Duration) -> Result<(), Failure> {
        let envelope = match receiver.recv_timeout(timeout) {
            Err(hermes::Error::Timeout(_)) => return Ok(()),
            other => other?,
        };
        self.last = Some(Instant::now());
        if envelope.lost() > 0 {
            return Err(wrong(format!("{} lost before {envelope:?}", envelope.lost())));
        }
        if envelope.topic() == "conformance/hello" {
            let hello: Value = envelope.data()?;
            let name = hello["name"].as_str().unwrap_or_default().to_owned();
            if hello["complete"] == true {
                self.complete.insert(name.clone());
            }
            self.names.insert(name);
            return Ok(());
        }
        let next = self.received.entry(envelope.origin().into()).or_default();
        if envelope.data::<u64>()? != *next {
            return Err(wrong(format!("not {next}, but {envelope:?}")));
        }
        *next += 1;
        Ok(())
    }
}

fn exchange(
    address_in: &str,
    address_out: &str,
    name: &str,
    count: &str,
    peers: &str,
) -> Result<BTreeMap<String, u64>, Failure> {
    let count: u64 = count.parse().map_err(|_| wrong("COUNT is a number"))?;
    let peers: BTreeSet<String> = peers.split(',').map(str::to_owned).collect();
    let receiver = Receiver::new(address_out, name)?;
    receiver.subscribe("conformance/")?;
    receiver.set("on_slow", "ignore")?;
    let publisher = Publisher::new(address_in, name)?;
    receiver.start()?;
    publisher.start()?;
    receiver.wait_ready(Some(PATIENCE))?;
    publisher.wait_ready(Some(PATIENCE))?;

    let mut heard = Heard::default();
    let end = Instant::now() + 5 * PATIENCE;
    while !heard.complete.is_superset(&peers) {
        if Instant::now() > end {
            return Err(wrong(format!("heard {:?}, complete {:?}", heard.names, heard.complete)));
        }
        let complete = heard.names.is_superset(&peers);
        publisher.publish("conformance/hello", &json!({"name": name, "complete": complete}))?;
        let pause = Instant::now() + Duration::from_millis(50);
        while let Some(left) = pause.checked_duration_since(Instant::now()) {
            heard.take(&receiver, left)?;
        }
    }
    publisher.publish("conformance/hello", &json!({"name": name, "complete": true}))?;
    let topic = format!("conformance/numbers/{name}");
    for number in 0..count {
        publisher.publish(&topic, &number)?;
    }
    heard.last = Some(Instant::now());
    while peers.iter().any(|peer| heard.received.get(peer).is_none_or(|got| *got < count)) {
        heard.take(&receiver, Duration::from_secs(1))?;
        if heard.last.is_some_and(|last| last.elapsed() > PATIENCE) {
            return Err(wrong(format!("nothing comes any more: {:?}", heard.received)));
        }
    }
    let lost = receiver.stats()?["lost"].clone();
    if lost != 0 {
        return Err(wrong(format!("lost {lost}")));
    }
    publisher.stop(PATIENCE)?;
    Ok(heard.received)
}
