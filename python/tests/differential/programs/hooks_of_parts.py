"""Subclasses and patches of receiving, stopping and names."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

from kit import Ear, Mouth, address, end, program, publisher, receiver, ruled, say, take, tcp, until

from hermes import Envelope, Publisher, Receiver


@program
def recv_overridden() -> None:
    class Mine(Receiver):
        def recv(self, block: bool = False, timeout: Any = None) -> Any:
            envelope = super().recv(block, timeout)
            return envelope and ("mine", envelope.data)

    mouth = Mouth()
    made = receiver(mouth, kind=Mine)
    mouth.say("t", "o", ["x"])
    say(take(made))
    end(made, mouth)


@program
def load_patched_on_the_class() -> None:
    original = Envelope.load_from_frames

    def load(frames: Any, encoding: Any = None) -> Any:
        envelope = original(frames, encoding)
        envelope.data = ["loaded", envelope.data]
        return envelope

    with mock.patch.object(Envelope, "load_from_frames", staticmethod(load)):
        mouth = Mouth()
        made = receiver(mouth)
        mouth.say("t", "o", ["x"])
        say(take(made).data)
        end(made, mouth)


@program
def envelope_of_the_receiver_s_module_patched() -> None:
    class Mine(Envelope):
        @staticmethod
        def load_from_frames(frames: Any, encoding: Any = None) -> Any:
            topic, origin, data, ts = (json.loads(frame) for frame in frames)
            return Mine(topic.upper(), origin, data, ts)

    with mock.patch("hermes.receiver.Envelope", Mine):
        mouth = Mouth()
        made = receiver(mouth)
        mouth.say("t", "o", ["x"])
        envelope = take(made)
        say(type(envelope).__name__, envelope.topic, envelope.data)
        end(made, mouth)


@program
def load_that_sees_the_raw_frames() -> None:
    class Raw(Envelope):
        @staticmethod
        def load_from_frames(frames: Any, encoding: Any = None) -> Any:
            return Envelope("raw", "o", [bytes(frame) for frame in frames[:3]], 2e9)

    with mock.patch("hermes.receiver.Envelope", Raw):
        mouth = Mouth()
        made = receiver(mouth)
        mouth.raw(b'"t"', b'  "o"', b'{"a" : 1}', b"5")
        say(take(made).data)
        end(made, mouth)


@program
def load_that_changes_the_origin_is_filtered_by_it() -> None:
    class Renamed(Envelope):
        @staticmethod
        def load_from_frames(frames: Any, encoding: Any = None) -> Any:
            topic, origin, data, ts = (json.loads(frame) for frame in frames)
            return Envelope(topic, "new " + origin, data, ts)

    with mock.patch("hermes.receiver.Envelope", Renamed):
        mouth = Mouth()
        made = receiver(mouth, exchanges=["new a"])
        mouth.say("t", "b", ["no"])
        mouth.say("t", "a", ["yes"])
        say(take(made).data, made.recv())
        end(made, mouth)


@program
def load_that_raises_key_error_skips() -> None:
    class Picky(Envelope):
        @staticmethod
        def load_from_frames(frames: Any, encoding: Any = None) -> Any:
            topic, origin, data, ts = (json.loads(frame) for frame in frames)
            return Envelope(topic, origin, data["wanted"], ts)

    with mock.patch("hermes.receiver.Envelope", Picky):
        mouth = Mouth()
        made = receiver(mouth)
        mouth.say("t", "o", {"other": 1})
        mouth.say("t", "o", {"wanted": ["x"]})
        say(take(made).data, made.is_alive())
        end(made, mouth)


@program
def a_subclass_that_stops_itself() -> None:
    class Once(Receiver):
        def recv(self, block: bool = False, timeout: Any = None) -> Any:
            envelope = super().recv(block, timeout)
            if envelope is not None:
                self.stop()
            return envelope

    mouth = Mouth()
    made = receiver(mouth, kind=Once)
    mouth.say("t", "o", ["x"])
    say(take(made).data, made.is_alive())
    end(mouth)


@program
def stop_overridden() -> None:
    class Mine(Publisher):
        def stop(self, timeout: Any = None) -> None:
            say("stopping")
            super().stop(timeout)

        def join(self, timeout: Any = None) -> None:
            say("joining", timeout)
            super().join(timeout)

    made = Mine(tcp(), "p")
    made.start()
    until(lambda: made.sock)
    made.stop()
    made.stop(timeout=9)


@program
def stop_of_a_receiver_calls_join() -> None:
    class Mine(Receiver):
        def join(self, timeout: Any = None) -> None:
            say("joining", timeout)
            super().join(timeout)

    mouth = Mouth()
    made = receiver(mouth, kind=Mine)
    made.stop()
    made.stop(9)
    end(mouth)


@program
def stop_of_a_post_office_calls_join() -> None:
    from hermes import PostOffice

    class Mine(PostOffice):
        def join(self, timeout: Any = None) -> None:
            say("joining", timeout)
            super().join(timeout)

    mine = Mine(address(), address(), address())
    mine.start()
    until(lambda: mine.running)
    mine.stop(30)


@program
def attributes_with_names_of_ours() -> None:
    class Mine(Receiver):
        def __init__(self, *arguments: Any) -> None:
            for name in NAMES:
                setattr(self, name, f"mine {name}")
            super().__init__(*arguments)
            for name in NAMES:
                setattr(self, name, f"mine {name}")

    mouth = Mouth()
    made = receiver(mouth, kind=Mine)
    mouth.say("t", "o", ["x"])
    say(take(made).data, [name for name in NAMES if getattr(made, name) != f"mine {name}"])
    end(made, mouth)


NAMES = [
    "_core",
    "_log",
    "_options",
    "_opened",
    "_native",
    "_lock",
    "_state",
    "_notices",
    "_events",
]


@program
def methods_with_names_of_ours() -> None:
    class Mine(Publisher):
        def _open(self) -> None:
            raise AssertionError("not yours")

        def _create(self) -> None:
            raise AssertionError("not yours")

        def _ended(self) -> None:
            raise AssertionError("not yours")

        def _forked(self) -> None:
            raise AssertionError("not yours")

        def _watch(self) -> None:
            raise AssertionError("not yours")

        def _tell(self) -> None:
            raise AssertionError("not yours")

        def _stop_native(self) -> None:
            raise AssertionError("not yours")

    ear = Ear()
    made = publisher(ear, kind=Mine)
    made.publish(Envelope("t", "o", 1))
    say(ear.values())
    end(made, ear)


@program
def a_mixin_before_the_thread() -> None:
    class Counter:
        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self.count = 0

        def publish(self, envelope: Any) -> Any:
            self.count += 1
            return super().publish(envelope)  # type: ignore[misc]

    class Mixed(Counter, Publisher):
        pass

    ear = Ear()
    made = publisher(ear, kind=Mixed)
    made.publish(Envelope("t", "o", 1))
    say(made.count, ear.values())
    end(made, ear)


@ruled("publisher-type-error", "raises\nTrue\n['t', 'o', 'after']\n")
def frames_that_are_no_json() -> None:
    class Bad(Envelope):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            return b'"t"', b'"o"', b"{no json", b"5"

    ear = Ear()
    made = publisher(ear)
    try:
        made.publish(Bad("t", "o", 1))
        ear.frames()
        say("sent")
    except ValueError:
        say("raises")
    say(made.is_alive())
    made.publish(Envelope("t", "o", "after"))
    say(ear.values())
    end(made, ear)
