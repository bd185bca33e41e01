"""The attributes of 1.x that a program may replace, and q as a real queue."""

from __future__ import annotations

import json
import queue
import select
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
import zmq
from support import PATIENCE, eventually

import hermes
from hermes import Envelope
from hermes._queue.pumps import ReceivePump
from hermes._queue.recv import ReceiveQueue


def publish(publisher: hermes.Publisher, *data: Any, origin: str = "o") -> None:
    for value in data:
        assert publisher.publish(Envelope("t", origin, value))


def arrived(receiver: hermes.Receiver, count: int) -> None:
    """Wait until so many have arrived, and been put where they belong."""
    eventually(lambda: receiver.stats()["arrived"] >= count)
    eventually(lambda: receiver._hermes_core and receiver._hermes_core.stats()["queued"] == 0)


# ---- q -------------------------------------------------------------------------------


def test_q_has_all_of_a_queue(life: ExitStack, office: hermes.PostOffice) -> None:
    publisher, receiver = support.pair(life, office)
    for q in (publisher.q, receiver.q):
        assert isinstance(q, queue.Queue)
        for name in vars(queue.Queue()):
            getattr(q, name)
        for name in dir(queue.Queue):
            getattr(q, name)
    publish(publisher, 1, 2, 3)
    eventually(lambda: receiver.q.qsize() == 3)
    with receiver.q.mutex:
        assert [envelope.data for envelope in receiver.q.queue] == [1, 2, 3]
        receiver.q.queue.clear()
    assert receiver.recv() is None
    publish(publisher, 4)
    assert receiver.recv(True, PATIENCE).data == 4  # type: ignore[union-attr]


def test_unfinished_tasks_count_what_was_taken_before(
    life: ExitStack, office: hermes.PostOffice
) -> None:
    publisher, receiver = support.pair(life, office)
    publish(publisher, 1, 2)
    assert receiver.q.get().data == 1
    receiver.q.task_done()
    assert receiver.q.get(timeout=PATIENCE).data == 2
    assert receiver.q.unfinished_tasks == 1 + receiver.stats()["delivered"] - 2
    while receiver.q.unfinished_tasks:
        receiver.q.task_done()
    receiver.q.join()
    with pytest.raises(ValueError, match="task_done"):
        receiver.q.task_done()


def test_a_sentinel_comes_behind_what_has_arrived(
    life: ExitStack, office: hermes.PostOffice
) -> None:
    publisher, receiver = support.pair(life, office)
    got: list[Any] = []
    consumer = threading.Thread(
        target=lambda: got.extend(e.data for e in iter(receiver.q.get, None)), daemon=True
    )
    consumer.start()
    publish(publisher, 1, 2, 3)
    eventually(lambda: len(got) == 3)
    receiver.stop()
    assert consumer.is_alive()  # it waits for the sentinel, as at a queue
    receiver.q.put(None)
    consumer.join(PATIENCE)
    assert got == [1, 2, 3]


def test_several_receivers_may_share_a_queue(life: ExitStack, office: hermes.PostOffice) -> None:
    publisher = life.enter_context(hermes.Publisher(office.xsub_url, "p"))
    shared: Any = queue.Queue()
    receivers = [hermes.Receiver(office.xpub_url, f"r{n}") for n in range(2)]
    for receiver in receivers:
        receiver.q = shared
        receiver.timeout = 600
        life.enter_context(receiver)
        assert receiver.wait_ready(PATIENCE)
    assert publisher.wait_ready(PATIENCE)
    # Subscriptions take their time to travel.
    eventually(lambda: publish(publisher, "early") or all(r.stats()["arrived"] for r in receivers))
    publish(publisher, *range(10))
    late = (e.data for e in iter(lambda: shared.get(timeout=PATIENCE), None) if e.data != "early")
    data = sorted(next(late) for _ in range(20))
    assert data == sorted([*range(10)] * 2)
    publish(publisher, "recv")
    assert receivers[0].recv(True, PATIENCE).data == "recv"  # type: ignore[union-attr]


def test_the_q_of_one_receiver_may_be_that_of_another(
    life: ExitStack, office: hermes.PostOffice
) -> None:
    one = hermes.Receiver(office.xpub_url, "one")
    two = hermes.Receiver(office.xpub_url, "two")
    two.q = one.q
    for receiver in (one, two):
        life.enter_context(receiver)
        assert receiver.wait_ready(PATIENCE)
    publisher = life.enter_context(hermes.Publisher(office.xsub_url, "p"))
    assert publisher.wait_ready(PATIENCE)
    publish(publisher, 1)
    assert [one.recv(True, PATIENCE).data for _ in range(2)] == [1, 1]  # type: ignore[union-attr]


