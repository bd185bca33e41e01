// SPDX-License-Identifier: MIT
//! hermes through its crate.
//!
//!     race-hermes-rust publish  in=ADDRESS   [how=one|batch|async] [typed=1]
//!     race-hermes-rust receive  out=ADDRESS  [how=one|batch|async] [typed=1]

use hermes::{AsyncPublisher, AsyncReceiver, EnvelopeView, Publisher, Receiver, Result};
use race::{Check, Pace, Settings, Tick, Values, SILENCE, SYMBOL};

/// How much goes into one call of publish_batch, and four times as much into one of recv_batch.
const MOST: usize = 256;

/// What a tick is as a value: Python's Message.
fn message(number: u64) -> (&'static str, f64, &'static str, f64, u64) {
    let (ts, price, own) = race::values(number);
    ("Tick", ts, SYMBOL, price, own)
}

struct Sending {
    topics: Vec<String>,
    tick: Tick,
    pace: Pace,
    count: u64,
}

impl Sending {
    /// Sends probes until the referee starts it.
    fn begin(s: &Settings, publisher: &Publisher) -> Result<Self> {
        let (topics, mut tick) = (race::topics(s), Tick::new(s.number("timed", 0) != 0));
        while !race::told_to_go(5) {
            tick.probe();
            publisher.publish_json(&topics[0], tick.text())?;
        }
        let (pace, count) = (Pace::new(s.number("rate", 0)), s.number("count", 100_000));
        Ok(Self {
            topics,
            tick,
            pace,
            count,
        })
    }

    fn topic(&self, number: u64) -> &str {
        &self.topics[(number % self.topics.len() as u64) as usize]
    }

    fn end(&self) {
        let end = race::monotonic_ns();
        race::say(&format!(
            r#"{{"start": {}, "end": {end}}}"#,
            self.pace.start
        ));
    }
}

fn send_singly(s: &mut Sending, publisher: &Publisher, typed: bool) -> Result<()> {
    for i in 0..s.count {
        s.pace.wait(i);
        if typed {
            publisher.publish(s.topic(i), &message(i))?;
        } else {
            s.tick.make(i);
            publisher.publish_json(s.topic(i), s.tick.text())?;
        }
    }
    Ok(())
}

/// Values in calls of publish_batch; texts have no need of it.
fn send_batches(s: &mut Sending, publisher: &Publisher) -> Result<()> {
    for from in (0..s.count).step_by(MOST) {
        let numbers = from..s.count.min(from + MOST as u64);
        let envelopes = numbers.map(|i| (s.topic(i), message(i)));
        publisher
            .publish_batch(envelopes)
            .map_err(|(_, error)| error)?;
    }
    Ok(())
}

async fn send_async(s: &mut Sending, publisher: &AsyncPublisher, typed: bool) -> Result<()> {
    for i in 0..s.count {
        s.pace.wait(i);
        if typed {
            publisher.publish(s.topic(i), &message(i)).await?;
        } else {
            s.tick.make(i);
            publisher.publish_json(s.topic(i), s.tick.text()).await?;
        }
    }
    Ok(())
}

async fn publish(s: &Settings, how: &str, typed: bool) -> Result<()> {
    let publisher = Publisher::new(&s.text("in", ""), &s.text("origin", "p000"))?;
    // Where the queue is full, wait rather than give up.
    publisher.set("queue.block", "1m")?;
    publisher.start()?;
    let mut sending = Sending::begin(s, &publisher)?;
    match how {
        "batch" if typed => send_batches(&mut sending, &publisher)?,
        "one" | "batch" => send_singly(&mut sending, &publisher, typed)?,
        _ => {
            let publisher = AsyncPublisher::new(publisher)?;
            send_async(&mut sending, &publisher, typed).await?;
            sending.end();
            race::wait_for_end();
            return publisher.close().await;
        }
    }
    sending.end();
    race::wait_for_end();
    publisher.close()
}

fn take(check: &mut Check, envelope: &EnvelopeView, typed: bool) -> Result<bool> {
    let topic = envelope.topic().as_bytes();
    if typed {
        return Ok(check.take_values(topic, &envelope.data::<Values>()?));
    }
    Ok(check.take(topic, envelope.json().as_bytes()))
}

fn receive_singly(receiver: &Receiver, check: &mut Check, typed: bool) -> Result<()> {
    while !take(check, &*receiver.recv_timeout(SILENCE)?, typed)? {}
    Ok(())
}

fn receive_batches(receiver: &Receiver, check: &mut Check, typed: bool) -> Result<()> {
    loop {
        for envelope in &receiver.recv_batch_timeout(4 * MOST, SILENCE)? {
            if take(check, envelope, typed)? {
                return Ok(());
            }
        }
    }
}

async fn receive_async(receiver: Receiver, check: &mut Check, typed: bool) -> Result<()> {
    let receiver = AsyncReceiver::new(receiver)?;
    while !take(check, &*receiver.recv().await?, typed)? {}
    check.print();
    race::wait_for_end();
    receiver.close()
}

async fn receive(s: &Settings, how: &str, typed: bool) -> Result<()> {
    let receiver = Receiver::new(&s.text("out", ""), "receiver")?;
    receiver.set("on_slow", "ignore")?;
    receiver.start()?;
    let mut check = Check::new(s);
    match how {
        "one" => receive_singly(&receiver, &mut check, typed)?,
        "batch" => receive_batches(&receiver, &mut check, typed)?,
        _ => return receive_async(receiver, &mut check, typed).await,
    }
    check.print();
    race::wait_for_end();
    receiver.close()
}

// One thread, for the library has its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let s = Settings::from_arguments();
    let (how, typed) = (s.text("how", "one"), s.number("typed", 0) == 1);
    match s.role.as_str() {
        "publish" => publish(&s, &how, typed).await,
        "receive" => receive(&s, &how, typed).await,
        other => panic!("no role {other}"),
    }
}
