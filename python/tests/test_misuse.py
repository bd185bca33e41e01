"""A wrong use, or a wait for nothing, is reported: by an error or in the log."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from contextlib import ExitStack
from typing import Any, Callable

import pytest
import support
from support import ANYWHERE, PATIENCE, eventually, free_address

from hermes import Envelope, Message, Node, PostOffice, Publisher, Receiver, errors

PAUSE = 0.05


def stderr_of(body: str) -> str:
    """What a program without logging of its own shows on standard error."""
    lines = ["import hermes, time, sys", "from hermes import *", *body.splitlines()]
    return support.run("\n".join(lines)).stderr


# ---- Connections -----------------------------------------------------------------------


def test_a_program_without_logging_sees_one_warning_why_nothing_arrives() -> None:
    address = free_address()
    shown = stderr_of(f"""
with Receiver("{address}", "reader") as receiver:
    for event in receiver.events():
        if event["kind"] == "unreachable":
            break
    assert receiver.recv(block=True, timeout=1) is None
""")
    lines = shown.splitlines()
    assert len(lines) == 1, shown
    assert f"cannot connect to {address}: connection refused" in lines[0]
    assert "check that the post office is running" in lines[0]


def test_swapped_addresses_are_named(office: PostOffice, life: ExitStack) -> None:
    receiver = life.enter_context(Receiver(office.xsub_url, "reader"))
    publisher = life.enter_context(Publisher(office.xpub_url, "writer"))
    outgoing, incoming = office.xpub_url, office.xsub_url
    if os.environ.get("HERMES_ENGINE") == "libzmq":
        # A post office on libzmq cannot tell a peer where its other side is.
        outgoing = "the outgoing address of the post office"
        incoming = "the incoming address of the post office"
    for component, ours, others, theirs in (
        (receiver, "publishers", "receivers", outgoing),
        (publisher, "receivers", "publishers", incoming),
    ):
        wrong = office.xsub_url if component is receiver else office.xpub_url
        event = next(e for e in component.events(PATIENCE) if e["kind"] == "unreachable")
        assert event["level"] == "warning"
        expected = f"{wrong} is the address for {ours}; {others} connect to {theirs}"
        assert expected in event["text"]
        assert expected in component.stats()["problem"]
        assert expected in component.get_option("problem")


def test_ends_of_peers_and_probes_are_no_warnings() -> None:
    shown = stderr_of("""
import socket
with PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*") as office:
    host, port = office.endpoints["in"][6:].split(":")
    with Publisher(office.endpoints["in"], "writer"):
        socket.create_connection((host, int(port))).close()
        seen = set()
        for event in office.events():
            seen.add(event["kind"])
            if {"connected", "handshake_failed"} <= seen:
                break
    for event in office.events():
        if event["kind"] == "disconnected":
            break