class Ordered(Envelope):
    def __lt__(self, other: Any) -> bool:
        return bool(self.data < other.data)


def test_a_publisher_may_send_by_priority(life: ExitStack, office: hermes.PostOffice) -> None:
    _, receiver = support.pair(life, office)
    publisher = hermes.Publisher(office.xsub_url, "p")
    publisher.q = queue.PriorityQueue()
    for number in (3, 1, 2):
        publisher.q.put(Ordered("t", "o", number))
    life.enter_context(publisher)
    assert support.take_data(receiver, "t", 3) == [1, 2, 3]
    assert publisher.publish(Ordered("t", "o", 4))
    publisher.stop()
    assert support.take_data(receiver, "t", 1) == [4]


@pytest.mark.parametrize("kind", ["receiver", "publisher"])
def test_a_method_of_q_may_be_patched(
    life: ExitStack, office: hermes.PostOffice, kind: str
) -> None:
    publisher, receiver = support.pair(life, office)
    q = (receiver if kind == "receiver" else publisher).q
    seen: list[Any] = []
    original = q.put

    def put(item: Any, *arguments: Any) -> None:
        seen.append(item.data)
        queue.Queue.put(q, item) if kind == "receiver" else original(item, *arguments)

    q.put = put
    publish(publisher, 1, 2)
    assert support.take_data(receiver, "t", 2) == [1, 2]
    assert seen == [1, 2]


def test_put_after_the_stop_of_a_publisher_is_silent(office: hermes.PostOffice) -> None:
    publisher = hermes.Publisher(office.xsub_url, "p")
    with publisher:
        publisher.q.put(Envelope("t", "o", 1))
    publisher.q.put(Envelope("t", "o", 2))
    publisher.q.put_nowait(Envelope("t", "o", 2))


def test_asyncio_takes_from_a_replaced_queue(life: ExitStack, office: hermes.PostOffice) -> None:
    import asyncio

    publisher, _ = support.pair(life, office)
    receiver = hermes.Receiver(office.xpub_url, "r")
    receiver.q = queue.Queue()
    life.enter_context(receiver)
    assert receiver.wait_ready(PATIENCE)
    publish(publisher, *range(3))

    async def take() -> list[Any]:
        first = await receiver.arecv(PATIENCE)
        receiver.q.put("mine")
        more: list[Any] = []
        while len(more) < 3:
            more += await receiver.arecv_many(5, PATIENCE)
        return [first.data if first else None, *(getattr(e, "data", e) for e in more)]

    got = asyncio.run(asyncio.wait_for(take(), PATIENCE))
    assert sorted(got, key=str) == [0, 1, 2, "mine"]


# ---- exchanges -----------------------------------------------------------------------


class Odd:
    def __contains__(self, origin: Any) -> bool:
        return origin == "b"


@pytest.mark.parametrize("first", [["a"], ("a",), {"a"}, "a"], ids=repr)
@pytest.mark.parametrize("second", [["b"], ("b",), Odd(), ""], ids=["list", "tuple", "odd", "all"])
def test_exchanges_may_be_replaced_at_any_time(
    life: ExitStack, office: hermes.PostOffice, first: Any, second: Any
) -> None:
    publisher, receiver = support.pair(life, office, exchanges=first)
    publish(publisher, 1, origin="b")
    publish(publisher, 2, origin="a")
    assert support.take(receiver, 1)[0].data == 2
    receiver._exchanges = second
    publish(publisher, 3, origin="a")
    publish(publisher, 4, origin="b")
    wanted = [3, 4] if second == "" else [4]
    assert [envelope.data for envelope in support.take(receiver, len(wanted))] == wanted
    counters = receiver.stats()
    assert counters["dropped_origin"] == counters["arrived"] - counters["delivered"]


def test_exchanges_are_the_callers_own_list(life: ExitStack, office: hermes.PostOffice) -> None:
    exchanges = ["a"]
    publisher, receiver = support.pair(life, office, exchanges=exchanges)
    assert receiver._exchanges is exchanges
    publish(publisher, 1, origin="b")
    publish(publisher, 2, origin="a")
    assert support.take(receiver, 1)[0].data == 2
    exchanges.append("b")
    publish(publisher, 3, origin="b")
    assert support.take(receiver, 1)[0].data == 3


