"""The command as a service: this test is the program that runs it, as systemd does."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERMES = ROOT / "build/hermes"
SOON = 120  # seconds until something is called broken
SETTINGS = 'in = "tcp://127.0.0.1:*"\nout = "tcp://127.0.0.1:*"\n'


class Manager:
    """What systemd does: it passes sockets, and hears what the service tells."""

    def __init__(self, folder):
        """Listen for what the service tells."""
        self.folder = folder
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(folder / "notify"))
        self.notify.settimeout(SOON)
        self.config = folder / "postoffice.toml"
        self.config.write_text(SETTINGS)
        self.log = folder / "log"
        self.services = []

    def start(self, *arguments, sockets=(), **variables):
        """Start the service with sockets, which are pairs of a name and a socket."""
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("HERMES_")},
            "NOTIFY_SOCKET": str(self.folder / "notify"),
            "LISTEN_FDS": str(len(sockets)),
            "LISTEN_FDNAMES": ":".join(name for name, _ in sockets),
            **variables,
        }
        # Descriptors 3, 4, ...; and the number of the process, which exec does not change.
        moves = "".join(f"exec {3 + i}<&{s.fileno() + 100};" for i, (_, s) in enumerate(sockets))
        script = f'{moves} LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"'
        command = [HERMES, "postoffice", "--config", self.config, *arguments]
        high = []
        for _, s in sockets:
            os.dup2(s.fileno(), s.fileno() + 100)
            high.append(s.fileno() + 100)
        try:
            service = subprocess.Popen(
                ["bash", "-c", script, "bash", *command],
                env=environment,
                pass_fds=high,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self.log.open("a"),
                text=True,
            )
        finally:
            for fd in high:
                os.close(fd)
        self.services.append(service)
        return service

    def hear(self):
        """Return the next thing that the service tells, as a dictionary."""
        lines = self.notify.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def hear_of(self, key):
        """Return the next thing that has a key."""
        while key not in (told := self.hear()):
            pass
        return told

    def close(self):
        """End what still runs."""
        for service in self.services:
            service.kill()
            service.communicate()
        self.notify.close()


@pytest.fixture
def manager(tmp_path):
    """Run services, and end them."""
    with contextlib.closing(Manager(tmp_path)) as it:
        yield it


def listening():
    """Return a socket that listens at a free port, and the address."""
    s = socket.create_server(("127.0.0.1", 0))
    return s, f"tcp://127.0.0.1:{s.getsockname()[1]}"


def test_it_tells_what_it_does(manager):
    service = manager.start()
    assert manager.hear()["READY"] == "1"
    assert '"in":"tcp://127.0.0.1:' in service.stdout.readline(), "all sides are open by now"

    manager.config.write_text(SETTINGS + 'log-level = "debug"\ndebug = "tcp://127.0.0.1:*"\n')
    service.send_signal(signal.SIGHUP)
    assert int(manager.hear_of("RELOADING")["MONOTONIC_USEC"]) > 0
    told = manager.hear_of("READY")["STATUS"]
    assert told.endswith("changed: log-level; after a restart only: debug")

    manager.config.write_text(SETTINGS + 'log-levle = "debug"\n')
    service.send_signal(signal.SIGHUP)
    manager.hear_of("RELOADING")
    told = manager.hear_of("READY")["STATUS"]
    assert "stays as it was" in told
    assert 'postoffice.toml:3: there is no setting "log-levle"; did you mean "log-level"?' in told

    service.send_signal(signal.SIGTERM)
    manager.hear_of("STOPPING")
    assert service.wait(SOON) == 0
    log = manager.log.read_text()
    assert re.search(r"(?m)^\S+ \S+ error +config_invalid: ", log), log


def test_wrong_settings_end_it_with_the_code_that_is_not_tried_again(manager):
    manager.config.write_text("inn = 1\n")
    assert manager.start().wait(SOON) == 2
    unit = (ROOT / "cmd/hermes/service/hermes-postoffice.service").read_text()
    assert "\nRestartPreventExitStatus=2\n" in unit


def test_publishers_and_receivers_use_the_sockets_that_are_passed(manager):
    (publishers, at_in), (subscribers, at_out) = listening(), listening()
    with publishers, subscribers:
        sockets = [("publishers", publishers), ("subscribers", subscribers)]
        for round in range(2):
            # They come first, and wait until the service runs.
            sub = subprocess.Popen(
                [HERMES, "sub", "--count", "1", at_out, "t"], stdout=subprocess.PIPE, text=True
            )
            pub = subprocess.Popen([HERMES, "pub", "--wait", f"{SOON}s", at_in, "t", str(round)])
            service = manager.start(sockets=sockets)
            manager.hear_of("READY")
            line = service.stdout.readline()
            assert at_in in line
            assert at_out in line
            out, _ = sub.communicate(timeout=SOON)
            assert f'"data":{round},' in out
            assert pub.wait(SOON) == 0
            service.send_signal(signal.SIGTERM)
            assert service.wait(SOON) == 0


def test_a_socket_with_another_name_is_refused(manager):
    s, _ = listening()
    with s:
        assert manager.start(sockets=[("hermes.socket", s)]).wait(SOON) == 1
    assert "write FileDescriptorName= in the socket unit" in manager.log.read_text()


def test_the_watchdog_is_told_only_while_the_sides_serve(manager):
    (publishers, _), (subscribers, _) = listening(), listening()
    with publishers, subscribers:
        sockets = [("publishers", publishers), ("subscribers", subscribers)]
        manager.start(sockets=sockets, WATCHDOG_USEC="500000")
        for _ in range(3):
            manager.hear_of("WATCHDOG")
        # The service still runs, and its timers too; but who connects is refused.
        subscribers.shutdown(socket.SHUT_RDWR)
        manager.notify.settimeout(3)
        with pytest.raises(TimeoutError):
            for _ in range(100):
                manager.hear_of("WATCHDOG")
    log = manager.log.read_text()
    assert "unhealthy: the supervisor is not told that the post office is alive: --out:" in log


def test_what_comes_too_often_is_counted_in_the_log(manager):
    service = manager.start("--log-limit", "2", "--log-format", "json")
    manager.hear_of("READY")
    for _ in range(5):
        service.send_signal(signal.SIGHUP)
        manager.hear_of("RELOADING")
        manager.hear_of("READY")
    service.send_signal(signal.SIGTERM)
    assert service.wait(SOON) == 0
    of_kind = [
        record
        for record in map(json.loads, manager.log.read_text().splitlines())
        if record["kind"] == "config_reloaded"
    ]
    assert [record.get("more") for record in of_kind] == [None, None, 3]
    assert of_kind[2]["msg"] == "3 more of kind config_reloaded in the last minute"
