"""A cable is cut between two hosts: packets are dropped silently."""

import pytest
from harness import Cable, Office, closing, sound, traffic

BEATS = ["heartbeat.interval=200ms", "heartbeat.timeout=400ms"]
QUICKLY = ["set.reconnect.min=20ms", "set.reconnect.max=100ms", *(f"set.{beat}" for beat in BEATS)]


@pytest.fixture
def cable():
    made = Cable()
    with closing(made):
        yield made


def test_a_peer_that_vanishes_is_noticed_and_comes_back(cable):
    office = Office(*BEATS, host=Cable.FAR, prefix=cable.far)
    words = [f"in={office.inward}", f"out={office.outward}", "window=1000000", "rate=5000"]
    flow = traffic(*words, "set.handshake.timeout=500ms", *QUICKLY, prefix=cable.near)
    with closing(office, flow):
        for _ in range(2):
            before = flow.fresh()
            flow.wait(lambda line, n=before["sent"]: line["got"] + line["missing"] > n, "no flow")
            cable.cut()
            flow.wait(lambda line: not line["receiver"]["peers"], "the receiver does not notice")
            flow.wait(lambda line: not line["publisher"]["peers"], "the publisher does not notice")
            office.wait(lambda line: not line["publishers"], "the post office does not notice")
            office.wait(lambda line: not line["subscribers"], "the post office does not notice")
            cable.mend()
        before = flow.fresh()
        flow.wait(lambda line, n=before["sent"]: line["got"] + line["missing"] > n, "no flow")
        line = flow.finish()
    assert line["backward"] == 0
    assert line["got"] + line["missing"] == line["sent"]
    assert line["missing"] == line["receiver"]["lost"], "what went down with it is counted"


def test_a_post_office_of_a_pair_that_vanishes(cable):
    here = Office(*BEATS, prefix=cable.near)
    there = Office(*BEATS, host=Cable.FAR, prefix=cable.far)
    words = [f"in={here.inward},{there.inward}", f"out={here.outward},{there.outward}"]
    words += ["set.handshake.timeout=500ms", "receiver.redundant.hold=10m", *QUICKLY]
    flow = traffic(*words, prefix=cable.near)
    with closing(here, there, flow):
        for _ in range(2):
            for office in (here, there):
                seen = office.fresh().get("out_messages", 0)
                office.wait(lambda line, n=seen: line["out_messages"] > n, "nothing goes this way")
            before = flow.fresh()
            flow.wait(lambda line, n=before["sent"]: line["got"] > n, "it does not flow")
            cable.cut()
            flow.wait(lambda line: len(line["receiver"]["peers"]) == 1, "it is not noticed")
            flow.wait(lambda line: len(line["publisher"]["peers"]) == 1, "it is not noticed")
            before = flow.fresh()
            flow.wait(lambda line, n=before["sent"]: line["got"] > n, "the other does not go on")
            cable.mend()
            flow.wait(lambda line: len(line["receiver"]["peers"]) == 2, "it does not come back")
        line = flow.finish()
    assert sound(line), line
    assert line["got"] == line["sent"]
    assert line["receiver"]["lost"] == 0