""")
    assert shown == ""


# ---- A receiver that has stopped -------------------------------------------------------


@pytest.fixture
def stopped(life: ExitStack) -> Receiver:
    receiver = Receiver(free_address(), "reader")
    with receiver:
        pass
    return receiver


@pytest.mark.parametrize("timeout", [None, 10.0, 0.01])
@pytest.mark.parametrize(
    "take",
    [
        lambda r, timeout: r.recv(block=True, timeout=timeout),
        lambda r, timeout: r.recv_many(timeout=timeout) or None,
        lambda r, timeout: Node("n", r).recv(True, timeout),
        lambda r, timeout: asyncio.run(r.arecv(timeout)),
        lambda r, timeout: asyncio.run(r.arecv_many(timeout=timeout)) or None,
    ],
    ids=["recv", "recv_many", "node", "arecv", "arecv_many"],
)
def test_a_loop_over_a_stopped_receiver_does_not_spin(
    stopped: Receiver, take: Callable[[Receiver, float | None], Any], timeout: float | None
) -> None:
    for _ in range(3):
        before = time.monotonic()
        assert take(stopped, timeout) is None
        assert time.monotonic() - before >= min(PAUSE, PAUSE if timeout is None else timeout) * 0.99


def test_looking_does_not_pause(stopped: Receiver) -> None:
    before = time.monotonic()
    for _ in range(1000):
        assert stopped.recv() is None
        assert stopped.recv(block=True, timeout=0) is None
        assert stopped.recv_many() == []
    assert time.monotonic() - before < 1000 * PAUSE


def test_iteration_over_a_stopped_receiver_ends(stopped: Receiver) -> None:
    assert list(stopped) == []

    async def collect() -> list[Envelope]:
        return [envelope async for envelope in stopped]

    assert asyncio.run(collect()) == []


def test_what_stopped_a_slow_receiver_is_named_once(
    office: PostOffice, life: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    publisher, receiver = support.pair(life, office)
    receiver.timeout = 1e-6
    with caplog.at_level(logging.INFO):
        publisher.publish(Envelope("room/7", "sensor", 1))
        assert list(receiver) == []
        eventually(lambda: not receiver.is_alive())
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert len(errors) == 1, errors
    for quoted in ("'node'", "'room/7'", "'sensor'", " s old on arrival"):
        assert quoted.replace("'", '"') in errors[0]
    assert receiver.stop_reason == "slow: " + errors[0]


def test_a_clock_is_suspected_and_a_date_in_the_future_is_noticed(life: ExitStack) -> None:
    with support.Sockets() as sockets:
        import zmq

        bound = sockets.make(zmq.XPUB, bind=ANYWHERE)
        receiver = life.enter_context(Receiver(support.endpoint(bound), "reader"))
        assert bound.recv()[:1] == b"\1"
        bound.send_multipart(support.frames("t", "ahead", 1, time.time() + 3600))
        event = next(e for e in receiver.events(PATIENCE) if e["kind"] == "clock")
        assert event["level"] == "warning"
        assert event["origin"] == "ahead"
        assert "in the future" in event["text"]
        bound.send_multipart(support.frames("t", "behind", 1, time.time() - 3600))
        eventually(lambda: receiver.stop_reason)
        assert '"behind"' in receiver.stop_reason
        assert "clock" in receiver.stop_reason
        assert receiver.stats()["from_future"] == 1


# ---- Before the start ------------------------------------------------------------------


async def first_of(receiver: Receiver) -> None:
    """Begin to iterate, and give up."""
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(receiver.__anext__(), 0.01)


ENVELOPE = Envelope("t", "o", 1)


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        (Receiver, lambda component: component.recv(block=True, timeout=0.01)),
        (Receiver, lambda component: component.recv()),
        (Receiver, lambda component: component.recv_many(timeout=0.01)),
        (Receiver, lambda component: asyncio.run(component.arecv(0.01))),
        (Receiver, lambda component: asyncio.run(component.arecv_many(timeout=0.01))),
        (Receiver, lambda component: asyncio.run(first_of(component))),
        (Receiver, lambda component: Node("n", component).recv(True, 0.01)),
        (Publisher, lambda component: component.publish(ENVELOPE)),
        (Publisher, lambda component: component.publish_many([ENVELOPE])),
        (Publisher, lambda component: asyncio.run(component.apublish(ENVELOPE))),
        (Publisher, lambda component: Node("n", None, component).publish("t", 1)),
    ],
)
def test_what_is_done_before_the_start_is_said_once(
    kind: Any, use: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> None:
    component = kind(free_address(), "early")
    for _ in range(3):
        assert not use(component)
    consequence = {Receiver: "nothing arrives", Publisher: "what is published is dropped"}[kind]
    said = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert said == [
        f"{kind.__name__} early has not been started, so {consequence}: "
        "call start(), or use it in a with statement"
    ]


def test_iterating_before_the_start_is_said_and_goes_on_after_it(
    office: PostOffice, life: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(office.xpub_url, "reader")
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.extend(e.data for e in receiver))
    thread.start()
    eventually(lambda: "has not been started" in caplog.text)
    with receiver:
        assert receiver.wait_ready(PATIENCE)
        publisher = life.enter_context(Publisher(office.xsub_url, "writer"))
        publisher.publish(Envelope("t", "o", 1))
        eventually(lambda: got)
    thread.join(PATIENCE)
    assert got == [1]


def test_who_ends_hears_nothing_of_a_start(caplog: pytest.LogCaptureFixture) -> None:
    publisher, receiver = Publisher(free_address(), "writer"), Receiver(free_address(), "reader")
    with publisher, receiver:
        pass
    caplog.clear()
    assert publisher.publish(Envelope("t", "o", 1)) is False
    assert receiver.recv() is None
    assert caplog.text == ""


# ---- Arguments -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind"),
    [({"a": 1}, "dict"), ("text", "str"), (None, "NoneType"), ([1], "list"), (3, "int")],
)
def test_publish_says_what_an_envelope_is(given: Any, kind: str, life: ExitStack) -> None:
    publisher = life.enter_context(Publisher(free_address(), "writer"))
    how = rf"publish\(\) takes an Envelope, not {kind}: .*Envelope\(topic, origin, data\)"
    for publish in (
        publisher.publish,
        lambda one: publisher.publish_many([one]),
        lambda one: asyncio.run(publisher.apublish(one)),
    ):
        with pytest.raises(TypeError, match=how):
            publish(given)


def test_publish_says_that_a_message_and_a_class_are_no_envelopes(life: ExitStack) -> None:
    publisher = life.enter_context(Publisher(free_address(), "writer"))
    with pytest.raises(TypeError, match="not Message: "):
        publisher.publish(Message())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not the class itself"):
        publisher.publish(Envelope)  # type: ignore[arg-type]


def test_topics_and_origins_say_what_they_are() -> None:
    with pytest.raises(TypeError, match="topics must be a str, or several, not int"):
        Receiver(free_address(), "reader", 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="exchanges must be a str, or several, not int"):
        Receiver(free_address(), "reader", None, 5)  # type: ignore[arg-type]


def test_a_node_says_what_its_facility_lacks() -> None:
    publisher, receiver = Publisher(free_address(), "writer"), Receiver(free_address(), "reader")
    swapped = Node("n", publisher, receiver)
    with pytest.raises(NotImplementedError, match=r"n .*its publisher is a Receiver"):
        swapped.publish("t", 1)
    with pytest.raises(NotImplementedError, match=r"n .*its receiver is a Publisher"):
        swapped.recv()
    with pytest.raises(NotImplementedError, match=r"n .*it has no publisher"):
        Node("n").publish("t", 1)


@pytest.mark.parametrize("bad", ["\0", "\ud800", ""])
def test_errors_do_not_show_what_may_be_a_secret_key(bad: str) -> None:
    key = "lZsYgZlM9wrX=TDd3[xRXYYeSv^tiIGCEd!(7=Zl"
    receiver = Receiver("tcp://127.0.0.1:1", "r", options={"curve.secret": key + bad})
    with pytest.raises(errors.OptionError, match=r"curve\.secret") as failed:
        receiver.start()
    chain: BaseException | None = failed.value
    while chain is not None:
        assert key not in f"{chain!r} {getattr(chain, 'object', '')}"
        chain = chain.__cause__ or chain.__context__


def test_an_address_without_transport_says_how_one_looks() -> None:
    for component in (
        Publisher("localhost:6000", "writer"),
        Receiver("localhost:6000", "reader"),
        PostOffice("localhost:6000", ANYWHERE),
    ):
        with pytest.raises(ValueError, match=r"tcp://127\.0\.0\.1:6000"):
            component.start()


def test_a_port_in_use_says_which(life: ExitStack) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=address):
            PostOffice(address, ANYWHERE).start()
