"""Node with facilities that only quack: no network."""

from __future__ import annotations

import logging
from typing import Any

from kit import Log, attempt, kind_of_error, program, ruled, say

from hermes import Envelope, Node


class Facility:
    """Says what is done to it."""

    def __init__(self, name: str, fails: str = "") -> None:
        self.name = name
        self.fails = fails

    def _do(self, what: str) -> None:
        say(self.name, what)
        if what == self.fails:
            raise OSError(f"{self.name} cannot {what}")

    def start(self) -> None:
        self._do("start")

    def stop(self) -> None:
        self._do("stop")


class Source(Facility):
    """Gives what it was given."""

    def __init__(self, *items: Any) -> None:
        super().__init__("source")
        self.items = list(items)

    def recv(self, block: bool = False, timeout: Any = None) -> Any:
        say("recv", block, timeout)
        return self.items.pop(0) if self.items else None


class Sink(Facility):
    """Prints what it is to publish, without the time."""

    def __init__(self) -> None:
        super().__init__("sink")

    def publish(self, envelope: Any) -> Any:
        say("publish", envelope.topic, envelope.origin, envelope.data)
        return "published"


@program
def attributes() -> None:
    source, sink = Source(), Sink()
    node = Node("n", source, sink)
    say(node.name, node.receiver is source, node.publisher is sink, node._running)
    say(node._facilities == [source, sink], node.facilities)


@program
def arguments_by_keyword() -> None:
    node = Node(name="n", publisher=Sink(), receiver=Source())
    say(node.facilities)


@program
def alone() -> None:
    node = Node("n")
    say(node.receiver, node.publisher, node._facilities)
    node.start()
    say(node._running)
    node.stop()
    say(node._running)


@ruled("node-facilities-none", "returns []\nreturns ['sink']\n")
def facilities_where_one_is_missing() -> None:
    attempt(lambda: Node("n").facilities)
    attempt(lambda: Node("n", publisher=Sink()).facilities)


@program
def facilities_without_a_name() -> None:
    attempt(lambda: Node("n", object(), Sink()).facilities)


@program
def order_of_start_and_stop() -> None:
    node = Node("n", Source(), Sink())
    node.start()
    node.stop()


@program
def start_and_stop_return_nothing() -> None:
    node = Node("n", Source(), Sink())
    say(node.start(), node.stop())  # type: ignore[func-returns-value]


@program
def twice() -> None:
    node = Node("n", Source(), Sink())
    for action in (node.start, node.start, node.stop, node.stop):
        action()
        say(node._running)


@program
def what_is_false_is_left_out() -> None:
    class Sleepy(Source):
        def __bool__(self) -> bool:
            return False

    class Empty(Sink):
        def __len__(self) -> int:
            return 0

    node = Node("n", Sleepy(), Empty())
    node.start()
    node.stop()


@program
def with_starts_and_stops() -> None:
    with Node("n", Source(), Sink()):
        say("inside")


@ruled("node-with", "returns True\n")
def with_as() -> None:
    node = Node("n")
    attempt(lambda: node.__enter__() is node)


@program
def with_lets_exceptions_through() -> None:
    def go() -> None:
        with Node("n", Source(), Sink()):
            raise KeyError("inside")

    attempt(go)


@program
def exit_returns_nothing() -> None:
    node = Node("n", Source(), Sink())
    node.__enter__()
    say(node.__exit__(None, None, None))  # type: ignore[func-returns-value]


@program
def a_facility_that_cannot_start() -> None:
    log = Log()
    node = Node("n", Facility("bad", "start"), Sink())
    attempt(node.start)
    say(node._running)
    for line in log.lines(logging.ERROR):
        say(line)


@program
def a_facility_that_cannot_stop() -> None:
    log = Log()
    node = Node("n", Facility("bad", "stop"), Sink())
    node.start()
    attempt(node.stop)
    say(node._running)
    for line in log.lines(logging.ERROR):
        say(line)


@program
def log_calls_carry_the_text_itself() -> None:
    log = Log()
    attempt(Node("n", Facility("bad", "start")).start)
    attempt(Node("n", Facility("bad", "stop")).stop)
    for record in log.records:
        if record.levelno >= logging.ERROR:
            say(record.msg if isinstance(record.msg, str) else type(record.msg).__name__)
            say(record.args, bool(record.exc_info), record.name)


@program
def log_can_be_mocked() -> None:
    from unittest import mock

    with mock.patch("hermes.node.log") as log:
        attempt(Node("n", Facility("bad", "start")).start)
        log.error.assert_called_once_with("Could not start all facilities!")
        say(log.exception.call_count)


@program
def log_of_a_life() -> None:
    log = Log()
    node = Node("n", Source(), Sink())
    node.start()
    node.stop()
    for line in log.lines(logging.INFO):
        say(line)


@program
def log_of_a_life_in_detail() -> None:
    log = Log()
    with Node("n", Source(), Sink()):
        pass
    for line in log.lines():
        say(line)


@program
def a_facility_that_raises_an_interrupt() -> None:
    class Stubborn(Facility):
        def start(self) -> None:
            raise KeyboardInterrupt

    log = Log()
    attempt(Node("n", Stubborn("s"), Sink()).start)
    say(log.lines(logging.ERROR))


@program
def a_facility_without_start() -> None:
    class Bare:
        name = "bare"

    log = Log()
    attempt(Node("n", Bare()).start)
    attempt(Node("n", Bare()).stop)
    say(len(log.lines(logging.ERROR)))


