"""Makes targets side by side, as many at a time as there are processors.

Usage: side_by_side.py TARGET...

Targets begin in the order given, each in a make of its own. What a target prints is collected in
build/log/TARGET.log, and printed in one piece when the target has ended. All targets are made, even
if one fails. The end tells which tests took longest, how long each target took and how much of a
processor it used, and what has failed.

One thread waits for each target; the lock guards the output and the list of results.
"""

import os
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / "build/log"
SLOWEST = 20

# The lines in which the test programs tell what took long: those of pytest name a phase.
TOOK = re.compile(r"(?m)^ *(\d+\.\d\d) ?s +(?:(?:call|setup|teardown) +)?(\S.*)$")
# The lines in which they name what has failed.
FAILED = re.compile(r"(?m)^(?:FAILED .*|ERROR .*|--- FAIL: .*|.* failed \(\d+\)|failed: .*)$")


@dataclass
class Result:
    """How a target ended: its exit code, seconds, seconds of processor, and output."""

    target: str
    code: int
    took: float
    processor: float
    output: str


def make(target):
    """Make one target; return its Result."""
    log = LOGS / f"{target}.log"
    flags = re.sub(r"(^| )(-j\d*|--jobserver-\S*)", "", os.environ.get("MAKEFLAGS", ""))
    begun = time.monotonic()
    with open(log, "w") as output:
        program = subprocess.Popen(
            ["make", "--no-print-directory", target],
            cwd=ROOT,
            env={**os.environ, "MAKEFLAGS": flags},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    return Result(
        target,
        program.returncode,
        time.monotonic() - begun,
        usage.ru_utime + usage.ru_stime,
        log.read_text(errors="replace"),
    )


def make_all(targets):
    """Make the targets; return their results in the order in which they ended."""
    waiting = queue.SimpleQueue()
    for target in targets:
        waiting.put(target)
    results, lock = [], threading.Lock()

    def work():
        while True:
            try:
                target = waiting.get_nowait()
            except queue.Empty:
                return
            result = make(target)
            with lock:
                results.append(result)
                show(result, len(targets) - len(results))

    threads = [threading.Thread(target=work) for _ in range(os.cpu_count() or 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def show(result, left):
    """Print what a target has printed, and how it ended."""
    end = f"failed ({result.code})" if result.code else "ok"
    print(f"\n==== {result.target}\n{result.output.rstrip()}")
    print(f"==== {result.target}: {end}, {result.took:.0f} s; {left} to go", flush=True)


def sum_up(results):
    """Print what took long and what has failed."""
    took = [
        (float(seconds), f"{result.target}: {name}")
        for result in results
        for seconds, name in TOOK.findall(result.output)
    ]
    print("\n==== The slowest tests:")
    for seconds, name in sorted(took, reverse=True)[:SLOWEST]:
        print(f"{seconds:8.2f} s  {name}")
    print("\n==== Time, and time of processors:")
    for result in sorted(results, key=lambda one: -one.took):
        print(f"{result.took:8.0f} s  {result.processor:6.0f} s  {result.target}")
    failed = [result for result in results if result.code]
    for result in failed:
        print(f"\n==== FAILED: {result.target} (build/log/{result.target}.log)")
        for line in FAILED.findall(result.output):
            print(f"    {line}")
    return failed


def main():
    """Make the targets of the command line; return the exit code."""
    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    targets = sys.argv[1:]
    print(f"{len(targets)} targets side by side; build/log has what each prints", flush=True)
    failed = sum_up(make_all(targets))
    print(f"\n{len(targets) - len(failed)} of {len(targets)} ok, {time.monotonic() - begun:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
