//! One run of a scenario: its objects, and a function for each kind of step.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::thread::{sleep, JoinHandle};
use std::time::{Duration, Instant};

use hermes::{Envelope, EnvelopeView, Error, Node, PostOffice, Publisher, Receiver};
use serde_json::{json, Value};

pub const PATIENCE: Duration = Duration::from_secs(60);

const CODES: [&str; 21] = [
    "OK",
    "EINVAL",
    "EBADHANDLE",
    "ESTATE",
    "EADDRESS",
    "EADDRINUSE",
    "EOPTION",
    "EUTF8",
    "EJSON",
    "EFULL",
    "ETIMEOUT",
    "ESTOPPED",
    "EFORKED",
    "EINTERNAL",
    "ENOMEM",
    "ERANGE",
    "ETOOBIG",
    "ENOTSUP",
    "EIO",
    "EACCES",
    "EAUTH",
];

// ---- Failures ----------------------------------------------------------------

/// Why a step has failed, and which.
#[derive(Debug)]
pub struct Failure {
    place: String,
    code: Option<i32>, // where a call has failed
    text: String,
}

pub type Outcome = Result<(), Failure>;

pub fn wrong(text: impl Into<String>) -> Failure {
    Failure { place: String::new(), code: None, text: text.into() }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { place: String::new(), code: Some(error.code()), text: error.to_string() }
    }
}

impl Failure {
    fn code_name(&self) -> &'static str {
        let number = self.code.and_then(|code| usize::try_from(-code).ok());
        number.and_then(|number| CODES.get(number)).unwrap_or(&"")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} {}", self.place, self.code_name(), self.text)
    }
}

// ---- Reading steps -------------------------------------------------------------

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text<'a>(step: &'a Value, key: &str) -> &'a str {
    step[key].as_str().unwrap_or_else(|| panic!("{step} has no text {key}"))
}

/// The time that a step may take; `None` is for ever.
fn time(step: &Value) -> Option<Duration> {
    match step["timeout"].as_i64() {
        None => Some(PATIENCE),
        Some(ms) => u64::try_from(ms).ok().map(Duration::from_millis),
    }
}

/// The JSON that a step speaks of, if it does: what is to be published, or has to come.
fn data(step: &Value, index: usize) -> Option<String> {
    match &step["make"] {
        Value::String(make) if make == "index" => return Some(index.to_string()),
        Value::String(_) => return Some("{nonsense".into()),
        Value::Array(made) => {
            let length = made[1].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
            let text = format!("\"{}\"", "x".repeat(length));
            return Some(if made[0] == "nan" { format!("[NaN, {text}]") } else { text });
        }
        _ => {}
    }
    let text = step["text"].as_str().map(str::to_owned);
    text.or_else(|| step.get("data").map(Value::to_string))
}

/// Whether what is expected is contained in what came.
fn contains(want: &Value, got: &Value) -> bool {
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            want.iter().all(|(key, value)| got.get(key).is_some_and(|got| contains(value, got)))
        }
        (Value::Array(want), Value::Array(got)) => {
            want.len() == got.len() && want.iter().zip(got).all(|(w, g)| contains(w, g))
        }
        _ => want == got,
    }
}

// ---- Objects -----------------------------------------------------------------

enum Component {
    Office(PostOffice),
    Publisher(Publisher),
    Receiver(Receiver),
    Node(Node),
}

/// Calls what all kinds of objects have.
macro_rules! any {
    ($component:expr, $object:ident => $call:expr) => {
        match &*$component {
            Component::Office($object) => $call,
            Component::Publisher($object) => $call,
            Component::Receiver($object) => $call,
            Component::Node($object) => $call,
        }
    };
}

#[derive(Default)]
pub struct Run {
    objects: Mutex<Vec<(String, Arc<Component>)>>,
    threads: Mutex<HashMap<String, JoinHandle<Outcome>>>,
}

impl Run {
    fn component(&self, name: &Value) -> Arc<Component> {
        let objects = self.objects.lock().unwrap();
        let found = objects.iter().rev().find(|(known, _)| name == known);
        Arc::clone(&found.unwrap_or_else(|| panic!("there is no {name}")).1)
    }

    fn publisher<T>(&self, step: &Value, call: impl FnOnce(&Publisher) -> T) -> T {
        match &*self.component(&step["on"]) {
            Component::Publisher(publisher) => call(publisher),
            _ => panic!("{step}: no publisher"),
        }
    }

