"""A burst as fast as Python can: nothing is lost, and everything is counted."""

from __future__ import annotations

import subprocess
import sys

import pytest
import support

import hermes

COUNT = 200_000

SENDER = """
import sys
import hermes

address, count, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with hermes.Publisher(address, "mint") as publisher:
    assert publisher.wait_ready(30)
    envelopes = (hermes.Envelope("burst", "mint", [n, "BTCUSD", 6543.21]) for n in range(count))
    if how == "publish":
        assert all(publisher.publish(envelope) for envelope in envelopes)
    else:
        assert publisher.publish_many(envelopes) == count
    sys.stdin.read()  # until all has arrived: leaving is another test's business
    publisher.stop(30)
    counters = publisher.stats()
assert (counters["accepted"], counters["sent"]) == (count, count), counters
"""


@pytest.mark.parametrize("how", ["publish", "publish_many"])
def test_an_unpaced_burst_arrives_whole(office: hermes.PostOffice, how: str) -> None:
    with hermes.Receiver(office.xpub_url, "reader", "burst") as receiver:
        receiver.timeout = 600
        assert receiver.wait_ready(support.PATIENCE)
        sender = subprocess.Popen(
            [sys.executable, "-c", SENDER, office.xsub_url, str(COUNT), how],
            env=support.environment(),
            cwd="/",
            stdin=subprocess.PIPE,
        )
        try:
            for expected in range(COUNT):
                envelope = receiver.recv(block=True, timeout=support.PATIENCE)
                assert envelope is not None, f"{expected} came: {receiver.stats()} {office.stats()}"
                assert envelope.data[0] == expected
            sender.communicate(timeout=support.PATIENCE)
            assert sender.returncode == 0
        finally:
            sender.kill()
            sender.wait()
        counters = receiver.stats()
        assert (counters["arrived"], counters["delivered"]) == (COUNT, COUNT)
        assert (counters["queued"], counters["lost"], counters["duplicates"]) == (0, 0, 0)
        support.eventually(lambda: office.stats()["in_messages"] >= COUNT)
        passed = office.stats()
        assert (passed["in_messages"], passed["out_messages"]) == (COUNT, COUNT)
        assert passed["dropped"] == 0
