"""Patches that come after the first envelope, and patches of what the package itself uses."""

from __future__ import annotations

import datetime
import json
import threading
import types
from typing import Any
from unittest import mock

from kit import Ear, Mouth, end, program, publisher, receiver, say, take, until

from hermes import Envelope, Message, Receiver


class _Base(Message):
    __slots__ = ["a"]

    def __init__(self, ts: Any = 5) -> None:
        super().__init__(ts)
        for name in ("a", "b", "c"):
            if hasattr(type(self), name):
                setattr(self, name, f"value of {name}")


def twice(message: Any, change: Any) -> None:
    """Publish a message, change something, and publish it again."""
    ear = Ear()
    made = publisher(ear)
    for _ in range(2):
        made.publish(Envelope("t", "o", message))
    say(ear.values()[2], ear.values()[2])
    change()
    made.publish(Envelope("t", "o", message))
    say(ear.values()[2])
    end(made, ear)


# ---- Messages ----------------------------------------------------------------


@program
def bases_assigned() -> None:
    class One(_Base):
        __slots__ = ()

    class Other(_Base):
        __slots__ = ()

        def _slots(self) -> list[str]:
            return ["a", "dtype"]

    class Mine(One):
        __slots__ = ["b"]

    def change() -> None:
        Mine.__bases__ = (Other,)

    twice(Mine(), change)


@program
def bases_assigned_that_have_other_slots() -> None:
    class One(_Base):
        __slots__ = ()

    class Other(_Base):
        __slots__ = ()

    Other.__slots__ = ["ts"]  # type: ignore[assignment]

    class Mine(One):
        __slots__ = ["b"]

    def change() -> None:
        Mine.__bases__ = (Other,)

    twice(Mine(), change)


@program
def bases_of_a_base_assigned() -> None:
    class One(_Base):
        __slots__ = ()

    class Other(_Base):
        __slots__ = ()

    Other.__slots__ = ["ts"]  # type: ignore[assignment]

    class Between(One):
        __slots__ = ()

    class Mine(Between):
        __slots__ = ["b"]

    def change() -> None:
        Between.__bases__ = (Other,)

    twice(Mine(), change)


@program
def getattribute_that_comes_late() -> None:
    class Mine(_Base):
        __slots__ = ["b"]

    def get(self: Any, name: str) -> Any:
        found = object.__getattribute__(self, name)
        return f"got {found}" if name == "b" else found

    twice(Mine(), lambda: setattr(Mine, "__getattribute__", get))


@program
def getattribute_of_a_base_that_comes_late_and_goes() -> None:
    class Between(_Base):
        __slots__ = ()

    class Mine(Between):
        __slots__ = ["b"]

    def get(self: Any, name: str) -> Any:
        found = object.__getattribute__(self, name)
        return f"got {found}" if name == "a" else found

    twice(Mine(), lambda: setattr(Between, "__getattribute__", get))
    twice(Mine(), lambda: delattr(Between, "__getattribute__"))


@program
def a_property_that_comes_late() -> None:
    class Mine(_Base):
        __slots__ = ["b"]

    twice(Mine(), lambda: setattr(Mine, "b", property(lambda self: "computed")))


@program
def slots_that_grow_late() -> None:
    class Mine(_Base):
        __slots__ = ["b"]

    twice(Mine(), lambda: Mine.__slots__.append("a"))


@program
def slots_of_a_base_that_change_late() -> None:
    class Mine(_Base):
        __slots__ = ["b"]

    with mock.patch.object(_Base, "__slots__", ["a"]):
        twice(Mine(), lambda: setattr(_Base, "__slots__", ()))


@program
def slots_of_message_that_change_late() -> None:
    class Mine(_Base):
        __slots__ = ["b"]

    with mock.patch.object(Message, "__slots__", ["dtype", "ts"]):
        twice(Mine(), lambda: setattr(Message, "__slots__", ["ts", "dtype"]))


