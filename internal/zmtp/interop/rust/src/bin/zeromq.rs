//! A socket of the crate zeromq at the disposal of the test.

use bytes::Bytes;
use peer::{commands, refuse, say_message, say_ready, Arguments, Command};
use zeromq::prelude::*;
use zeromq::{PubSocket, SubSocket, XPubSocket, XSubSocket, ZmqMessage, ZmqResult};

/// As in Cargo.toml.
const VERSION: &str = "zeromq 0.7.0 (Rust)";

async fn join(socket: &mut impl Socket, args: &Arguments) -> ZmqResult<()> {
    let mut ready = Vec::new();
    for address in &args.addresses {
        if args.bind {
            ready.push(socket.bind(address).await?.to_string());
        } else {
            socket.connect(address).await?;
            ready.push(address.clone());
        }
    }
    say_ready(&ready, VERSION);
    Ok(())
}

fn message(frames: Vec<Bytes>) -> ZmqMessage {
    frames.try_into().expect("at least one frame")
}

/// Prints what has been received. An error there means that a connection has ended.
fn print(received: ZmqResult<ZmqMessage>) {
    if let Ok(message) = received {
        say_message(message.iter().map(|frame| &frame[..]));
    }
}

async fn publish(args: &Arguments) -> ZmqResult<()> {
    let mut socket = PubSocket::new();
    join(&mut socket, args).await?;
    let mut commands = commands();
    while let Some(command) = commands.recv().await {
        socket.send(message(command.into_frames())).await?;
    }
    Ok(())
}

async fn subscribe(args: &Arguments) -> ZmqResult<()> {
    let mut socket = SubSocket::new();
    join(&mut socket, args).await?;
    let mut commands = commands();
    let text = |prefix: Bytes| String::from_utf8(prefix.into()).expect("this library wants text");
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(Command::Subscribe(prefix)) => socket.subscribe(&text(prefix)).await?,
                Some(Command::Unsubscribe(prefix)) => socket.unsubscribe(&text(prefix)).await?,
                _ => return Ok(()),
            },
            received = socket.recv() => print(received),
        }
    }
}

/// An XPUB or XSUB, which both send and receive.
async fn exchange<S>(mut socket: S, args: &Arguments) -> ZmqResult<()>
where
    S: Socket + SocketSend + SocketRecv,
{
    join(&mut socket, args).await?;
    let mut commands = commands();
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(command) => socket.send(message(command.into_frames())).await?,
                None => return Ok(()),
            },
            received = socket.recv() => print(received),
        }
    }
}

/// On several threads a PUB of zeromq 0.7.0 now and then sends nothing any more, when a
/// subscription and a message have come at the same time; so there is one thread.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ZmqResult<()> {
    let args = Arguments::read();
    match args.role.as_str() {
        "pub" => publish(&args).await,
        "sub" => subscribe(&args).await,
        "xpub" => exchange(XPubSocket::new(), &args).await,
        "xsub" => exchange(XSubSocket::new(), &args).await,
        role => {
            refuse(&format!("no role {role}"));
            Ok(())
        }
    }
}
