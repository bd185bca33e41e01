"""Measures recordings through post offices, with the built command: recordings.py [SECONDS].

The timing error of ``hermes play`` at a receiver: what was recorded is played at its own speed,
and recorded again; how long each envelope took from the one arrival to the other is compared with
the median, but for the first ones, which wait until the receiver has subscribed. And how many
envelopes a second ``hermes record`` takes from a post office, while ``hermes bench`` publishes at
rates that rise.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERMES = pathlib.Path(__file__).resolve().parent.parent / "build/hermes"


def start(*words):
    """Run a command beside this program; its first line is read."""
    child = subprocess.Popen(
        [HERMES, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    return child, json.loads(child.stdout.readline())


def run(*words):
    """Run a command to its end; return its lines."""
    done = subprocess.run([HERMES, *map(str, words)], stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def office():
    """Start a post office."""
    return start("postoffice", "--in", "tcp://127.0.0.1:*", "--out", "tcp://127.0.0.1:*")


def arrivals(file):
    """Return when the envelopes of a file came, in seconds."""
    return [line["received"] for line in run("log", "export", file)]


def timing(folder, count):
    """Print how late or early the envelopes of a recording are that is played."""
    child, at = office()
    files = [folder / "first.mcap", folder / "again.mcap"]
    publish = ["pub", at["in"], "t", "1", "--every", "5ms", "--count", count]
    for file, command in zip(files, (publish, ["play", files[0], at["in"]])):
        recorder, _ = start("record", at["out"], "t", "--count", count, "-o", file)
        run(*command)
        recorder.wait()
    child.kill()
    first, again = map(arrivals, files)
    shifts = sorted(b - a for a, b in list(zip(first, again))[100:])
    errors = sorted(abs(shift - shifts[len(shifts) // 2]) * 1e3 for shift in shifts)
    p50, p99 = errors[len(errors) // 2], errors[len(errors) * 99 // 100]
    print(
        f"timing error of play at a receiver: p50 {p50:.3f} ms, p99 {p99:.3f} ms, of {len(errors)}"
    )


def throughput(folder, seconds):
    """Print the rates at which everything is recorded."""
    for rate in range(100_000, 1_000_001, 100_000):
        child, at = office()
        file = folder / f"{rate}.mcap"
        recorder, _ = start("record", at["out"], "bench/", "-o", file)
        plan = ["--rate", rate, "--duration", f"{seconds}s", "--topic", "bench/"]
        sent = run("bench", at["in"], at["out"], *plan)[0]
        recorder.terminate()
        ended = json.loads(recorder.stdout.read().splitlines()[-1])
        recorder.wait()
        child.kill()
        file.unlink()
        print(f"{sent['sent_rate']:9.0f} a second published: {ended['lost']} lost in the recording")


def main():
    """Measure both."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as name:
        timing(pathlib.Path(name), 200 * seconds)
        throughput(pathlib.Path(name), seconds)


if __name__ == "__main__":
    main()
