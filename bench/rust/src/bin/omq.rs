// SPDX-License-Identifier: MIT
//! omq-tokio, ZeroMQ in Rust, with zmq_proxy between.
//!
//!     race-omq publish  in=tcp://HOST:PORT
//!     race-omq receive  out=tcp://HOST:PORT

use bytes::Bytes;
use omq_tokio::{Endpoint, Message, Options, Result, Socket, SocketType};
use race::{Check, Pace, Settings, Tick};

fn address(text: &str) -> Endpoint {
    text.parse().expect("an address")
}

/// Four frames; a topic in quotation marks.
fn frames(topic: &str, origin: &str, data: &[u8]) -> Message {
    let mut ts = [0; 17];
    race::now_text(&mut ts);
    let copies = [topic.as_bytes(), origin.as_bytes(), data, &ts[..]].map(Bytes::copy_from_slice);
    Message::multipart(copies)
}

/// It waits where there is no room: nothing may be lost.
async fn publish(s: &Settings) -> Result<()> {
    let mut options = Options::default().send_hwm(100_000).linger_forever();
    options.xpub_nodrop = true;
    let socket = Socket::new(SocketType::XPub, options);
    socket.connect(address(&s.text("in", ""))).await?;
    socket.recv().await?; // the first subscription
    let topics: Vec<_> = race::topics(s).iter().map(|t| format!("{t:?}")).collect();
    let origin = format!("{:?}", s.text("origin", "p000"));
    let mut tick = Tick::new(s.number("timed", 0) != 0);
    while !race::told_to_go(5) {
        tick.probe();
        socket.send(frames(&topics[0], &origin, &tick.data)).await?;
    }
    let pace = Pace::new(s.number("rate", 0));
    for i in 0..s.number("count", 100_000) {
        pace.wait(i);
        tick.make(i);
        let topic = &topics[(i % topics.len() as u64) as usize];
        socket.send(frames(topic, &origin, &tick.data)).await?;
    }
    let (start, end) = (pace.start, race::monotonic_ns());
    race::say(&format!(r#"{{"start": {start}, "end": {end}}}"#));
    let waiting = tokio::task::spawn_blocking(race::wait_for_end);
    waiting.await.expect("stdin");
    Ok(())
}

async fn receive(s: &Settings) -> Result<()> {
    let socket = Socket::new(SocketType::Sub, Options::default().recv_hwm(1_000_000));
    socket.subscribe(Bytes::new()).await?;
    socket.connect(address(&s.text("out", ""))).await?;
    let mut check = Check::new(s);
    while let Ok(received) = tokio::time::timeout(race::SILENCE, socket.recv()).await {
        let message = received?;
        let body = |i: usize| message.get(i).unwrap_or_default();
        let topic = body(0);
        let topic = topic
            .get(1..topic.len().saturating_sub(1))
            .unwrap_or_default();
        if message.len() == 4 && check.take(topic, body(2)) {
            break;
        }
    }
    check.print();
    race::wait_for_end();
    Ok(())
}

#[tokio::main]
async fn main() -> Result<()> {
    let s = Settings::from_arguments();
    match s.role.as_str() {
        "publish" => publish(&s).await,
        "receive" => receive(&s).await,
        other => panic!("no role {other}"),
    }
}