def test_a_receiver_with_exchanges_that_may_change_can_be_waited_on(
    life: ExitStack, office: hermes.PostOffice
) -> None:
    publisher, receiver = support.pair(life, office, exchanges=["a"])
    assert select.select([receiver], [], [], 0)[0] == []
    publish(publisher, 1, origin="b")
    publish(publisher, 2, 3, origin="a")
    assert select.select([receiver.sock], [], [], PATIENCE)[0] == [receiver.sock]
    assert [envelope.data for envelope in support.take(receiver, 2)] == [2, 3]
    assert select.select([receiver], [], [], 0)[0] == []
    publish(publisher, 4, origin="a")
    assert select.select([receiver], [], [], PATIENCE)[0] == [receiver]
    assert [envelope.data for envelope in receiver.recv_many()] == [4]
    receiver.stop()
    assert select.select([receiver], [], [], PATIENCE)[0] == [receiver]


# ---- The others ----------------------------------------------------------------------


def test_contexts_are_real_and_end_with_the_component(life: ExitStack) -> None:
    office = hermes.PostOffice(support.ANYWHERE, support.ANYWHERE)
    publisher = hermes.Publisher("tcp://127.0.0.1:1", "p")
    receiver = hermes.Receiver("tcp://127.0.0.1:1", "r")
    contexts = [office.ctx, publisher.ctx, receiver.zmq_context]
    for context in contexts:
        assert isinstance(context, zmq.Context)
        assert not context.closed
    assert len(set(map(id, contexts))) == 3
    assert office.ctx is contexts[0]
    for component in (office, publisher, receiver):
        component.start()
    for component in (publisher, receiver, office):
        component.stop()
    assert [context.closed for context in contexts] == [True] * 3


def test_a_post_office_may_run_a_proxy_of_its_own() -> None:
    class Own(hermes.PostOffice):
        ended = False

        def run(self) -> None:
            inside, outside = self.ctx.socket(zmq.XSUB), self.ctx.socket(zmq.XPUB)
            inside.bind(support.ANYWHERE)
            outside.bind(support.ANYWHERE)
            try:
                zmq.proxy(inside, outside)
            except zmq.ContextTerminated:
                inside.close()
                outside.close()
                self.ended = True

    office = Own(support.ANYWHERE, support.ANYWHERE)
    office.start()
    assert office.running
    office.stop(PATIENCE)
    assert office.ended
    assert not office.running


@pytest.mark.parametrize("when", ["before", "after"])
def test_parts_may_share_an_event(life: ExitStack, office: hermes.PostOffice, when: str) -> None:
    shared = threading.Event()
    receiver = hermes.Receiver(office.xpub_url, "r")
    publisher = hermes.Publisher(office.xsub_url, "p")
    components: list[Any] = [receiver, publisher]
    for component in components:
        if when == "after":
            life.enter_context(component)
            shared.set()
        component._running = shared
        if when == "before":
            life.enter_context(component)
    assert shared.is_set()
    assert all(component.is_alive() for component in components)
    shared.clear()
    eventually(lambda: not any(component.is_alive() for component in components))
    assert publisher.publish(Envelope("t", "o", 1)) is False


def test_timeout_may_be_an_attribute_of_the_class_or_be_set_early(
    life: ExitStack, office: hermes.PostOffice
) -> None:
    class Early(hermes.Receiver):
        timeout = 30

        def __init__(self, *arguments: Any) -> None:
            self.timeout = 20
            super().__init__(*arguments)

    receiver = Early(office.xpub_url, "r")
    assert receiver.timeout == 1  # as in 1.x, whose __init__ sets it
    receiver.timeout = 600
    life.enter_context(receiver)
    assert receiver.get_option("timeout") == "10m0s"
    receiver.timeout = 0.5
    assert receiver.get_option("timeout") == "500ms"


def test_what_has_arrived_stays_when_exchanges_change(
    office: hermes.PostOffice, life: ExitStack
) -> None:
    publisher, receiver = support.pair(life, office)
    publisher.publish(Envelope("t", "b", 1))
    support.eventually(lambda: receiver.stats()["arrived"] == 1, "nothing arrived")
    receiver._exchanges = ["a"]
    publisher.publish(Envelope("t", "b", 2))
    publisher.publish(Envelope("t", "a", 3))
    assert [e and e.data for e in (receiver.recv(True, support.PATIENCE) for _ in range(2))] == [
        1,
        3,
    ]


