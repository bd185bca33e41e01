"""The public names of 1.x, their signatures, and what importing them costs."""

from __future__ import annotations

import importlib
import inspect
import threading
from typing import Generic

import pytest
import support

import hermes

pytestmark = pytest.mark.one_engine

MODULES = {
    "hermes": ["Publisher", "Receiver", "Envelope", "Message", "PostOffice", "Node"],
    "hermes.publisher": ["Publisher"],
    "hermes.receiver": ["Receiver"],
    "hermes.structs": ["Envelope", "Message"],
    "hermes.proxy": ["PostOffice"],
    "hermes.node": ["Node"],
    "hermes.config": ["XSUB_ADDR", "XPUB_ADDR", "DEBUG_ADDR"],
}

# The read-only properties of 1.x and of threads.
OF_1_X = {"debug_addr", "running", "facilities", "name", "daemon", "ident", "native_id", "timeout"}

# As recorded from hermes-zmq 1.3.0. What 2 adds comes behind, by keyword only.
SIGNATURES = {
    "Envelope": "(topic_tree, origin, data, ts=None)",
    "Envelope.load_from_frames": "(frames, encoding=None)",
    "Envelope.convert_to_frames": "(self, encoding=None)",
    "Envelope.update_ts": "(self)",
    "Message": "(ts=None)",
    "Message.load": "(self, data)",
    "Message.serialize": "(self, encoding=None)",
    "Message._slots": "(self)",
    "Publisher": "(pub_addr, name, ctx=None)",
    "Publisher.publish": "(self, envelope)",
    "Publisher.start": "(self)",
    "Publisher.stop": "(self, timeout=None)",
    "Publisher.join": "(self, timeout=None)",
    "Publisher.run": "(self)",
    "Receiver": "(sub_addr, name, topics=None, exchanges=None)",
    "Receiver.recv": "(self, block=False, timeout=None)",
    "Receiver.start": "(self)",
    "Receiver.stop": "(self, timeout=None)",
    "Receiver.join": "(self, timeout=None)",
    "Receiver.run": "(self)",
    "PostOffice": "(proxy_in, proxy_out, debug_addr=None)",
    "PostOffice.start": "(self)",
    "PostOffice.stop": "(self, timeout=None)",
    "PostOffice.run": "(self)",
    "Node": "(name, receiver=None, publisher=None)",
    "Node.start": "(self)",
    "Node.stop": "(self)",
    "Node.publish": "(self, channel, data)",
    "Node.recv": "(self, block=False, timeout=None)",
    "Node.run": "(self)",
    "Node.__enter__": "(self)",
    "Node.__exit__": "(self, exc_type, exc_val, exc_tb)",
}


@pytest.mark.item("modules")
@pytest.mark.parametrize("module", MODULES)
def test_every_name_is_where_it_was(module: str) -> None:
    for name in MODULES[module]:
        found = getattr(importlib.import_module(module), name)
        assert found is getattr(hermes, name, found)


def shape(callable_: object) -> str:
    """Names and defaults of the parameters that can be given by position."""
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in inspect.signature(callable_).parameters.values()
        if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    return str(inspect.Signature(parameters))


@pytest.mark.item("signatures")
@pytest.mark.parametrize("name", SIGNATURES)
def test_every_signature_is_that_of_1_x(name: str) -> None:
    thing: object = hermes
    for part in name.split("."):
        thing = getattr(thing, part)
    if name == "Node.__exit__":  # three by position
        assert len(inspect.signature(thing).parameters) == 4
    else:
        assert shape(thing) == SIGNATURES[name]


# As recorded from hermes-zmq 1.3.0.
STARS = {
    "hermes": "Envelope Message Node PostOffice Publisher Receiver node proxy publisher structs",
    "hermes.publisher": "Event Publisher Queue Thread log logging zmq",
    "hermes.receiver": "Empty Envelope Event Queue Receiver Thread log logging time zmq",
    "hermes.structs": "Envelope Message json log logging reduce sys time",
    "hermes.proxy": "PostOffice Thread log logging zmq",
    "hermes.node": "Envelope Node log logging",
    "hermes.config": "XSUB_ADDR XPUB_ADDR DEBUG_ADDR",
}


@pytest.mark.item("modules")
@pytest.mark.parametrize("module", STARS)
def test_a_star_gives_what_it_gave(module: str) -> None:
    names: dict[str, object] = {}
    exec(f"from {module} import *", names)
    assert set(STARS[module].split()) <= set(names)
    for name in STARS[module].split():
        assert names[name] is getattr(importlib.import_module(module), name)
    with pytest.raises(AttributeError, match="nonsense"):
        importlib.import_module(module).nonsense  # noqa: B018


STAR_WITHOUT_PYZMQ = """
import sys
sys.modules["zmq"] = None  # as if it were not installed
from hermes.receiver import *
from hermes.publisher import *
from hermes.proxy import *
assert "zmq" not in globals()
Queue, Receiver, Publisher, PostOffice, Empty, log
"""


def test_a_star_needs_no_pyzmq() -> None:
    assert support.run(STAR_WITHOUT_PYZMQ).returncode == 0


