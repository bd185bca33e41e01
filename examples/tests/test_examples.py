"""The examples do what they say, each language with each other."""

import re
import signal
import subprocess
import sys

import hermes
import pytest
from conftest import PATIENCE, ROOT, wait_for

LANGUAGES = ["c", "go", "python"]


def publish_until(ended, command):
    """Run a publisher until its envelopes have had the effect that is waited for.

    Once is enough, unless it was quicker than the subscriber's way to the post office.
    """
    wait_for(lambda: subprocess.run(command, timeout=PATIENCE).returncode == 0 and ended(), command)


@pytest.mark.parametrize("to", LANGUAGES)
@pytest.mark.parametrize("of", LANGUAGES)
@pytest.mark.usefixtures("office")
def test_a_subscriber_prints_what_a_publisher_publishes(cluster, programs, of, to):
    subscriber = cluster.start(*programs[to, "subscriber"], cluster.from_office, 10)

    def ended():
        try:
            return subscriber.wait(1) == 0
        except subprocess.TimeoutExpired:
            return False

    publish_until(ended, [*programs[of, "publisher"], cluster.to_office])

    lines = subscriber.stdout.read().splitlines()
    assert len(lines) == 10
    prices = []
    for line in lines:
        head, _, tick = line.partition(": ")
        assert head == "ticks/BTCUSD from exchange"
        assert "lost" not in tick
        # An object from C, an array from Go and Python, which in Python is a Tick again.
        prices.append(int(re.search(r"(?<![\d.])42\d{3}\b", tick).group()))
    assert prices == list(range(42000, 42010))


def test_python_gets_back_the_message_that_python_sent(cluster, office, programs):
    receiver = cluster.start(*programs["python", "subscriber"], cluster.from_office, -1)
    seen = []

    def one_came():
        seen.append(receiver.stdout.readline())
        return True

    publish_until(one_came, [*programs["python", "publisher"], cluster.to_office])
    assert seen[0].startswith("ticks/BTCUSD from exchange: Tick(dtype=Tick, ts=")

    # All of them end on Ctrl-C, and well.
    for program in (receiver, office):
        program.send_signal(signal.SIGINT)
        assert program.wait(PATIENCE) == 0


@pytest.mark.usefixtures("office")
def test_the_node_adds_up_what_it_hears(cluster, programs):
    script = ROOT / "examples/python/node.py"
    node = cluster.start(sys.executable, script, cluster.to_office, cluster.from_office)
    assert node.stdout.readline() == "counting\n"
    heard = []
    with hermes.Receiver(cluster.from_office, "test", topics=["volume/counter"]) as receiver:

        def all_heard():
            while envelope := receiver.recv(block=True, timeout=1):
                heard.append(envelope.data)
            return heard[-1:] and heard[-1] > 0 and len(heard) % 10 == 0

        publish_until(all_heard, [*programs["python", "publisher"], cluster.to_office])
    assert heard[-10:] == [heard[-10] + sum(i / 2 for i in range(n + 1)) for n in range(10)]

    node.send_signal(signal.SIGINT)
    assert node.wait(PATIENCE) == 0
