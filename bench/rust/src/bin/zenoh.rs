// SPDX-License-Identifier: MIT
//! Zenoh in Rust.
//!
//!     race-zenoh router   in=tcp/HOST:PORT out=tcp/HOST:PORT
//!     race-zenoh publish  in=tcp/HOST:PORT
//!     race-zenoh receive  out=tcp/HOST:PORT

use race::{Check, Pace, Settings, Tick};
use zenoh::qos::CongestionControl;
use zenoh::{Config, Session, Wait};

type Outcome = zenoh::Result<()>;

/// A session that connects to the router only.
fn open(mode: &str, listen: &[String], connect: &[String]) -> zenoh::Result<Session> {
    let mut config = Config::default();
    config.insert_json5("mode", &format!("{mode:?}"))?;
    config.insert_json5("scouting/multicast/enabled", "false")?;
    config.insert_json5("listen/endpoints", &format!("{listen:?}"))?;
    config.insert_json5("connect/endpoints", &format!("{connect:?}"))?;
    zenoh::open(config).wait()
}

fn router(s: &Settings) -> Outcome {
    let session = open("router", &[s.text("in", ""), s.text("out", "")], &[])?;
    race::wait_for_end();
    session.close().wait()
}

/// It waits where there is no room: nothing may be lost.
fn publish(s: &Settings) -> Outcome {
    let session = open("client", &[], &[s.text("in", "")])?;
    let mut publishers = Vec::new();
    for topic in race::topics(s) {
        let made = session
            .declare_publisher(topic)
            .congestion_control(CongestionControl::Block);
        publishers.push(made.wait()?);
    }
    let mut tick = Tick::new(s.number("timed", 0) != 0);
    let origin = s.text("origin", "p000");
    while !race::told_to_go(5) {
        tick.probe();
        publishers[0]
            .put(race::one_text(&tick.data, &origin))
            .wait()?;
    }
    let pace = Pace::new(s.number("rate", 0));
    for i in 0..s.number("count", 100_000) {
        pace.wait(i);
        tick.make(i);
        let publisher = &publishers[(i % publishers.len() as u64) as usize];
        publisher.put(race::one_text(&tick.data, &origin)).wait()?;
    }
    race::say(&format!(
        r#"{{"start": {}, "end": {}}}"#,
        pace.start,
        race::monotonic_ns()
    ));
    race::wait_for_end();
    drop(publishers);
    session.close().wait()
}

fn receive(s: &Settings) -> Outcome {
    let session = open("client", &[], &[s.text("out", "")])?;
    let channel = zenoh::handlers::FifoChannel::new(10_000);
    let subscriber = session
        .declare_subscriber("ticks/**")
        .with(channel)
        .wait()?;
    let mut check = Check::new(s);
    let origin = s.text("origin", "p000");
    while let Ok(Some(sample)) = subscriber.recv_timeout(race::SILENCE) {
        let text = sample.payload().to_bytes();
        if check.take(sample.key_expr().as_bytes(), race::data_of(&text, &origin)) {
            break;
        }
    }
    check.print();
    race::wait_for_end();
    drop(subscriber);
    session.close().wait()
}

fn main() -> Outcome {
    let settings = Settings::from_arguments();
    match settings.role.as_str() {
        "router" => router(&settings),
        "publish" => publish(&settings),
        "receive" => receive(&settings),
        other => panic!("no role {other}"),
    }
}
