"""Envelope as an object: attributes, repr, comparing, copying, pickling, deriving."""

from __future__ import annotations

import copy
import pickle
import time

from kit import attempt, program, ruled, say

import hermes
from hermes import Envelope


class Tagged(Envelope):
    """With a `__dict__` of its own."""


class Slotted(Envelope):
    """With one more slot."""

    __slots__ = ["extra"]


@program
def positional_arguments() -> None:
    envelope = Envelope("t", "o", "d", 5.0)
    say(envelope.topic, envelope.origin, envelope.data, envelope.ts)


@program
def keyword_arguments() -> None:
    say(Envelope(topic_tree="t", origin="o", data={"a": 1}, ts=2))


@program
def keyword_topic_is_not_one() -> None:
    attempt(lambda: Envelope(topic="t", origin="o", data=1))  # type: ignore[call-arg]


@program
def ts_is_kept_as_given() -> None:
    for ts in (1, 1.5, "text", [1], 1e300, True):
        say(Envelope("t", "o", 1, ts).ts)  # type: ignore[arg-type]


@program
def ts_that_is_false_is_now() -> None:
    for ts in (None, 0, 0.0, "", False, []):
        say(abs(Envelope("t", "o", 1, ts).ts - time.time()) < 60)  # type: ignore[arg-type]


@program
def ts_is_a_float() -> None:
    say(type(Envelope("t", "o", 1).ts).__name__)


@program
def repr_of_plain_values() -> None:
    say(repr(Envelope("a/b", "me", [1, "x", None], 1.25)))
    say(str(Envelope("a/b", "me", {"k": "v"}, 2)))


@program
def repr_of_odd_values() -> None:
    say(repr(Envelope(None, 5, b"bytes", 1)))  # type: ignore[arg-type]
    say(repr(Envelope("it's", 'say "hi"', "\n\u20ac", 1)))


@program
def repr_of_an_envelope_in_an_envelope() -> None:
    say(repr(Envelope("a", "b", Envelope("c", "d", 1, 2), 3)))


@program
def repr_of_a_subclass() -> None:
    say(repr(Tagged("a", "b", 1, 2)), repr(Slotted("a", "b", 1, 2)))


@program
def repr_of_a_message_inside() -> None:
    message = hermes.Message(1)
    say(repr(Envelope("a", "b", message, 2)).replace(repr(message), "MESSAGE"))


@program
def repr_with_a_tuple_as_data() -> None:
    say(repr(Envelope("a", "b", (1, 2), 3)), repr(Envelope((1,), "b", (), 3)))  # type: ignore[arg-type]


@program
def repr_that_raises() -> None:
    class Bad:
        def __repr__(self) -> str:
            raise ValueError("no repr")

    attempt(repr, Envelope("a", "b", Bad(), 1))


@program
def format_of_an_envelope() -> None:
    say(f"{Envelope('a', 'b', 1, 2)}", f"{Envelope('a', 'b', 1, 2)!s:.8}")


@program
def slots_as_listed() -> None:
    say(Envelope.__slots__)


@program
def has_no_dict() -> None:
    say(hasattr(Envelope("a", "b", 1), "__dict__"))


@program
def unknown_attribute_cannot_be_set() -> None:
    try:
        Envelope("a", "b", 1).color = "red"  # type: ignore[attr-defined]
    except AttributeError as error:
        say(str(error))


@program
def attributes_can_be_set_and_deleted() -> None:
    envelope = Envelope("a", "b", 1, 2)
    envelope.topic, envelope.origin, envelope.data, envelope.ts = "w", "x", "y", 9
    say(envelope)
    del envelope.data
    attempt(getattr, envelope, "data")


@program
def repr_of_a_deleted_attribute() -> None:
    envelope = Envelope("a", "b", 1, 2)
    del envelope.origin
    attempt(repr, envelope)


@program
def compares_by_identity() -> None:
    one, other = Envelope("a", "b", 1, 2), Envelope("a", "b", 1, 2)
    say(one == other, one == one, one != other, len({one, other}))


@program
def has_no_order() -> None:
    try:
        Envelope("a", "b", 1, 2) < Envelope("a", "b", 1, 2)  # type: ignore[operator]  # noqa: B015
    except TypeError as error:
        say(str(error))


@program
def is_always_true() -> None:
    say(bool(Envelope("", "", None, 1)), bool(Envelope("", "", [], 1)))


@program
def has_no_length_and_no_items() -> None:
    envelope = Envelope("a", "b", [1], 2)
    attempt(len, envelope)  # type: ignore[arg-type]
    attempt(iter, envelope)  # type: ignore[call-overload]


