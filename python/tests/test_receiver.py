"""The receiver, with a post office and publishers or with a bare ZeroMQ peer."""

from __future__ import annotations

import itertools
import json
import logging
import marshal
import queue
import select
import threading
import time
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, Callable

import pytest
import support
import zmq
from hypothesis import given
from hypothesis import strategies as st
from support import PATIENCE, Sockets, eventually, frames, take
from test_structs import json_values

from hermes import Envelope, Publisher, Receiver
from hermes._codec.decode import split


class Feed:
    """A bound XPUB socket: sends as soon as it has a subscriber."""

    def __init__(self, sockets: Sockets) -> None:
        self.socket = sockets.make(zmq.XPUB, bind=support.ANYWHERE)
        self.address = support.endpoint(self.socket)

    def subscriptions(self, count: int) -> list[bytes]:
        return [self.socket.recv() for _ in range(count)]

    def send(self, topic: str, data: Any = None, origin: str = "o", ts: Any = None) -> None:
        self.socket.send_multipart(frames(topic, origin, data, ts))


@pytest.fixture
def feed(sockets: Sockets) -> Feed:
    return Feed(sockets)


@pytest.fixture
def follow(feed: Feed, life: ExitStack) -> Callable[..., Receiver]:
    """Makes a running receiver that the feed can reach."""

    def make(*arguments: Any, kind: type[Receiver] = Receiver, **named: Any) -> Receiver:
        receiver = kind(feed.address, "reader", *arguments, **named)
        life.enter_context(receiver)
        feed.subscriptions(max(1, len(receiver._topics) if receiver._topics else 1))
        return receiver

    return make


def topics_of(receiver: Receiver, feed: Feed, topics: list[str]) -> list[str]:
    """Which of the topics arrive."""
    receiver.timeout = 600
    for topic in topics:
        feed.send(topic)
    eventually(lambda: receiver.stats()["arrived"] + receiver.stats()["dropped_origin"])
    time.sleep(0.1)
    return [envelope.topic for envelope in receiver.recv_many(1000)]


# ---- Taking --------------------------------------------------------------------------


@pytest.mark.item("receiver-connects", "receiver-recv")
def test_it_connects_and_gives_envelopes(follow: Any, feed: Feed) -> None:
    receiver = follow()
    assert receiver.recv() is None
    feed.send("a/b", {"k": [1, None]}, "me")
    envelope = take(receiver, 1)[0]
    assert type(envelope) is Envelope
    assert (envelope.topic, envelope.origin, envelope.data) == ("a/b", "me", {"k": [1, None]})
    assert abs(envelope.ts - time.time()) < 60
    assert receiver.recv() is None


@pytest.mark.item("receiver-recv")
def test_recv_is_none_before_the_start() -> None:
    receiver = Receiver("tcp://127.0.0.1:1", "reader")
    assert receiver.recv() is None
    assert receiver.recv(block=True, timeout=0.01) is None
    assert receiver.recv(False, 10) is None


@pytest.mark.item("receiver-recv")
def test_all_come_in_order(follow: Any, feed: Feed) -> None:
    receiver = follow()
    receiver.timeout = 600
    for number in range(3000):
        feed.send("t", number)
    got: list[int] = []

    def step() -> bool:
        envelope = receiver.recv()
        if envelope is not None:
            got.append(envelope.data)
        return len(got) == 3000

    end = time.monotonic() + PATIENCE
    while not step():
        assert time.monotonic() < end
    assert got == list(range(3000))


