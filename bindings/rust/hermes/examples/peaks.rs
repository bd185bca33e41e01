//! Joins the demo, and prints the maximum of each of its readings: peaks [ADDRESS]
//!
//!     make demo AT="tcp://127.0.0.1:6000 tcp://127.0.0.1:6001"
//!
//! runs the demo; this program needs the second address. Ends with the demo, or on Ctrl-C.

use std::collections::BTreeMap;

use hermes::{Error, Receiver};
use serde::Deserialize;

/// As in examples/demo/messages.py; serde reads it from an array.
#[derive(Deserialize)]
struct Derived {
    _dtype: String,
    _ts: f64,
    name: String,
    value: f64,
    _average: f64,
    unit: String,
    _full: f64,
}

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let address = address.as_deref().unwrap_or("tcp://127.0.0.1:6001");
    let receiver = Receiver::new(address, "peaks")?;
    receiver.subscribe("live/")?;
    receiver.set("timeout", "10s")?; // a busy machine is no reason to give up
    receiver.start()?;
    receiver.wait_ready(None)?;
    println!("watching");

    let mut peaks: BTreeMap<String, Derived> = BTreeMap::new();
    let (mut count, mut missing) = (0, 0);
    for envelope in &receiver {
        let envelope = envelope?;
        count += 1;
        missing += envelope.lost();
        if envelope.topic().starts_with("live/end/") {
            break;
        }
        let derived: Derived = envelope.data()?;
        match peaks.get(&derived.name) {
            Some(peak) if peak.value >= derived.value => {}
            _ => drop(peaks.insert(derived.name.clone(), derived)),
        }
    }
    for (name, peak) in &peaks {
        println!("{name:<12} {:>14.1} {}", peak.value, peak.unit);
    }
    println!("{count} envelopes, {missing} missing");
    Ok(())
}