@program
def serialize_that_comes_late() -> None:
    class Mine(_Base):
        __slots__ = ["b"]

    def serialize(self: Any, encoding: Any = None) -> bytes:
        return b'"written"'

    twice(Mine(), lambda: setattr(_Base, "serialize", serialize))
    del _Base.serialize
    twice(Mine(), lambda: setattr(Mine, "serialize", serialize))


@program
def hooks_on_an_instance() -> None:
    class Mine(_Base):
        __slots__ = ["b", "__dict__"]

        def _slots(self) -> list[str]:
            return ["a", "b"]

    message: Any = Mine()
    twice(message, lambda: setattr(message, "_slots", lambda: ["b"]))
    twice(message, lambda: setattr(message, "serialize", lambda encoding=None: b"5"))


@program
def the_class_of_an_instance_changes() -> None:
    class Mine(_Base):
        __slots__ = ["b"]

    class Other(_Base):
        __slots__ = ["b"]

        def serialize(self, encoding: Any = None) -> bytes:
            return b'"of the other"'

    message: Any = Mine()
    twice(message, lambda: setattr(message, "__class__", Other))


@program
def getattr_for_what_is_not_set() -> None:
    class Mine(Message):
        __slots__ = ["x"]

        def __getattr__(self, name: str) -> Any:
            return f"no {name}"

    twice(Mine(5), lambda: setattr(Mine, "__getattr__", lambda self, name: f"still no {name}"))


@program
def a_message_whose_slot_is_a_constant() -> None:
    class Mine(_Base):
        __slots__ = ["b"]

    Mine.b = 7  # type: ignore[attr-defined]
    message = Message.__new__(Mine)
    message.ts, message.dtype = 5, "d"
    message.a = 1
    twice(message, lambda: setattr(Mine, "b", 8))


# ---- Envelopes ---------------------------------------------------------------


@program
def envelope_s_getattribute_comes_late() -> None:
    class Mine(Envelope):
        __slots__ = ()

    def get(self: Any, name: str) -> Any:
        found = object.__getattribute__(self, name)
        return ["got", found] if name == "data" else found

    ear = Ear()
    made = publisher(ear)
    made.publish(Mine("t", "o", 1))
    say(ear.values())
    Mine.__getattribute__ = get  # type: ignore[method-assign,assignment]
    made.publish(Mine("t", "o", 2))
    say(ear.values())
    end(made, ear)


@program
def envelope_s_bases_assigned() -> None:
    class Other(Envelope):
        __slots__ = ()

        def convert_to_frames(self, encoding: Any = None) -> Any:
            return b'"other"', b'"o"', b"1", b"5"

    class Plain(Envelope):
        __slots__ = ()

    class Mine(Plain):
        __slots__ = ()

    ear = Ear()
    made = publisher(ear)
    made.publish(Mine("t", "o", 1))
    say(ear.values())
    Mine.__bases__ = (Other,)
    made.publish(Mine("t", "o", 2))
    say(ear.values())
    end(made, ear)


@program
def envelope_of_the_structs_module_patched() -> None:
    class Mine(Envelope):
        pass

    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["before"])
    say(type(take(made)).__name__)
    with mock.patch("hermes.structs.Envelope", Mine):
        mouth.say("t", "o", ["x"])
        say(type(take(made)).__name__)
    end(made, mouth)


@program
def init_of_envelope_patched() -> None:
    original = Envelope.__init__

    def init(self: Any, topic: Any, origin: Any, data: Any, ts: Any = None) -> None:
        original(self, topic, origin, ["made", data], ts)

    mouth = Mouth()
    made = receiver(mouth)
    with mock.patch.object(Envelope, "__init__", init):
        mouth.say("t", "o", ["x"])
        say(take(made).data, Envelope("t", "o", 1).data)
    end(made, mouth)


# ---- json --------------------------------------------------------------------


def sent_and_heard(data: Any) -> None:
    """Publish data, and say what is on the wire."""
    ear = Ear()
    made = publisher(ear)
    made.publish(Envelope("t", "o", data))
    say(ear.frames()[2])
    end(made, ear)


