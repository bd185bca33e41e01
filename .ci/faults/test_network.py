"""A cable is cut between two hosts: packets are dropped silently."""

import pytest
from harness import Office, closing, sound, traffic
from network import Network

BEATS = ["heartbeat.interval=200ms", "heartbeat.timeout=400ms"]
QUICKLY = ["set.reconnect.min=20ms", "set.reconnect.max=100ms", *(f"set.{beat}" for beat in BEATS)]


#: Which of the two hosts the post office is at whose cable is cut.
FAR = 1


@pytest.fixture
def network():
    made = Network(2)
    with closing(made):
        yield made


def test_a_peer_that_vanishes_is_noticed_and_comes_back(network):
    near, far = network.hosts
    office = Office(*BEATS, host=far.address, prefix=far.prefix)
    words = [f"in={office.inward}", f"out={office.outward}", "window=1000000", "rate=5000"]
    flow = traffic(*words, "set.handshake.timeout=500ms", *QUICKLY, prefix=near.prefix)
    with closing(office, flow):
        for _ in range(2):
            before = flow.fresh()
            flow.wait(lambda line, n=before["sent"]: line["got"] + line["missing"] > n, "no flow")
            network.cut(FAR)
            flow.wait(lambda line: not line["receiver"]["peers"], "the receiver does not notice")
            flow.wait(lambda line: not line["publisher"]["peers"], "the publisher does not notice")
            office.wait(lambda line: not line["publishers"], "the post office does not notice")
            office.wait(lambda line: not line["subscribers"], "the post office does not notice")
            network.restore(FAR)
        before = flow.fresh()
        flow.wait(lambda line, n=before["sent"]: line["got"] + line["missing"] > n, "no flow")
        line = flow.finish()
    assert line["backward"] == 0
    assert line["got"] + line["missing"] == line["sent"]
    assert line["missing"] == line["receiver"]["lost"], "what went down with it is counted"


def test_a_post_office_of_a_pair_that_vanishes(network):
    near, far = network.hosts
    here = Office(*BEATS, prefix=near.prefix)
    there = Office(*BEATS, host=far.address, prefix=far.prefix)
    words = [f"in={here.inward},{there.inward}", f"out={here.outward},{there.outward}"]
    words += ["set.handshake.timeout=500ms", "receiver.redundant.hold=10m", *QUICKLY]
    flow = traffic(*words, prefix=near.prefix)
    with closing(here, there, flow):
        for _ in range(2):
            for office in (here, there):
                seen = office.fresh().get("out_messages", 0)
                office.wait(lambda line, n=seen: line["out_messages"] > n, "nothing goes this way")
            before = flow.fresh()
            flow.wait(lambda line, n=before["sent"]: line["got"] > n, "it does not flow")
            network.cut(FAR)
            flow.wait(lambda line: len(line["receiver"]["peers"]) == 1, "it is not noticed")
            flow.wait(lambda line: len(line["publisher"]["peers"]) == 1, "it is not noticed")
            before = flow.fresh()
            flow.wait(lambda line, n=before["sent"]: line["got"] > n, "the other does not go on")
            network.restore(FAR)
            flow.wait(lambda line: len(line["receiver"]["peers"]) == 2, "it does not come back")
        line = flow.finish()
    assert sound(line), line
    assert line["got"] == line["sent"]
    assert line["receiver"]["lost"] == 0
