"""Two post offices that join through a nats-server which runs by itself, and what passes there.

The programs at both ends are those of python/tests/peers, under hermes 2 and under hermes-zmq
1.3.0: HERMES_OLD_PYTHON names an interpreter that has it, and `make` sets it.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys

import pytest
from harness import HERMES, PATIENCE, ROOT, Office, closing, eventually, free_ports, own_host

SERVER = ROOT / "build/nats-server"
PEERS = ROOT / "python/tests/peers"
COUNT = 300


class Server:
    """A nats-server that comes back at the same place."""

    def __init__(self, *words):
        (port,) = free_ports(1)
        self.address = (own_host(), port)
        self.url = f"nats://{own_host()}:{port}"
        self.words = [SERVER, "-a", own_host(), "-p", str(port), *words]
        self.start()

    def start(self):
        """Run it, until it can be connected to."""
        self.child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self.words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._there, "nats-server does not start")

    def _there(self):
        assert self.child.poll() is None, "nats-server has ended"
        with contextlib.suppress(OSError):
            socket.create_connection(self.address, timeout=1).close()
            return True
        return False

    def close(self):
        """Kill it."""
        self.child.kill()
        self.child.wait()


@pytest.fixture
def server():
    made = Server()
    with closing(made):
        yield made


@pytest.fixture
def sites(server):
    """Two post offices that have found each other."""
    made = [Office(flags=["--join", server.url, "--site", name]) for name in ("a", "b")]
    with closing(*made):
        for office in made:
            office.wait(lambda line: joined(line)["sites"] == 1, "the sites do not meet")
        yield made


def joined(line):
    """What a line of counters says of the backbone."""
    return line.get("backbone") or {"sites": None}


def peer(version, program, *arguments):
    """Run a program of python/tests/peers under the new package, or under the old one."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    python = sys.executable
    if version == "old":
        del environment["PYTHONPATH"]
        python = os.environ["HERMES_OLD_PYTHON"]
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", python, PEERS / f"{program}.py", *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("receiver", ["old", "new"])
@pytest.mark.parametrize("publisher", ["old", "new"])
def test_old_and_new_reach_each_other_from_site_to_site(publisher, receiver, sites):
    processes = [
        peer(receiver, "receiver", sites[1].outward),
        peer(publisher, "publisher", sites[0].inward, str(COUNT)),
    ]
    try:
        reader, writer = processes
        assert reader.stdout.readline() == "ready\n"
        writer.stdin.write("go\n")
        writer.stdin.flush()
        got = json.loads(reader.stdout.readline())
        for process in reversed(processes):
            process.communicate(timeout=PATIENCE)
            assert process.returncode == 0
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    extra = {"é": [None, True, 1.5, "\U0001f680"]}
    assert got == [["mix/data", ["number", number, extra]] for number in range(COUNT)]
    counted = joined(sites[0].fresh())
    assert counted["out_messages"] >= COUNT
    assert counted["out_messages"] < 2 * COUNT, "what no other site wants has crossed as well"


def test_a_server_that_is_killed_is_joined_again(server, sites):
    server.close()
    for office in sites:
        office.wait(lambda line: not joined(line)["connected"], "its absence is not noticed")
    server.start()
    for office in sites:
        office.wait(lambda line: joined(line)["reconnects"] == 1, "it is not joined again")
    message = publish_until_received(sites[0].inward, sites[1].outward)
    assert message["data"] == "after"


def publish_until_received(inward, outward):
    """Publish at one address until something arrives at another; return that."""
    command = [HERMES, "sub", "--count", "1", outward]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as sub:
        try:
            while sub.poll() is None:
                publish = [HERMES, "pub", "--wait", "1s", inward, "news", '"after"']
                subprocess.run(publish, stderr=subprocess.DEVNULL, timeout=PATIENCE)
            return json.loads(sub.stdout.read())
        finally:
            sub.kill()


def test_a_post_office_says_where_no_server_is(server):
    server.close()
    office = Office(flags=["--join", server.url])
    with closing(office):
        eventually(lambda: server.url in office.errors, lambda: office.errors)
        assert joined(office.fresh())["connected"] in (0, False)
