"""The live screens of the command, in a terminal: tmux presses the keys and reads what is shown."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
HERMES = ROOT / "build/hermes"
PATIENCE = 60  # seconds until what hangs is called broken
SIZES = [(80, 24), (200, 50)]
COLOUR = re.compile(r"\x1b\[([\d;]*)m")


def red_lines(lines):
    """Return those that begin in red: a colour lasts until another one is chosen."""
    found, red = [], False
    for line in lines:
        start = re.match(rf"(?:{COLOUR.pattern})*", line).end()
        for number, piece in enumerate((line[:start], line[start:])):
            for codes in COLOUR.findall(piece):
                for code in codes.split(";"):
                    red = code == "31" or (red and code not in ("", "0", "39"))
            if number == 0 and red:
                found.append(line)
    return found


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, folder, size, *command):
        """Run the command in a terminal of this size, which stays when it has ended."""
        self.tmux = ["tmux", "-u", "-f", "/dev/null", "-S", folder / f"tmux-{time.monotonic_ns()}"]
        width, height = size
        shown = " ".join(str(word) for word in command)
        line = f"{shown}; echo ended: $?; exec sleep {2 * PATIENCE}"
        environment = {**os.environ, "TERM": "screen-256color"}
        environment.pop("NO_COLOR", None)
        new = ["new-session", "-d", "-x", str(width), "-y", str(height), line]
        subprocess.run([*self.tmux, *new], check=True, env=environment)

    def press(self, *keys):
        """Press keys, as tmux names them."""
        subprocess.run([*self.tmux, "send-keys", "--", *keys], check=True)

    def resize(self, width, height):
        """Change the size of the terminal."""
        size = ["-x", str(width), "-y", str(height)]
        subprocess.run([*self.tmux, "resize-window", *size], check=True)

    def lines(self, *flags):
        """Return what is shown."""
        command = [*self.tmux, "capture-pane", "-p", *flags]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8")
        return done.stdout.splitlines()

    def until(self, right, *flags):
        """Wait until what is shown is right, and return it."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            lines = self.lines(*flags)
            if right(lines):
                return lines
            time.sleep(0.02)
        raise AssertionError("\n".join(self.lines()))

    def shows(self, pattern):
        """Wait until a line matches a pattern, and return that line."""
        found = self.until(lambda lines: any(re.search(pattern, line) for line in lines))
        return next(line for line in found if re.search(pattern, line))

    def close(self):
        """End it."""
        subprocess.run([*self.tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)


class Cluster:
    """A post office that reports itself often, and envelopes of two topics that pass it."""

    def __init__(self, folder):
        """Start all."""
        self.folder = folder
        self.to_office, self.from_office = f"ipc://{folder}/in", f"ipc://{folder}/out"
        self.programs = []
        options = [
            "stats.interval=100ms",
            "stats.name=hub",
            "queue.full=drop_new",
            "queue.messages=20",
        ]
        sides = ["--in", self.to_office, "--out", self.from_office]
        self.start("postoffice", *sides, *[word for x in options for word in ("--set", x)])
        pub = ["pub", self.to_office, "--wait", f"{PATIENCE}s"]
        self.publisher = self.start(*pub, stdin=subprocess.PIPE)
        self.ended = threading.Event()
        self.feeder = threading.Thread(target=self.feed)
        self.feeder.start()

    def start(self, *command, **more):
        """Run a command beside the test."""
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.programs.append(subprocess.Popen([HERMES, *command], **quiet, **more))
        return self.programs[-1]

    def feed(self):
        """Publish a large envelope and some small ones, again and again."""
        large = b'{"topic":"large","origin":"o1","data":"%s"}\n' % (b"x" * 50_000)
        small = b'{"topic":"small","origin":"o2","data":1}\n'
        with contextlib.suppress(BrokenPipeError):
            while not self.ended.wait(0.01):
                self.publisher.stdin.write(large + 3 * small)
                self.publisher.stdin.flush()

    def close(self):
        """End all."""
        self.ended.set()
        for program in self.programs:
            program.kill()
        self.feeder.join(PATIENCE)
        for program in self.programs:
            program.communicate()


@pytest.fixture
def folder():
    """Make a folder with a name that is short enough for a socket."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="screen-"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def cluster(folder):
    """Run a cluster for a test."""
    found = Cluster(folder)
    yield found
    found.close()


@pytest.fixture
def terminal(folder):
    """Give a function that runs a command in a terminal."""
    opened = []

    def run(size, *command):
        opened.append(Terminal(folder, size, HERMES, *command))
        return opened[-1]

    yield run
    for one in opened:
        one.close()


def first_row(lines):
    """Return the name in the first row of the table."""
    return lines[4].split()[0] if len(lines) > 4 and lines[4].split() else ""


@pytest.mark.parametrize("size", SIZES)
def test_top_is_sorted_by_the_keys(cluster, terminal, size):
    top = terminal(size, "top", cluster.from_office, "--interval", "200ms")
    lines = top.until(lambda lines: first_row(lines) == "small" and "large" in "".join(lines))
    assert len(lines) == size[1]
    assert "RATE▼" in lines[3]
    assert lines[-1].startswith("tab what")
    top.press("Right")
    top.until(lambda lines: first_row(lines) == "large" and "BANDWIDTH▼" in lines[3])
    top.press("r")
    top.until(lambda lines: first_row(lines) == "small" and "BANDWIDTH▲" in lines[3])
    top.press("Tab")
    top.until(lambda lines: first_row(lines) == "o2" and lines[3].startswith("ORIGIN"))
    top.press("3")
    top.shows("^postoffice/hub .*publisher")
    top.press("q")
    top.shows("^ended: 0")
    assert "hermes top" not in "".join(top.lines())  # the screen from before is back


def test_top_takes_the_size_of_the_terminal(cluster, terminal):
    top = terminal(SIZES[0], "top", cluster.from_office, "--interval", "200ms")
    top.shows("^small ")
    top.resize(*SIZES[1])
    top.until(lambda lines: len(lines) == SIZES[1][1] and lines[-1].startswith("tab what"))
    top.resize(40, 10)
    top.until(lambda lines: len(lines) == 10 and lines[-1].startswith("tab what"))
    assert all(len(line) <= 40 for line in top.lines())


@pytest.mark.parametrize("size", SIZES)
def test_drops_are_red_and_queues_have_bars(cluster, terminal, size):
    stalled = cluster.start("sub", cluster.from_office, "large")
    top = terminal(size, "top", cluster.from_office, "--by", "peer", "--interval", "200ms")
    top.until(lambda lines: sum("subscriber" in line for line in lines) == 2)
    stalled.send_signal(signal.SIGSTOP)
    bar = re.compile(r"subscriber.*[▏▎▍▌▋▊▉█]·* ")
    top.until(lambda lines: any(bar.search(line) for line in red_lines(lines)), "-e")
    stalled.send_signal(signal.SIGCONT)


def test_a_lost_connection_is_shown(cluster, terminal):
    top = terminal(SIZES[0], "top", cluster.from_office, "--interval", "100ms")
    top.shows("^small ")
    cluster.programs[0].kill()
    top.shows("cannot connect to ipc://")
    top.press("q")
    top.shows("^ended: 0")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("command", "by", "order"),
    [
        ("hz", "rate", ["small", "large"]),
        ("topics", "rate", ["small", "large"]),
        ("bw", "bandwidth", ["large", "small"]),
        ("delay", "envelopes", ["small", "large"]),
    ],
)
def test_watch_draws_its_table_again(cluster, terminal, size, command, by, order):
    watch = ["--watch", "--window", "200ms", "--sort", by]
    screen = terminal(size, command, cluster.from_office, *watch)

    def right(lines):
        return lines[0].startswith("TOPIC") and [r.split(" ")[0] for r in lines[1:3]] == order

    lines = screen.until(right)
    assert all(len(line) <= size[0] for line in lines)
    screen.until(lambda now: right(now) and now[1] != lines[1])
    assert not lines[3], "the table before has gone"
    screen.press("C-c")
    screen.shows("^ended: 0")


@pytest.mark.parametrize("size", SIZES)
def test_watched_peers_are_drawn_again(cluster, terminal, size):
    peers = terminal(size, "peers", cluster.from_office, "--watch")
    lines = peers.until(lambda lines: lines[0].startswith("OF") and "publish" in lines[1])
    assert all(len(line) <= size[0] for line in lines)
    cluster.start("sub", cluster.from_office, "large")
    peers.until(lambda now: sum("subscri" in line for line in now) == 2)
    peers.press("C-c")
    peers.shows("^ended: 0")


def test_json_is_json_on_a_terminal(cluster, terminal):
    topics = terminal(SIZES[1], "topics", cluster.from_office, "--json", "--window", "200ms")
    topics.shows(r'^{"topic":"small",.*}$')
    topics.shows("^ended: 0")
    assert not any(line.startswith("TOPIC") for line in topics.lines())
    sub = terminal(SIZES[1], "sub", cluster.from_office, "small", "--json", "--count", "1")
    sub.shows(r'^{"topic":"small",.*}$')
    sub.shows("^ended: 0")


def test_peers_and_doctor_speak_to_people(cluster, terminal):
    peers = terminal(SIZES[1], "peers", cluster.from_office)
    assert peers.shows("^postoffice/hub +publisher").split()[-1].endswith("s")
    peers.shows("^ended: 0")
    addresses = [cluster.to_office, cluster.from_office]
    doctor = terminal(SIZES[1], "doctor", *addresses, "--listen", "100ms")
    doctor.shows("✓ subscription")
    doctor.shows("^ended: 0")


@pytest.mark.parametrize(
    ("command", "bar", "end"),
    [
        (["hz", "OUT", "--window", "4s"], "watching", 0),
        (["check", "topic", "OUT", "small", "--window", "4s"], "watching", 0),
        (["audit", "OUT", "--timeout", "4s"], "auditing", 3),  # envelopes pass all the time
        (["check", "receiver", "OUT", "none", "--timeout", "4s"], "waiting for reports", 2),
        (["record", "OUT", "--duration", "4s", "-n", "9999999", "-o", "DIR/a"], "recording", 0),
        (["pub", "EMPTY", "a", "1", "--wait", "4s"], "waiting for a receiver", 3),
        (["pub", "IN", "a", "1", "--count", "4", "--every", "1s"], "publishing", 0),
        (["ping", "OUT", "--count", "4", "--interval", "1s", ">", "/dev/null"], "measuring", 0),
        (["bench", "--duration", "4s", "--rate", "100"], "measuring", 0),
    ],
)
def test_what_takes_long_and_has_an_end_shows_a_bar(
    cluster, terminal, monkeypatch, command, bar, end
):
    monkeypatch.setenv("XDG_STATE_HOME", str(cluster.folder))  # of bench
    cluster.start("sub", cluster.from_office)
    places = {
        "OUT": cluster.from_office,
        "IN": cluster.to_office,
        "DIR/a": cluster.folder / "a.mcap",
    }
    places["EMPTY"] = f"ipc://{cluster.folder}/empty"
    if "EMPTY" in command:
        cluster.start("postoffice", "--in", places["EMPTY"], "--out", f"{places['EMPTY']}-out")
    shown = terminal(SIZES[0], *[places.get(word, word) for word in command])
    shown.shows(rf"{bar}.*%")
    shown.until(lambda lines: any(line.startswith(f"ended: {end}") for line in lines))
    assert not any(re.search(rf"{bar}.*%", line) for line in shown.lines()), "it goes at the end"