    fn receiver<T>(&self, step: &Value, call: impl FnOnce(&Receiver) -> T) -> T {
        match &*self.component(&step["on"]) {
            Component::Receiver(receiver) => call(receiver),
            _ => panic!("{step}: no receiver"),
        }
    }

    fn node<T>(&self, step: &Value, call: impl FnOnce(&Node) -> T) -> T {
        match &*self.component(&step["on"]) {
            Component::Node(node) => call(node),
            _ => panic!("{step}: no node"),
        }
    }

    fn address(&self, given: &Value) -> Result<String, Failure> {
        match given {
            Value::String(address) => Ok(address.clone()),
            _ => Ok(any!(self.component(&given[0]), o => o.get(given[1].as_str().unwrap_or("")))?),
        }
    }

    fn make(&self, step: &Value) -> Result<Component, Failure> {
        Ok(match text(step, "do") {
            "postoffice" => {
                let (a, b) = (self.address(&step["in"])?, self.address(&step["out"])?);
                Component::Office(match step["debug"].as_str() {
                    Some(debug) => PostOffice::with_debug(&a, &b, debug)?,
                    None => PostOffice::new(&a, &b)?,
                })
            }
            "publisher" => {
                let address = self.address(&step["address"])?;
                Component::Publisher(Publisher::new(&address, text(step, "name"))?)
            }
            "receiver" => {
                let address = self.address(&step["address"])?;
                Component::Receiver(Receiver::new(&address, text(step, "name"))?)
            }
            _ => {
                let component =
                    |key| Some(&step[key]).filter(|v| !v.is_null()).map(|v| self.component(v));
                let (receiver, publisher) = (component("receiver"), component("publisher"));
                let receiver = receiver.as_deref().map(|component| match component {
                    Component::Receiver(receiver) => receiver,
                    _ => panic!("{step}: no receiver"),
                });
                let publisher = publisher.as_deref().map(|component| match component {
                    Component::Publisher(publisher) => publisher,
                    _ => panic!("{step}: no publisher"),
                });
                Component::Node(Node::new(text(step, "name"), receiver, publisher)?)
            }
        })
    }

    /// Closes everything, the newest first.
    pub fn close_all(&self) {
        while let Some((_, component)) = { self.objects.lock().unwrap().pop() } {
            let _ = any!(component, o => o.close()); // errors no longer matter
        }
    }
}

// ---- Taking steps ------------------------------------------------------------

impl Run {
    /// Takes steps one after the other; an error names the failed step.
    pub fn take(self: &Arc<Self>, steps: &Value, index: usize) -> Outcome {
        for (number, step) in list(steps).iter().enumerate() {
            self.take_one(step, index).map_err(|mut failure| {
                let place = format!("step {} ({}): ", number + 1, text(step, "do"));
                failure.place.insert_str(0, &place);
                failure
            })?;
        }
        Ok(())
    }

    /// Takes a step, and looks whether it fails as it should.
    fn take_one(self: &Arc<Self>, step: &Value, index: usize) -> Outcome {
        let error = &step["error"];
        let allowed = if error.is_string() { std::slice::from_ref(error) } else { list(error) };
        match self.call(step, index) {
            Ok(()) if allowed.is_empty() || allowed.contains(&json!("none")) => Ok(()),
            Ok(()) => Err(wrong(format!("did not fail with {error}"))),
            Err(failure) if !allowed.contains(&json!(failure.code_name())) => Err(failure),
            Err(failure) => match (step["says"].as_str(), step["hides"].as_str()) {
                (Some(says), _) if !failure.text.contains(says) => {
                    Err(wrong(format!("the text '{}' has no '{says}' in it", failure.text)))
                }
                (_, Some(hides)) if failure.text.contains(hides) => {
                    Err(wrong(format!("the text '{}' does not hide it", failure.text)))
                }
                _ => Ok(()),
            },
        }
    }

