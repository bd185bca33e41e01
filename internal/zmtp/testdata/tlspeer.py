"""A peer of ZMTP 3.1 over TLS 1.3, with Python's ssl module.

tlspeer.py pub|sub connect|bind PORT CA CERT KEY COUNT

With bind it prints "ready PORT". A pub waits for a subscription and sends COUNT messages of two
frames, a number and a body; a sub subscribes to everything, takes as many, checks them, and
prints "done". Both then end TLS.
"""

from __future__ import annotations

import socket
import ssl
import sys

COMMAND, LONG, MORE = 4, 2, 1


def frame(flags: int, body: bytes) -> bytes:
    """Give a frame of ZMTP."""
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return bytes([flags | LONG]) + len(body).to_bytes(8, "big") + body


def command(name: bytes, data: bytes) -> bytes:
    """Give the frame of a command."""
    return frame(COMMAND, bytes([len(name)]) + name + data)


def body_of(number: int) -> bytes:
    """Give the second frame of a message: every 100th is bigger than many records."""
    return b"x" * (200_000 if number % 100 == 0 else number % 50)


class Peer:
    """One connection."""

    def __init__(self, stream: ssl.SSLSocket, kind: bytes) -> None:
        """Shake hands."""
        self.stream = stream
        self.file = stream.makefile("rb")
        greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL" + bytes(48)
        stream.sendall(greeting)
        assert self.file.read(64)[:12] == b"\xff\0\0\0\0\0\0\0\0\x7f\3\1"
        name, size = b"Socket-Type", len(kind).to_bytes(4, "big")
        stream.sendall(command(b"READY", bytes([len(name)]) + name + size + kind))
        assert self.take()[1].startswith(b"\5READY")

    def take(self) -> tuple[int, bytes]:
        """Read a frame."""
        flags, size = self.file.read(2)
        if flags & LONG:
            size = int.from_bytes(bytes([size]) + self.file.read(7), "big")
        return flags, self.file.read(size)

    def take_message_frame(self) -> tuple[int, bytes]:
        """Read a frame that is no command, and answer those that ask for it."""
        while True:
            flags, body = self.take()
            if not flags & COMMAND:
                return flags, body
            if body.startswith(b"\4PING"):
                self.stream.sendall(command(b"PONG", body[7:]))

    def publish(self, count: int) -> None:
        """Send as soon as there is a subscription."""
        while not self.take()[1].startswith(b"\x09SUBSCRIBE"):
            pass
        for number in range(count):
            head = frame(MORE, b"%d" % number)
            self.stream.sendall(head + frame(0, body_of(number)))

    def receive(self, count: int) -> None:
        """Subscribe and check what comes."""
        self.stream.sendall(command(b"SUBSCRIBE", b""))
        for number in range(count):
            assert self.take_message_frame() == (MORE, b"%d" % number)
            assert self.take_message_frame()[1] == body_of(number)


def connected(how: str, port: int, ca: str, cert: str, key: str) -> ssl.SSLSocket:
    """Connect, or take one connection."""
    server = how == "bind"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca)
    context.load_cert_chain(cert, key)
    if not server:
        raw = socket.create_connection(("127.0.0.1", port))
        return context.wrap_socket(raw, server_hostname="localhost")
    listener = socket.create_server(("127.0.0.1", port))
    print("ready", listener.getsockname()[1], flush=True)
    return context.wrap_socket(listener.accept()[0], server_side=True)


def main() -> None:
    """Play the role that the arguments name."""
    role, how, port, ca, cert, key, count = sys.argv[1:]
    stream = connected(how, int(port), ca, cert, key)
    stream.settimeout(60)
    peer = Peer(stream, role.upper().encode())
    if role == "pub":
        peer.publish(int(count))
    else:
        peer.receive(int(count))
    print("done", flush=True)
    sys.stdin.read()
    try:
        stream.unwrap()
    except OSError:
        pass  # the other end has gone first


main()