@program
def default_of_the_encoder_patched() -> None:
    with mock.patch.object(json.JSONEncoder, "default", lambda self, value: f"<{value}>"):
        sent_and_heard({"day": datetime.date(2020, 1, 2), "set": frozenset([1])})


@program
def the_encoder_of_json_replaced() -> None:
    class Mine(json.JSONEncoder):
        def default(self, value: Any) -> Any:
            return str(value)

    with mock.patch.object(json, "_default_encoder", Mine(sort_keys=True, ensure_ascii=False)):
        sent_and_heard({"b": "\xe4", "a": 1})
        sent_and_heard({"day": datetime.date(2020, 1, 2)})


@program
def the_decoder_of_json_replaced() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    with mock.patch.object(json, "_default_decoder", json.JSONDecoder(parse_float=str)):
        mouth.say("t", "o", [1.5])
        say(take(made).data)
    end(made, mouth)


@program
def json_of_the_module_replaced() -> None:
    fake = types.SimpleNamespace(
        dumps=lambda value: json.dumps(value, sort_keys=True), loads=json.loads
    )
    with mock.patch("hermes.structs.json", fake):
        sent_and_heard({"b": 1, "a": 2})


@program
def json_loads_patched_late() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["before"])
    say(take(made).data)
    original = json.loads
    read = []

    def loads(text: Any, **keywords: Any) -> Any:
        read.append(text)
        value = original(text, parse_float=str)
        return ["read", *value] if isinstance(value, list) else value

    with mock.patch("json.loads", loads):
        mouth.say("t", "o", [[1.5]])
        envelope = take(made)
        say(envelope.topic, envelope.data, type(envelope.ts).__name__, read[:3], len(read))
        made.stop()
    end(mouth)


# ---- load_from_frames --------------------------------------------------------


def _loading(**changes: Any) -> Any:
    """A class whose load_from_frames gives something else than what was sent."""

    class Loaded(Envelope):
        @staticmethod
        def load_from_frames(frames: Any, encoding: Any = None) -> Any:
            topic, origin, data, ts = (json.loads(frame) for frame in frames)
            given = {"topic": topic, "origin": origin, "data": data, "ts": ts}
            given.update({name: change(given[name]) for name, change in changes.items()})
            return Envelope(*given.values())

    return Loaded


@program
def a_load_that_comes_late_and_gives_another_time() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["before"])
    say(take(made).data)
    with mock.patch("hermes.receiver.Envelope", _loading(ts=lambda ts: 2e9)):
        mouth.say("t", "o", ["x"], 5)
        say(take(made).data, made.is_alive())
        end(made)
    end(mouth)


@program
def a_load_that_makes_it_too_old() -> None:
    with mock.patch("hermes.receiver.Envelope", _loading(ts=lambda ts: 5)):
        mouth = Mouth()
        made = receiver(mouth)
        mouth.say("t", "o", ["x"])
        until(lambda: not made.is_alive(), "the end")
        say(made.recv(), made._running.is_set(), bool(made.sock))
        end(made, mouth)


@program
def what_came_before_is_kept_where_a_load_makes_one_too_old() -> None:
    load = _loading(ts=lambda ts: ts)
    with mock.patch("hermes.receiver.Envelope", load):
        mouth = Mouth()
        made = receiver(mouth)
        for number in range(3):
            mouth.say("t", "o", [number])
        mouth.say("t", "o", ["old"], 5)
        mouth.say("t", "o", ["after"])
        until(lambda: not made.is_alive(), "the end")
        say([made.recv().data for _ in range(3)], made.recv())
        end(made, mouth)


@program
def a_load_with_a_time_as_text() -> None:
    with mock.patch("hermes.receiver.Envelope", _loading(ts=str)):
        mouth = Mouth()
        made = receiver(mouth)
        mouth.say("t", "o", ["x"])
        say(isinstance(take(made).ts, str), made.is_alive())
        end(made, mouth)


@program
def a_load_with_origins_that_are_fixed() -> None:
    with mock.patch("hermes.receiver.Envelope", _loading(origin=lambda origin: origin * 2)):
        mouth = Mouth()
        made = receiver(mouth, exchanges=("aa",))
        for origin in ("aa", "b", "a"):
            mouth.say("t", origin, [origin], 5 if origin == "b" else None)
        say(take(made).data, made.recv(), made.is_alive())
        end(made, mouth)


