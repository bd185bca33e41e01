//! mcap-reader FILE: prints what the reader of MCAP from crates.io finds in a file, a line for each message: its
//! topic, its time of arrival, and its data. Checksums are checked. It ends with 1 where the file is not one.

use std::io::Write;

fn print(path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::fs::read(path)?;
    let summary = mcap::Summary::read(&bytes)?.ok_or("the file has no summary")?;
    let counted = summary.stats.ok_or("the file has no statistics")?.message_count;
    let mut out = std::io::stdout().lock();
    let mut seen = 0;
    for message in mcap::MessageStream::new(&bytes)? {
        let message = message?;
        seen += 1;
        write!(out, "{}\t{}\t", message.channel.topic, message.log_time)?;
        out.write_all(&message.data)?;
        out.write_all(b"\n")?;
    }
    if seen != counted {
        return Err(format!("{seen} messages, and the statistics say {counted}").into());
    }
    Ok(())
}

fn main() {
    let path = std::env::args().nth(1).expect("mcap-reader FILE");
    if let Err(error) = print(&path) {
        eprintln!("{path}: {error}");
        std::process::exit(1);
    }
}
