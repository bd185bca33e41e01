// SPDX-License-Identifier: MIT
//! What the contestants in Rust have in common: the arguments, the ticks, the checks on
//! what arrives, and the talk with the referee (see bench/README.md). It is race.c again.

use std::io::{Read, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a subscriber waits in silence.
pub const SILENCE: Duration = Duration::from_secs(20);

const BEGINNING: u64 = 1_763_800_000;
const FIRST: u64 = 1_000_000_000;

/// PROGRAM ROLE key=value ...
pub struct Settings {
    pub role: String,
    pairs: Vec<String>,
}

impl Settings {
    pub fn from_arguments() -> Self {
        let mut words = std::env::args().skip(1);
        Settings {
            role: words.next().expect("a role"),
            pairs: words.collect(),
        }
    }

    pub fn text(&self, key: &str, otherwise: &str) -> String {
        let known = self
            .pairs
            .iter()
            .find_map(|p| p.strip_prefix(key)?.strip_prefix('='));
        known.unwrap_or(otherwise).to_string()
    }

    pub fn number(&self, key: &str, otherwise: u64) -> u64 {
        self.text(key, &otherwise.to_string()).parse().expect(key)
    }
}

pub fn monotonic_ns() -> i64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: t is a timespec that the call may write to.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut t) };
    t.tv_sec * 1_000_000_000 + t.tv_nsec
}

fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
}

/// The last eight digits of a number at once; see race.c.
#[inline]
fn eight_digits(value: u64) -> [u8; 8] {
    let v = value % 100_000_000;
    let v = v / 10_000 | (v % 10_000) << 32;
    let hundreds = (v * 10_486 >> 20) & 0x0000_007f_0000_007f;
    let v = hundreds | (v - 100 * hundreds) << 16;
    let tens = (v * 103 >> 10) & 0x000f_000f_000f_000f;
    let v = tens | (v - 10 * tens) << 8;
    (v + 0x3030_3030_3030_3030).to_le_bytes()
}

/// Writes value with as many digits as there is room.
#[inline(always)]
fn digits(at: &mut [u8], value: u64) {
    let split = at.len().saturating_sub(8);
    let (front, last) = at.split_at_mut(split);
    last.copy_from_slice(&eight_digits(value)[8 - last.len()..]);
    let mut value = value / 100_000_000;
    for b in front.iter_mut().rev() {
        *b = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// The text of ticks: `["Tick",1763800000.000042,"BTCUSD",42010.50,1000000042]`, with
/// the time of sending in nanoseconds as the second element if they are timed.
pub struct Tick {
    pub data: Vec<u8>,
    timed: bool,
}

impl Tick {
    pub fn new(timed: bool) -> Self {
        let fraction = if timed { "000000000" } else { "000000" };
        let text = format!(r#"["Tick",{BEGINNING}.{fraction},"BTCUSD",42000.00,{FIRST}]"#);
        Tick {
            data: text.into_bytes(),
            timed,
        }
    }

    /// The text itself.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.data).expect("ASCII")
    }

    pub fn make(&mut self, number: u64) {
        let rest = if self.timed { 28 } else { 25 };
        let d = &mut self.data;
        d[2] = b'T';
        if self.timed {
            let now = wall();
            digits(&mut d[8..18], now.as_secs());
            digits(&mut d[19..28], now.subsec_nanos().into());
        } else {
            digits(&mut d[19..25], number % 1_000_000);
        }
        digits(&mut d[rest + 13..rest + 15], number % 100);
        digits(&mut d[rest + 16..rest + 18], number % 4 * 25);
        digits(&mut d[rest + 19..rest + 29], FIRST + number);
    }

    /// A tick that only says that the way is open.
    pub fn probe(&mut self) {
        self.make(0);
        self.data[2] = b'P';
    }
}

/// What a tick says, for programs that send values and not texts. The time is the second
/// element; a program writes it as `("Tick", ts, symbol, price, number)`.
pub fn values(number: u64) -> (f64, f64, u64) {
    let ts = BEGINNING as f64 + (number % 1_000_000) as f64 / 1e6;
    let price = 42000.0 + (number % 100) as f64 + (number % 4) as f64 / 4.0;
    (ts, price, FIRST + number)
}

pub const SYMBOL: &str = "BTCUSD";

pub fn topics(settings: &Settings) -> Vec<String> {
    (0..settings.number("topics", 10))
        .map(|i| format!("ticks/{i:06}"))
        .collect()
}

/// "1763800000.123456" for now.
pub fn now_text(buf: &mut [u8; 17]) {
    let now = wall();
    digits(&mut buf[..10], now.as_secs());
    buf[10] = b'.';
    digits(&mut buf[11..], now.subsec_micros().into());
}

/// For peers with one payload instead of frames: [origin, data, ts].
pub fn one_text(data: &[u8], origin: &str) -> Vec<u8> {
    let mut ts = [0; 17];
    now_text(&mut ts);
    let mut text = Vec::with_capacity(origin.len() + data.len() + 24);
    text.extend_from_slice(b"[\"");
    text.extend_from_slice(origin.as_bytes());
    text.extend_from_slice(b"\",");
    text.extend_from_slice(data);
    text.push(b',');
    text.extend_from_slice(&ts);
    text.push(b']');
    text
}

/// The data inside a text of one_text.
pub fn data_of<'a>(text: &'a [u8], origin: &str) -> &'a [u8] {
    text.get(origin.len() + 4..text.len().saturating_sub(19))
        .unwrap_or(b"")
}