@program
def a_load_and_a_timeout_that_changes() -> None:
    with mock.patch("hermes.receiver.Envelope", _loading(ts=lambda ts: ts - 1000)):
        mouth = Mouth()
        made = receiver(mouth)
        made.timeout = 5000
        mouth.say("t", "o", ["x"])
        say(take(made).data)
        made.timeout = 1
        mouth.say("t", "o", ["y"])
        until(lambda: not made.is_alive(), "the end")
        say(made.recv())
        end(made, mouth)


@program
def a_load_and_exchanges_that_change() -> None:
    with mock.patch("hermes.receiver.Envelope", _loading(ts=lambda ts: 2e9)):
        mouth = Mouth()
        made = receiver(mouth, exchanges=["a"])
        mouth.say("t", "b", ["no"], 5)
        mouth.say("t", "a", ["yes"], 5)
        say(take(made).data)
        made._exchanges = ["b"]
        mouth.say("t", "a", ["no"], 5)
        mouth.say("t", "b", ["yes"], 5)
        say(take(made).data)
        made._exchanges = ""
        mouth.say("t", "c", ["all"], 5)
        say(take(made).data, made.recv())
        end(made, mouth)


@program
def a_load_that_gives_what_only_quacks() -> None:
    class Loaded:
        @staticmethod
        def load_from_frames(frames: Any) -> Any:
            return types.SimpleNamespace(ts=2e9, frames=len(frames))

    with mock.patch("hermes.receiver.Envelope", Loaded):
        mouth = Mouth()
        made = receiver(mouth)
        mouth.say("t", "o", ["x"], 5)
        say(take(made).frames)
        end(made, mouth)


@program
def a_load_runs_on_arrival_in_a_thread_of_its_own() -> None:
    seen = []

    class Loaded(Envelope):
        @staticmethod
        def load_from_frames(frames: Any, encoding: Any = None) -> Any:
            seen.append(threading.current_thread() is not threading.main_thread())
            return Envelope("t", "o", 1, 2e9)

    with mock.patch("hermes.receiver.Envelope", Loaded):
        mouth = Mouth()
        made = receiver(mouth)
        mouth.say("t", "o", ["x"])
        until(lambda: seen, "the load")
        until(lambda: made.q.qsize() == 1, "one in the queue")
        say(seen, made.recv().data)
        end(made, mouth)


@program
def a_load_into_a_queue_of_my_own() -> None:
    import queue

    with mock.patch("hermes.receiver.Envelope", _loading(data=len, ts=lambda ts: 2e9)):
        mouth = Mouth()
        made = Receiver(mouth.at, "reader")
        made.q = queue.Queue()
        made.start()
        mouth.heard()
        mouth.say("t", "o", ["x", "y"], 5)
        say(made.q.get(timeout=30).data)
        end(made, mouth)


@program
def a_load_that_is_taken_back() -> None:
    mouth = Mouth()
    with mock.patch("hermes.receiver.Envelope", _loading(ts=lambda ts: 2e9)):
        made = receiver(mouth)
        mouth.say("t", "o", ["x"], 5)
        say(take(made).data)
    mouth.say("t", "o", ["y"])
    say(take(made).data)
    mouth.say("t", "o", ["old"], 5)
    until(lambda: not made.is_alive(), "the end")
    say(made.recv())
    end(made, mouth)


@program
def load_patched_on_the_class_that_calls_the_original() -> None:
    original = Envelope.load_from_frames

    def load(frames: Any, encoding: Any = None) -> Any:
        envelope = original(frames, encoding)
        envelope.ts = 2e9
        return envelope

    mouth = Mouth()
    with mock.patch.object(Envelope, "load_from_frames", load):
        made = receiver(mouth)
        mouth.say("t", "o", ["x"], 5)
        envelope = take(made)
        say(envelope.data, envelope.ts)
        end(made)
    end(mouth)
