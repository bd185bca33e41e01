"""A pair of post offices: if one of them fails, nothing is lost or delivered twice."""

import os

import pytest
from harness import Office, closing, sound, traffic

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
QUICKLY = ["set.reconnect.min=20ms", "set.reconnect.max=100ms"]


# A machine that is too busy for a post office to run at all for a while is no fault.
FOR_EVER = ["receiver.redundant.hold=10m", "publisher.redundant.wait=10m"]


def settled(flow, offices):
    """Wait until both pass on what is sent, and what was under way before has arrived."""
    for office in offices:
        office.wait(lambda line: line.get("out_messages"), "nothing goes this way")
    before = flow.fresh()
    flow.wait(lambda line: line["got"] > before["sent"], "it does not flow")


@pytest.fixture
def pair(engine):
    """Two post offices, and the words that make traffic go through both."""
    offices = [Office(f"engine={engine}"), Office(f"engine={engine}")]
    with closing(*offices):
        yield (
            offices,
            [
                "in=" + ",".join(office.inward for office in offices),
                "out=" + ",".join(office.outward for office in offices),
                f"set.engine={engine}",
                *QUICKLY,
            ],
        )


@pytest.fixture(params=["zmtp", "libzmq"])
def engine(request):
    return request.param


@pytest.mark.parametrize("language", ["c", "go", "python"])
def test_kill_9_of_either_post_office_at_full_rate(pair, language):
    offices, words = pair
    flow = traffic(*words, *FOR_EVER, language=language)
    with closing(flow):
        for turn in range(2 * ROUNDS):
            settled(flow, offices)
            victim = offices[turn % 2]
            victim.kill()
            before = flow.fresh()
            flow.wait(lambda line, n=before["sent"]: line["got"] > n, "nothing comes")
            victim.start()
        settled(flow, offices)
        line = flow.finish()
    assert sound(line), line
    assert line["got"] == line["sent"]
    receiver, publisher = line["receiver"], line["publisher"]
    assert receiver["lost"] == 0
    assert receiver["delivered"] == publisher["sent"] == publisher["accepted"] == line["sent"]
    assert receiver["dropped_duplicate"] == receiver["duplicates"] > 0
    assert receiver["arrived"] == receiver["delivered"] + receiver["dropped_duplicate"]


def test_a_post_office_of_a_pair_that_is_stopped_and_goes_on(pair, engine):
    offices, words = pair
    flow = traffic(*words, FOR_EVER[0])
    with closing(flow):
        for turn in range(2):
            settled(flow, offices)
            victim = offices[turn]
            victim.freeze()
            if engine == "zmtp":  # libzmq has one queue for both, and waits
                for _ in range(3):
                    before = flow.fresh()
                    flow.wait(lambda line, n=before["sent"]: line["got"] > n, "nothing comes")
            victim.thaw()
            victim.fresh()
        settled(flow, offices)
        line = flow.finish()
    assert sound(line), line
    assert line["got"] == line["sent"]
    assert line["receiver"]["lost"] == 0


def test_a_post_office_of_a_pair_that_is_stopped_and_then_killed(pair):
    offices, words = pair
    flow = traffic(*words, FOR_EVER[0])
    with closing(flow):
        settled(flow, offices)
        offices[0].freeze()
        flow.fresh()
        offices[0].kill()
        before = flow.fresh()
        flow.wait(lambda line: line["got"] > before["sent"], "the other does not carry on")
        line = flow.finish()
    assert sound(line), line
    assert line["got"] == line["sent"]
    assert line["receiver"]["lost"] == 0
