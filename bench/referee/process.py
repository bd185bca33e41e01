"""One process of a contestant, and what it costs."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any


class Failure(Exception):
    """A contestant crashed, fell silent, or got something wrong."""


class Process:
    """A program that talks with us over its stdin and stdout (see bench/README.md)."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        by_signal: bool = False,
    ) -> None:
        """Start it; ``by_signal`` if it ends by SIGTERM and not with its stdin."""
        self.command = list(command)
        self._by_signal = by_signal
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in end)
        self._process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # Python keeps what it has compiled, as it does where a package is installed.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})},
        )
        self._unread = b""

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def line(self, deadline: float) -> str:
        """The next line that it prints, before time.monotonic() is deadline."""
        stdout = self._process.stdout
        assert stdout is not None
        while b"\n" not in self._unread:
            ready, _, _ = select.select([stdout], [], [], max(deadline - time.monotonic(), 0))
            got = os.read(stdout.fileno(), 65536) if ready else b""
            if not got:
                raise self.failure("ended" if ready else "fell silent")
            self._unread += got
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def has_line(self, seconds: float) -> bool:
        """Whether it has printed something, or ended, within so many seconds."""
        return bool(self._unread or select.select([self._process.stdout], [], [], seconds)[0])

    def result(self, deadline: float) -> dict[str, Any]:
        """The next line, which is a JSON object."""
        line = self.line(deadline)
        try:
            result: dict[str, Any] = json.loads(line)
        except ValueError:
            raise self.failure(f"printed {line!r}") from None
        return result

    def go(self) -> None:
        """Give the word to start."""
        assert self._process.stdin is not None
        os.write(self._process.stdin.fileno(), b"\n")

    def cpu(self) -> float:
        """Seconds of processor time so far, of all its threads."""
        # How the kernel names the clock of another process: see clock_getcpuclockid(3).
        return time.clock_gettime((~self.pid << 3) | 2)

    def switches(self) -> int:
        """How often its threads have given up a processor so far, or lost it."""
        count = 0
        for thread in os.listdir(f"/proc/{self.pid}/task"):
            # A thread may end meanwhile.
            with (
                contextlib.suppress(OSError),
                open(f"/proc/{self.pid}/task/{thread}/status") as file,
            ):
                count += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
        return count

    def memory(self) -> int:
        """Bytes of memory that it holds now."""
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def most_memory(self) -> int:
        """Bytes of memory that it has held at most."""
        with open(f"/proc/{self.pid}/status") as file:
            line = next(line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) << 10

    def failure(self, what: str) -> Failure:
        """What to raise: the command, what it did, and the end of what it complained."""
        self._errors.seek(0)
        words = self._errors.read()[-1500:].decode(errors="replace").strip()
        command = [os.path.basename(word) for word in self.command]
        return Failure(f"{' '.join(command)} {what}" + (f": {words}" if words else ""))

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def release(self) -> None:
        """Close its stdin, which ends it."""
        assert self._process.stdin is not None
        if not self._process.stdin.closed:
            self._process.stdin.close()

    def end(self, patience: float = 5.0) -> None:
        """See to it that it ends: by itself, else by a signal."""
        self.release()
        if self._by_signal:
            self._process.terminate()
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()
