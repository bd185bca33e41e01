"""What can be imported, and what the modules hold."""

from __future__ import annotations

import importlib
import pickle
import threading

from kit import attempt, program, ruled, say, signature

import hermes

OLD_MODULES = ["config", "node", "proxy", "publisher", "receiver", "structs"]


def star(module: str) -> dict[str, object]:
    """What `from MODULE import *` gives."""
    names: dict[str, object] = {}
    exec(f"from {module} import *", names)
    return names


@program
def the_five_names() -> None:
    for name in ("Envelope", "Message", "Node", "PostOffice", "Publisher", "Receiver"):
        kind = getattr(hermes, name)
        say(name, kind.__name__, kind.__qualname__, kind.__module__)


@program
def same_class_in_both_places() -> None:
    for module, name in (
        ("node", "Node"),
        ("proxy", "PostOffice"),
        ("publisher", "Publisher"),
        ("receiver", "Receiver"),
        ("structs", "Envelope"),
        ("structs", "Message"),
        ("receiver", "Envelope"),
        ("node", "Envelope"),
    ):
        found = getattr(importlib.import_module(f"hermes.{module}"), name)
        say(module, name, found is getattr(hermes, name))


@program
def submodules_are_attributes() -> None:
    for name in OLD_MODULES:
        if name != "config":
            say(name, getattr(hermes, name).__name__)


@program
def config_has_three_addresses() -> None:
    from hermes import config

    say({name: value for name, value in vars(config).items() if name.isupper()})


@program
def config_can_be_set() -> None:
    from hermes import config

    config.XSUB_ADDR = "tcp://10.0.0.1:1"
    say(importlib.import_module("hermes.config").XSUB_ADDR)


@program
def star_of_config() -> None:
    names = star("hermes.config")
    say(sorted(name for name in names if name.isupper()))


@program
def star_of_structs() -> None:
    names = star("hermes.structs")
    say([name in names for name in ("Envelope", "Message", "json", "time", "sys", "logging")])
    say([name in names for name in ("reduce", "log")])


@program
def star_of_receiver() -> None:
    names = star("hermes.receiver")
    wanted = ("Receiver", "Envelope", "Queue", "Empty", "Thread", "Event", "time", "zmq", "log")
    say([name for name in wanted if name in names])


@program
def star_of_publisher() -> None:
    names = star("hermes.publisher")
    say([name for name in ("Publisher", "Queue", "Thread", "Event", "zmq", "log") if name in names])


@program
def star_of_node() -> None:
    names = star("hermes.node")
    say([name for name in ("Node", "Envelope", "logging", "log") if name in names])


@program
def star_of_proxy() -> None:
    names = star("hermes.proxy")
    say([name for name in ("PostOffice", "Thread", "zmq", "log", "logging") if name in names])


@program
def star_of_hermes() -> None:
    names = star("hermes")
    wanted = ("Envelope", "Message", "Node", "PostOffice", "Publisher", "Receiver")
    say([name for name in wanted if name in names])


@program
def star_of_hermes_gives_the_modules() -> None:
    names = star("hermes")
    say([name for name in OLD_MODULES if name in names and name != "config"])


@program
def star_names_are_the_standard_library_s() -> None:
    import queue

    names = star("hermes.receiver")
    say(names["Queue"] is queue.Queue, names["Empty"] is queue.Empty)
    say(names["Thread"] is threading.Thread, names["Event"] is threading.Event)


@program
def loggers_are_named_for_modules() -> None:
    for name in ("node", "proxy", "publisher", "receiver", "structs"):
        say(name, importlib.import_module(f"hermes.{name}").log.name)


@program
def bases_are_threads() -> None:
    for kind in (hermes.PostOffice, hermes.Publisher, hermes.Receiver):
        say(kind.__name__, issubclass(kind, threading.Thread))
    say(issubclass(hermes.Node, threading.Thread))


@program
def module_attributes_can_be_patched_by_name() -> None:
    from unittest import mock

    for target in (
        "hermes.receiver.Envelope",
        "hermes.receiver.time",
        "hermes.receiver.zmq",
        "hermes.publisher.zmq",
        "hermes.publisher.log",
        "hermes.receiver.log",
        "hermes.proxy.zmq",
        "hermes.proxy.log",
        "hermes.node.Envelope",
        "hermes.node.log",
        "hermes.structs.time",
        "hermes.structs.json",
    ):
        with mock.patch(target):
            say(target, "patched")


