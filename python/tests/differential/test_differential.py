"""Small programs, run against hermes-zmq 1.3.0 and ours on both engines: all print the same.

The programs are in ``programs/``. A program that may differ names its ruling, and then what
ours prints is fixed as well. The environment variable HERMES_OLD_PYTHON names an interpreter
that has 1.3.0 installed; ``make test-python`` sets it.

The upstream tests of 1.3.0 are not run here: the source distribution on PyPI has none.
"""

from __future__ import annotations

import difflib
import importlib
import json
import os
import pkgutil
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kit
import programs
import pytest
import support

HERE = Path(__file__).parent

#: The package that is replaced, and the engines of ours.
OLD, ENGINES = "1.3.0", ["auto", *support.ENGINES[1:]]

for _module in pkgutil.iter_modules(programs.__path__):
    importlib.import_module(f"programs.{_module.name}")


def listed(name: str) -> dict[str, str]:
    """The lines of a list: the first word, and the rest."""
    lines = (HERE / name).read_text().splitlines()
    entries = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return {first: rest.strip() for first, _, rest in entries}


class Worker:
    """A process that runs programs under the old package, or under ours on one engine."""

    def __init__(self, under: str) -> None:
        environment = support.environment(PYTHONHASHSEED="0", HERMES_ENGINE=under)
        python = sys.executable
        if under == OLD:
            python = os.environ.get("HERMES_OLD_PYTHON", "")
            assert python, "HERMES_OLD_PYTHON must name an interpreter with hermes-zmq 1.3.0"
            del environment["PYTHONPATH"]
        self.process = subprocess.Popen(
            [python, str(HERE / "runner.py")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str) -> Any:
        """Run one program; what it showed."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(support.PATIENCE) == 0


class Results:
    """Runs programs in the background, and waits for what they showed."""

    def __init__(self, wanted: list[tuple[str, str]]) -> None:
        self._waiting: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._shown: dict[tuple[str, str], Any] = {}
        self._changed = threading.Condition()
        for one in wanted:
            self._waiting.put(one)
        self._threads = [threading.Thread(target=self._work) for _ in range(os.cpu_count() or 2)]
        for thread in self._threads:
            thread.start()

    def of(self, name: str, engine: str) -> tuple[Any, Any]:
        """What a program showed under the old package, and under ours on an engine."""
        wanted = [(OLD, name), (engine, name)]
        with self._changed:
            self._changed.wait_for(lambda: all(one in self._shown for one in wanted))
            shown = [self._shown[one] for one in wanted]
        for one in shown:
            if isinstance(one, BaseException):
                raise one
        return shown[0], shown[1]

    def close(self) -> None:
        """Run no more, and wait for what runs."""
        while not self._waiting.empty():
            self._waiting.get_nowait()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        workers: dict[str, Worker] = {}
        while not self._waiting.empty():
            try:
                under, name = self._waiting.get_nowait()
            except queue.Empty:
                break
            try:
                if under not in workers:
                    workers[under] = Worker(under)
                shown: Any = workers[under].run(name)
            except Exception as error:
                shown = error
                workers.pop(under, None)
            with self._changed:
                self._shown[under, name] = shown
                self._changed.notify_all()
        for worker in workers.values():
            worker.close()


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest) -> Iterator[Results]:
    """What all programs that were asked for show; they run beside one another."""
    asked = [
        (under, item.callspec.params["name"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "results" in item.fixturenames
        for under in (OLD, item.callspec.params["engine"])
    ]
    running = Results(list(dict.fromkeys(asked)))  # the old package shows each once
    yield running
    running.close()


def text(shown: Any) -> str:
    """What is compared of a program: its output and its end."""
    return str(shown["out"]) + ("" if shown["ended"] == "exit 0" else shown["ended"] + "\n")


def added(old: Any, new: Any) -> str:
    """The exceptions on standard error that 1.x did not leave there."""
    more = [line for line in new["raised"] if line not in old["raised"]]
    return "".join(f"left on stderr: {line}\n" for line in more)


def difference(expected: str, got: str, names: tuple[str, str]) -> str:
    lines = difflib.unified_diff(
        expected.splitlines(keepends=True), got.splitlines(keepends=True), *names, n=100
    )
    return "".join(lines)


@pytest.mark.timeout(3600)  # a program has a limit of its own, and waits for others
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", sorted(kit.programs))
def test_a_program_shows_the_same(name: str, engine: str, results: Results) -> None:
    program = kit.programs[name]
    old, new = results.of(name, engine)
    before, now = text(old), text(new) + added(old, new)
    expected = program.ours if program.ruling else before
    where = ("expected by the ruling" if program.ruling else "hermes-zmq 1.3.0", f"ours, {engine}")
    if expected != now:
        pytest.fail(
            f"{name}: {difference(expected, now, where)}\nstderr of ours:\n{new['err']}",
            pytrace=False,
        )
    if program.ruling and program.always:
        assert before != now, f"{name} does not differ: it needs no ruling"


def test_there_are_programs_enough() -> None:
    assert len(kit.programs) >= 300


def test_every_difference_has_a_ruling_and_every_ruling_a_difference() -> None:
    used = {one.ruling for one in kit.programs.values() if one.ruling}
    assert used == set(listed("rulings.txt"))
