//! What the foreign implementations in Rust have in common: the lines that they read and print;
//! ../doc.go says which.

use bytes::Bytes;
use std::io::BufRead;
use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver};

/// The arguments of the program.
pub struct Arguments {
    pub role: String,
    pub bind: bool,
    pub addresses: Vec<String>,
}

impl Arguments {
    pub fn read() -> Self {
        let mut words = std::env::args().skip(1);
        let role = words.next().expect("a role");
        let bind = words.next().expect("bind or connect") == "bind";
        Arguments { role, bind, addresses: words.collect() }
    }
}

/// A line of the input.
pub enum Command {
    Subscribe(Bytes),
    Unsubscribe(Bytes),
    Send(Vec<Bytes>),
}

impl Command {
    fn parse(line: &str) -> Self {
        let mut words = line.split(' ');
        let verb = words.next().unwrap_or_default();
        let mut frames: Vec<Bytes> = words.map(decode).collect();
        match verb {
            "send" => Command::Send(frames),
            "subscribe" => Command::Subscribe(frames.remove(0)),
            "unsubscribe" => Command::Unsubscribe(frames.remove(0)),
            _ => panic!("no command {verb}"),
        }
    }

    /// The message that asks for this on an XSUB; others are sent as they are.
    pub fn into_frames(self) -> Vec<Bytes> {
        match self {
            Command::Subscribe(prefix) => vec![[&[1], &prefix[..]].concat().into()],
            Command::Unsubscribe(prefix) => vec![[&[0], &prefix[..]].concat().into()],
            Command::Send(frames) => frames,
        }
    }
}

/// Reads the input on a thread of its own. The channel ends with it.
pub fn commands() -> UnboundedReceiver<Command> {
    let (tx, rx) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let _ = tx.send(Command::parse(&line.expect("a line")));
        }
    });
    rx
}

pub fn say_ready(endpoints: &[String], version: &str) {
    println!(r#"{{"ready": {endpoints:?}, "version": "{version}"}}"#);
}

pub fn refuse(reason: &str) {
    println!(r#"{{"refused": "{reason}"}}"#);
}

pub fn say_message<'a>(frames: impl Iterator<Item = &'a [u8]>) {
    let frames: Vec<String> = frames.map(encode).collect();
    println!(r#"{{"message": {frames:?}}}"#);
}

fn encode(frame: &[u8]) -> String {
    const DIGITS: &[u8] = b"0123456789abcdef";
    let digit = |n: u8| DIGITS[n as usize] as char;
    frame.iter().flat_map(|&b| [digit(b >> 4), digit(b & 15)]).collect()
}

fn decode(word: &str) -> Bytes {
    let value = |c: &u8| (*c as char).to_digit(16).expect("a digit") as u8;
    word.as_bytes()[1..].chunks(2).map(|pair| value(&pair[0]) << 4 | value(&pair[1])).collect()
}
