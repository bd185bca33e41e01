"""Receivers without a library, on one thread: they subscribe, and throw away what arrives.

They speak ZMTP 3.0, in which a peer need not answer heartbeats.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from collections.abc import Iterable

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
READY = b"\x05READY\x0bSocket-Type" + struct.pack(">I", 3) + b"SUB"


class Crowd:
    """Receivers of one or more post offices; ``close`` ends all of them."""

    def __init__(self) -> None:
        """Start the thread that reads."""
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._end, wake = socket.socketpair()
        self._selector.register(wake, selectors.EVENT_READ, "end")
        self._sockets.append(wake)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def add(self, address: str, prefixes: Iterable[str]) -> socket.socket:
        """Connect a receiver that subscribes to topics that begin with one of these."""
        host, _, port = address.removeprefix("tcp://").rpartition(":")
        made = socket.create_connection((host, int(port)))
        made.sendall(GREETING + bytes([4, len(READY)]) + READY)
        take(made, 64)
        _, size = take(made, 2)
        take(made, size)
        self.subscribe(made, prefixes)
        self._sockets.append(made)
        made.setblocking(False)
        self._selector.register(made, selectors.EVENT_READ)
        return made

    @staticmethod
    def subscribe(made: socket.socket, prefixes: Iterable[str]) -> None:
        """Subscribe to more."""
        frames = bytearray()
        for prefix in prefixes:
            body = b'\1"' + prefix.encode()
            frames += bytes([0, len(body)]) + body
        made.setblocking(True)
        made.sendall(frames)
        made.setblocking(False)

    def _read(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data == "end":
                    return
                assert isinstance(key.fileobj, socket.socket)
                if not key.fileobj.recv(1 << 18):
                    self._selector.unregister(key.fileobj)

    def close(self) -> None:
        """Disconnect all receivers, and end the thread."""
        self._end.close()
        self._thread.join()
        for made in self._sockets:
            made.close()

    def __enter__(self) -> Crowd:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def take(made: socket.socket, size: int) -> bytes:
    """Return exactly so many bytes."""
    got = b""
    while len(got) < size:
        piece = made.recv(size - len(got))
        if not piece:
            raise OSError("the post office has closed the connection")
        got += piece
    return got