def test_addresses_may_be_bytes() -> None:
    with hermes.PostOffice(b"tcp://127.0.0.1:*", bytearray(b"tcp://127.0.0.1:*"), b"") as office:  # type: ignore[arg-type]
        inside, outside = (office.endpoints[side].encode() for side in ("in", "out"))
        receiver = hermes.Receiver([outside, outside], "r")  # type: ignore[list-item]
        with receiver, hermes.Publisher(inside, "p") as publisher:  # type: ignore[arg-type]
            assert publisher.pub_addr == inside
            assert receiver.wait_ready(support.PATIENCE)
            assert publisher.wait_ready(support.PATIENCE)
    with pytest.raises(ValueError, match="UTF-8"):
        hermes.Publisher(b"tcp://\xff", "p").start()  # type: ignore[arg-type]


WITHOUT_FILE = """
import sys, hermes, hermes._native
for module in [m for name, m in sys.modules.items() if name.startswith("hermes")]:
    del module.__file__
with hermes.Publisher("tcp://127.0.0.1:9", "p"):
    pass
"""


def test_modules_need_no_file() -> None:
    assert support.run(WITHOUT_FILE).returncode == 0


@pytest.mark.item("config")
def test_default_addresses() -> None:
    from hermes import config

    assert config.XSUB_ADDR == "tcp://127.0.0.1:6000"
    assert config.XPUB_ADDR == "tcp://127.0.0.1:6001"
    assert config.DEBUG_ADDR == "tcp://127.0.0.1:6002"


# The private attributes of 1.x itself, which subclasses know.
KNOWN = {"_running", "_topics", "_exchanges", "_debug_addr", "_facilities"}
KNOWN |= {"_start_facilities", "_stop_facilities", "_slots", "_class_to_string"}


def parts() -> list[object]:
    publisher = hermes.Publisher("tcp://127.0.0.1:1", "mint")
    receiver = hermes.Receiver("tcp://127.0.0.1:1", "reader")
    office = hermes.PostOffice("tcp://127.0.0.1:1", "tcp://127.0.0.1:2")
    node = hermes.Node("node", receiver, publisher)
    return [publisher, receiver, office, node, hermes.Message(), hermes.Envelope("t", "o", 1)]


@pytest.mark.parametrize("part", parts(), ids=lambda part: type(part).__name__)
def test_private_names_are_not_those_that_a_subclass_would_choose(part: object) -> None:
    theirs = KNOWN | set(dir(threading.Thread())) | set(dir(Generic))
    ours = {name for name in dir(part) if name.startswith("_") and name not in theirs}
    assert {name for name in ours if not name.startswith(("_hermes_", "__"))} == set()


@pytest.mark.parametrize("part", parts(), ids=lambda part: type(part).__name__)
def test_a_subclass_may_have_attributes_named_like_our_new_ones(part: object) -> None:
    if not hasattr(part, "__dict__"):
        return
    for name in dir(part):
        if not name.startswith("_") and name not in OF_1_X:
            setattr(part, name, "mine")
            assert getattr(part, name) == "mine"


IMPORT = """
import sys, threading
before = set(sys.modules)
import hermes
print(*sorted(name for name in set(sys.modules) - before if not name.startswith("hermes")))
import hermes.node, hermes.receiver, hermes.publisher, hermes.proxy, hermes.structs, hermes.config
assert threading.active_count() == 1, threading.enumerate()
assert "ctypes" not in sys.modules
assert "libhermes" not in open("/proc/self/maps").read()
"""


@pytest.mark.item("import-quiet")
def test_importing_loads_little_and_does_nothing() -> None:
    # How long it takes depends on the machine; `make bench` measures that.
    loaded = set(support.run(IMPORT).stdout.split())
    # What comes with logging is Python's own matter: since 3.14 that is inspect.
    loaded -= set(support.run("import logging, sys; print(*sys.modules)").stdout.split())
    assert not loaded & {"asyncio", "ctypes", "inspect", "select", "socket", "ssl", "zmq"}
    assert len(loaded) < 80


@pytest.mark.item("publisher-thread", "receiver-thread", "postoffice-thread")
def test_the_classes_are_threads_of_which_a_post_office_holds_up_the_exit() -> None:
    publisher = hermes.Publisher("tcp://127.0.0.1:1", "mint")
    receiver = hermes.Receiver("tcp://127.0.0.1:1", "reader")
    office = hermes.PostOffice("tcp://127.0.0.1:1", "tcp://127.0.0.1:2")
    for part in (publisher, receiver, office):
        assert isinstance(part, threading.Thread)
        assert part.daemon is (part is not office)
        assert not part.is_alive()
        assert part.ident is None
    assert (publisher.name, receiver.name) == ("mint", "reader")


def test_everything_public_is_documented() -> None:
    undocumented = []
    for module in MODULES:
        assert importlib.import_module(module).__doc__
    for name in hermes.__all__:
        thing = getattr(hermes, name)
        assert thing.__doc__, name
        if inspect.isclass(thing):
            undocumented += [
                f"{name}.{key}"
                for key, value in vars(thing).items()
                if not key.startswith("_")
                and (inspect.isroutine(value) or isinstance(value, (property, staticmethod)))
                and not inspect.getdoc(getattr(thing, key))
            ]
    assert undocumented == []
