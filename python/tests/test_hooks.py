"""What a program for 1.x overrides, patches or replaces counts, wherever it does."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
import zmq
from support import Sockets, take

import hermes
from hermes import Envelope, Message, Publisher, Receiver, structs
from hermes._json import deep


@pytest.fixture
def wire(sockets: Sockets, life: ExitStack) -> tuple[Publisher, Any]:
    """A publisher, and a socket that gets the frames."""
    peer = sockets.make(zmq.SUB, bind=support.ANYWHERE)
    peer.subscribe(b"")
    publisher = Publisher(support.endpoint(peer), "mint", options={"ready.hold": "30s"})
    return life.enter_context(publisher), peer


@pytest.fixture
def feed(sockets: Sockets, life: ExitStack) -> tuple[Any, Receiver]:
    """A socket, and a receiver of what it sends."""
    socket = sockets.make(zmq.XPUB, bind=support.ANYWHERE)
    receiver = Receiver(support.endpoint(socket), "reader", on_slow="ignore")
    life.enter_context(receiver)
    socket.recv()
    return socket, receiver


def frames_of(wire: tuple[Publisher, Any], envelope: Any) -> list[bytes]:
    """The frames that go out, by publish and by publish_many alike; but for the time."""
    publisher, peer = wire
    assert publisher.publish(envelope)
    assert publisher.publish_many([Envelope("plain", "o", 1), envelope]) == 2
    first, plain, second = (peer.recv_multipart() for _ in range(3))
    assert plain[0] == b'"plain"'
    assert first[:3] == second[:3]
    return [*second[:3], second[3].strip()]


# ---- Messages ----------------------------------------------------------------


class Tick(Message):
    __slots__ = ["pair", "price"]

    def __init__(self, pair: str = "BTCUSD", price: float = 1.5) -> None:
        super().__init__(7.0)
        self.pair = pair
        self.price = price


def data_of(wire: tuple[Publisher, Any], message: Any) -> Any:
    """What goes out for a message, and what it says of itself."""
    written = json.loads(frames_of(wire, Envelope("t", "o", message))[2])
    assert json.loads(message.serialize()) == written
    return written


def test_overridden_slots_decide_what_goes_out_and_comes_in(wire: Any) -> None:
    class Short(Tick):
        __slots__ = ()

        def _slots(self) -> list[str]:
            return ["price", "pair"]

    assert data_of(wire, Short()) == [1.5, "BTCUSD"]
    assert repr(Short()) == "test_overridden_slots_decide_what_goes_out_and_comes_in.<locals>." + (
        "Short(price=1.5, pair=BTCUSD)"
    )
    loaded = Short().load([2, "ETHUSD"])
    assert (loaded.price, loaded.pair, list(loaded)) == (2, "ETHUSD", [2, "ETHUSD"])


@pytest.mark.parametrize("where", [Tick, Message], ids=["class", "base"])
def test_patched_slots_count_at_once(wire: Any, monkeypatch: Any, where: Any) -> None:
    tick = Tick()
    assert data_of(wire, tick) == ["Tick", 7.0, "BTCUSD", 1.5]
    with monkeypatch.context() as patch:
        patch.setattr(where, "_slots", lambda self: ["pair"])
        assert data_of(wire, tick) == ["BTCUSD"]
        assert Tick().load(["x"]).pair == "x"
    assert data_of(wire, tick) == ["Tick", 7.0, "BTCUSD", 1.5]


def test_hooks_on_an_instance_count(wire: Any) -> None:
    class Open(Tick):
        pass

    message: Any = Open()
    assert len(data_of(wire, message)) == 6
    message._slots = lambda: ["pair"]
    assert data_of(wire, message) == ["BTCUSD"]
    message.serialize = lambda encoding=None: b'"mine"'
    assert data_of(wire, message) == "mine"


def test_the_name_comes_from_class_to_string(monkeypatch: pytest.MonkeyPatch) -> None:
    class Named(Tick):
        __slots__ = ()

        def _class_to_string(self) -> str:
            return "other.Name"

    assert Named().dtype == "other.Name"
    assert repr(Named()).startswith("other.Name(dtype=other.Name, ")
    assert Tick()._class_to_string() == "Tick"
    monkeypatch.setattr(Message, "_class_to_string", lambda self: "patched")
    assert (Tick().dtype, repr(Tick())[:8]) == ("patched", "patched(")


def test_a_name_of_its_own_is_the_name_that_is_looked_for(feed: Any) -> None:
    @hermes.register
    class Wanted(Message):
        __slots__ = ["a"]

        def _class_to_string(self) -> str:
            return "wanted.kind"

    class Hooked(Wanted):
        __slots__ = ()

        def _class_to_string(self) -> str:
            return "hooked.kind"

        @staticmethod
        def empty() -> Hooked:
            return Hooked()

    socket, receiver = feed
    for name in ("wanted.kind", "hooked.kind", "strange.kind"):
        socket.send_multipart(support.frames("t", "o", [name, 1.0, 5]))
    got = [envelope.data for envelope in take(receiver, 3)]
    assert [type(data) for data in got] == [Wanted, Hooked, list]
    assert (got[0].a, got[1].a) == (5, 5)


def test_slots_may_change_after_the_class_was_made(wire: Any) -> None:
    class Late(Message):
        __slots__ = ["a"]
        b = 2

    message = Late(7.0)
    message.a = 1
    name = message.dtype
    assert data_of(wire, message) == [name, 7.0, 1]
    Late.__slots__.append("b")
    assert data_of(wire, message) == [name, 7.0, 1, 2]
    Late.__slots__ = ["b"]
    assert data_of(wire, message) == [name, 7.0, 2]
    Late.__slots__ = {"a": "with a text"}
    assert data_of(wire, message) == [name, 7.0, 1]


def test_repeated_slots_are_repeated(wire: Any) -> None:
    class Twice(Tick):
        __slots__ = ["pair"]

    class Inherits(Tick):
        pass

    twice = Twice()
    assert data_of(wire, twice) == [twice.dtype, 7.0, "BTCUSD", 1.5, "BTCUSD"]
    inherits = Inherits()
    assert data_of(wire, inherits) == [inherits.dtype, 7.0, "BTCUSD", 1.5, "BTCUSD", 1.5]
    assert repr(inherits).count("pair=BTCUSD") == 2


def test_slots_may_have_any_name(wire: Any) -> None:
    names = [name for name in vars(structs) if name.startswith("_") and name[1] != "_"]
    names += ["_hermes_fields", "_fields", "read", "alive", "_registry"]
    names = list(dict.fromkeys(names))
    kind = type("Odd", (Message,), {"__slots__": names})
    message = kind(7.0)
    for number, name in enumerate(names):
        setattr(message, name, number)
    assert data_of(wire, message) == ["Odd", 7.0, *range(len(names))]


def test_a_mixin_that_tells_no_other_costs_no_field(wire: Any, feed: Any) -> None:
    class Silent:
        __slots__ = ()

        def __init_subclass__(cls, **keywords: Any) -> None:
            pass

    class Mixed(Silent, Tick):
        __slots__ = ["more"]

        @classmethod
        def empty(cls) -> Mixed:
            return cls()

    mixed = Mixed()
    mixed.more = 3
    assert data_of(wire, mixed) == [mixed.dtype, 7.0, "BTCUSD", 1.5, 3]
    socket, receiver = feed
    socket.send_multipart([b'"t"', b'"o"', mixed.serialize(), b"1"])
    got = take(receiver, 1)[0].data
    assert (type(got), got.more, list(got)) == (Mixed, 3, list(mixed))


def test_a_message_is_loaded_from_another_and_read_by_field() -> None:
    tick = Tick("ETHUSD", 2.5)
    copy = Tick().load(tick)
    assert (copy.pair, copy.price, copy.ts, list(copy)) == ("ETHUSD", 2.5, 7.0, list(tick))
    assert (tick["pair"], tick[0], tick[-1], tick[2:]) == ("ETHUSD", "Tick", 2.5, ["ETHUSD", 2.5])
    with pytest.raises(KeyError):
        tick["load"]
    with pytest.raises(IndexError):
        tick[4]


def test_a_class_that_is_gone_leaves_nothing_behind(wire: Any) -> None:
    for number in range(300):
        names = [f"f{number}", "more"]
        message = type("Passing", (Message,), {"__slots__": names})(7.0)
        for name in names:
            setattr(message, name, number)
        assert wire[0].publish(Envelope("t", "o", message))
        assert json.loads(wire[1].recv_multipart()[2]) == ["Passing", 7.0, number, number]


def test_what_cannot_serialise_itself_may_be_json_all_the_same(wire: Any) -> None:
    class Half(dict):  # type: ignore[type-arg]
        def serialize(self, encoding: str) -> bytes:
            return self.missing  # type: ignore[attr-defined,no-any-return]

    assert frames_of(wire, Envelope("t", "o", Half(a=1)))[2] == b'{"a": 1}'
    with pytest.raises(TypeError, match="pair"):
        wire[0].publish(Envelope("t", "o", Tick.__new__(Tick).load(["Tick", 1.0])))


# ---- Envelopes on their way out ----------------------------------------------


class Replay(Envelope):
    """Keeps the time that it was given."""

    def update_ts(self) -> None:
        pass


class Shouting(Envelope):
    def convert_to_frames(self, encoding: str | None = None) -> Any:
        topic, origin, data, ts = super().convert_to_frames(encoding)
        return [topic.upper(), origin, data, ts]


@pytest.mark.parametrize("ts", [5.0, 1517670000.123456789, "1517670000.5", 5, [1, 2]], ids=repr)
def test_a_time_that_the_hook_keeps_is_on_the_wire(wire: Any, ts: Any) -> None:
    assert frames_of(wire, Replay("t", "o", [1], ts)) == [
        b'"t"',
        b'"o"',
        b"[1]",
        json.dumps(ts).encode(),
    ]


def test_a_patch_counts_at_once(wire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    envelope = Envelope("t", "o", Tick(), 5.0)
    with monkeypatch.context() as patch:
        patch.setattr(Envelope, "update_ts", lambda self: None)
        assert frames_of(wire, envelope)[3] == b"5.0"
        assert envelope.ts == 5.0
    with monkeypatch.context() as patch:
        patch.setattr(
            Envelope, "convert_to_frames", lambda self: (b'"mine"', b"null", b"{}", b'"then"')
        )
        assert wire[0].publish(envelope)
        assert [f.strip() for f in wire[1].recv_multipart()] == [
            b'"mine"',
            b"null",
            b"{}",
            b'"then"',
        ]
    assert float(frames_of(wire, envelope)[3]) > 1e9


def test_frames_of_a_hook_go_out_as_they_are(wire: Any) -> None:
    frames = frames_of(wire, Shouting("t", "o", [1]))
    assert frames[:3] == [b'"T"', b'"o"', b"[1]"]
    assert abs(float(frames[3]) - time.time()) < support.PATIENCE

    class Spaced(Envelope):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            return bytearray(b' "a"'), memoryview(b'"\\u0062"'), b"[1,2 ]", b"1.50"

    assert [f.strip() for f in frames_of(wire, Spaced("t", "o", 1))] == [
        b'"a"',
        b'"b"',
        b"[1,2 ]",
        b"1.50",
    ]


def test_a_hook_is_called_once_for_each_envelope(wire: Any) -> None:
    class Counting(Envelope):
        calls = 0

        def convert_to_frames(self, encoding: Any = None) -> Any:
            Counting.calls += 1
            return super().convert_to_frames(encoding)

    publisher, peer = wire
    many = [Counting("t", "o", data) for data in (1, {1: 2}, 10**400)]
    assert publisher.publish(many[0])
    assert publisher.publish_many(many) == 3
    for _ in range(4):
        peer.recv_multipart()
    assert Counting.calls == 4


def test_hooks_on_one_envelope_count(wire: Any) -> None:
    class Open(Envelope):
        pass

    envelope: Any = Open("t", "o", 1, 5.0)
    assert float(frames_of(wire, envelope)[3]) > 1e9
    envelope.ts = 5.0
    envelope.update_ts = lambda: None
    assert frames_of(wire, envelope)[3] == b"5.0"
    envelope.convert_to_frames = lambda: [b"1", b"2", b"3", b"4"]
    assert frames_of(wire, envelope) == [b"1", b"2", b"3", b"4"]


def test_what_quacks_like_an_envelope_is_published(wire: Any) -> None:
    class Duck:
        def convert_to_frames(self) -> Any:
            return [b'"duck"', b'"pond"', b'"quack"', b"1"]

    assert frames_of(wire, Duck()) == [b'"duck"', b'"pond"', b'"quack"', b"1"]


@pytest.mark.parametrize(
    "bad",
    [
        [b'"t"', b'"o"', b"1"],
        [b'"t"', b'"o"', b"1", b"2", b"3"],
        [b'"t"', b'"o"', b"1, 2", b"3"],
        [b'"t"', b'"o"', b"[1", b"2]"],
        [b't"', b'"o"', b"1", b"2"],
        [b'"t"', b'"\xff"', b"1", b"2"],
        [b'"t"', b'"o"', b"1\0", b"2"],
        [b'"t"', b'"o"', b"", b"2"],
        [b'"t"', b'"o"', b'1,null],["x","y",2', b"2"],
        ["t", 5, 1, 2],
        None,
    ],
    ids=repr,
)
def test_frames_of_a_hook_that_are_no_json_are_a_data_error(wire: Any, bad: Any) -> None:
    class Bad(Envelope):
        def convert_to_frames(self, encoding: Any = None) -> Any:
            return bad

    with pytest.raises(hermes.errors.DataError, match="convert_to_frames of Bad"):
        wire[0].publish(Bad("t", "o", 1))
    with pytest.raises(hermes.errors.DataError):
        wire[0].publish_many([Bad("t", "o", 1)])
    assert wire[0].stats()["accepted"] == 0


@pytest.mark.parametrize("ts", ["soon", "0x1", [1], {"k": 1}])
def test_a_time_that_is_none_goes_out_as_in_1x(wire: Any, ts: Any) -> None:
    class Odd(Envelope):
        def update_ts(self) -> None:
            """Keep the time that it was given."""

    assert json.loads(frames_of(wire, Odd("t", "o", 1, ts=ts))[3]) == ts


def test_what_a_hook_raises_comes_out_of_publish(wire: Any) -> None:
    class Bad(Envelope):
        def update_ts(self) -> None:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        wire[0].publish(Bad("t", "o", 1))
    assert wire[0].publish(Envelope("t", "o", 1))


# ---- Envelopes on their way in -----------------------------------------------


def arrivals(feed: tuple[Any, Receiver], *sent: Any, count: int | None = None) -> list[Any]:
    socket, receiver = feed
    for number, frames in enumerate(sent or [support.frames("t", "o", n) for n in range(3)]):
        del number
        socket.send_multipart(frames)
    return take(receiver, len(sent or range(3)) if count is None else count)


class Upper(Envelope):
    @staticmethod
    def load_from_frames(frames: Any, encoding: Any = None) -> Any:
        assert [type(frame) for frame in frames] == [bytes] * 4
        topic, origin, data, ts = map(json.loads, frames)
        return Upper(topic.upper(), origin, data, ts)


def test_another_envelope_in_the_receivers_module_loads(feed: Any, monkeypatch: Any) -> None:
    assert {e.topic for e in arrivals(feed)} == {"t"}
    monkeypatch.setattr("hermes.receiver.Envelope", Upper)
    got = arrivals(feed)
    assert [(type(e), e.topic, e.data) for e in got] == [(Upper, "T", n) for n in range(3)]
    monkeypatch.undo()
    assert {type(e) for e in arrivals(feed)} == {Envelope}


def test_a_patched_load_from_frames_loads(feed: Any, monkeypatch: Any) -> None:
    seen: list[Any] = []

    def load(frames: Any) -> Any:
        seen.append(frames)
        return original(frames)

    original = Envelope.load_from_frames
    monkeypatch.setattr(Envelope, "load_from_frames", staticmethod(load))
    deep = json.dumps(support.nested(500)).encode()
    sent = [[b'"t"', b'"o"', b' {"a": [NaN]}', b"1.5"], [b"null", b"5", deep, b'"2.5"']]
    assert [e.topic for e in arrivals(feed, *sent)] == ["t", None]
    assert [[f.strip() for f in frames] for frames in seen] == [
        [f.strip() for f in frames] for frames in sent
    ]


def test_a_patched_constructor_constructs(feed: Any, monkeypatch: Any) -> None:
    class Mine(Envelope):
        pass

    monkeypatch.setattr(structs, "Envelope", Mine)
    assert {type(e) for e in arrivals(feed)} == {Mine}


def test_what_the_hook_raises_concerns_that_envelope_alone(
    feed: Any, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Picky(Envelope):
        @staticmethod
        def load_from_frames(frames: Any, encoding: Any = None) -> Any:
            if frames[2] == b"1":
                raise KeyError("not this one")
            return Envelope.load_from_frames(frames)

    monkeypatch.setattr("hermes.receiver.Envelope", Picky)
    assert [e.data for e in arrivals(feed, count=2)] == [0, 2]
    assert feed[1].stats()["dropped_malformed"] == 1
    assert "not this one" in caplog.text


def test_another_json_counts_at_once(
    office: hermes.PostOffice, life: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, receiver = support.pair(life, office)
    dumps, loads = json.dumps, json.loads
    monkeypatch.setattr(json, "dumps", lambda data: dumps([data, str(type(data).__name__)]))
    monkeypatch.setattr(json.JSONEncoder, "default", lambda self, data: sorted(data))
    assert publisher.publish(Envelope("t", "o", {2, 1}))
    monkeypatch.setattr(json, "dumps", dumps)
    assert publisher.publish_many([Envelope("t", "o", {4, 3})]) == 1
    monkeypatch.setattr(structs.json, "loads", lambda text, **more: loads(text, parse_float=str))
    assert publisher.publish(Envelope("t", "o", [1.5]))
    got = take(receiver, 3)
    assert [e.topic for e in got] == [["t", "str"], "t", "t"]
    assert [e.data for e in got] == [[[1, 2], "set"], [3, 4], ["1.5"]]


# ---- What is JSON, and no string ---------------------------------------------

ODD = [None, 5, -1.5, True, [], ["a", 1], {"k": [None]}, "", "é\ud800"]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_topics_and_origins_may_be_any_json(
    office: hermes.PostOffice, life: ExitStack, wire: Any, odd: Any
) -> None:
    frames = frames_of(wire, Envelope(odd, odd, [1]))
    assert frames[:3] == [json.dumps(odd).encode()] * 2 + [b"[1]"]
    publisher, receiver = support.pair(life, office)
    assert publisher.publish(Envelope(odd, odd, 1))
    assert publisher.publish_many([Envelope(odd, "o", 2), Envelope("t", odd, 3)]) == 2
    got = take(receiver, 3)
    assert [(e.topic, e.origin, e.data) for e in got] == [
        (odd, odd, 1),
        (odd, "o", 2),
        ("t", odd, 3),
    ]
    assert all(abs(e.ts - time.time()) < support.PATIENCE for e in got)


def test_a_time_that_is_no_number_arrives_as_it_is(feed: Any) -> None:
    now = time.time()
    times = [str(now), f" {now} ", True, float("inf"), 10**30]
    got = arrivals(feed, *(support.frames("t", "o", 1, ts) for ts in times))
    assert [e.ts for e in got] == times
    falsy = [None, 0, "", [], {}, False]
    got = arrivals(feed, *([b'"t"', b'"o"', b"1", json.dumps(ts).encode()] for ts in falsy))
    assert all(abs(e.ts - now) < support.PATIENCE for e in got)


def test_topics_that_are_no_strings_can_be_followed(
    office: hermes.PostOffice, life: ExitStack
) -> None:
    publisher, receiver = support.pair(life, office)
    del receiver
    wanted = life.enter_context(Receiver(office.xpub_url, "w", ["5", '["a"'], on_slow="ignore"))
    support.eventually(lambda: publisher.publish(Envelope(5, "o", 0)) and wanted.recv(True, 0.05))
    support.eventually(
        lambda: publisher.publish(Envelope(["a"], "o", 0)) and wanted.recv(True, 0.05)
    )
    for topic in (6, 57, "5/x", ["b"], ["a", 2], "last", "5 last"):
        publisher.publish(Envelope(topic, "o", 1))
    topics = []
    while not topics or topics[-1] != "5 last":
        envelope = take(wanted, 1)[0]
        if envelope.data:
            topics.append(envelope.topic)
    assert topics == [57, "5/x", ["a", 2], "5 last"]


# ---- Depth -------------------------------------------------------------------


def shell(depth: int, core: Any = 1) -> Any:
    for _ in range(depth // 2):
        core = [{"k": core}]
    return core


class Number(int):
    """What marshal does not take."""


@pytest.mark.parametrize("core", [1, Number(5), "\ud800", 10**4000, [{1: 2}, []]], ids=type)
def test_data_a_thousand_deep_travels(
    office: hermes.PostOffice, life: ExitStack, core: Any
) -> None:
    publisher, receiver = support.pair(life, office)
    data = shell(1000, core)
    assert publisher.publish(Envelope("t", "o", data))
    assert publisher.publish_many([Envelope("t", "o", 1), Envelope("t", "o", data)]) == 2
    got = [envelope.data for envelope in take(receiver, 3)]
    assert got[1] == 1
    for arrived in (got[0], got[2]):
        depth = 0
        while isinstance(arrived, list) and depth < 1000:
            arrived, depth = arrived[0]["k"], depth + 2
        assert depth == 1000
        assert json.dumps(arrived) == json.dumps(core)


def test_more_than_the_library_takes_is_a_data_error(wire: Any) -> None:
    for depth in (1100, 3000, 50_000):
        with pytest.raises(hermes.errors.DataError):
            wire[0].publish(Envelope("t", "o", support.nested(depth)))
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        wire[0].publish(Envelope("t", "o", circle))


VALUES = [
    [None, True, 1, -1.5, 'é\n"', "[{}]"],
    [[], {}, [[]], [{}], {"a": []}, (1, (2,))],
    {"a": {"b": [1, {"c": None}]}, "d": [[], 2], "e": {}},
    [1, [2, 3], {"x": "[", "y": "{"}, "]"],
    {1: 2, None: 3, 1.5: 4, "5": [5]},
    [[1], [2], {"a": 1, "b": 2}, {"c": [3]}, 4],
    7,
    "",
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_does_not_recurse_writes_and_reads_as_json(value: Any) -> None:
    text = json.dumps(value)
    assert deep.dumps(value) == text
    assert deep.loads(text) == json.loads(text)
    spaced = json.dumps(value, indent=1, separators=(" ,", " : "))
    assert deep.loads(f" {spaced}\n") == json.loads(text)


BAD = '| |[|[1|[1,|[1,]|[,1]|[1 2]|{|{"a"|{"a":|{"a":1|{"a":1,}|{1:2}|{"a" 1}'
BAD += '|[1}|{"a":1]|1 2|tru|]|[]]|"a|[\x0b]'


@pytest.mark.parametrize("text", BAD.split("|"))
def test_what_does_not_recurse_refuses_what_json_refuses(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        json.loads(text)
    with pytest.raises(ValueError):  # noqa: PT011
        deep.loads(text)


def test_what_does_not_recurse_is_deeper_than_the_interpreter() -> None:
    depth = 1024
    data = support.nested(depth)
    text = deep.dumps(data)
    assert text == "[" * depth + "1" + "]" * depth
    read = deep.loads(text)
    for _ in range(depth):
        assert len(read) == 1
        read = read[0]
    assert read == 1
    for refused in (deep.dumps, deep.loads):
        argument = support.nested(depth + 1) if refused is deep.dumps else f"[{text}]"
        with pytest.raises(ValueError, match="1024 deep"):
            refused(argument)


# ---- The age, where a load_from_frames of the program gives the time ----------


@pytest.fixture
def aged(sockets: Sockets, life: ExitStack, monkeypatch: Any) -> Any:
    """Receivers of what a socket sends, which is as old as its data says."""

    class Aged(Envelope):
        @staticmethod
        def load_from_frames(frames: Any, encoding: Any = None) -> Any:
            topic, origin, data, _ = (json.loads(frame) for frame in frames)
            return Envelope(topic, origin, data, time.time() - data)

    def make(on_slow: str) -> tuple[Any, Receiver]:
        socket = sockets.make(zmq.XPUB, bind=support.ANYWHERE)
        receiver = Receiver(support.endpoint(socket), "reader", on_slow=on_slow)
        receiver.timeout = 60
        life.enter_context(receiver)
        socket.recv()
        for data in (0, 500, 1):
            socket.send_multipart([b'"t"', b'"o"', b"%d" % data, b"5"])
        return socket, receiver

    monkeypatch.setattr("hermes.receiver.Envelope", Aged)
    return make


@pytest.mark.parametrize(
    ("rule", "wanted", "stale", "level"),
    [
        ("drop", [0, 1], 1, "WARNING"),
        ("warn", [0, 500, 1], 0, "WARNING"),
        ("ignore", [0, 500, 1], 0, ""),
    ],
)
def test_the_age_by_a_load_of_the_program_is_treated_as_on_slow_says(
    aged: Any, caplog: Any, rule: str, wanted: list[int], stale: int, level: str
) -> None:
    _, receiver = aged(rule)
    assert [envelope.data for envelope in take(receiver, len(wanted))] == wanted
    assert receiver.is_alive()
    assert receiver.recv() is None
    assert receiver.stop_reason == ""
    stats = receiver.stats()
    assert (stats["arrived"], stats["delivered"], stats["dropped_stale"], stats["queued"]) == (
        3,
        len(wanted),
        stale,
        0,
    )
    told = [record.levelname for record in caplog.records if "cannot keep up" in record.message]
    assert told == ([level] if level else [])


def test_an_age_by_a_load_of_the_program_stops_the_receiver(aged: Any, caplog: Any) -> None:
    _, receiver = aged("stop")
    assert take(receiver, 1)[0].data == 0
    support.eventually(lambda: not receiver.is_alive())
    assert receiver.recv(True, support.PATIENCE) is None
    assert list(receiver) == []
    assert receiver.stop_reason.startswith("slow: ")
    assert [event["topic"] for event in receiver.events(0) if event["kind"] == "slow"] == ["t"]
    assert [record.levelname for record in caplog.records if "keep up" in record.message] == [
        "ERROR"
    ]
    stats = receiver.stats()
    assert stats["delivered"] == 1
    assert stats["arrived"] == stats["delivered"] + stats["dropped_stale"] + stats["queued"]


def test_the_age_by_a_load_of_the_program_counts_for_tasks(aged: Any) -> None:
    import asyncio

    _, receiver = aged("drop")

    async def main() -> list[Any]:
        return [(await receiver.arecv(support.PATIENCE)).data for _ in range(2)]

    assert asyncio.run(main()) == [0, 1]