def test_join_of_q_counts_what_a_thread_is_about_to_take(
    office: hermes.PostOffice, life: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, receiver = support.pair(life, office)
    publish(publisher, 0, 1, 2)
    eventually(lambda: receiver.q.qsize() == 3)

    fetched, go_on = threading.Event(), threading.Event()
    keep = ReceiveQueue._keep

    def keep_slowly(*arguments: Any) -> None:
        fetched.set()
        assert go_on.wait(PATIENCE)
        keep(*arguments)

    monkeypatch.setattr(ReceiveQueue, "_keep", keep_slowly)
    done: list[int] = []

    def work() -> None:
        for _ in range(3):
            done.append(receiver.q.get().data)
            receiver.q.task_done()

    worker = threading.Thread(target=work)
    worker.start()
    assert fetched.wait(PATIENCE)
    at_the_end: list[list[int]] = []

    def join() -> None:
        receiver.q.join()
        at_the_end.append(list(done))

    joiner = threading.Thread(target=join)
    joiner.start()
    eventually(lambda: receiver._hermes_received.pumped)
    joiner.join(0.2)  # one that does not wait returns
    go_on.set()
    worker.join(PATIENCE)
    joiner.join(PATIENCE)
    assert at_the_end == [[0, 1, 2]]


# ---- Age and what is accepted --------------------------------------------------------


@pytest.mark.parametrize("how", ["added", "put there", "all"])
def test_what_is_accepted_meanwhile_can_be_too_late(sockets: support.Sockets, how: str) -> None:
    out = sockets.make(zmq.XPUB, bind="tcp://127.0.0.1:*")
    exchanges = ["a"]
    with hermes.Receiver(support.endpoint(out), "r", exchanges=exchanges) as receiver:
        out.recv()
        if how == "added":
            exchanges.append("b")
        else:
            receiver._exchanges = ["b"] if how == "put there" else ""
        out.send_multipart([b'"t"', b'"b"', b"1", b"1.0"])
        eventually(lambda: not receiver.is_alive())
        assert receiver.recv() is None
        assert receiver.stop_reason.startswith("slow: ")
        assert receiver.stats()["dropped_stale"] == 1


@pytest.mark.parametrize("replaced", ["_exchanges", "Envelope"])
def test_what_arrives_while_the_filter_is_replaced_is_filtered(
    sockets: support.Sockets, monkeypatch: pytest.MonkeyPatch, replaced: str
) -> None:
    out = sockets.make(zmq.XPUB, bind="tcp://127.0.0.1:*")
    start = ReceivePump.start

    sent = 0

    def start_late(pump: ReceivePump) -> None:
        nonlocal sent
        sent += 1
        out.send_multipart([b'"t"', b'"other"', b"1", json.dumps(time.time()).encode()])
        eventually(lambda: receiver._hermes_core.stats()["arrived"] == sent)
        start(pump)

    class Mine(Envelope):
        load_from_frames = staticmethod(lambda frames: Envelope.load_from_frames(frames))

    receiver: Any = hermes.Receiver(support.endpoint(out), "r", exchanges=("a",))
    with receiver:
        out.recv()
        monkeypatch.setattr(ReceivePump, "start", start_late)
        if replaced == "_exchanges":
            receiver._exchanges = ("a", "b")
        else:
            monkeypatch.setattr("hermes.receiver.Envelope", Mine)
        monkeypatch.setattr(ReceivePump, "start", start)
        for origin in ("other", "a"):
            frames = [b'"t"', json.dumps(origin).encode(), b"2", json.dumps(time.time()).encode()]
            out.send_multipart(frames)
        received = receiver.recv(True, PATIENCE)
        assert received
        assert (received.origin, received.data) == ("a", 2)
        assert sent
        assert receiver.stats()["dropped_origin"] == sent + 1


def test_q_counts_what_stands_before_what_is_put_next(life: Any, office: Any) -> None:
    publisher, receiver = support.pair(life, office)
    receiver.q.put("first")  # from now on it is a real queue
    for number in range(200):
        publisher.publish(Envelope("t", "o", number))
        support.eventually(lambda: receiver.q.qsize() == 2)
        receiver.q.put("behind")
        assert receiver.q.get() in ("first", "behind")
        assert receiver.q.get().data == number