@program
def start_calls_its_hook() -> None:
    class Hooked(Node):
        def _start_facilities(self) -> None:
            say("start hook", self._running)
            super()._start_facilities()
            say(self._running)

        def _stop_facilities(self) -> None:
            say("stop hook", self._running)
            super()._stop_facilities()
            say(self._running)

    node = Hooked("n", Source(), Sink())
    node.start()
    node.stop()


@program
def with_calls_the_hooks_alone() -> None:
    class Hooked(Node):
        def start(self) -> None:
            say("start")

        def stop(self) -> None:
            say("stop")

        def _start_facilities(self) -> None:
            say("start hook")

        def _stop_facilities(self) -> None:
            say("stop hook")

    with Hooked("n"):
        say("inside")


@program
def hooks_on_the_instance() -> None:
    node: Any = Node("n", Source(), Sink())
    node._start_facilities = lambda: say("mine")
    node._stop_facilities = lambda: say("mine too")
    with node:
        pass
    node.start()
    node.stop()


@program
def hooks_patched_on_the_class() -> None:
    from unittest import mock

    with mock.patch.object(Node, "_start_facilities") as hook:
        Node("n", Source()).start()
        say(hook.call_count)


@program
def facilities_may_be_added() -> None:
    node = Node("n", Source(), Sink())
    node._facilities.append(Facility("third"))
    node.start()
    say(node.facilities)


@program
def facilities_may_be_replaced() -> None:
    node = Node("n", Source(), Sink())
    node._facilities = (Facility("only"),)  # type: ignore[assignment]
    node.start()
    node.stop()
    say(node.facilities)


@program
def a_replaced_receiver_is_asked_and_not_started() -> None:
    node = Node("n", Source("old"), Sink())
    node.receiver = Source("new")
    say(node.recv())
    node.start()


@program
def publish_makes_an_envelope() -> None:
    Node("n", publisher=Sink()).publish("channel/a", {"x": 1})


@program
def publish_with_keywords() -> None:
    Node("n", publisher=Sink()).publish(data=5, channel="c")


@program
def publish_to_odd_channels() -> None:
    node = Node("n", publisher=Sink())
    for channel in ("", "/", "a/", "é"):
        node.publish(channel, 1)
    for channel in (None, 5, b"a"):
        attempt(node.publish, channel, 1)


@program
def publish_under_odd_names() -> None:
    Node("", publisher=Sink()).publish("c", 1)
    kind_of_error(Node(None, publisher=Sink()).publish, "c", 1)  # type: ignore[arg-type]
    kind_of_error(Node(5, publisher=Sink()).publish, "c", 1)  # type: ignore[arg-type]


@ruled("node-publish-result", "publish c/n n 1\npublished\n")
def publish_result() -> None:
    say(Node("n", publisher=Sink()).publish("c", 1))


@program
def publish_without_a_publisher() -> None:
    kind_of_error(Node("n").publish, "c", 1)
    kind_of_error(Node("n", publisher=Source()).publish, "c", 1)


@program
def publish_whose_publisher_raises_attribute_error() -> None:
    class Broken(Sink):
        def publish(self, envelope: Any) -> Any:
            raise AttributeError("deep inside")

    kind_of_error(Node("n", publisher=Broken()).publish, "c", 1)


@program
def publish_whose_publisher_raises() -> None:
    class Broken(Sink):
        def publish(self, envelope: Any) -> Any:
            raise LookupError("deep inside")

    attempt(Node("n", publisher=Broken()).publish, "c", 1)


@program
def publish_before_start_reaches_the_publisher() -> None:
    node = Node("n", publisher=Sink())
    node.publish("c", 1)
    say(node._running)


@program
def name_may_change() -> None:
    node = Node("n", publisher=Sink())
    node.name = "m"
    node.publish("c", 1)


@program
def recv_passes_on_its_arguments() -> None:
    node = Node("n", Source(1, 2, 3))
    say(node.recv(), node.recv(True), node.recv(True, 5), node.recv(timeout=1, block=True))


@program
def recv_gives_positional_arguments() -> None:
    class Narrow(Facility):
        def recv(self, *arguments: Any, **keywords: Any) -> Any:
            return arguments, keywords

    say(Node("n", Narrow("x")).recv(True, timeout=2))


@program
def recv_without_a_receiver() -> None:
    kind_of_error(Node("n").recv)
    kind_of_error(Node("n", Sink()).recv)


@program
def recv_whose_receiver_raises_attribute_error() -> None:
    class Broken(Facility):
        def recv(self, block: bool, timeout: Any) -> Any:
            raise AttributeError("deep inside")

    kind_of_error(Node("n", Broken("x")).recv)


@program
def recv_whose_receiver_takes_nothing() -> None:
    class Narrow(Facility):
        def recv(self) -> Any:
            return 1

    kind_of_error(Node("n", Narrow("x")).recv)


@program
def envelope_of_the_module_can_be_patched() -> None:
    from unittest import mock

    class Mine(Envelope):
        def __repr__(self) -> str:
            return "Mine"

    class Teller(Sink):
        def publish(self, envelope: Any) -> Any:
            say(envelope)

    with mock.patch("hermes.node.Envelope", Mine):
        Node("n", publisher=Teller()).publish("c", 1)


@program
def repr_is_the_object_s() -> None:
    say(repr(Node("n")).startswith("<hermes.node.Node object at"))


@program
def subclass_with_attributes_of_its_own() -> None:
    class Mine(Node):
        def __init__(self) -> None:
            self._log = "log"
            self._core = "core"
            self._options = "options"
            super().__init__("n", Source(), Sink())
            self.stats_ = 1

    mine = Mine()
    with mine:
        mine.publish("c", 1)
    say(mine._log, mine._core, mine._options)
