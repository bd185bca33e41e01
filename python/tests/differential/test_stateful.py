"""hermes-zmq 1.3.0 and ours on both engines side by side: hypothesis tells all to do the same.

Each of the three is a driver process; after every step the answers must be one, and so must
everything that can be seen of the objects. What 1.x is ruled to have done wrong is not asked
for: data that it could not load, and what its races decide.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import support
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

HERE = Path(__file__).parent

texts = st.text(st.characters(codec="utf-8"), max_size=8)
#: The library names its parts in C, so that a name with a NUL is refused.
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
parts = st.sampled_from(["publisher", "receiver"])
origins = st.sampled_from(["a", "b", "c", None, 5])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
#: What 1.x could load: a list that begins with a text which is no name in its module.
loadable = st.lists(json_values, max_size=3).map(lambda more: ["data", *more])


class Driver:
    """A process that obeys."""

    def __init__(self, python: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [python, str(HERE / "driver.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, *command: Any) -> None:
        """Give a command."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """What came of it."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "the driver died"
        text: str = json.loads(line)
        return text


@contextmanager
def drivers() -> Iterator[dict[str, Driver]]:
    """Drivers under the old package, which is first, and under ours; they end behind."""
    ours = support.environment()
    theirs = {name: value for name, value in ours.items() if name != "PYTHONPATH"}
    with ExitStack() as stack:
        made = {}
        all_of_them = [
            ("1.3.0", os.environ["HERMES_OLD_PYTHON"], theirs),
            ("ours", sys.executable, {**ours, "HERMES_ENGINE": "auto"}),
        ]
        if "libzmq" not in support.WITHOUT:
            on_libzmq = {**ours, "HERMES_ENGINE": "libzmq"}
            all_of_them.append(("ours on libzmq", sys.executable, on_libzmq))
        for name, python, environment in all_of_them:
            made[name] = Driver(python, environment)
            stack.callback(made[name].process.communicate, timeout=support.PATIENCE)
        yield made