@program
def public_methods_of_classes() -> None:
    for kind, names in (
        (hermes.Envelope, "convert_to_frames load_from_frames update_ts"),
        (hermes.Message, "load serialize _slots _class_to_string"),
        (hermes.Node, "facilities start stop publish recv run _start_facilities _stop_facilities"),
        (hermes.PostOffice, "start stop run running debug_addr join"),
        (hermes.Publisher, "start stop run publish join"),
        (hermes.Receiver, "start stop run recv join"),
    ):
        say(kind.__name__, [name for name in names.split() if not hasattr(kind, name)])


@program
def methods_are_defined_by_the_class_itself() -> None:
    for kind, names in (
        (hermes.Publisher, ("join", "stop", "publish")),
        (hermes.Receiver, ("join", "stop", "recv")),
        (hermes.PostOffice, ("stop",)),
        (hermes.Node, ("run", "start", "stop", "publish", "recv")),
    ):
        say(kind.__name__, [name for name in names if name not in vars(kind)])


@program
def properties_cannot_be_set() -> None:
    def set_running() -> None:
        hermes.PostOffice("a", "b").running = True  # type: ignore[misc]

    def set_debug() -> None:
        hermes.PostOffice("a", "b").debug_addr = "c"  # type: ignore[misc]

    def set_facilities() -> None:
        hermes.Node("n").facilities = []  # type: ignore[misc]

    for action in (set_running, set_debug, set_facilities):
        try:
            action()
        except AttributeError:
            say("AttributeError")


@program
def classes_pickle_by_name() -> None:
    for name in ("Envelope", "Message", "Node", "PostOffice", "Publisher", "Receiver"):
        kind = getattr(hermes, name)
        say(pickle.loads(pickle.dumps(kind)) is kind, pickle.dumps(kind, 0))


@program
def parameters_of_1x_come_first() -> None:
    def old_ones(function: object, count: int) -> list[str]:
        return signature(function).split(", ")[:count]  # type: ignore[arg-type]

    say(old_ones(hermes.Envelope.__init__, 5))
    say(old_ones(hermes.Message.__init__, 2))
    say(old_ones(hermes.Node.__init__, 4))
    say(old_ones(hermes.PostOffice.__init__, 4))
    say(old_ones(hermes.Publisher.__init__, 4))
    say(old_ones(hermes.Receiver.__init__, 5))


@program
def signatures_of_methods() -> None:
    for function in (
        hermes.Envelope.convert_to_frames,
        hermes.Envelope.load_from_frames,
        hermes.Envelope.update_ts,
        hermes.Message.load,
        hermes.Message.serialize,
        hermes.Message._slots,
        hermes.Node.start,
        hermes.Node.stop,
        hermes.Node.publish,
        hermes.Node.recv,
        hermes.Node.run,
        hermes.PostOffice.stop,
        hermes.Publisher.stop,
        hermes.Publisher.join,
        hermes.Receiver.recv,
        hermes.Receiver.stop,
        hermes.Receiver.join,
        hermes.Receiver.run,
    ):
        say(function.__name__, signature(function))


SELF = "positional_or_keyword self"


@ruled("fields-of-ours", f"{SELF}, positional_or_keyword envelope, keyword_only traceparent=None\n")
def signature_of_publish() -> None:
    say(signature(hermes.Publisher.publish))


@program
def too_many_or_few_arguments() -> None:
    for call in (
        lambda: hermes.Node(),  # type: ignore[call-arg]
        lambda: hermes.Publisher("a"),  # type: ignore[call-arg]
        lambda: hermes.Receiver("a"),  # type: ignore[call-arg]
        lambda: hermes.PostOffice("a"),  # type: ignore[call-arg]
        lambda: hermes.Envelope("a", "b"),  # type: ignore[call-arg]
        lambda: hermes.Message(1, 2),  # type: ignore[call-arg]
    ):
        attempt(call)


@program
def importing_starts_no_thread() -> None:
    say(threading.active_count())
