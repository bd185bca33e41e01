"""Runs programs of the differential test, each in a forked process of its own.

Reads names of programs from standard input and answers each with one line of JSON: how it
ended, what it printed, and which exceptions it left on standard error. A forked child begins
with everything imported and nothing started, which is as good as a fresh interpreter and
takes a hundredth of the time; it ends as an interpreter does, so exit hooks and threads that
live on are part of what is seen.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import pkgutil
import re
import select
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import kit
import programs
import zmq  # noqa: F401  (imported here once, so that no program waits for it)

import hermes  # noqa: F401

#: After this long a program is killed; nothing that works comes near.
LIMIT = 4 * kit.PATIENCE


def main() -> None:
    """Answer one request after the other; in a child, run one program and return."""
    for module in pkgutil.iter_modules(programs.__path__):
        importlib.import_module(f"programs.{module.name}")
    answers = os.fdopen(os.dup(1), "w")
    for line in iter(sys.stdin.readline, ""):
        name = line.strip()
        folder = Path(tempfile.mkdtemp(prefix="hermes-"))
        child = os.fork()
        if child == 0:
            answers.close()
            _become(folder)
            kit.programs[name].function()
            return
        answer = {"name": name, **_outcome(child, folder)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        shutil.rmtree(folder)


def _become(folder: Path) -> None:
    """Leave the runner behind: the child is a process group with files of its own."""
    os.setpgid(0, 0)
    os.chdir(folder)
    for descriptor, name in ((1, "out"), (2, "err")):
        opened = os.open(name, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, descriptor)
        os.close(opened)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    faulthandler.dump_traceback_later(LIMIT * 0.9)


def _outcome(child: int, folder: Path) -> dict[str, Any]:
    """Wait for a child; what is left of it when its time is over is killed."""
    watch = os.pidfd_open(child)
    try:
        ended = bool(select.select([watch], [], [], LIMIT)[0])
    finally:
        os.close(watch)
    if not ended:
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    error = _read(folder / "err")
    return {
        "ended": f"exit {status}" if ended else "does not end",
        "out": _read(folder / "out"),
        "raised": _raised(error),
        "err": error,
    }


def _read(path: Path) -> str:
    return path.read_text(errors="backslashreplace") if path.exists() else ""


def _raised(text: str) -> list[str]:
    """The exceptions in what was written to standard error, without where they came from."""
    kinds = (
        r"Exception (in thread|ignored).*"
        r"|[\w.]*(Error|Exception|Interrupt|Warning|Again|Full|Empty)"
    )
    return [
        line.partition(":")[0]
        for line in text.splitlines()
        if re.fullmatch(kinds, line.partition(":")[0])
    ]


if __name__ == "__main__":
    main()