class SideBySide(RuleBasedStateMachine):
    """Rules for all; what is kept here is only what makes a step have one outcome."""

    drivers: dict[str, Driver]

    def __init__(self) -> None:
        super().__init__()
        self.publisher = self.receiver = "made"
        self.waiting = 0
        self.accepted: list[Any] = []
        self.timeout = 600.0

    def all(self, *command: Any) -> None:
        """Tell all, and compare."""
        for driver in self.drivers.values():
            driver.tell(*command)
        answers = {name: driver.answer() for name, driver in self.drivers.items()}
        shown = "".join(f"\n  {name}: {answer}" for name, answer in answers.items())
        assert len(set(answers.values())) == 1, f"{command}{shown}"

    @initialize(accepted=st.lists(origins, max_size=2))
    def begin(self, accepted: list[Any]) -> None:
        self.all("new", accepted)
        self.accepted = list(accepted)

    @invariant()
    def all_that_can_be_seen_is_one(self) -> None:
        """What can be seen of them becomes the same: what is under way arrives in its time."""
        end = time.monotonic() + support.PATIENCE
        while True:
            try:
                self.all("look")
                return
            except AssertionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)

    # ---- The publisher -------------------------------------------------------

    @precondition(lambda self: self.publisher == "made")
    @rule()
    def start_publisher(self) -> None:
        self.all("start_publisher")
        self.publisher = "runs"

    @rule(timeout=st.sampled_from([None, 30]))
    def stop_publisher(self, timeout: Any) -> None:
        self.all("stop_publisher", timeout)
        if self.publisher == "runs":
            self.publisher = "over"

    @rule(topic=texts | origins, origin=texts | origins, data=json_values)
    def publish(self, topic: Any, origin: Any, data: Any) -> None:
        self.all("publish", topic, origin, data)

    @rule(data=json_values)
    def put_to_send(self, data: Any) -> None:
        self.all("put_to_send", data)

    # ---- The receiver --------------------------------------------------------

    @precondition(lambda self: self.receiver == "made")
    @rule()
    def start_receiver(self) -> None:
        self.all("start_receiver")
        self.receiver = "runs"

    @rule(timeout=st.sampled_from([None, 30]))
    def stop_receiver(self, timeout: Any) -> None:
        self.all("stop_receiver", timeout)
        if self.receiver == "runs":
            self.receiver = "over"

    @precondition(lambda self: self.receiver == "runs")
    @rule(topic=texts | origins, origin=origins, data=loadable)
    def say(self, topic: Any, origin: Any, data: Any) -> None:
        if not self.accepted or origin in self.accepted:
            self.waiting += 1
        self.all("say", topic, origin, data, self.waiting)

    @precondition(lambda self: self.receiver == "runs")
    @rule(topic=texts, which=st.integers(0, 9), age=st.sampled_from([0, 200, 550, 2000]))
    def say_aged(self, topic: str, which: int, age: float) -> None:
        heard = self.accepted or ["a", "b"]
        if age > self.timeout:
            self.receiver = "over"
            after = None
        else:
            self.waiting += 2
            after = self.waiting
        self.all("say_aged", topic, heard[which % len(heard)], age, after)

    @precondition(lambda self: self.receiver == "runs" and self.accepted)
    @rule(origin=origins)
    def say_unheard(self, origin: Any) -> None:
        if origin not in self.accepted:
            self.all("say_unheard", origin)
            self.waiting += 1

    @rule(block_timeout=st.sampled_from([(False, None), (False, 5), (True, 0.01), (True, None)]))
    def recv(self, block_timeout: tuple[bool, Any]) -> None:
        if self.waiting or block_timeout != (True, None):  # which waits with ours
            self.all("recv", *block_timeout)
            self.waiting = max(0, self.waiting - 1)

    @rule(block_timeout=st.sampled_from([(False, None), (True, 0.01), (True, 0), (True, -1)]))
    def get(self, block_timeout: tuple[bool, Any]) -> None:
        self.all("get", *block_timeout)
        if block_timeout != (True, -1):
            self.waiting = max(0, self.waiting - 1)

    @rule(item=st.none() | st.integers() | st.just("sentinel"))
    def put(self, item: Any) -> None:
        self.all("put", item)
        self.waiting += 1

    @rule()
    def task_done(self) -> None:
        self.all("task_done")

    @rule()
    def peek(self) -> None:
        self.all("peek")

    @rule(accepted=st.lists(origins, max_size=2))
    def follow(self, accepted: list[Any]) -> None:
        self.all("follow", accepted)
        self.accepted = list(accepted)

    @precondition(lambda self: self.accepted)
    @rule(origin=origins)
    def accept(self, origin: Any) -> None:
        self.all("accept", origin)
        self.accepted.append(origin)

    @precondition(lambda self: len(self.accepted) > 1)
    @rule()
    def refuse(self) -> None:
        self.all("refuse")
        self.accepted.pop()

    # ---- Both ----------------------------------------------------------------

    @rule(part=parts)
    def start_again(self, part: str) -> None:
        if getattr(self, part) != "made":
            self.all("start_again", part)

    @rule(part=parts)
    def clear_running(self, part: str) -> None:
        if getattr(self, part) == "runs":
            self.all("clear_running", part)
            setattr(self, part, "over")

    @rule(part=parts, is_set=st.booleans())
    def replace_running(self, part: str, is_set: bool) -> None:
        # One that is not set would stop what runs, at a moment of its own choice.
        self.all("replace_running", part, is_set or getattr(self, part) == "runs")

    @rule(part=parts, kind=st.sampled_from(["Queue", "SimpleQueue", "LifoQueue"]))
    def replace_q(self, part: str, kind: str) -> None:
        self.all("replace_q", part, "Queue" if part == "publisher" else kind)
        if part == "receiver":
            self.waiting = 0

    @rule(part=parts, name=names)
    def rename(self, part: str, name: str) -> None:
        self.all("set", part, "name", name)

    @rule(seconds=st.sampled_from([500, 600.5, 10**6]))
    def set_timeout(self, seconds: Any) -> None:
        self.all("set", "receiver", "timeout", seconds)
        self.timeout = seconds


#: How many new runs to try instead of the ones that are tried each time.
EXPLORE = int(os.environ.get("HERMES_EXPLORE", "0"))


def test_old_and_new_side_by_side() -> None:
    with drivers() as SideBySide.drivers:
        run_state_machine_as_test(
            SideBySide,
            settings=settings(
                settings.get_profile("patient"),
                max_examples=EXPLORE or 40,
                stateful_step_count=25,
                derandomize=not EXPLORE,
                database=None,
            ),
        )
