"""The demo of a cluster runs, and loses nothing though a post office is killed."""

import re
import subprocess
import sys

import pytest
from conftest import PATIENCE, ROOT

DEMO = [sys.executable, ROOT / "examples/demo/cluster.py", "--seconds", "6"]


@pytest.fixture(autouse=True)
def _command():
    """Build the command that it runs."""
    subprocess.run(["make", "-s", "build/hermes"], cwd=ROOT, check=True)


def test_nothing_is_lost_though_a_post_office_is_killed():
    result = subprocess.run(DEMO, capture_output=True, text=True, timeout=2 * PATIENCE)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "killed south" in result.stdout
    assert "started south again" in result.stdout
    published, received, lost = (
        re.search(rf"(?m)^  {what} +([\d,]+)", result.stdout)[1]
        for what in ("published at north", "received at south", "lost")
    )
    assert int(published.replace(",", "")) > 6 * 50
    assert (received, lost) == (published, "0")
