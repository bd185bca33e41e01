// SPDX-License-Identifier: MIT
//! rzmq, ZeroMQ in Rust. It has no XPUB, XSUB or proxy; zmq_proxy stands between.
//!
//!     race-rzmq publish  in=tcp://HOST:PORT
//!     race-rzmq receive  out=tcp://HOST:PORT

use race::{Check, Pace, Settings, Tick};
use rzmq::socket::{RCVHWM, SNDHWM, SUBSCRIBE, XPUB_NODROP};
use rzmq::{Context, Msg, SocketType, ZmqError};

type Outcome = Result<(), ZmqError>;

/// Four frames; a topic in quotation marks.
fn frames(topic: &str, origin: &str, data: &[u8]) -> Vec<Msg> {
    let mut ts = [0; 17];
    race::now_text(&mut ts);
    vec![
        Msg::from_vec(topic.as_bytes().to_vec()),
        Msg::from_vec(origin.as_bytes().to_vec()),
        Msg::from_vec(data.to_vec()),
        Msg::from_vec(ts.to_vec()),
    ]
}

/// It waits where there is no room: nothing may be lost.
async fn publish(s: &Settings) -> Outcome {
    let context = Context::new()?;
    let socket = context.socket(SocketType::Pub)?;
    socket.set_option(SNDHWM, 100_000i32).await?;
    socket.set_option(XPUB_NODROP, 1i32).await?;
    socket.connect(&s.text("in", "")).await?;
    let topics: Vec<_> = race::topics(s).iter().map(|t| format!("{t:?}")).collect();
    let origin = format!("{:?}", s.text("origin", "p000"));
    let mut tick = Tick::new(s.number("timed", 0) != 0);
    while !race::told_to_go(5) {
        tick.probe();
        socket
            .send_multipart(frames(&topics[0], &origin, &tick.data))
            .await?;
    }
    let pace = Pace::new(s.number("rate", 0));
    for i in 0..s.number("count", 100_000) {
        pace.wait(i);
        tick.make(i);
        let topic = &topics[(i % topics.len() as u64) as usize];
        socket
            .send_multipart(frames(topic, &origin, &tick.data))
            .await?;
    }
    race::say(&format!(
        r#"{{"start": {}, "end": {}}}"#,
        pace.start,
        race::monotonic_ns()
    ));
    race::wait_for_end();
    context.term().await
}

async fn receive(s: &Settings) -> Outcome {
    let context = Context::new()?;
    let socket = context.socket(SocketType::Sub)?;
    socket.set_option(RCVHWM, 1_000_000i32).await?;
    socket.set_option_raw(SUBSCRIBE, b"").await?;
    socket.connect(&s.text("out", "")).await?;
    let mut check = Check::new(s);
    while let Ok(received) = tokio::time::timeout(race::SILENCE, socket.recv_multipart()).await {
        let frames = received?;
        let body = |i: usize| frames.get(i).and_then(Msg::data).unwrap_or_default();
        let topic = body(0);
        let topic = topic
            .get(1..topic.len().saturating_sub(1))
            .unwrap_or_default();
        if frames.len() == 4 && check.take(topic, body(2)) {
            break;
        }
    }
    check.print();
    race::wait_for_end();
    context.term().await
}

#[tokio::main]
async fn main() -> Outcome {
    let settings = Settings::from_arguments();
    match settings.role.as_str() {
        "publish" => publish(&settings).await,
        "receive" => receive(&settings).await,
        other => panic!("no role {other}"),
    }
}
