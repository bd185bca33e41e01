//! A socket of the crate rzmq at the disposal of the test.

use peer::{commands, refuse, say_message, say_ready, Arguments, Command};
use rzmq::socket::{
    HEARTBEAT_IVL, HEARTBEAT_TIMEOUT, LAST_ENDPOINT, RCVHWM, RECONNECT_IVL, RECONNECT_IVL_MAX,
    SNDHWM, SUBSCRIBE, UNSUBSCRIBE, XPUB_NODROP,
};
use rzmq::{Context, Msg, Socket, SocketType, ZmqError};

/// As in Cargo.toml.
const VERSION: &str = "rzmq 0.5.28";

/// This library has no queue without a limit, so one that is never reached.
const PLENTY: i32 = 1_000_000;

async fn open(context: &Context, kind: SocketType) -> Result<Socket, ZmqError> {
    let socket = context.socket(kind)?;
    for (option, value) in [
        (SNDHWM, PLENTY),
        (RCVHWM, PLENTY),
        (RECONNECT_IVL, 50),
        (RECONNECT_IVL_MAX, 100),
        (HEARTBEAT_IVL, 100),
        (HEARTBEAT_TIMEOUT, 20_000),
    ] {
        socket.set_option(option, value).await?;
    }
    if kind == SocketType::Pub {
        socket.set_option(XPUB_NODROP, 1i32).await?;
    }
    Ok(socket)
}

async fn join(socket: &Socket, args: &Arguments) -> Result<(), ZmqError> {
    let mut ready = Vec::new();
    for address in &args.addresses {
        if args.bind {
            socket.bind(address).await?;
            let at = socket.get_option(LAST_ENDPOINT).await?;
            let at = String::from_utf8_lossy(&at);
            ready.push(at.trim_end_matches('\0').to_string());
        } else {
            socket.connect(address).await?;
            ready.push(address.clone());
        }
    }
    say_ready(&ready, VERSION);
    Ok(())
}

async fn publish(socket: Socket) -> Result<(), ZmqError> {
    let mut commands = commands();
    while let Some(command) = commands.recv().await {
        let frames = command.into_frames();
        let frames = frames.iter().map(|frame| Msg::from_vec(frame.to_vec())).collect();
        socket.send_multipart(frames).await?;
    }
    Ok(())
}

async fn subscribe(socket: Socket) -> Result<(), ZmqError> {
    let mut commands = commands();
    loop {
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(Command::Subscribe(prefix)) => socket.set_option_raw(SUBSCRIBE, &prefix).await?,
                Some(Command::Unsubscribe(prefix)) => socket.set_option_raw(UNSUBSCRIBE, &prefix).await?,
                _ => return Ok(()),
            },
            received = socket.recv_multipart() => {
                say_message(received?.iter().map(|frame| frame.data().unwrap_or_default()));
            }
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), ZmqError> {
    let args = Arguments::read();
    let kind = match args.role.as_str() {
        "pub" => SocketType::Pub,
        "sub" => SocketType::Sub,
        role => {
            refuse(&format!("rzmq's SocketType has no {}", role.to_uppercase()));
            return Ok(());
        }
    };
    let context = Context::new()?;
    let socket = open(&context, kind).await?;
    join(&socket, &args).await?;
    match kind {
        SocketType::Pub => publish(socket).await,
        _ => subscribe(socket).await,
    }
}
