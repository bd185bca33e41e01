"""CURVE with pyzmq as the independent peer, with the keys and files that it makes."""

from __future__ import annotations

import logging
import pathlib
from contextlib import ExitStack
from typing import Any

import pytest
import zmq
import zmq.auth
from support import ANYWHERE, PATIENCE, Sockets, endpoint, eventually, frames
from zmq.auth.thread import ThreadAuthenticator

import hermes
from hermes import Envelope, Publisher, Receiver, errors

# The engine that can say why a peer is refused; libzmq cannot.
TELLS = {"engine": "zmtp"}


@pytest.fixture
def keys(tmp_path: pathlib.Path) -> pathlib.Path:
    """Make pairs of keys with pyzmq, and return their folder."""
    for name in ("server", "client", "unknown"):
        zmq.auth.create_certificates(tmp_path, name)
    return tmp_path


def as_client(keys: pathlib.Path, name: str = "client", server: str = "server") -> dict[str, str]:
    """Return the options of a client of any engine."""
    return {
        "curve.secret": str(keys / f"{name}.key_secret"),
        "curve.server": str(keys / f"{server}.key"),
    }


def as_server(keys: pathlib.Path) -> dict[str, str]:
    """Return the options of a server that knows one client, which libzmq cannot be."""
    return {
        "engine": "zmtp",
        "curve.secret": str(keys / "server.key_secret"),
        "curve.clients": str(keys / "client.key"),
    }


def locked(socket: Any, keys: pathlib.Path, server: bool) -> Any:
    """Give a socket of pyzmq its keys."""
    own = "server" if server else "client"
    socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(
        keys / f"{own}.key_secret"
    )
    if server:
        socket.curve_server = True
    else:
        socket.curve_serverkey, _ = zmq.auth.load_certificate(keys / "server.key")
    return socket


def test_sub_of_pyzmq_behind_our_post_office(
    keys: pathlib.Path, sockets: Sockets, life: ExitStack
) -> None:
    office = life.enter_context(hermes.PostOffice(ANYWHERE, ANYWHERE, options=as_server(keys)))
    subscriber = locked(sockets.make(zmq.SUB), keys, server=False)
    subscriber.connect(office.endpoints["out"])
    subscriber.subscribe(b"")
    publisher = life.enter_context(
        Publisher(office.endpoints["in"], "mint", options=as_client(keys))
    )
    assert publisher.wait_ready(PATIENCE)
    for number in range(200):
        publisher.publish(Envelope("ticks/x", "mint", number))
    got = [subscriber.recv_multipart() for _ in range(200)]
    assert [Envelope.load_from_frames(wire).data for wire in got] == list(range(200))


def test_pub_of_pyzmq_as_the_server(keys: pathlib.Path, sockets: Sockets, life: ExitStack) -> None:
    sender = locked(sockets.make(zmq.PUB), keys, server=True)
    sender.bind("tcp://127.0.0.1:*")
    receiver = life.enter_context(Receiver(endpoint(sender), "reader", options=as_client(keys)))
    receiver.timeout = 600

    def arrives() -> Any:
        sender.send_multipart(frames("ticks/warm", "pyzmq", "up"))
        return receiver.recv(True, 0.05)

    eventually(arrives)


def test_a_server_of_pyzmq_that_does_not_know_the_key(
    keys: pathlib.Path, sockets: Sockets, life: ExitStack
) -> None:
    sender = sockets.make(zmq.PUB)
    guard = ThreadAuthenticator(sender.context)
    guard.start()
    life.callback(guard.stop)
    known = keys / "known"
    known.mkdir()
    (keys / "client.key").rename(known / "client.key")
    guard.configure_curve(domain="*", location=str(known))
    locked(sender, keys, server=True).bind("tcp://127.0.0.1:*")
    accepted = life.enter_context(Receiver(endpoint(sender), "reader", options=as_client(keys)))
    assert accepted.wait_ready(PATIENCE)
    refused = life.enter_context(
        Receiver(endpoint(sender), "reader", options={**TELLS, **as_client(keys, "unknown")})
    )
    with pytest.raises(errors.AccessDeniedError, match="is not known"):
        refused.wait_ready(PATIENCE)


def test_refusals_are_errors_of_their_own(keys: pathlib.Path, life: ExitStack) -> None:
    office = life.enter_context(hermes.PostOffice(ANYWHERE, ANYWHERE, options=as_server(keys)))
    for options, kind, says in (
        (as_client(keys, "unknown"), errors.AccessDeniedError, "is not known"),
        (as_client(keys, server="unknown"), errors.AuthenticationError, "not the one expected"),
        ({}, errors.AccessDeniedError, "CURVE"),
    ):
        receiver = life.enter_context(
            Receiver(office.endpoints["out"], "r", options={**TELLS, **options})
        )
        with pytest.raises(kind, match=says):
            receiver.wait_ready(PATIENCE)
    eventually(lambda: office.stats()["handshakes_refused"] >= 3)


def test_sockets_of_pyzmq_without_keys_and_with_them_meet_at_one_post_office(
    keys: pathlib.Path, sockets: Sockets, life: ExitStack
) -> None:
    both = f"plain+{ANYWHERE},{ANYWHERE}"
    office = life.enter_context(hermes.PostOffice(both, both, options=as_server(keys)))
    (plain_in, locked_in), (plain_out, locked_out) = (
        office.endpoints[side].split(",") for side in ("in", "out")
    )
    publishers = {
        plain_in.removeprefix("plain+"): sockets.make(zmq.XPUB),
        locked_in: locked(sockets.make(zmq.XPUB), keys, server=False),
    }
    subscribers = {
        plain_out.removeprefix("plain+"): sockets.make(zmq.SUB),
        locked_out: locked(sockets.make(zmq.SUB), keys, server=False),
    }
    for at, subscriber in subscribers.items():
        subscriber.connect(at)
        subscriber.subscribe(b"")
    eventually(lambda: sum(p["subscriptions"] for p in office.stats()["subscribers"]) == 2)
    for at, publisher in publishers.items():
        publisher.connect(at)
        assert publisher.recv() == b"\x01"
        publisher.send_multipart(frames("ticks/x", at, 1))
        for subscriber in subscribers.values():
            assert Envelope.load_from_frames(subscriber.recv_multipart()).origin == at


def test_an_address_that_the_network_reaches_is_reported(
    keys: pathlib.Path, life: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hermes")
    for options, level in ((as_server(keys), logging.WARNING), ({}, logging.INFO)):
        caplog.clear()
        life.enter_context(hermes.PostOffice("plain+tcp://*:*", ANYWHERE, options=options))
        said = "every program in the network may connect"
        eventually(lambda said=said: any(said in r.getMessage() for r in list(caplog.records)))
        found = [r for r in caplog.records if said in r.getMessage()]
        assert [r.levelno for r in found] == [level]
