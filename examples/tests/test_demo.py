"""The demo runs, loses nothing, and fails where a part of it does."""

import importlib
import os
import pathlib
import pty
import signal
import subprocess
import sys
import termios
import threading

import pytest
from conftest import PATIENCE, ROOT, wait_for

DEMO = [sys.executable, ROOT / "examples/demo/demo.py", "--seconds", "2"]


@pytest.fixture(scope="module", autouse=True)
def _table():
    """Build the part of the demo that is written in C."""
    subprocess.run(["make", "-s", "build/examples/demo/table"], cwd=ROOT, check=True)


def test_it_ends_well_without_a_terminal_where_it_is_told_to_be(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s")
    demo = [*DEMO, "--at", f"ipc://{folder}/in", f"ipc://{folder}/out"]
    result = subprocess.run(demo, capture_output=True, text=True, timeout=2 * PATIENCE)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "\x1b" not in result.stdout
    counters = {
        line.split()[0]: line.split()[1] for line in result.stdout.splitlines() if line.split()
    }
    assert counters["lost"] == "0"
    assert int(counters["published"].replace(",", "")) > 2 * 50
    assert counters["published"] == counters["received"]


def test_it_draws_a_table_in_a_terminal(modules):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, 120)) if hasattr(termios, "tcsetwinsize") else _resize(theirs)
    environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    demo = subprocess.Popen(DEMO, stdout=theirs, stderr=subprocess.PIPE, env=environment)
    os.close(theirs)
    shown = bytearray()

    def look():
        try:
            while piece := os.read(ours, 65536):
                shown.extend(piece)
        except OSError:  # the other end is closed
            pass

    reader = threading.Thread(target=look)
    reader.start()
    assert demo.wait(2 * PATIENCE) == 0, demo.stderr.read()
    reader.join()
    os.close(ours)
    demo.stderr.close()
    text = shown.decode()
    readings, _ = modules
    names = [reading.name for source in readings.available() for reading in source()]
    assert "cpu" in names
    for name in names:
        assert f"  {name} " in text
    assert "▁" in text  # the history
    assert "A\r" in text  # each picture replaces the last
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is back


@pytest.fixture
def modules(monkeypatch):
    """The demo's own modules."""
    monkeypatch.syspath_prepend(ROOT / "examples/demo")
    monkeypatch.syspath_prepend(ROOT / "python")
    return importlib.import_module("readings"), importlib.import_module("derive")


@pytest.mark.parametrize("hidden", ["sys/block", "proc/diskstats", "proc/net/dev", "proc/loadavg"])
def test_what_a_system_hides_is_left_out(modules, hidden, tmp_path, monkeypatch, capsys):
    readings, _ = modules
    complete = readings.available()
    assert readings.processor in complete
    for name in ("proc/stat", "proc/meminfo", "proc/loadavg", "proc/net/dev", "proc/diskstats"):
        if name != hidden:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text((readings.ROOT / name).read_text())
    if hidden != "sys/block":
        (tmp_path / "sys/block").mkdir(parents=True)
    monkeypatch.setattr(readings, "ROOT", tmp_path)
    capsys.readouterr()
    source = {"proc/net/dev": "network", "proc/loadavg": "load"}.get(hidden, "disk")
    assert [s.__name__ for s in readings.available()] == [
        s.__name__ for s in readings.SOURCES if s.__name__ != source
    ]
    assert f"no readings of {source}" in capsys.readouterr().err


def test_a_share_is_never_more_than_all_nor_less_than_nothing(modules):
    readings, derive = modules
    node = derive.Derive("derive", None, None)
    for ts, counted, share in [(100, 0, 0), (101, 102.5, 100), (102, 152.5, 50), (103, 100, 0)]:
        reading = readings.Reading("cpu", counted, "%", "counter", 100, ts=ts)
        assert node.derive(reading).value == share


def _resize(terminal):
    """Do what termios.tcsetwinsize does, which is new in Python 3.11."""
    import fcntl
    import struct

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 120, 0, 0))


def children(pid):
    """Return the command line and the number of each child of a process."""
    found = {}
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue  # it has ended meanwhile
        if parent == pid:
            found[command] = int(folder.name)
    return found


@pytest.mark.parametrize("victim", ["postoffice.py", "derive.py", "table"])
def test_it_fails_and_says_why_when_a_part_dies(victim):
    demo = subprocess.Popen(
        [*DEMO[:-1], "600"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        # The readings start last: then all is under way.
        wait_for(lambda: any("readings.py" in c for c in children(demo.pid)), "the readings")
        for command, pid in children(demo.pid).items():
            if victim in command:
                os.kill(pid, signal.SIGKILL)
        _, complaint = demo.communicate(timeout=2 * PATIENCE)
    finally:
        demo.kill()
        demo.communicate()
    assert demo.returncode == 1
    assert "The demo failed: " in complaint