/// A tick as a program with types reads it.
#[cfg_attr(any(feature = "hermes", feature = "zmq"), derive(serde::Deserialize))]
pub struct Values {
    pub dtype: String,
    pub ts: f64,
    pub symbol: String,
    pub price: f64,
    pub number: u64,
}

/// Looks at what one subscriber gets.
pub struct Check {
    want: Tick,
    topics: Vec<String>,
    count: u64,
    taken: u64,
    wrong: u64,
    first: i64,
    last: i64,
    ready: bool,
    delays: Vec<i64>,
    complaint: String,
}

impl Check {
    pub fn new(settings: &Settings) -> Self {
        Check {
            want: Tick::new(settings.number("timed", 0) != 0),
            topics: topics(settings),
            count: settings.number("count", 100_000),
            taken: 0,
            wrong: 0,
            first: 0,
            last: 0,
            ready: false,
            delays: Vec::new(),
            complaint: String::new(),
        }
    }

    /// One envelope; true when all are there.
    pub fn take(&mut self, topic: &[u8], data: &[u8]) -> bool {
        if data.get(2) == Some(&b'P') {
            return self.probed();
        }
        let number = self.begin();
        self.want.make(number);
        if self.want.timed && data.len() == self.want.data.len() {
            self.note_delay(data);
        }
        let right = topic == self.topic(number) && data == self.want.data;
        self.end(right, || [topic, b" ", data].concat())
    }

    /// The same for one that was decoded.
    pub fn take_values(&mut self, topic: &[u8], tick: &Values) -> bool {
        if tick.dtype != "Tick" {
            return self.probed();
        }
        let number = self.begin();
        let (ts, price, own) = values(number);
        // serde_json's numbers may be off by the last bit.
        let right = topic == self.topic(number)
            && (tick.ts - ts).abs() < 1e-6
            && tick.symbol == SYMBOL
            && tick.price == price
            && tick.number == own;
        self.end(right, || {
            let text = format!("{} {} {} {}", tick.ts, tick.symbol, tick.price, tick.number);
            [topic, b" ", text.as_bytes()].concat()
        })
    }

    fn topic(&self, number: u64) -> &[u8] {
        self.topics[(number % self.topics.len() as u64) as usize].as_bytes()
    }

    fn probed(&mut self) -> bool {
        if !self.ready {
            self.ready = true;
            say("ready");
        }
        false
    }

    fn begin(&mut self) -> u64 {
        if self.taken == 0 {
            self.first = monotonic_ns();
        }
        self.taken += 1;
        self.taken - 1
    }

    fn end(&mut self, right: bool, text: impl FnOnce() -> Vec<u8>) -> bool {
        if !right {
            self.wrong += 1;
            if self.complaint.is_empty() {
                let (number, text) = (self.taken - 1, text());
                self.complaint = format!("number {number} was {}", String::from_utf8_lossy(&text));
            }
        }
        if self.taken < self.count {
            return false;
        }
        self.last = monotonic_ns();
        true
    }

    fn note_delay(&mut self, data: &[u8]) {
        let sent = data[8..28].iter().filter(|b| **b != b'.');
        let sent = sent.fold(0i64, |n, b| n * 10 + i64::from(b - b'0'));
        self.delays.push(wall().as_nanos() as i64 - sent);
        self.want.data[8..28].copy_from_slice(&data[8..28]);
    }

    pub fn print(&mut self) {
        let last = if self.last != 0 {
            self.last
        } else {
            monotonic_ns()
        };
        let mut more = String::new();
        if let Some(n) = self.delays.len().checked_sub(1) {
            self.delays.sort_unstable();
            let at = |thousandths: usize| self.delays[((n + 1) * thousandths / 1000).min(n)];
            let (p50, p99, p999) = (at(500), at(990), at(999));
            more = format!(
                r#", "p50": {p50}, "p99": {p99}, "p999": {p999}, "max": {}"#,
                self.delays[n]
            );
        }
        say(&format!(
            r#"{{"count": {}, "wrong": {}, "first": {}, "last": {last}{more}, "complaint": "{}"}}"#,
            self.taken,
            self.wrong,
            self.first,
            self.complaint.replace(['"', '\\'], "'")
        ));
    }
}

/// Evenly spaced sending; a rate of 0 is as fast as it goes.
pub struct Pace {
    pub start: i64,
    rate: u64,
}

impl Pace {
    pub fn new(rate: u64) -> Self {
        // SAFETY: no pointers; the kernel would let sleeps end 50 us late.
        unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0) };
        Pace {
            start: monotonic_ns(),
            rate,
        }
    }

    pub fn wait(&self, number: u64) {
        if self.rate == 0 {
            return;
        }
        let due = self.start + (number as f64 * 1e9 / self.rate as f64) as i64;
        let left = due - monotonic_ns();
        if left > 0 {
            std::thread::sleep(Duration::from_nanos(left as u64));
        }
    }
}

pub fn say(line: &str) {
    println!("{line}");
    let _ = std::io::stdout().flush();
}

/// Waits at most ms for the word to start.
pub fn told_to_go(ms: i32) -> bool {
    let mut p = libc::pollfd {
        fd: 0,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one pollfd, which outlives the call.
    if unsafe { libc::poll(&mut p, 1, ms) } <= 0 {
        return false;
    }
    let mut c = [0];
    // SAFETY: one byte of room. Not std's stdin, which reads ahead.
    if unsafe { libc::read(0, c.as_mut_ptr().cast(), 1) } != 1 {
        std::process::exit(0); // called off
    }
    true
}

/// Waits until the referee has closed our stdin.
pub fn wait_for_end() {
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
