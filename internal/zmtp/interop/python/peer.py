"""A socket of pyzmq at the disposal of the test; ../doc.go says how it is used."""

import json
import os
import sys

import zmq

STDIN = 0


def open_socket(role: str) -> zmq.Socket:
    sock = zmq.Context().socket(getattr(zmq, role.upper()))
    sock.linger = 0
    sock.set_hwm(0)
    sock.reconnect_ivl = 50
    sock.heartbeat_ivl = 100
    sock.heartbeat_timeout = sock.heartbeat_ttl = 20_000
    secure(sock)
    return sock


def secure(sock: zmq.Socket) -> None:
    end = os.environ.get("CURVE")
    if end is None:
        return
    sock.curve_publickey = os.environ["CURVE_PUBLIC"].encode()
    sock.curve_secretkey = os.environ["CURVE_SECRET"].encode()
    if end == "server":
        sock.curve_server = True
    else:
        sock.curve_serverkey = os.environ["CURVE_SERVER"].encode()


def say(**what: object) -> None:
    print(json.dumps(what))


def obey(sock: zmq.Socket, line: bytes) -> None:
    verb, *words = line.split()
    frames = [bytes.fromhex(word[1:].decode()) for word in words]
    if verb == b"send":
        sock.send_multipart(frames)
    elif sock.type == zmq.SUB:
        option = zmq.SUBSCRIBE if verb == b"subscribe" else zmq.UNSUBSCRIBE
        sock.setsockopt(option, frames[0])
    else:
        sock.send((b"\1" if verb == b"subscribe" else b"\0") + frames[0])


def print_messages(sock: zmq.Socket) -> None:
    while sock.poll(0):
        say(message=[frame.hex() for frame in sock.recv_multipart()])


def main() -> None:
    role, mode, *addresses = sys.argv[1:]
    sock = open_socket(role)
    ready = []
    for address in addresses:
        getattr(sock, mode)(address)
        ready.append(sock.last_endpoint.decode())
    say(ready=ready, version=f"pyzmq {zmq.__version__} (libzmq {zmq.zmq_version()})")

    poller = zmq.Poller()
    poller.register(STDIN, zmq.POLLIN)
    poller.register(sock, zmq.POLLIN)
    rest = b""
    while True:
        sys.stdout.flush()
        events = dict(poller.poll())
        if STDIN in events:
            chunk = os.read(STDIN, 1 << 20)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                obey(sock, line)
        if sock in events:
            print_messages(sock)


main()
