"""Subclasses and patches of publisher and receiver, and what they change on the wire."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any
from unittest import mock

from kit import Ear, Mouth, address, end, program, publisher, receiver, say, take, until

from hermes import Envelope, Message, Publisher, Receiver


class Replay(Envelope):
    """Keeps the time that it has."""

    def update_ts(self) -> None:
        """Do nothing."""


def sent(*envelopes: Any) -> None:
    """Publish, and print the frames that arrive."""
    ear = Ear()
    made = publisher(ear)
    for envelope in envelopes:
        made.publish(envelope)
        say(*_without_white_space(ear.frames()))
    end(made, ear)


def _without_white_space(frames: list[bytes]) -> list[bytes]:
    """The frames without white space behind the last: JSON allows it there."""
    return [*frames[:-1], frames[-1].strip()]


@program
def replay_keeps_its_time() -> None:
    sent(Replay("t", "o", 1, 5), Replay("t", "o", [2], 1.25))


@program
def replay_with_odd_times() -> None:
    sent(Replay("t", "o", 1, "yesterday"), Replay("t", "o", 1, [1]), Replay("t", "o", 1, 10**25))  # type: ignore[arg-type]


@program
def update_ts_with_a_time_of_its_own() -> None:
    class Whole(Envelope):
        def update_ts(self) -> None:
            self.ts = 77

    envelope = Whole("t", "o", 1)
    sent(envelope)
    say(envelope.ts)


@program
def update_ts_that_calls_super() -> None:
    class Counted(Envelope):
        def update_ts(self) -> None:
            super().update_ts()
            self.ts = round(self.ts / 1e10)
            self.data = "stamped"

    sent(Counted("t", "o", 1))


@program
def update_ts_patched_on_the_class() -> None:
    with mock.patch.object(Envelope, "update_ts", lambda self: setattr(self, "ts", 3)):
        sent(Envelope("t", "o", 1))


@program
def convert_overridden() -> None:
    class Own(Envelope):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            return b'"own"', b'"frames"', b'{ "spaces" :  1 }', b"5"

    sent(Own("t", "o", 1))


@program
def convert_that_changes_data() -> None:
    class Signed(Envelope):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            topic, origin, data, _ = super().convert_to_frames(encoding)
            return topic, origin, json.dumps(["signed", json.loads(data)]).encode(), b"5"

    sent(Signed("t", "o", {"a": 1}))


@program
def convert_that_returns_a_list() -> None:
    class Listed(Replay):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            return list(super().convert_to_frames(encoding))

    sent(Listed("t", "o", 1, 5))


@program
def convert_called_without_arguments() -> None:
    class Narrow(Envelope):
        def convert_to_frames(self) -> Any:  # type: ignore[override]
            return b'"t"', b'"o"', b"1", b"5"

    sent(Narrow("t", "o", 1))


@program
def convert_patched_on_the_class() -> None:
    def convert(self: Any, encoding: Any = None) -> Any:
        return b'"patched"', b'"o"', json.dumps(self.data).encode(), b"5"

    with mock.patch.object(Envelope, "convert_to_frames", convert):
        sent(Envelope("t", "o", [1, 2]))


@program
def convert_with_unicode_not_escaped() -> None:
    class Unicode(Replay):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            return b'"t"', b'"o"', json.dumps(self.data, ensure_ascii=False).encode(), b"5"

    sent(Unicode("t", "o", "\u20ac \U0001f680"))


@program
def convert_patched_to_count() -> None:
    calls: list[str] = []
    original = Envelope.convert_to_frames

    def convert(self: Any, encoding: Any = None) -> Any:
        if self.topic == "t":
            calls.append(self.data)
        return original(self, encoding)

    with mock.patch.object(Envelope, "convert_to_frames", convert):
        ear = Ear()
        made = publisher(ear)
        for data in ("a", "b"):
            made.publish(Envelope("t", "o", data))
            ear.frames()
        end(made, ear)
    say(calls)


@program
def what_only_quacks_is_sent() -> None:
    class Duck:
        def convert_to_frames(self) -> Any:
            return b'"duck"', b'"pond"', b'"quack"', b"5"

    sent(Duck())


@program
def a_mock_is_sent() -> None:
    duck = mock.Mock()
    duck.convert_to_frames.return_value = (b'"t"', b'"o"', b"[1]", b"5")
    sent(duck)
    say(duck.convert_to_frames.call_count)


@program
def properties_of_a_subclass_are_sent() -> None:
    class Computed(Replay):
        @property
        def data(self) -> Any:  # type: ignore[override]
            return ["computed"]

        @data.setter
        def data(self, value: Any) -> None:
            pass

    sent(Computed("t", "o", 1, 5))


@program
def serialize_of_a_message_patched() -> None:
    with mock.patch.object(Message, "serialize", lambda self, encoding=None: b'"patched"'):  # noqa: PT008
        sent(Replay("t", "o", Message(1), 5))


@program
def slots_of_a_message_overridden() -> None:
    class Short(Message):
        __slots__ = ["x"]

        def _slots(self) -> list[str]:
            return ["x"]

    short = Short(1)
    short.x = "only"  # type: ignore[attr-defined]
    sent(Replay("t", "o", short, 5))


@program
def slots_of_a_message_repeated() -> None:
    class Bare(Message):
        pass

    bare = Bare(1)
    bare.dtype = "Bare"
    sent(Replay("t", "o", bare, 5))


@program
def slots_of_a_message_patched() -> None:
    with mock.patch.object(Message, "_slots", lambda self: ["ts"]):  # noqa: PT008
        sent(Replay("t", "o", Message(1), 5))


@program
def publish_overridden_by_a_subclass() -> None:
    class Mine(Publisher):
        def publish(self, envelope: Any) -> bool:
            envelope.data = ["mine", envelope.data]
            return super().publish(envelope)

    ear = Ear()
    made = publisher(ear, kind=Mine)
    say(made.publish(Envelope("t", "o", 1)), ear.values())
    end(made, ear)


@program
def publish_patched_on_the_class() -> None:
    with mock.patch.object(Publisher, "publish", lambda self, envelope: "patched"):  # noqa: PT008
        say(Publisher("a", "p").publish(Envelope("t", "o", 1)))


@program
def a_publisher_that_sends_itself() -> None:
    import zmq

    class Own(Publisher):
        def run(self) -> None:
            self._running.set()
            context = zmq.Context()
            self.sock = context.socket(zmq.PUB)
            self.sock.linger = 0
            self.sock.connect(self.pub_addr)
            while self._running.is_set():
                try:
                    envelope = self.q.get(timeout=0.02)
                except queue.Empty:
                    continue
                self.sock.send_multipart([b"own", *envelope.convert_to_frames()[:3]])
            self.sock.close()
            context.term()
            self.sock = None

    ear = Ear()
    made = Own(ear.at, "p")
    made.start()
    ear.socket.rcvtimeo = 20

    def heard() -> Any:
        made.q.put(Envelope("t", "o", 1))
        try:
            return ear.frames()
        except Exception:
            return None

    say(until(heard), made.daemon)
    made._running.clear()
    threading.Thread.join(made, 30)
    say(made.is_alive(), made.sock)
    end(ear)


@program
def a_publisher_that_uses_its_ctx() -> None:
    import zmq

    class Own(Publisher):
        def run(self) -> None:
            self._running.set()
            sock = self.ctx.socket(zmq.PUSH)
            sock.linger = 0
            sock.connect("inproc://own")
            sock.send(b"by ctx")
            sock.close()

    context = zmq.Context()
    pull = context.socket(zmq.PULL)
    pull.bind("inproc://own")
    made = Own("a", "p", context)
    made.start()
    say(pull.recv())
    threading.Thread.join(made)
    pull.close()
    context.term()


@program
def run_around_super() -> None:
    class Around(Publisher):
        def run(self) -> None:
            say("before")
            super().run()
            say("after")

    ear = Ear()
    made = publisher(ear, kind=Around)
    made.publish(Envelope("t", "o", 1))
    say(ear.values())
    end(made, ear)


@program
def run_around_super_of_a_receiver() -> None:
    class Around(Receiver):
        def run(self) -> None:
            say("before")
            super().run()
            say("after")

    mouth = Mouth()
    made = receiver(mouth, kind=Around)
    mouth.say("t", "o", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def run_patched_on_the_instance() -> None:
    made: Any = Receiver(address(), "r")
    made.run = lambda: say("mine", made._running.is_set())
    made.start()
    threading.Thread.join(made)
    say(made.is_alive())


@program
def a_receiver_that_receives_itself() -> None:
    class Own(Receiver):
        def run(self) -> None:
            self._running.set()
            for number in range(3):
                self.q.put(Envelope("t", "o", number))

    made = Own("a", "r")
    made.start()
    say([take(made).data for _ in range(3)], made.recv(), made.daemon)
    made.stop()


@program
def a_receiver_with_sockets_of_its_own() -> None:
    import zmq

    class Own(Receiver):
        def run(self) -> None:
            self._running.set()
            self.sock = self.zmq_context.socket(zmq.SUB)
            self.sock.linger = 0
            self.sock.subscribe(b"")
            self.sock.connect(self.sub_addr)
            while self._running.is_set():
                if self.sock.poll(20):
                    self.q.put(Envelope.load_from_frames(self.sock.recv_multipart()))
            self.sock.close()
            self.sock = None

    mouth = Mouth()
    made = Own(mouth.at, "r")
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["own"], 5)
    say(take(made))
    made.stop()
    say(made.is_alive(), made.sock)
    end(mouth)
