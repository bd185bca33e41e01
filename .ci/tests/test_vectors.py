"""The vectors that C and Go are tested with are what this Python's json and marshal make."""

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "capi/fast/testdata/vectors.py"


def test_the_vectors_are_what_this_python_makes():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
