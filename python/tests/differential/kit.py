"""What the programs of the differential test are written with.

A program is a function that prints; it runs once against hermes-zmq 1.3.0 and once against
ours, each time in a process of its own, and what it prints must be the same. Nothing in here
knows which of the two it runs against.
"""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import json
import logging
import os
import re
import socket
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, Callable

#: How long anything may take, in seconds. A guard against hanging; it decides nothing else.
PATIENCE = float(os.environ.get("HERMES_TEST_PATIENCE", "60"))


@dataclasses.dataclass(frozen=True)
class Program:
    """A program, and what differs where a ruling lets it differ."""

    name: str
    function: Callable[[], object]
    ruling: str
    ours: str
    always: bool = True


#: All programs of the modules that have been imported, by name.
programs: dict[str, Program] = {}


def program(function: Callable[[], object]) -> Callable[[], object]:
    """Decorator: this function is a program, and prints the same under both packages."""
    return _add(function, "", "")


def ruled(
    ruling: str, ours: str, always: bool = True
) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Decorator: a program that must print exactly ``ours``, and something else under 1.x.

    ``ruling`` is the name of the ruling in rulings.txt that allows it. Not ``always``: 1.x has
    a race there, and now and then does what it should.
    """
    return lambda function: _add(function, ruling, textwrap.dedent(ours).lstrip("\n"), always)


def _add(
    function: Callable[[], object], ruling: str, ours: str, always: bool = True
) -> Callable[[], object]:
    name = f"{function.__module__.rpartition('.')[2]}-{function.__name__.strip('_')}"
    assert name not in programs, f"two programs are called {name}"
    programs[name] = Program(name, function, ruling, ours, always)
    return function


# ---- Saying what is seen -----------------------------------------------------


def say(*values: object) -> None:
    """Print values as the program sees them."""
    print(*(value if isinstance(value, str) else repr(value) for value in values), flush=True)


def attempt(action: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """Call something and print what it returns, or the type and the text of what it raises."""
    try:
        result = action(*arguments, **keywords)
    except BaseException as error:
        say("raises", error_text(error))
        return None
    say("returns", result)
    return result


def kind_of_error(action: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
    """Call something and print what it returns, or only the type of what it raises.

    For errors whose text is that of another library. A subclass counts as its base class in
    Python's own hierarchy, as it does for a program that catches it.
    """
    try:
        say("returns", action(*arguments, **keywords))
    except BaseException as error:
        own = next(one for one in type(error).__mro__ if one.__module__ == "builtins")
        say("raises", own.__name__)


def error_text(error: BaseException) -> str:
    """Type and text of an exception, without addresses of objects."""
    return f"{type(error).__name__}: {re.sub(r' at 0x[0-9a-f]+', ' at ...', str(error))}"


def signature(function: Callable[..., Any]) -> str:
    """The names, kinds and defaults of the parameters, without annotations."""
    parameters = inspect.signature(function).parameters.values()
    return ", ".join(
        f"{one.kind.name.lower()} {one.name}"
        + ("" if one.default is one.empty else f"={one.default!r}")
        for one in parameters
    )


# ---- Waiting -----------------------------------------------------------------


def until(holds: Callable[[], Any], what: str = "it") -> Any:
    """Wait until something holds, and return it."""
    end = time.monotonic() + PATIENCE
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not happen")
        time.sleep(0.002)


def take(receiver: Any) -> Any:
    """The next envelope of a receiver, polled for as every 1.x program did."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        envelope = receiver.recv()
        if envelope is not None:
            return envelope
        time.sleep(0.002)
    raise TimeoutError("nothing arrived")


# ---- Addresses ---------------------------------------------------------------

_numbers = itertools.count()


def address() -> str:
    """An address that no other process uses: a file in the program's own folder."""
    return f"ipc://{Path.cwd()}/{next(_numbers)}"


