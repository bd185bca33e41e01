"""The same in asyncio: no thread, nothing missed, nothing lost to a cancelled task."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import threading
import time
from collections.abc import Awaitable, Coroutine
from contextlib import ExitStack
from typing import Any, Callable

import pytest
import support
from support import PATIENCE

from hermes import Envelope, Node, PostOffice, Publisher, Receiver

#: How many envelopes the test of bursts sends. The longest that was run is a million.
BURSTS = int(os.environ.get("HERMES_TEST_BURSTS", "100000"))


class WithoutReaders(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors, as the standard one of Windows cannot."""

    def add_reader(self, *_: Any) -> None:
        raise NotImplementedError

    def remove_reader(self, *_: Any) -> bool:
        raise NotImplementedError


Run = Callable[[Coroutine[Any, Any, Any]], Any]


def uv() -> asyncio.AbstractEventLoop:
    """A loop of uvloop, which does not exist for every interpreter."""
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uv,
    "without readers": WithoutReaders,
}


def run_in(loop: asyncio.AbstractEventLoop, main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in a loop, which is closed then; one that hangs fails."""
    loop.set_debug(False)
    try:
        return loop.run_until_complete(asyncio.wait_for(main, 4 * PATIENCE))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine in a loop of its own, of each kind."""
    return lambda main: run_in(LOOPS[request.param](), main)


@pytest.fixture
def ends(office: PostOffice, life: ExitStack) -> tuple[Publisher, Receiver]:
    """A publisher and a receiver that reach each other."""
    return support.pair(life, office)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def until(true: Callable[[], Any]) -> None:
    """Wait until something holds, and let the other tasks go on."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "did not happen"
        await asyncio.sleep(0.002)


# ---- Receiving ---------------------------------------------------------------


def test_what_comes_is_taken_in_order(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = ends

    async def main() -> None:
        for number in range(5):
            publisher.publish(Envelope("t", "o", number))
            envelope = await receiver.arecv(PATIENCE)
            assert envelope is not None
            assert envelope.data == number
        publisher.publish_many([Envelope("t", "o", number) for number in range(1000)])
        got: list[Any] = []
        while len(got) < 500:
            got += await receiver.arecv_many(100)
        async for envelope in receiver:
            got.append(envelope)
            if len(got) == 1000:
                break
        assert [envelope.data for envelope in got] == list(range(1000))
        counters = receiver.stats()
        assert (counters["delivered"], counters["queued"]) == (1005, 0)

    run(main())


def test_nothing_comes(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    _, receiver = ends

    async def main() -> None:
        before = time.monotonic()
        assert await receiver.arecv(0) is None
        assert await receiver.arecv(-1) is None
        assert await receiver.arecv_many(5, 0) == []
        assert await receiver.arecv(0.05) is None
        assert await receiver.arecv_many(5, timeout=0.05) == []
        assert time.monotonic() - before >= 0.09
        with pytest.raises(ValueError, match="0"):
            await receiver.arecv_many(0)

    run(main())


def test_the_loop_goes_on_while_a_task_waits(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = ends

    async def main() -> None:
        waiting = asyncio.ensure_future(receiver.arecv())
        await asyncio.sleep(0)
        threads = threading.active_count()  # with that of a loop that cannot watch descriptors
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not waiting.done()
        assert threading.active_count() == threads
        publisher.publish(Envelope("t", "o", "come"))
        envelope = await waiting
        assert envelope is not None
        assert envelope.data == "come"

    run(main())


def test_a_busy_receiver_lets_others_have_a_turn(
    run: Run, ends: tuple[Publisher, Receiver]
) -> None:
    publisher, receiver = ends

    async def main() -> None:
        publisher.publish_many([Envelope("t", "o", number) for number in range(20_000)])
        await until(lambda: receiver.stats()["queued"] == 20_000)
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.ensure_future(count())
        for _ in range(20_000):
            await receiver.arecv()
        assert turns >= 20
        counting.cancel()

    run(main())


@pytest.mark.parametrize("how", ["arecv", "arecv_many", "async for"])
def test_what_is_put_without_end_lets_others_have_a_turn(run: Run, how: str) -> None:
    receiver = Receiver("tcp://127.0.0.1:1", "r")
    many = 20_000
    for number in range(many):
        receiver.q.put(number)
    took = 0

    async def take() -> None:
        nonlocal took
        if how == "async for":
            async for _ in receiver:
                took += 1
        while True:
            await (receiver.arecv() if how == "arecv" else receiver.arecv_many(1))
            took += 1

    async def main() -> None:
        taking = asyncio.ensure_future(take())
        while not took:
            await asyncio.sleep(0)
        assert took < many / 4
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking

    run(main())


def test_polling_lets_others_have_a_turn(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    _, receiver = ends

    async def main() -> None:
        done = False

        async def finish() -> None:
            nonlocal done
            done = True

        async def poll(look: Callable[[], Awaitable[Any]]) -> None:
            nonlocal done
            done = False
            finishing = asyncio.ensure_future(finish())
            for _ in range(1000):
                assert not await look()
                if done:
                    break
            assert done
            await finishing

        await poll(lambda: receiver.arecv(0))
        await poll(lambda: receiver.arecv_many(3, timeout=0))
        receiver.stop()
        await poll(receiver.arecv)
        await poll(receiver.arecv_many)
        await poll(lambda: Publisher("tcp://127.0.0.1:1", "p").apublish(Envelope("t", "o", 1)))

    run(main())


def test_many_at_once_are_not_without_end(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = ends

    async def main() -> None:
        publisher.publish_many([Envelope("t", "o", number) for number in range(20_000)])
        await until(lambda: receiver.stats()["queued"] == 20_000)
        got: list[Any] = []
        while len(got) < 20_000:
            some = await receiver.arecv_many(1_000_000)
            assert 0 < len(some) < 10_000
            got += some
        assert [envelope.data for envelope in got] == list(range(20_000))

    run(main())


def test_a_stop_in_the_body_of_a_loop_ends_it(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = ends

    async def main() -> None:
        publisher.publish(Envelope("t", "o", 1))
        seen = []
        async for envelope in receiver:
            seen.append(envelope.data)
            receiver.stop()
        assert seen == [1]
        async for envelope in receiver:
            seen.append(envelope.data)
        assert seen == [1]
        assert await receiver.arecv() is None
        assert await receiver.arecv_many(3) == []

    run(main())


def send_bursts(publisher: Publisher, count: int, seed: int) -> None:
    """Publish numbers in bursts of any length, with pauses of any length."""
    chance = random.Random(seed)
    sent = 0
    while sent < count:
        burst = min(count - sent, int(chance.paretovariate(0.7)), 5000)
        envelopes = [Envelope("t", "o", number) for number in range(sent, sent + burst)]
        if burst < 20 and chance.random() < 0.5:
            for envelope in envelopes:
                publisher.publish(envelope)
        else:
            publisher.publish_many(envelopes)
        sent += burst
        pause = chance.choice([0, 0, 0, 1e-5, 1e-4, 5e-4])
        if pause:
            time.sleep(pause)


def test_nothing_is_missed_in_random_bursts(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = ends
    publisher.set_option("queue.block", "10m")
    seed = random.randrange(1 << 32)
    print("seed", seed)

    async def main() -> None:
        sending = threading.Thread(target=send_bursts, args=(publisher, BURSTS, seed))
        sending.start()
        began, next_ = time.monotonic(), 0
        chance = random.Random(seed + 1)
        while next_ < BURSTS:
            if chance.random() < 0.05:
                got = await receiver.arecv_many(chance.randrange(1, 600), PATIENCE)
                assert got, f"nothing came after {next_}"
            else:
                envelope = await receiver.arecv(PATIENCE)
                assert envelope is not None, f"nothing came after {next_}"
                got = [envelope]
            for envelope in got:
                assert envelope.data == next_
                next_ += 1
        print(f"{BURSTS} in {time.monotonic() - began:.1f} s")
        sending.join()

    run(main())
    assert receiver.recv() is None


def test_several_tasks_share_a_receiver(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = ends
    count = 20_000

    async def main() -> None:
        got: list[int] = []

        async def work() -> None:
            async for envelope in receiver:
                got.append(envelope.data)
                if len(got) % 7 == 0:
                    await asyncio.sleep(0)

        tasks = [asyncio.ensure_future(work()) for _ in range(5)]
        sending = threading.Thread(target=send_bursts, args=(publisher, count, 1))
        sending.start()
        await until(lambda: len(got) == count)
        assert sorted(got) == list(range(count))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        sending.join()

    run(main())


def test_loops_and_threads_share_a_receiver(ends: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = ends
    count = 20_000
    got: list[int] = []
    problems: list[BaseException] = []

    async def in_loop() -> None:
        async for envelope in receiver:
            got.append(envelope.data)

    def in_thread() -> None:
        for envelope in receiver:
            got.append(envelope.data)

    def loop_of(name: str) -> Callable[[], None]:
        return lambda: run_in(LOOPS[name](), in_loop())

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            problems.append(error)

    works = [*map(loop_of, ("asyncio", "asyncio", "without readers")), in_thread, in_thread]
    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    send_bursts(publisher, count, 2)
    support.eventually(lambda: len(got) == count)
    receiver.stop()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert problems == []
    assert sorted(got) == list(range(count))


def test_a_task_that_is_cancelled_takes_nothing(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    """It is cancelled at any moment: before, while and after its envelope comes."""
    publisher, receiver = ends
    count = 3000

    async def main() -> None:
        chance = random.Random(3)
        sending = threading.Thread(target=send_bursts, args=(publisher, count, 4))
        sending.start()
        got: list[int] = []

        async def once() -> None:
            envelope = await receiver.arecv()
            assert envelope is not None
            got.append(envelope.data)

        async def many() -> None:
            got.extend(envelope.data for envelope in await receiver.arecv_many(10))

        async def iterated() -> None:
            async for envelope in receiver:
                got.append(envelope.data)
                if chance.random() < 0.1:
                    break

        end = time.monotonic() + PATIENCE
        while len(got) < count:
            assert time.monotonic() < end, f"{len(got)} of {count} came"
            task = asyncio.ensure_future(chance.choice([once, many, iterated])())
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            if chance.random() < 0.2:
                await asyncio.sleep(chance.random() * 0.001)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert got == list(range(count))
        sending.join()

    run(main())


def test_wait_for_loses_nothing(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = ends

    async def main() -> None:
        stream = receiver.__aiter__()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(stream.__anext__(), 0.01)
        publisher.publish(Envelope("t", "o", 1))
        assert (await asyncio.wait_for(stream.__anext__(), PATIENCE)).data == 1

    run(main())


@pytest.mark.parametrize("from_a_thread", [True, False])
def test_a_stop_ends_the_waiting(
    run: Run, ends: tuple[Publisher, Receiver], from_a_thread: bool
) -> None:
    publisher, receiver = ends

    async def main() -> None:
        async def listen() -> list[Any]:
            return [envelope.data async for envelope in receiver]

        tasks = [asyncio.ensure_future(listen()) for _ in range(3)]
        single = asyncio.ensure_future(receiver.arecv())
        publisher.publish_many([Envelope("t", "o", number) for number in range(3)])
        await until(lambda: receiver.stats()["delivered"] == 3)
        assert not any(task.done() for task in tasks)
        loop = asyncio.get_running_loop()
        if from_a_thread:
            await loop.run_in_executor(None, receiver.stop)
        else:
            receiver.stop()
        taken = [number for task in tasks for number in await task]
        last = await single
        assert sorted(taken + ([last.data] if last else [])) == [0, 1, 2]
        assert await receiver.arecv() is None
        assert await receiver.arecv_many() == []
        with pytest.raises(StopAsyncIteration):
            await receiver.__anext__()

    run(main())


def test_what_a_stopped_receiver_has_can_be_taken(
    run: Run, ends: tuple[Publisher, Receiver]
) -> None:
    publisher, receiver = ends
    publisher.publish_many([Envelope("t", "o", number) for number in range(1000)])
    support.eventually(lambda: receiver.stats()["queued"] == 1000)
    receiver.stop()

    async def main() -> None:
        assert [envelope.data async for envelope in receiver] == list(range(1000))

    run(main())


def test_one_may_wait_before_the_start(run: Run, office: PostOffice, life: ExitStack) -> None:
    receiver = Receiver(office.xpub_url, "late", on_slow="ignore")
    publisher = life.enter_context(Publisher(office.xsub_url, "p", options={"ready.hold": "1m"}))

    async def main() -> None:
        waiting = asyncio.ensure_future(receiver.arecv())
        await asyncio.sleep(0.01)
        async with receiver:
            publisher.publish(Envelope("t", "o", 1))
            envelope = await waiting
            assert envelope is not None
            assert envelope.data == 1

    run(main())


def test_what_a_subclass_puts_wakes_a_task(run: Run, life: ExitStack) -> None:
    class Own(Receiver):
        def run(self) -> None:
            self._running.set()
            while self._running.is_set():
                time.sleep(0.01)
                self.q.put(Envelope("mine", "me", 5))

    receiver = life.enter_context(Own("tcp://127.0.0.1:1", "own"))

    async def main() -> None:
        envelope = await receiver.arecv(PATIENCE)
        assert envelope is not None
        assert envelope.data == 5

    run(main())


@pytest.mark.parametrize("run", ["asyncio", "uvloop"], indirect=True)
def test_ones_own_reader_is_not_disturbed(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    publisher, receiver = ends

    async def main() -> None:
        seen = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(receiver.fileno(), seen.set)
        waiting = asyncio.ensure_future(receiver.arecv_many(2))
        await asyncio.sleep(0.01)
        publisher.publish(Envelope("t", "o", 1))
        await asyncio.wait_for(seen.wait(), PATIENCE)
        assert [envelope.data for envelope in await waiting] == [1]
        loop.remove_reader(receiver.fileno())

    run(main())


def test_loops_come_and_go_and_leave_no_descriptor(
    run: Run, ends: tuple[Publisher, Receiver]
) -> None:
    publisher, receiver = ends

    async def main() -> None:
        waiting = asyncio.ensure_future(receiver.arecv())
        await asyncio.sleep(0)
        publisher.publish(Envelope("t", "o", 1))
        assert await waiting is not None
        await receiver.arecv(0.001)

    for _ in range(3):
        run(main())
    gc.collect()
    before = descriptors()
    for _ in range(30):
        run(main())
    gc.collect()
    assert descriptors() <= before + 1


def test_a_receiver_at_rest_costs_the_loop_nothing(
    run: Run, ends: tuple[Publisher, Receiver]
) -> None:
    """Envelopes are there and not taken: the loop must not be woken again and again."""
    publisher, receiver = ends

    async def main() -> None:
        waiting = asyncio.ensure_future(receiver.arecv())
        await asyncio.sleep(0.01)
        publisher.publish_many([Envelope("t", "o", number) for number in range(1000)])
        await waiting
        await until(lambda: receiver.stats()["queued"] == 999)
        before = time.process_time()
        began = time.monotonic()
        await asyncio.sleep(1)
        used, took = time.process_time() - before, time.monotonic() - began
        assert used < took / 2, f"{used} s of processor time in {took} s"

    run(main())


# ---- Publishing --------------------------------------------------------------


def test_apublish_says_what_publish_says(run: Run, office: PostOffice, life: ExitStack) -> None:
    class Own:
        def serialize(self, encoding: str) -> bytes:
            return b"[4]"

    class OwnFrames(Envelope):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            return (b'"own"', b'"frames"', b"[3]", b"%f" % time.time())

    class Mute:
        def __init__(self, text: bytes) -> None:
            self.text = text

        def serialize(self, encoding: str) -> bytes:
            return self.text

    publisher, receiver = support.pair(life, office)

    async def main() -> None:
        envelope = Envelope("t", "o", [1, "é"], 5.0)
        assert await publisher.apublish(envelope) is True
        assert abs(envelope.ts - time.time()) < 60
        assert await publisher.apublish(Envelope("t/\ud800", "o", Own())) is True
        assert await publisher.apublish(OwnFrames("t", "o", None)) is True
        for wrong in (Envelope("t", "o", {1, 2}), Envelope({5}, "o", 1), "text"):  # type: ignore[arg-type]
            with pytest.raises(TypeError):
                await publisher.apublish(wrong)  # type: ignore[arg-type]
        for text in (b"{not json", b"1]\0"):
            with pytest.raises(ValueError, match="JSON"):
                await publisher.apublish(Envelope("t", "o", Mute(text)))
        got = [await receiver.arecv(PATIENCE) for _ in range(3)]
        assert [(e.topic, e.origin, e.data) for e in got if e] == [
            ("t", "o", [1, "é"]),
            ("t/\ud800", "o", [4]),
            ("own", "frames", [3]),
        ]
        publisher.stop()
        assert await publisher.apublish(envelope) is False
        assert await Publisher("tcp://127.0.0.1:1", "p").apublish(envelope) is False

    run(main())


def test_a_full_queue_holds_up_the_task_and_not_the_loop(
    run: Run, office: PostOffice, life: ExitStack
) -> None:
    options = {"queue.messages": 3, "ready.hold": "1h", "queue.block": "1h"}
    publisher = life.enter_context(Publisher(office.xsub_url, "p", options=options))
    receiver = Receiver(office.xpub_url, "r", on_slow="ignore")

    async def main() -> None:
        async def publish(first: int) -> None:
            for number in range(first, first + 1000):
                assert await publisher.apublish(Envelope("t", "o", number)) is True

        tasks = [asyncio.ensure_future(publish(first)) for first in (0, 1000)]
        await until(lambda: publisher.stats()["queued"] == 3)
        for _ in range(10):
            await asyncio.sleep(0.001)
        assert not any(task.done() for task in tasks)
        assert publisher.stats()["accepted"] == 3
        async with receiver:
            got = [await receiver.arecv(PATIENCE) for _ in range(2000)]
        numbers = [envelope.data for envelope in got if envelope is not None]
        assert [n for n in numbers if n < 1000] == list(range(1000))
        assert [n for n in numbers if n >= 1000] == list(range(1000, 2000))
        await asyncio.gather(*tasks)
        counters = publisher.stats()
        assert (counters["accepted"], counters["dropped_full"]) == (2000, 0)

    run(main())


def test_a_cancelled_task_publishes_nothing(run: Run) -> None:
    options = {"queue.messages": 1, "ready.hold": "1h", "linger": "0"}

    async def main() -> None:
        with Publisher(support.free_address(), "p", options=options) as publisher:
            assert await publisher.apublish(Envelope("t", "o", 1))
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(publisher.apublish(Envelope("t", "o", 2)), 0.05)
            counters = publisher.stats()
            assert (counters["accepted"], counters["queued"]) == (1, 1)
            publisher.stop(0)

    run(main())


def test_a_stop_ends_the_waiting_for_room(run: Run) -> None:
    options = {"queue.messages": 1, "ready.hold": "1h", "linger": "0"}

    async def main() -> None:
        with Publisher(support.free_address(), "p", options=options) as publisher:
            assert await publisher.apublish(Envelope("t", "o", 1))
            waiting = asyncio.ensure_future(publisher.apublish(Envelope("t", "o", 2)))
            await asyncio.sleep(0.01)
            publisher.stop(0)
            assert await waiting is False

    run(main())


# ---- Life --------------------------------------------------------------------


def test_async_with_starts_and_stops_all_components(run: Run) -> None:
    async def main() -> None:
        async with PostOffice(support.ANYWHERE, support.ANYWHERE) as office:
            receiver = Receiver(office.endpoints["out"], "n", on_slow="ignore")
            publisher = Publisher(office.endpoints["in"], "n", options={"ready.hold": "1m"})
            async with Node("n", receiver, publisher) as node:
                assert await node.apublish("channel", [1]) is True
                envelope = await node.arecv(PATIENCE)
                assert (envelope.topic, envelope.data) == ("channel/n", [1])
            assert not receiver.is_alive()
            assert not publisher.is_alive()
            with pytest.raises(NotImplementedError):
                await Node("none").arecv()
            with pytest.raises(NotImplementedError):
                await Node("none", receiver=object(), publisher=object()).apublish("c", 1)
        assert not office.is_alive()

    run(main())


def test_async_with_raises_what_start_raises(run: Run) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="nonsense"):
            async with Publisher("nonsense", "p"):
                raise AssertionError("it has started")

    run(main())


def test_a_stop_that_flushes_does_not_hold_up_the_loop(run: Run) -> None:
    options = {"ready.hold": "1h"}

    async def main() -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        async with Publisher(support.free_address(), "p", options=options) as publisher:
            await publisher.apublish(Envelope("t", "o", 1))
            ticking = asyncio.ensure_future(tick())
        assert ticks > 5  # it had a second in vain
        ticking.cancel()

    run(main())


def test_who_is_cancelled_while_starting_leaves_nothing_running(run: Run) -> None:
    publisher = Publisher(support.free_address(), "p")

    async def main() -> None:
        async def work() -> None:
            async with publisher:
                await asyncio.sleep(PATIENCE)

        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: publisher.ident is not None and not publisher.is_alive())

    run(main())


def test_importing_hermes_does_not_import_asyncio() -> None:
    support.run("import sys, hermes; assert 'asyncio' not in sys.modules")


# ---- Speed -------------------------------------------------------------------


def test_how_fast_it_is(run: Run, ends: tuple[Publisher, Receiver]) -> None:
    """Prints how the rate of ``async for`` compares; it decides nothing."""
    publisher, receiver = ends
    count = 20_000
    envelopes = [Envelope("t", "o", ["BTCUSD", 1.5, "x", 2.5, number]) for number in range(count)]

    def fill() -> None:
        publisher.publish_many(envelopes)
        support.eventually(lambda: receiver.stats()["queued"] == count)

    def blocking() -> float:
        fill()
        began = time.thread_time()
        for number, envelope in enumerate(receiver, 1):
            if number == count:
                assert envelope.data[-1] == count - 1
                break
        return count / (time.thread_time() - began)

    async def waiting() -> float:
        fill()
        began, number = time.thread_time(), 0
        async for envelope in receiver:
            number += 1
            if number == count:
                assert envelope.data[-1] == count - 1
                break
        return count / (time.thread_time() - began)

    async def main() -> list[float]:
        return [await waiting() for _ in range(3)]

    slow, quick = max(run(main())), max(blocking() for _ in range(3))
    print(f"async for: {slow:,.0f}/s, for: {quick:,.0f}/s, {slow / quick:.2f} times as fast")
