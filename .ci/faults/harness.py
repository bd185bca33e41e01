"""What the tests with faults share: post offices and traffic in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERMES = ROOT / "build/hermes"
TRAFFIC = {
    "c": [ROOT / "build/faults/traffic"],
    "go": [ROOT / "build/faults/traffic-go"],
    "python": [sys.executable, ROOT / ".ci/faults/traffic.py"],
}

#: How long anything may take before a test calls it broken; it decides nothing else.
PATIENCE = 60.0


def eventually(true, complaint, patience=PATIENCE):
    """Wait until something holds, and return it."""
    end = time.monotonic() + patience
    while True:
        value = true()
        if value:
            return value
        assert time.monotonic() < end, complaint() if callable(complaint) else complaint
        time.sleep(0.01)


def own_host() -> str:
    """Return a loopback address that no other process uses.

    A program that is restarted must bind the same port again, and the system gives those of
    127.0.0.1 to any program meanwhile.
    """
    pid = os.getpid()
    return f"127.{1 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"


def free_ports(count: int) -> list[int]:
    """Return free ports of `own_host`."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((own_host(), 0))
        return [probe.getsockname()[1] for probe in probes]


class Process:
    """A program that can be stopped, suspended and killed.

    However the tests end, it does not outlive them.
    """

    def __init__(self, *words, descriptors: int | None = None, stderr=subprocess.PIPE) -> None:
        self.words = [str(word) for word in words]
        if descriptors is not None:
            limit = f'ulimit -n {descriptors}; exec "$@"'
            self.words = ["bash", "-c", limit, "bash", *self.words]
        self._stderr = stderr
        self.errors = ""
        self._lines: list[dict] = []
        self.child: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        self._lines = []
        self.child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self.words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(self.child.stdout, self._lines), daemon=True)
        ]
        if self.child.stderr:
            self._readers.append(
                threading.Thread(target=self._listen, args=(self.child.stderr,), daemon=True)
            )
        for reader in self._readers:
            reader.start()

    def _read(self, pipe, lines) -> None:
        for line in pipe:
            lines.append(json.loads(line))
            del lines[1:-1]  # the first and the last are enough

    def _listen(self, pipe) -> None:
        for line in pipe:
            self.errors = (self.errors + line)[-10_000:]

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def last(self) -> dict:
        """The newest line that it printed."""
        return self._lines[-1] if self._lines else {}

    def last_of_all(self) -> dict:
        """The last line of a program that has ended."""
        for reader in self._readers:
            reader.join(PATIENCE)
        return self.last

    def fresh(self) -> dict:
        """A line that it has printed from now on."""
        before = self.last
        return self.wait(lambda line: line is not before, "it prints no more")

    def wait(self, true, complaint: str, patience: float = PATIENCE) -> dict:
        """Wait for a line of which something is true, and return it."""

        def found():
            line = self.last
            return line if line and true(line) else None

        def why() -> str:
            return f"{complaint}: {self.words} {self.child.poll()} {self.last}\n{self.errors}"

        return eventually(found, why, patience)

    def kill(self) -> None:
        """As a power cut would: kill -9."""
        self.child.kill()
        self.child.wait()

    def freeze(self) -> None:
        self.child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.child.send_signal(signal.SIGCONT)

    def rest(self) -> dict:
        """Let traffic publish nothing until its end, and return a line of its rest."""
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        before = self.fresh()["sent"]
        while (line := self.fresh())["sent"] != before:
            before = line["sent"]
        return line

    def finish(self) -> dict:
        """Let it come to its end, and return its last line."""
        self.child.stdin.close()
        code = self.child.wait(2 * PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        assert code == 0, f"{self.words} ended with {code}: {self.errors}"
        return self.last

    def close(self) -> None:
        if self.child.poll() is None:
            self.thaw()
            self.child.kill()
            self.child.wait()
        for reader in self._readers:
            reader.join(PATIENCE)
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()

    def costs(self) -> dict[str, int]:
        """What it takes of the machine: memory in KiB, descriptors, threads."""
        own = pathlib.Path("/proc", str(self.pid))
        status = dict(line.split(":", 1) for line in (own / "status").read_text().splitlines())
        return {
            "memory": int(status["VmRSS"].split()[0]),
            "descriptors": len(list((own / "fd").iterdir())),
            "threads": int(status["Threads"]),
        }


class Office(Process):
    """A post office that comes back at the same place."""

    def __init__(self, *options: str, host: str | None = None, prefix=(), flags=(), **more) -> None:
        a, b = free_ports(2)
        host = host or own_host()
        self.inward, self.outward = f"tcp://{host}:{a}", f"tcp://{host}:{b}"
        words = [*prefix, HERMES, "postoffice", "--in", self.inward, "--out", self.outward]
        for option in options:
            words += ["--set", option]
        super().__init__(*words, *flags, "--stats", "100ms", **more)

    def start(self) -> None:
        super().start()
        self.wait(lambda line: True, "the post office does not start")


def traffic(*words: str, language: str = "c", prefix=()) -> Process:
    """What publishes, or checks what arrives, or both."""
    return Process(*prefix, *TRAFFIC[language], *words)


def sound(line: dict) -> bool:
    """Whether nothing was lost, and nothing came twice or in another order."""
    return line["missing"] == 0 and line["backward"] == 0


@contextlib.contextmanager
def closing(*processes: Process) -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.close()