@program
def copies_share_the_data() -> None:
    envelope = Envelope("a", "b", [1], 2)
    twin = copy.copy(envelope)
    say(twin, twin.data is envelope.data, type(twin) is Envelope)


@program
def deep_copies_do_not() -> None:
    envelope = Envelope("a", "b", [1], 2)
    twin = copy.deepcopy(envelope)
    say(twin, twin.data is envelope.data, type(twin) is Envelope)


@program
def pickles_with_every_protocol() -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        attempt(
            lambda number: pickle.loads(pickle.dumps(Envelope("a", "b", 1, 2), number)), protocol
        )


@program
def pickles_a_subclass_with_a_dict() -> None:
    tagged = Tagged("a", "b", 1, 2)
    tagged.color = "red"  # type: ignore[attr-defined]
    twin = pickle.loads(pickle.dumps(tagged))
    say(twin, type(twin).__name__, twin.color)


@program
def pickles_a_subclass_with_a_slot() -> None:
    slotted = Slotted("a", "b", 1, 2)
    slotted.extra = [3]  # type: ignore[attr-defined]
    twin = copy.deepcopy(slotted)
    say(twin, type(twin).__name__, twin.extra)  # type: ignore[attr-defined]


@program
def reduce_ex_of_an_envelope() -> None:
    function, arguments, state = Envelope("a", "b", 1, 2).__reduce_ex__(2)[:3]  # type: ignore[misc]
    say(function.__name__, arguments, state)


@program
def update_ts_is_now() -> None:
    envelope = Envelope("a", "b", 1, 5)
    say(envelope.update_ts(), abs(envelope.ts - time.time()) < 60)


@program
def update_ts_sees_a_patched_clock_module() -> None:
    from unittest import mock

    envelope = Envelope("a", "b", 1, 5)
    with mock.patch("hermes.structs.time") as clock:
        clock.time.return_value = 77.5
        envelope.update_ts()
    say(envelope.ts)


@program
def init_sees_a_patched_clock_module() -> None:
    from unittest import mock

    with mock.patch("hermes.structs.time") as clock:
        clock.time.return_value = 77.5
        say(Envelope("a", "b", 1))


@program
def update_ts_sees_a_patched_clock() -> None:
    from unittest import mock

    envelope = Envelope("a", "b", 1, 5)
    with mock.patch("time.time", return_value=66.5):
        envelope.update_ts()
        say(envelope.ts, Envelope("a", "b", 1).ts)


@program
def isinstance_of_subclasses() -> None:
    say(isinstance(Tagged("a", "b", 1), Envelope), isinstance(Envelope("a", "b", 1), Tagged))


@program
def a_subclass_may_leave_out_init() -> None:
    class Bare(Envelope):
        def __init__(self) -> None:
            self.topic = "only"

    bare = Bare()
    say(bare.topic)
    attempt(lambda: bare.data)
    attempt(bare.convert_to_frames)


@program
def a_subclass_with_a_property_for_a_slot() -> None:
    class Upper(Envelope):
        @property
        def topic(self) -> str:  # type: ignore[override]
            return "UPPER"

        @topic.setter
        def topic(self, value: str) -> None:
            say("set to", value)

    say(Upper("a", "b", 1, 2), Upper("a", "b", 1, 2).convert_to_frames()[0])


@program
def two_bases() -> None:
    class Mixin:
        def shout(self) -> str:
            return "!" + self.topic  # type: ignore[attr-defined, no-any-return]

    class Both(Mixin, Envelope):
        pass

    say(Both("a", "b", 1).shout())


@program
def weak_references_are_refused() -> None:
    import weakref

    attempt(weakref.ref, Envelope("a", "b", 1))


@program
def class_attributes() -> None:
    ours = {"lost", "traceparent"}
    say([name for name in vars(Envelope) if not name.startswith("_") and name not in ours])


@program
def methods_can_be_patched_on_the_class_and_put_back() -> None:
    from unittest import mock

    with mock.patch.object(Envelope, "update_ts", lambda self: setattr(self, "ts", 1.5)):
        say(Envelope("a", "b", 1, 2).convert_to_frames())
    say(Envelope("a", "b", 1, 2).convert_to_frames()[3] == b"1.5")


@program
def methods_cannot_be_patched_on_an_instance() -> None:
    envelope = Envelope("a", "b", 1)
    try:
        envelope.update_ts = lambda: None  # type: ignore[method-assign]
    except AttributeError as error:
        say(str(error))


@ruled("fields-of-ours", "0\n")
def has_an_attribute_lost() -> None:
    say(getattr(Envelope("a", "b", 1), "lost", "no such attribute"))