def tcp() -> str:
    """An address on TCP that nothing is bound to right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


# ---- Other ends, in pyzmq ----------------------------------------------------


class Ear:
    """A SUB socket that a publisher connects to, and that gets everything."""

    def __init__(self, topic: bytes = b"", at: str | None = None) -> None:
        import zmq

        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.linger = 0
        self.socket.set_hwm(0)
        self.socket.rcvtimeo = int(PATIENCE * 1000)
        self.socket.subscribe(topic)
        self.at = at or address()
        self.socket.bind(self.at)

    def frames(self) -> list[bytes]:
        """The next message."""
        frames: list[bytes] = self.socket.recv_multipart()
        return frames

    def values(self) -> list[Any]:
        """Topic, origin and data of the next message, as JSON."""
        return [json.loads(frame) for frame in self.frames()[:3]]

    def hear(self, publisher: Any) -> None:
        """Wait until the publisher reaches us; what it took for that is gone afterwards."""
        from hermes import Envelope

        until(lambda: publisher.sock, "a socket")
        self.socket.rcvtimeo = 20
        number = 0
        while True:
            number += 1
            publisher.q.put(Envelope("hear", "hear", number))
            try:
                self.socket.recv_multipart()
                break
            except Exception:
                if number * 0.02 > PATIENCE:
                    raise
        self.socket.rcvtimeo = int(PATIENCE * 1000)
        publisher.q.put(Envelope("hear", "hear", "last"))
        while self.frames()[2] != b'"last"':
            pass

    def silent(self) -> bool:
        """Whether nothing is waiting."""
        return self.socket.poll(0) == 0

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
        self.context.term()


class Mouth:
    """An XPUB socket that a receiver connects to, and that says what it is told to."""

    def __init__(self, at: str | None = None) -> None:
        import zmq

        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.XPUB)
        self.socket.linger = 0
        self.socket.set_hwm(0)
        self.socket.rcvtimeo = int(PATIENCE * 1000)
        self.at = at or address()
        self.socket.bind(self.at)

    def heard(self) -> bytes:
        """The next subscription; once it is here, what is said arrives."""
        frame: bytes = self.socket.recv()
        return frame

    def say(self, topic: Any, origin: Any, data: Any, ts: Any = None) -> None:
        """Send one envelope; ``ts`` is now unless given."""
        stamp = time.time() if ts is None else ts
        self.raw(*(json.dumps(value).encode() for value in (topic, origin, data, stamp)))

    def raw(self, *frames: bytes) -> None:
        """Send frames as they are."""
        self.socket.send_multipart(frames)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
        self.context.term()


def receiver(mouth: Mouth, *arguments: Any, kind: Any = None, **keywords: Any) -> Any:
    """A receiver that is running and hears the mouth; the age of envelopes does not matter."""
    from hermes import Receiver

    made = (kind or Receiver)(mouth.at, "reader", *arguments, **keywords)
    made.timeout = 600
    made.start()
    mouth.heard()
    return made


def publisher(ear: Ear, *, kind: Any = None, **keywords: Any) -> Any:
    """A publisher that is running and is heard."""
    from hermes import Publisher

    made = (kind or Publisher)(ear.at, "writer", **keywords)
    made.start()
    ear.hear(made)
    return made


# ---- The log -----------------------------------------------------------------


class Log(logging.Handler):
    """Keeps the records of the loggers of hermes."""

    def __init__(self, level: int = logging.DEBUG, name: str = "hermes") -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        logger = logging.getLogger(name)
        logger.addHandler(self)
        logger.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def lines(self, level: int = logging.DEBUG) -> list[str]:
        """What has been logged at this level or above."""
        return [
            f"{record.name} {record.levelname} {record.getMessage()}"
            for record in list(self.records)
            if record.levelno >= level
        ]


def loud() -> None:
    """Print the name of whatever is raised in a thread, instead of a traceback."""
    import threading

    threading.excepthook = lambda raised: say(  # type: ignore[assignment]
        "thread raises", raised.exc_type.__name__
    )


def end(*components: Any) -> None:
    """Stop components and close other ends, and say that this worked."""
    for component in components:
        stop = getattr(component, "stop", None) or component.close
        stop()
        if stop.__name__ == "stop" and component.is_alive():
            say(type(component).__name__, "is still alive")
    sys.stdout.flush()
