"""What runs for long stays as it is: memory, descriptors and threads do not grow.

FLOOD_SECONDS and FORK_CYCLES make the tests longer; make soak sets them.
"""

import json
import os
import subprocess
import sys
import time

from harness import PATIENCE, ROOT, Office, closing, sound, traffic

FLOOD_SECONDS = float(os.environ.get("FLOOD_SECONDS", "15"))
FORK_CYCLES = int(os.environ.get("FORK_CYCLES", "1000"))


def flat(before, after):
    """Whether nothing has grown that would go on growing."""
    return (
        after["memory"] < before["memory"] * 1.25 + 32 * 1024
        and after["descriptors"] <= before["descriptors"]
        and after["threads"] <= before["threads"] + 8
    )


def test_a_flood_through_a_pair_at_full_rate():
    offices = [Office(), Office()]
    words = [
        "in=" + ",".join(office.inward for office in offices),
        "out=" + ",".join(office.outward for office in offices),
        "receiver.redundant.hold=10m",
        "publisher.redundant.wait=10m",
    ]
    flow = traffic(*words)
    parts = [flow, *offices]
    with closing(*parts):
        time.sleep(FLOOD_SECONDS / 3)
        before = [part.costs() for part in parts]
        time.sleep(FLOOD_SECONDS * 2 / 3)
        after = [part.costs() for part in parts]
        line = flow.finish()
    assert sound(line), line
    assert line["got"] == line["sent"] > 0
    assert line["receiver"]["lost"] == 0
    for part, old, new in zip(parts, before, after):
        assert flat(old, new), f"{part.words}: {old} has become {new}"


def test_fork_and_exit_again_and_again():
    office = Office()
    words = [sys.executable, ROOT / ".ci/faults/forks.py", office.inward, office.outward]
    with closing(office):
        done = subprocess.run(
            [*words, str(FORK_CYCLES)],
            capture_output=True,
            text=True,
            timeout=PATIENCE + FORK_CYCLES / 5,
        )
    assert done.returncode == 0, done.stderr
    end = json.loads(done.stdout)
    assert end["bad"] == 0
    assert end["got"] == end["sent"] > 0
    assert end["lost"] == 0
    assert flat(end["before"], end["after"]), end