    fn call(self: &Arc<Self>, step: &Value, index: usize) -> Outcome {
        let on = &step["on"];
        match text(step, "do") {
            "postoffice" | "publisher" | "receiver" | "node" => {
                let component = Arc::new(self.make(step)?);
                self.objects.lock().unwrap().push((text(step, "as").into(), component));
            }
            "set" => any!(self.component(on), o => o.set(text(step, "key"), text(step, "value")))?,
            "get" => {
                let value = any!(self.component(on), o => o.get(text(step, "key")))?;
                if step["expect"] != value {
                    return Err(wrong(format!("it is '{value}'")));
                }
            }
            "start" => any!(self.component(on), o => o.start())?,
            "stop" => any!(self.component(on), o => o.stop(time(step).unwrap_or(Duration::MAX)))?,
            "close" => any!(self.component(on), o => o.close())?,
            "wait" => any!(self.component(on), o => o.wait(time(step)))?,
            "wait_ready" => any!(self.component(on), o => o.wait_ready(time(step)))?,
            "subscribe" => self.receiver(step, |r| r.subscribe(text(step, "topic")))?,
            "unsubscribe" => self.receiver(step, |r| r.unsubscribe(text(step, "topic")))?,
            "accept" => self.receiver(step, |r| r.accept(text(step, "origin")))?,
            "publish" => self.publish(step, index)?,
            "publish_many" => self.publish_many(step)?,
            "recv" | "node_recv" => self.recv(step, index)?,
            "recv_many" => self.recv_many(step)?,
            "node_publish" => self.node(step, |node| match step.get("data") {
                Some(data) => node.publish(text(step, "channel"), data),
                None => node.publish_json(text(step, "channel"), &data(step, index).unwrap()),
            })?,
            "node_run" => self.node(step, Node::run)?,
            "each" => self.each(step, index)?,
            "stats" => self.stats(step)?,
            "event" => self.event(step)?,
            "readable" => self.readable(step)?,
            "sleep" => sleep(Duration::from_millis(step["ms"].as_u64().unwrap_or(0))),
            "repeat" => {
                for round in 0..step["times"].as_u64().unwrap_or(0) {
                    self.take(&step["steps"], usize::try_from(round).unwrap())?;
                }
            }
            "until" => {
                let end = Instant::now() + PATIENCE;
                while let Err(failure) = self.take(&step["steps"], index) {
                    if Instant::now() > end {
                        return Err(failure);
                    }
                }
            }
            "try" => self.take(&step["steps"], index)?,
            "spawn" => {
                let (run, steps) = (Arc::clone(self), step["steps"].clone());
                let thread = std::thread::spawn(move || run.take(&steps, index));
                self.threads.lock().unwrap().insert(text(step, "as").into(), thread);
            }
            "join" => self.join(step)?,
            unknown => return Err(wrong(format!("unknown step {unknown}"))),
        }
        Ok(())
    }

    fn join(&self, step: &Value) -> Outcome {
        let thread = self.threads.lock().unwrap().remove(text(step, "on"));
        let thread = thread.unwrap_or_else(|| panic!("{step}: no such thread"));
        let end = Instant::now() + PATIENCE;
        while !thread.is_finished() {
            if Instant::now() > end {
                return Err(wrong("it does not end"));
            }
            sleep(Duration::from_millis(1));
        }
        thread.join().unwrap_or_else(|_| Err(wrong("it panicked")))
    }

    // ---- Envelopes -------------------------------------------------------------

    fn publish(&self, step: &Value, index: usize) -> Outcome {
        let topic = text(step, "topic");
        let json = || data(step, index).unwrap();
        if let Some(traceparent) = step["traceparent"].as_str() {
            return Ok(self.publisher(step, |publisher| {
                publisher.publish_traced(topic, &step["data"], traceparent)
            })?);
        }
        Ok(self.publisher(step, |publisher| match (step["origin"].as_str(), step.get("data")) {
            (Some(origin), _) => publisher.publish_json_of(origin, topic, &json()),
            (None, Some(data)) => publisher.publish(topic, data),
            (None, None) => publisher.publish_json(topic, &json()),
        })?)
    }

    fn publish_many(&self, step: &Value) -> Outcome {
        let (taken, result) = self.publisher(step, |publisher| {
            let result = match step.get("envelopes") {
                Some(envelopes) => publisher.publish_json_batch(&envelopes.to_string()),
                None => {
                    let count = step["count"].as_u64().unwrap_or(0);
                    publisher.publish_batch((0..count).map(|i| (text(step, "topic"), i)))
                }
            };
            match result {
                Ok(count) => (count, Ok(())),
                Err((count, error)) => (count, Err(error)),
            }
        });
        if step.get("taken").is_some_and(|want| *want != taken) {
            return Err(wrong(format!("{taken} were taken")));
        }
        Ok(result?)
    }

    fn recv(&self, step: &Value, index: usize) -> Outcome {
        let envelope: Envelope = match (&*self.component(&step["on"]), time(step)) {
            (Component::Receiver(receiver), Some(time)) => receiver.recv_timeout(time)?,
            (Component::Receiver(receiver), None) => receiver.recv()?,
            (Component::Node(node), Some(time)) => node.recv_timeout(time)?,
            (Component::Node(node), None) => node.recv()?,
            _ => panic!("{step}: cannot receive"),
        };
        match step.get("expect") {
            Some(want) => compare(want, &envelope, index),
            None => Err(wrong("something came")),
        }
    }

