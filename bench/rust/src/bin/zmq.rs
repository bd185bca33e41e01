// SPDX-License-Identifier: MIT
//! The crate zmq, which is libzmq, with serde_json for typed=1.
//!
//!     race-zmq publish  in=ADDRESS   [typed=1]
//!     race-zmq receive  out=ADDRESS  [typed=1]

use race::{Check, Pace, Settings, Tick, Values, SILENCE, SYMBOL};
use zmq::{Context, Message, Result, Socket, SocketType, SNDMORE};

/// A socket without high-water marks.
fn socket(context: &Context, kind: SocketType) -> Result<Socket> {
    let socket = context.socket(kind)?;
    socket.set_sndhwm(0)?;
    socket.set_rcvhwm(0)?;
    socket.set_linger(1000)?;
    Ok(socket)
}

/// Sending waits where there is no room, so that nothing is lost. The crate lacks that option.
fn wait_for_room(socket: &mut Socket) {
    let on: libc::c_int = 1;
    // SAFETY: the socket is open, and the value is an int, as the option's type is.
    let result = unsafe {
        let (value, size) = (std::ptr::from_ref(&on).cast(), std::mem::size_of_val(&on));
        let option = zmq_sys::ZMQ_XPUB_NODROP as libc::c_int;
        zmq_sys::zmq_setsockopt(socket.as_mut_ptr(), option, value, size)
    };
    assert_eq!(result, 0, "ZMQ_XPUB_NODROP");
}

/// Four frames; the topic and the origin are JSON strings.
fn send(socket: &Socket, topic: &str, origin: &str, data: &[u8]) -> Result<()> {
    let mut ts = [0; 17];
    race::now_text(&mut ts);
    socket.send(topic, SNDMORE)?;
    socket.send(origin, SNDMORE)?;
    socket.send(data, SNDMORE)?;
    socket.send(&ts[..], 0)
}

fn publish(s: &Settings, typed: bool) -> Result<()> {
    let context = Context::new();
    let mut socket = socket(&context, zmq::XPUB)?;
    socket.set_sndhwm(100_000)?;
    wait_for_room(&mut socket);
    socket.connect(&s.text("in", ""))?;
    socket.recv_bytes(0)?; // the first subscription
    let topics: Vec<_> = race::topics(s).iter().map(|t| format!("{t:?}")).collect();
    let origin = format!("{:?}", s.text("origin", "p000"));
    let mut tick = Tick::new(s.number("timed", 0) != 0);
    while !race::told_to_go(5) {
        tick.probe();
        send(&socket, &topics[0], &origin, &tick.data)?;
    }
    let pace = Pace::new(s.number("rate", 0));
    for i in 0..s.number("count", 100_000) {
        pace.wait(i);
        let topic = &topics[(i % topics.len() as u64) as usize];
        if typed {
            let (ts, price, own) = race::values(i);
            let text = serde_json::to_vec(&("Tick", ts, SYMBOL, price, own)).expect("JSON");
            send(&socket, topic, &origin, &text)?;
        } else {
            tick.make(i);
            send(&socket, topic, &origin, &tick.data)?;
        }
    }
    race::say(&format!(
        r#"{{"start": {}, "end": {}}}"#,
        pace.start,
        race::monotonic_ns()
    ));
    race::wait_for_end();
    Ok(())
}

fn receive(s: &Settings, typed: bool) -> Result<()> {
    let context = Context::new();
    let socket = socket(&context, zmq::SUB)?;
    socket.set_rcvtimeo(SILENCE.as_millis() as i32)?;
    socket.set_subscribe(b"")?;
    socket.connect(&s.text("out", ""))?;
    let mut check = Check::new(s);
    let mut frames: [Message; 4] = std::array::from_fn(|_| Message::new());
    let mut over = false;
    while !over {
        for frame in &mut frames {
            socket.recv(frame, 0)?;
        }
        // Between the quotation marks of a JSON string without escapes.
        let topic = &frames[0][1..frames[0].len() - 1];
        over = if typed {
            check.take_values(
                topic,
                &serde_json::from_slice::<Values>(&frames[2]).expect("JSON"),
            )
        } else {
            check.take(topic, &frames[2])
        };
    }
    check.print();
    race::wait_for_end();
    Ok(())
}

fn main() -> Result<()> {
    let s = Settings::from_arguments();
    let typed = s.number("typed", 0) == 1;
    match s.role.as_str() {
        "publish" => publish(&s, typed),
        "receive" => receive(&s, typed),
        other => panic!("no role {other}"),
    }
}
