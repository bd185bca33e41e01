"""What differs between systems: choices by the name of a system, and its stand-ins."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import support

from hermes import _system
from hermes._native import copies, load
from hermes.errors import HermesError, PlatformError

SYSTEMS = {
    "linux": ("libhermes.so.2", "hermes"),
    "freebsd14": ("libhermes.so.2", "hermes"),
    "darwin": ("libhermes.2.dylib", "hermes"),
    "win32": ("hermes.dll", "hermes.exe"),
}


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_names_its_files(system: str) -> None:
    assert (_system.library_name(system), _system.command_name(system)) == SYSTEMS[system]


def test_the_library_beside_the_package_has_the_name_of_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HERMES_LIBRARY", raising=False)
    for name, _ in SYSTEMS.values():
        monkeypatch.setattr(_system, "library_name", lambda name=name: name)
        paths = list(load._candidates())
        assert {os.path.basename(path) for path in paths} == {name}
        assert paths[-1] == name


@pytest.mark.parametrize(
    ("bits", "libc", "says"),
    [
        (32, "glibc", "64-bit interpreter"),
        (32, "", "64-bit interpreter"),
        (64, "musl", "running program of musl"),
        (64, "glibc", None),
        (64, "", None),
    ],
)
def test_what_cannot_run_is_refused_with_advice(bits: int, libc: str, says: Any) -> None:
    reason = _system.refusal(bits, libc)
    if says is None:
        assert reason is None
    else:
        assert says in str(reason)
        assert "hermes-zmq 1.x" in str(reason)


def test_the_advice_for_musl_names_what_would_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_system, "libc", lambda: "musl")
    monkeypatch.delenv("HERMES_LIBRARY", raising=False)
    with pytest.raises(PlatformError) as raised:
        load.check_platform()
    for words in ("glibc (Debian, Ubuntu, RHEL)", "LD_PRELOAD and HERMES_LIBRARY", "1.x", " musl,"):
        assert words in str(raised.value)
    # With the library preloaded, this is how the package is told of it.
    monkeypatch.setenv("HERMES_LIBRARY", "/usr/lib/libhermes.so.2")
    load.check_platform()


def test_the_import_is_refused_unless_a_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_system, "bits", lambda: 32)
    monkeypatch.delenv("HERMES_LIBRARY", raising=False)
    with pytest.raises(PlatformError, match="64-bit interpreter") as raised:
        load.check_platform()
    assert isinstance(raised.value, ImportError)
    assert isinstance(raised.value, HermesError)
    assert sys.platform in str(raised.value)
    assert sys.implementation.name in str(raised.value)
    monkeypatch.setenv("HERMES_LIBRARY", "mine.so")
    load.check_platform()


@pytest.mark.parametrize(
    ("function", "result", "says"),
    [("bits", 32, "64-bit interpreter"), ("libc", "musl", "LD_PRELOAD")],
)
def test_the_import_checks_the_platform(function: str, result: Any, says: str) -> None:
    # The module of systems is imported first, without the package that would check.
    program = """
import json, sys, types
package = types.ModuleType("hermes")
package.__path__ = [sys.argv[1]]
sys.modules["hermes"] = package
import hermes._system
setattr(hermes._system, sys.argv[2], lambda: json.loads(sys.argv[3]))
del sys.modules["hermes"]
try:
    import hermes
except ImportError as error:
    print("refused:", error)
"""
    environment = support.environment()
    environment.pop("HERMES_LIBRARY", None)
    folder = str(support.PACKAGE / "hermes")
    said = support.run(program, folder, function, json.dumps(result), env=environment).stdout
    assert said.startswith("refused: hermes cannot run on ")
    assert says in said


def test_the_c_library_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _system.libc("darwin") == _system.libc("win32") == ""
    monkeypatch.setattr(os, "confstr", lambda name: "glibc 2.17")
    assert _system.libc("linux") == "glibc"

    def unknown(name: str) -> str:
        raise ValueError(name)

    monkeypatch.setattr(os, "confstr", unknown)
    monkeypatch.setattr(_system, "_has_musl_loader", lambda: True)
    assert _system.libc("linux") == "musl"


def test_a_platform_is_described() -> None:
    text = _system.description()
    assert sys.platform in text
    assert "64 bits" in text
    assert ".".join(map(str, sys.version_info[:3])) in text


# ---- Processes -------------------------------------------------------------------------


def test_a_process_apart_can_be_interrupted() -> None:
    program = "import time; print('ready', flush=True); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        **_system.apart(),
    )
    assert process.stdout
    with process, process.stdout:
        assert process.stdout.readline() == b"ready\n"
        assert os.getpgid(process.pid) != os.getpgid(0)
        _system.interrupt(process)
        assert process.wait(support.PATIENCE) == -signal.SIGINT


def test_processes_of_windows_are_made_and_interrupted_as_its_console_wants() -> None:
    sent = []

    class Process:
        def send_signal(self, number: int) -> None:
            sent.append(number)

    _system.interrupt(Process(), "win32")  # type: ignore[arg-type]
    assert sent == [1]  # CTRL_BREAK_EVENT
    assert _system.apart("win32") == {"creationflags": 0x200}  # CREATE_NEW_PROCESS_GROUP


def test_a_system_that_does_not_fork_needs_no_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    _system.after_fork_in_child(lambda: None)


def test_signals_are_blocked_and_then_as_before() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with _system.signals_blocked():
        inside = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        assert signal.SIGINT in inside
        assert signal.SIGSEGV not in inside
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


# ---- Descriptors -----------------------------------------------------------------------


@pytest.mark.parametrize("has_poll", [True, False])
def test_a_flag_is_readable_while_it_is_set(
    has_poll: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_poll:  # as on Windows
        monkeypatch.delattr("select.poll")
    flag, other = _system.Flag(), _system.Flag()
    try:
        assert not _system.readable(0, flag.fileno(), other.fileno())
        for _ in range(100_000):  # more than a socket takes
            flag.set()
        assert _system.readable(0, flag.fileno(), other.fileno())
        assert not _system.readable(0, other.fileno())
        flag.clear()
        flag.clear()
        assert not _system.readable(0, flag.fileno())
        threading.Timer(0.05, flag.set).start()
        assert _system.readable(int(support.PATIENCE * 1000), flag.fileno())
    finally:
        flag.close()
        other.close()


def test_a_duplicate_is_closed_by_its_closer() -> None:
    flag = _system.Flag()
    copy = _system.duplicate(flag.fileno())
    flag.set()
    assert _system.readable(0, copy)
    _system.closer()(copy)
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(copy)
    flag.close()


# ---- A second copy of the library ------------------------------------------------------


def test_a_copy_in_a_temporary_file_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: list[tuple[str, bytes]] = []

    def fake(path: str) -> Any:
        seen.append((path, Path(path).read_bytes()))
        return "loaded"

    assert copies.from_temporary_file(b"a library", fake) == "loaded"
    assert seen[0][0].startswith(str(tmp_path))
    assert seen[0][1] == b"a library"
    assert list(tmp_path.iterdir()) == []


def test_a_forked_process_can_use_a_temporary_file() -> None:
    program = """
import os, sys
import hermes
from hermes._native import copies, load
load.library()
pid = os.fork()
if pid == 0:
    sys.platform = "freebsd14"
    with hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*"):
        os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert support.run(program).stdout == "7\n"