@pytest.mark.item("receiver-recv")
def test_any_number_of_threads_may_take(follow: Any, feed: Feed) -> None:
    receiver = follow()
    receiver.timeout = 600
    got: list[list[int]] = []

    def work(blocking: bool) -> None:
        mine: list[int] = []
        got.append(mine)
        while True:
            envelope = receiver.recv(blocking, 0.05)
            if envelope is None:
                if not receiver._running.is_set():
                    return
                continue
            mine.append(envelope.data)

    threads = [threading.Thread(target=work, args=(n < 3,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for number in range(5000):
        feed.send("t", number)
    eventually(lambda: sum(map(len, got)) == 5000)
    receiver.stop()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(itertools.chain(*got)) == list(range(5000))
    assert all(mine == sorted(mine) for mine in got)
    assert receiver.stats()["delivered"] == 5000


@pytest.mark.item("receiver-block")
def test_a_blocking_recv_waits_for_an_envelope(follow: Any, feed: Feed) -> None:
    receiver = follow()
    timer = threading.Timer(0.3, feed.send, ("t", 1))
    timer.start()
    envelope = receiver.recv(block=True)
    assert envelope.data == 1
    timer.join()


@pytest.mark.item("receiver-block")
def test_a_blocking_recv_ends_with_its_timeout(follow: Any) -> None:
    receiver = follow()
    before = time.monotonic()
    assert receiver.recv(block=True, timeout=0.3) is None
    assert time.monotonic() - before >= 0.29


@pytest.mark.item("receiver-block")
@pytest.mark.parametrize("started", [True, False])
def test_a_blocking_recv_ends_with_the_stop(feed: Feed, started: bool) -> None:
    receiver = Receiver(feed.address, "reader")
    got: list[Any] = []
    threads = [
        threading.Thread(target=lambda: got.append(receiver.recv(block=True))) for _ in range(3)
    ]
    if started:
        receiver.start()
    for thread in threads:
        thread.start()
    if not started:
        receiver.start()
    time.sleep(0.1)
    assert got == []
    receiver.stop()
    for thread in threads:
        thread.join(PATIENCE)
    assert got == [None, None, None]


@pytest.mark.item("receiver-block")
def test_a_waiting_thread_does_not_hold_up_others(follow: Any, feed: Feed) -> None:
    receiver = follow()
    waiting = threading.Thread(target=receiver.recv, args=(True,))
    waiting.start()
    time.sleep(0.1)
    before = time.monotonic()
    assert receiver.recv() is None
    assert receiver.recv(True, 0.1) is None
    assert receiver.stats()["queued"] == 0
    assert time.monotonic() - before < PATIENCE / 2
    feed.send("t")
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


@pytest.mark.item("receiver-life")
@pytest.mark.parametrize("how", ["stop", "join"])
def test_what_had_arrived_can_be_taken_after_the_stop(follow: Any, feed: Feed, how: str) -> None:
    receiver = follow()
    receiver.timeout = 600
    for number in range(600):
        feed.send("t", number)
    eventually(lambda: receiver.stats()["arrived"] == 600)
    assert receiver.recv().data == 0
    getattr(receiver, how)()
    assert not receiver.is_alive()
    counters = receiver.stats()
    assert (counters["delivered"], counters["queued"]) == (1, 599)
    assert [envelope.data for envelope in receiver] == list(range(1, 600))
    assert receiver.recv() is None
    assert receiver.recv(block=True) is None
    assert receiver.stats()["delivered"] == 600


@pytest.mark.item("receiver-life")
def test_its_attributes_are_those_of_1_x(follow: Any, feed: Feed) -> None:
    receiver = follow(["a", "b"], ("x",))
    assert receiver.sub_addr == feed.address
    assert receiver.name == "reader"
    assert receiver.sock
    assert receiver.timeout == 1
    assert receiver._topics == ["a", "b"]
    assert receiver._exchanges == ("x",)
    assert receiver._running.is_set()
    assert isinstance(receiver.zmq_context, zmq.Context)
    receiver.stop()
    assert not receiver._running.is_set()
    assert receiver.sock is None
    assert Receiver("tcp://127.0.0.1:1", "r")._topics == ""
    assert Receiver("tcp://127.0.0.1:1", "r")._exchanges == ""


@pytest.mark.item("receiver-life")
def test_q_is_a_queue(follow: Any, feed: Feed) -> None:
    receiver = follow()
    inbox = receiver.q
    assert inbox.empty()
    assert inbox.qsize() == 0
    with pytest.raises(queue.Empty):
        inbox.get_nowait()
    with pytest.raises(queue.Empty):
        inbox.get(timeout=0.01)
    for number in range(3):
        feed.send("t", number)
    eventually(lambda: inbox.qsize() == 3)
    assert not inbox.empty()
    assert not inbox.full()
    assert inbox.get(block=False).data == 0
    assert inbox.qsize() == 2
    inbox.put("by hand")
    assert inbox.qsize() == 3
    assert [inbox.get().data for _ in range(2)] == [1, 2]
    assert receiver.recv() == "by hand"


@pytest.mark.item("receiver-life")
def test_a_subclass_may_add_to_run_and_recv(follow: Any, feed: Feed) -> None:
    class Loud(Receiver):
        seen = ""

        def run(self) -> None:
            self.seen += "<"
            super().run()
            self.seen += ">"

        def recv(self, block: bool = False, timeout: Any = None) -> Any:
            envelope = super().recv(block, timeout)
            return envelope and str(envelope.data).upper()

    receiver = follow(kind=Loud)
    feed.send("t", "hello")
    assert eventually(receiver.recv) == "HELLO"
    feed.send("t", "you")
    assert next(iter(receiver)) == "YOU"
    receiver.stop()
    assert receiver.seen == "<>"


@pytest.mark.item("receiver-life")
def test_a_subclass_may_replace_run_and_fill_q_by_itself(life: ExitStack) -> None:
    class Counter(Receiver):
        def run(self) -> None:
            self._running.set()
            number = 0
            while self._running.is_set():
                self.q.put(number)
                number += 1
                time.sleep(0.01)

    receiver = life.enter_context(Counter("tcp://127.0.0.1:1", "counter"))
    assert [receiver.recv(block=True) for _ in range(5)] == list(range(5))
    eventually(lambda: receiver.q.qsize() >= 2)
    receiver.stop()
    assert not receiver.is_alive()
    assert receiver.recv_many(1000)[:2] == [5, 6]
    assert receiver.recv(block=True) is None


def test_recv_many_takes_what_there_is(follow: Any, feed: Feed) -> None:
    receiver = follow()
    receiver.timeout = 600
    assert receiver.recv_many(10) == []
    assert receiver.recv_many(10, timeout=0.01) == []
    with pytest.raises(ValueError, match="max"):
        receiver.recv_many(0)
    for number in range(1000):
        feed.send("t", number)
    eventually(lambda: receiver.stats()["arrived"] == 1000)
    assert [envelope.data for envelope in receiver.recv_many(3)] == [0, 1, 2]
    assert [envelope.data for envelope in receiver.recv_many(700)] == list(range(3, 703))
    assert [envelope.data for envelope in receiver.recv_many(700, None)] == list(range(703, 1000))
    receiver.stop()
    assert receiver.recv_many(1, None) == []


def test_iterating_ends_with_the_stop(follow: Any, feed: Feed) -> None:
    receiver = follow()
    for number in range(5):
        feed.send("t", number)
    got = []
    for envelope in receiver:
        got.append(envelope.data)
        if len(got) == 5:
            receiver.stop()
    assert got == list(range(5))


def test_fetching_ahead_does_not_show_in_the_counters(follow: Any, feed: Feed) -> None:
    receiver = follow()
    receiver.timeout = 600
    for number in range(500):
        feed.send("t", number)
    eventually(lambda: receiver.stats()["arrived"] == 500)
    for taken in range(500):
        counters = receiver.stats()
        assert (counters["delivered"], counters["queued"]) == (taken, 500 - taken)
        assert receiver.q.qsize() == 500 - taken
        assert receiver.recv().data == taken


def test_it_can_be_waited_on(follow: Any, feed: Feed) -> None:
    receiver = follow()
    assert select.select([receiver], [], [], 0)[0] == []
    feed.send("t", 1)
    assert select.select([receiver.sock], [], [], PATIENCE)[0] == [receiver.sock]
    assert [envelope.data for envelope in receiver.recv_many()] == [1]
    assert select.select([receiver], [], [], 0)[0] == []
    receiver.stop()
    assert select.select([receiver], [], [], PATIENCE)[0] == [receiver]


def test_what_is_waited_on_is_not_fetched_ahead(follow: Any, feed: Feed) -> None:
    receiver = follow()
    receiver.timeout = 600
    descriptor = receiver.fileno()
    for number in range(300):
        feed.send("t", number)
    eventually(lambda: receiver.stats()["arrived"] == 300)
    got = []
    while len(got) < 300:
        assert select.select([descriptor], [], [], 0)[0] == [descriptor]
        got.append(receiver.recv().data)
        got += [envelope.data for envelope in receiver.recv_many(10)]
    assert got == list(range(300))
    assert select.select([descriptor], [], [], 0)[0] == []


def test_a_slow_program_fetches_little_ahead(
    follow: Any, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the library, a program that has fetched much and is slow looks like one that stalls."""
    now = [1.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=time.sleep)
    monkeypatch.setattr("hermes._queue.recv.time", clock)
    receiver = follow()
    receiver.timeout = 600
    for number in range(2000):
        feed.send("t", number)
    eventually(lambda: receiver.stats()["arrived"] == 2000)
    numbers = iter(range(2000))

    def ahead(takes: int, each: float) -> list[int]:
        """Take so many, each of which lasts so many seconds; how many were fetched ahead."""
        got = []
        for number in itertools.islice(numbers, takes):
            assert receiver.recv().data == number
            got.append(1999 - number - int(receiver._hermes_core.stats()["queued"]))
            now[0] += each
        return got

    assert ahead(20, 0.5) == [0] * 20
    assert max(ahead(20, 0.03)) in (1, 2, 3)
    assert max(ahead(900, 0.0)) == 255
    assert max(ahead(1000, 0.01)[-400:]) < 10


def test_what_a_slow_program_cannot_take_waits_at_the_publisher(life: ExitStack) -> None:
    office = support.start_office(life)
    options = {"queue.messages": 20, "queue.block": "1h"}
    receiver = life.enter_context(
        Receiver(office.xpub_url, "reader", on_slow="ignore", options=options)
    )
    assert receiver.get_option("queue.full") == "auto"
    publisher = life.enter_context(Publisher(office.xsub_url, "writer"))
    assert publisher.wait_ready(PATIENCE)
    for number in range(3000):
        publisher.publish(Envelope("t", "writer", number))
    got: list[Any] = []
    while len(got) < 3000:
        got.append(receiver.recv(block=True, timeout=PATIENCE).data)
        got += [envelope.data for envelope in receiver.recv_many(1 + len(got) % 40)]
        counters = receiver.stats()
        assert counters["arrived"] == counters["delivered"] + counters["queued"]
    assert got == list(range(3000))


def test_large_envelopes_are_fetched_in_smaller_portions(follow: Any, feed: Feed) -> None:
    receiver = follow()
    receiver.timeout = 600
    for number in range(40):
        feed.send("t", [number, "x" * 200_000])
    assert [envelope.data[0] for envelope in take(receiver, 40)] == list(range(40))


# ---- What to receive -----------------------------------------------------------------

ALL = ["ticks/a", "ticks/b", "tick", "book/a", "", "ünï/x"]


@pytest.mark.item("receiver-topics")
@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        (None, ALL),
        ("", ALL),
        ([], ALL),
        ("ticks/", ["ticks/a", "ticks/b"]),
        (["ticks/a", "book"], ["ticks/a", "book/a"]),
        (("ünï",), ["ünï/x"]),
        ({"tick"}, ["ticks/a", "ticks/b", "tick"]),
        (iter(["book/a"]), ["book/a"]),
        (["nothing"], []),
    ],
    ids=repr,
)
def test_topics_are_prefixes(follow: Any, feed: Feed, topics: Any, expected: list[str]) -> None:
    receiver = follow([*topics] if topics and not isinstance(topics, str) else topics and [topics])
    if expected:
        assert topics_of(receiver, feed, ALL) == expected
    else:
        receiver.subscribe("last")
        feed.subscriptions(1)
        assert topics_of(receiver, feed, [*ALL, "last"]) == ["last"]


@pytest.mark.item("receiver-topics")
@pytest.mark.parametrize("given", ["ticks/", ["ticks/"], ("ticks/",), {"ticks/"}, iter(["ticks/"])])
def test_topics_may_be_a_string_or_any_iterable(feed: Feed, life: ExitStack, given: Any) -> None:
    receiver = life.enter_context(Receiver(feed.address, "reader", given))
    assert feed.subscriptions(1) == [b'\x01"ticks/']
    assert topics_of(receiver, feed, ALL) == ["ticks/a", "ticks/b"]


@pytest.mark.item("receiver-topics")
def test_topics_that_are_no_strings_raise_at_the_start(feed: Feed) -> None:
    for wrong in ([5], [b"bytes"], [None]):
        receiver = Receiver(feed.address, "reader", wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            receiver.start()
        assert not receiver.is_alive()


@pytest.mark.item("receiver-raw-topic")
def test_a_quotation_mark_begins_a_raw_prefix(feed: Feed, life: ExitStack) -> None:
    receiver = life.enter_context(Receiver(feed.address, "reader", '"ticks/'))
    assert feed.subscriptions(1) == [b'\x01"ticks/']
    assert topics_of(receiver, feed, ALL) == ["ticks/a", "ticks/b"]


@pytest.mark.item("receiver-raw-topic")
def test_a_whole_topic_can_be_asked_for_with_both_quotation_marks(
    feed: Feed, life: ExitStack
) -> None:
    receiver = life.enter_context(Receiver(feed.address, "reader", ['"tick"']))
    assert feed.subscriptions(1) == [b'\x01"tick"']
    assert topics_of(receiver, feed, ALL) == ["tick"]


def test_a_topic_that_is_no_unicode_can_be_followed(feed: Feed, life: ExitStack) -> None:
    receiver = life.enter_context(Receiver(feed.address, "reader", "\ud800"))
    assert feed.subscriptions(1) == [b'\x01"\\ud800']
    feed.send("\ud800/x", "\udc00", "\udfff")
    envelope = take(receiver, 1)[0]
    assert (envelope.topic, envelope.origin, envelope.data) == ("\ud800/x", "\udfff", "\udc00")


@pytest.mark.item("receiver-exchanges")
@pytest.mark.parametrize("exchanges", [["x", "ÿ"], ("x", "ÿ"), {"x", "ÿ"}, iter(["x", "ÿ"])])
def test_other_origins_are_dropped(feed: Feed, life: ExitStack, exchanges: Any) -> None:
    receiver = life.enter_context(Receiver(feed.address, "reader", None, exchanges))
    feed.subscriptions(1)
    for origin in ("x", "y", "ÿ", "xx", "", "x"):
        feed.send("t", origin, origin)
    assert [envelope.data for envelope in take(receiver, 3)] == ["x", "ÿ", "x"]
    assert receiver.stats()["dropped_origin"] == 3


@pytest.mark.item("receiver-exchanges")
def test_one_origin_may_be_given_as_a_string(feed: Feed, life: ExitStack) -> None:
    receiver = life.enter_context(Receiver(feed.address, "reader", exchanges="kraken"))
    feed.subscriptions(1)
    for origin in ("k", "kraken"):
        feed.send("t", origin, origin)
    assert [envelope.data for envelope in take(receiver, 1)] == ["kraken"]


def test_subscriptions_can_change_while_it_runs(follow: Any, feed: Feed) -> None:
    receiver = follow(["a"])
    receiver.subscribe("b")
    assert feed.subscriptions(1) == [b'\x01"b']
    receiver.unsubscribe("a")
    assert feed.subscriptions(1) == [b'\x00"a']
    assert topics_of(receiver, feed, ["a/1", "b/1"]) == ["b/1"]
    with pytest.raises(ValueError, match="zzz"):
        receiver.unsubscribe("zzz")


def test_subscriptions_can_change_before_it_starts(feed: Feed, life: ExitStack) -> None:
    receiver = Receiver(feed.address, "reader")
    receiver.subscribe("a")
    receiver.subscribe("b")
    receiver.unsubscribe("a")
    with pytest.raises(ValueError, match="a"):
        receiver.unsubscribe("a")
    life.enter_context(receiver)
    assert feed.subscriptions(1) == [b'\x01"b']


# ---- The slow ------------------------------------------------------------------------


@pytest.mark.item("receiver-snail")
def test_an_old_envelope_stops_it_with_an_error(
    follow: Any, feed: Feed, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = follow()
    with caplog.at_level(logging.ERROR, "hermes.receiver"):
        feed.send("t", "good")
        feed.send("t", "late", ts=time.time() - 10)
        eventually(lambda: not receiver.is_alive())
    assert [envelope.data for envelope in receiver.recv_many()] == ["good"]
    assert not receiver._running.is_set()
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert errors[0].name == "hermes.receiver"
    assert "reader" in errors[0].getMessage()
    assert receiver.stats()["stop_reason"]


@pytest.mark.item("receiver-timeout")
def test_the_timeout_may_be_set_before_the_start(feed: Feed, life: ExitStack) -> None:
    receiver = Receiver(feed.address, "reader")
    assert receiver.timeout == 1
    receiver.timeout = 100
    life.enter_context(receiver)
    feed.subscriptions(1)
    feed.send("t", "old", ts=time.time() - 50)
    assert take(receiver, 1)[0].data == "old"
    assert receiver.timeout == 100


@pytest.mark.item("receiver-timeout")
def test_the_timeout_may_be_set_at_any_time(follow: Any, feed: Feed) -> None:
    receiver = follow()
    receiver.timeout = float("inf")
    feed.send("t", "ancient", ts=1.0)
    assert take(receiver, 1)[0].data == "ancient"
    receiver.timeout = 5.5
    assert receiver.timeout == 5.5
    feed.send("t", "late", ts=time.time() - 10)
    eventually(lambda: not receiver.is_alive())
    with pytest.raises((TypeError, ValueError)):
        receiver.timeout = "soon"  # type: ignore[assignment]


@pytest.mark.item("receiver-on-slow")
@pytest.mark.parametrize(
    ("on_slow", "arrives", "dropped"),
    [("drop", ["good"], 1), ("warn", ["late", "good"], 0), ("ignore", ["late", "good"], 0)],
)
def test_on_slow_chooses_what_becomes_of_the_late(
    follow: Any, feed: Feed, on_slow: str, arrives: list[str], dropped: int
) -> None:
    receiver = follow(on_slow=on_slow)
    feed.send("t", "late", ts=time.time() - 10)
    feed.send("t", "good")
    assert [envelope.data for envelope in take(receiver, len(arrives))] == arrives
    assert receiver.is_alive()
    assert receiver.stats()["dropped_stale"] == dropped


@pytest.mark.item("receiver-on-slow")
def test_warn_warns(follow: Any, feed: Feed, caplog: pytest.LogCaptureFixture) -> None:
    receiver = follow(on_slow="warn")
    with caplog.at_level(logging.WARNING, "hermes.receiver"):
        feed.send("t", "late", ts=time.time() - 10)
        assert take(receiver, 1)[0].data == "late"
        eventually(lambda: [r for r in caplog.records if r.levelno == logging.WARNING])


@pytest.mark.item("receiver-on-slow")
def test_on_slow_is_stop_unless_given(follow: Any, feed: Feed) -> None:
    receiver = follow(on_slow="stop")
    feed.send("t", "late", ts=time.time() - 10)
    eventually(lambda: not receiver.is_alive())
    with pytest.raises(ValueError, match="sometimes"):
        Receiver(feed.address, "reader", on_slow="sometimes").start()


# ---- The malformed -------------------------------------------------------------------

MALFORMED = [
    [b"one frame"],
    [b'"t"', b'"o"', b"1"],
    [b'"t"', b'"o"', b"1", b"1", b"1"],
    [b"", b"", b"", b""],
    [b"t", b'"o"', b"1", b"1"],
    [b'"t"', b'"o"', b"{", b"1"],
    [b'"t"', b'"o"', b"1 2", b"1"],
    [b'"t"', b'"o"', b"1", b"now"],
    [b'"t"', b'"o"', b"1", b"[1]"],
    [b'"t"', b'"o"', b"1", b'"now"'],
    [b'"\xff"', b'"o"', b"1", b"1"],
    [b'"t"', b'"o"', b'"\xff"', b"1"],
    [b"5x", b'"o"', b"1", b"1"],
]


@pytest.mark.item("receiver-malformed")
@pytest.mark.parametrize("wire", MALFORMED, ids=repr)
def test_a_malformed_message_is_counted_and_skipped(
    follow: Any, feed: Feed, wire: list[bytes]
) -> None:
    receiver = follow()
    receiver.timeout = 1e9
    feed.socket.send_multipart(wire)
    feed.send("t", "good")
    assert take(receiver, 1)[0].data == "good"
    counters = receiver.stats()
    assert (counters["arrived"], counters["dropped_malformed"]) == (2, 1)
    assert receiver.is_alive()


@pytest.mark.item("receiver-malformed")
def test_the_malformed_are_logged_at_most_once_a_second(
    follow: Any, feed: Feed, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = follow()
    with caplog.at_level(logging.DEBUG, "hermes.receiver"):
        begin = time.monotonic()
        for _ in range(200):
            feed.socket.send_multipart([b"garbage"])
        eventually(lambda: receiver.stats()["dropped_malformed"] == 200)
        events = eventually(lambda: [r for r in caplog.records if "alformed" in r.getMessage()])
        time.sleep(0.2)
        events = [r for r in caplog.records if "alformed" in r.getMessage()]
    assert 1 <= len(events) <= 2 + (time.monotonic() - begin)


@pytest.mark.item("receiver-malformed")
def test_what_only_python_cannot_hold_is_skipped_too(follow: Any, feed: Feed) -> None:
    receiver = follow()
    receiver.timeout = 600
    deep = b"[" * 50_000 + b"]" * 50_000
    huge = b"1" + b"0" * 5000
    for data in (b"1", deep, huge, b"3"):
        feed.socket.send_multipart([b'"t"', b'"o"', data, str(time.time()).encode()])
    assert [envelope.data for envelope in take(receiver, 3)] == [1, 10**5000, 3]
    counters = receiver.stats()
    assert (counters["arrived"], counters["delivered"], counters["queued"]) == (4, 3, 0)
    assert counters["dropped_malformed"] == 1


@given(st.lists(json_values))
def test_a_batch_can_be_taken_apart_without_parsing_it(values: list[Any]) -> None:
    text = json.dumps(values)
    assert [json.dumps(json.loads(part)) for part in split(text)] == [
        json.dumps(value) for value in values
    ]


def test_an_interrupt_between_fetching_and_keeping_loses_nothing(
    follow: Any, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = follow()
    receiver.timeout = 600
    for number in range(10):
        feed.send("t", number)
    eventually(lambda: receiver.stats()["arrived"] == 10)
    with monkeypatch.context() as patch:
        patch.setattr(marshal, "loads", lambda text: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            receiver.recv(block=True)
    assert [envelope.data for envelope in take(receiver, 10)] == list(range(10))
    assert receiver.stats()["delivered"] == 10


def test_messages_arrive_as_messages(follow: Any, feed: Feed) -> None:
    from test_structs import Tick

    receiver = follow()
    feed.send("t", ["Tick", 1.5, "BTCUSD", 2.5])
    feed.send("t", ["Quiet", 1.5, 2])
    tick, quiet = take(receiver, 2)
    assert isinstance(tick.data, Tick)
    assert (tick.data.symbol, tick.data.price) == ("BTCUSD", 2.5)
    assert quiet.data == ["Quiet", 1.5, 2]
