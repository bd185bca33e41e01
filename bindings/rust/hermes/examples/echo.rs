//! Publishes again what it receives: echo IN OUT NAME FROM TO. The topic FROMrest becomes
//! TOrest; the rest "end" is the last. For bindings/tests.

use std::time::Duration;

use hermes::{Error, Publisher, Receiver};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address_in, address_out, name, from, to] = arguments.as_slice() else {
        panic!("usage: echo IN OUT NAME FROM TO");
    };
    let receiver = Receiver::new(address_out, name)?;
    receiver.subscribe(from)?;
    receiver.set("on_slow", "ignore")?;
    let publisher = Publisher::new(address_in, name)?;
    receiver.start()?;
    publisher.start()?;
    for envelope in &receiver {
        let envelope = envelope?;
        let rest = envelope.topic().strip_prefix(from.as_str()).unwrap_or_default();
        publisher.publish_json(&format!("{to}{rest}"), envelope.json())?;
        if rest == "end" {
            break;
        }
    }
    publisher.stop(Duration::from_secs(60))
}