    fn recv_many(&self, step: &Value) -> Outcome {
        let most = usize::try_from(step["max"].as_u64().unwrap_or(0)).unwrap();
        let mut took = 0;
        loop {
            let batch = self.receiver(step, |receiver| match time(step) {
                Some(time) => receiver.recv_batch_timeout(most, time),
                None => receiver.recv_batch(most),
            })?;
            for envelope in &batch {
                if step["topic"] != envelope.topic() || envelope.json() != took.to_string() {
                    return Err(wrong(format!("number {took} is {envelope:.200?}")));
                }
                took += 1;
            }
            if took >= step["count"].as_u64().unwrap_or(0) {
                return Ok(());
            }
        }
    }

    fn each(self: &Arc<Self>, step: &Value, index: usize) -> Outcome {
        let component = self.component(&step["on"]);
        let Component::Receiver(receiver) = &*component else { panic!("{step}: no receiver") };
        for envelope in receiver {
            envelope?;
            self.take(&step["steps"], index)?;
        }
        Ok(())
    }

    // ---- Observing -------------------------------------------------------------

    fn stats(&self, step: &Value) -> Outcome {
        let end = Instant::now() + time(step).unwrap_or(PATIENCE);
        loop {
            let stats = any!(self.component(&step["on"]), o => o.stats())?;
            let counter = |name: &Value| stats[name.as_str().unwrap()].as_u64().unwrap();
            for sum in list(&step["sums"]) {
                let (total, parts) = list(sum).split_first().unwrap();
                if counter(total) != parts.iter().map(counter).sum::<u64>() {
                    return Err(wrong(format!("{total} is not the sum of the others in {stats}")));
                }
            }
            if step.get("expect").is_none_or(|want| contains(want, &stats)) {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(wrong(format!("the counters are {stats}")));
            }
            sleep(Duration::from_millis(10));
        }
    }

    fn event(&self, step: &Value) -> Outcome {
        let says = step["says"].as_str().unwrap_or("");
        loop {
            let event = any!(self.component(&step["on"]), o => o.next_event(time(step)))?;
            let Some(event) = event else {
                return Err(Error::new(hermes_sys::HERMES_ETIMEOUT, "no such event").into());
            };
            let fits = step.get("expect").is_some_and(|want| contains(want, &event));
            if fits && text(&event, "text").contains(says) {
                return Ok(());
            }
        }
    }

    fn readable(&self, step: &Value) -> Outcome {
        let fd = match &*self.component(&step["on"]) {
            Component::Receiver(receiver) => receiver.fd()?,
            Component::Publisher(publisher) => publisher.fd()?,
            Component::Node(node) => node.fd()?,
            Component::Office(_) => panic!("{step}: no descriptor"),
        };
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let ms = time(step).map_or(-1, |time| i32::try_from(time.as_millis()).unwrap());
        // SAFETY: one entry is there.
        let readable = unsafe { libc::poll(&mut poll, 1, ms) } == 1;
        if step["expect"] != readable {
            return Err(wrong(format!("readable is {readable}")));
        }
        Ok(())
    }
}

/// Looks whether an envelope is as expected.
fn compare(want: &Value, envelope: &EnvelopeView, index: usize) -> Outcome {
    if want.get("topic").is_some_and(|topic| topic != envelope.topic()) {
        return Err(wrong(format!("the topic is {:?}", envelope.topic())));
    }
    if want.get("origin").is_some_and(|origin| origin != envelope.origin()) {
        return Err(wrong(format!("the origin is {:?}", envelope.origin())));
    }
    if want.get("lost").is_some_and(|lost| *lost != envelope.lost()) {
        return Err(wrong(format!("lost is {}", envelope.lost())));
    }
    if want.get("traceparent").is_some_and(|one| one.as_str() != envelope.traceparent()) {
        return Err(wrong(format!("the traceparent is {:?}", envelope.traceparent())));
    }
    let Some(json) = data(want, index) else {
        return Ok(());
    };
    // A text comes as it was; a value comes as one that is the same.
    let same = if want.get("text").is_some() || json == envelope.json() {
        json == envelope.json()
    } else {
        serde_json::from_str::<Value>(&json).map_err(Error::from)? == envelope.data::<Value>()?
    };
    if same {
        Ok(())
    } else {
        Err(wrong(format!("the data is {:.200}", envelope.json())))
    }
}
