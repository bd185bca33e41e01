"""`Recorder`: record envelopes in a file while a program runs.

The work is done by the command ``hermes record``, in a process of its own: a wheel brings it
along. The file is MCAP, which the command (``hermes log``, ``hermes play``) and other programs
read.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import IO, Any

from hermes import _system
from hermes.__main__ import _candidates
from hermes.errors import HermesError, HermesOSError, HermesTimeoutError, StateError

__all__ = ["Recorder"]


class Recorder:
    """Records what a receiver gets, frame by frame as it comes, in an MCAP file.

    While it is written the file has ``.part`` at the end of its name. A recorder records once.

    Attributes
    ----------
    envelopes, lost
        How many envelopes are in the file, and how many are missing as their numbers tell; known
        when the recorder has ended.

    Examples
    --------
    >>> with hermes.Recorder("tcp://127.0.0.1:6001", "ticks.mcap", topics=["ticks/"]):
    ...     run_the_test()
    """

    def __init__(
        self,
        address: str,
        file: str | os.PathLike[str],
        topics: str | Iterable[str] = (),
        *,
        count: int = 0,
        options: Mapping[str, object] | None = None,
        flags: Iterable[str] = (),
    ) -> None:
        """Say what to record, and where.

        Parameters
        ----------
        address
            Where receivers connect.
        file
            The file, which must not exist.
        topics
            Beginnings of topics; everything by default.
        count
            End after so many envelopes; 0 has no limit.
        options
            Options of the receiver, as of `Receiver`.
        flags
            More flags of ``hermes record``, such as ``["--rotate-every", "1h"]``.
        """
        self.envelopes = 0
        self.lost = 0
        topics = [topics] if isinstance(topics, str) else list(topics)
        self._words = ["record", "--json", "--output", os.fspath(file), "--count", str(count)]
        for key, value in (options or {}).items():
            self._words += ["--set", f"{key}={value}"]
        self._words += [*flags, "--", address, *topics]
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[str] | None = None
        self._reader: threading.Thread | None = None
        self._recording = threading.Event()

    def start(self, timeout: float = 10.0) -> None:
        """Begin, and wait until the recorder is connected."""
        if self._process is not None:
            raise StateError("a recorder records once: make another one")
        self._errors = tempfile.TemporaryFile(  # noqa: SIM115 -- it lasts as long as the recorder
            "w+", encoding="utf-8", errors="replace"
        )
        self._process = subprocess.Popen(
            [_command(), *self._words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            **_system.apart(),  # Ctrl-C is for this program, which then stops the recorder
        )
        self._reader = threading.Thread(target=self._read, name="hermes-recorder", daemon=True)
        self._reader.start()
        if not self._recording.wait(timeout):
            self._process.kill()
            self._process.wait()
            raise HermesTimeoutError(f"nothing is recorded within {timeout} s: {self._said()}")
        if self._process.poll() not in (None, 0):
            raise self._failure()

    def _read(self) -> None:
        """Read what the command prints, in a thread."""
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                told: dict[str, Any] = json.loads(line)
                self.envelopes = told.get("envelopes", 0)
                self.lost = told.get("lost", 0)
            self._recording.set()
        self._process.wait()
        self._recording.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the recorder has ended by itself: after ``count`` envelopes."""
        if self._process is None or self._reader is None:
            raise StateError("the recorder has not been started")
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise HermesTimeoutError(f"the recorder has not ended within {timeout} s") from None
        self._reader.join()
        if code != 0:
            raise self._failure()

    def stop(self, timeout: float | None = 60.0) -> None:
        """Record what has arrived, and close the file."""
        if self._process is None:
            return
        if self._process.poll() is None:
            _system.interrupt(self._process)
        self.join(timeout)

    def _said(self) -> str:
        """Return the end of what the command has said to people."""
        if self._errors is None:
            return ""
        self._errors.seek(0)
        return self._errors.read()[-1000:].strip()

    def _failure(self) -> HermesError:
        return HermesOSError(f"the recorder has failed: {self._said()}")

    def __enter__(self) -> Recorder:
        """Start the recorder."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the recorder."""
        self.stop()


def _command() -> str:
    """Return where the command is: in the wheel, in a checkout, or on the PATH."""
    for place in _candidates():
        if place.is_file():
            return str(place)
    found = shutil.which("hermes")
    if found is None:
        raise HermesOSError(
            "the command hermes, which records, is not here: install a wheel of hermes-zmq,"
            " which brings it along, or the package hermes-tools, or run `make build` in a checkout"
        )
    return found
