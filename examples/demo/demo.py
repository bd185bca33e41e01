"""Runs the demo: four programs, each in a process of its own, and a comparison of their counters.

    post office      postoffice.py   relays everything
    readings         readings.py     publishes what /proc says, fifty times a second
    derive           derive.py       a node: makes rates and averages of the readings
    table            table (C)       draws them, and counts what is missing

Ends with exit code 0 when all have ended well and not one envelope is missing.
"""

import argparse
import json
import os
import pathlib
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE.parent.parent / "build" / "examples" / "demo" / "table"
PATIENCE = 30  # seconds for a part to start or to end, on the busiest of machines


class DemoFailed(Exception):
    """Says what went wrong, for a person."""


class Part:
    """One process, and its reports to the demo: "ready", and at the end its counters."""

    def __init__(self, name, command, folder, reports, channel=None):
        """Start it. It reports on its standard output, or on the pipe `channel`."""
        self.name = name
        self.log = folder / (name.replace(" ", "-") + ".log")
        self.ready = False
        self.counters = None
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=None if channel else subprocess.PIPE,
                stderr=log,
                pass_fds=[channel[1]] if channel else [],
                text=True,
            )
        if channel:
            os.close(channel[1])
        source = os.fdopen(channel[0]) if channel else self.process.stdout
        threading.Thread(target=self._listen, args=(source, reports), daemon=True).start()

    def _listen(self, source, reports):
        for line in source:
            reports.put((self, line.strip()))
        reports.put((self, None))  # it has ended

    def take(self, line):
        """Take in a report."""
        if line == "ready":
            self.ready = True
        elif line is not None:
            self.counters = json.loads(line)
        elif self.counters is None:
            raise DemoFailed(f"{self.name} ended early, with exit code {self.process.wait()}")

    def end(self):
        """Check that it has ended well, as it said it would."""
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise DemoFailed(f"{self.name} does not end") from None
        if code != 0:
            raise DemoFailed(f"{self.name} ended with exit code {code}")

    def kill(self):
        """Kill it."""
        self.process.kill()
        self.process.wait()


class Cluster:
    """All parts. While one is waited for, the death of another is noticed too."""

    def __init__(self, folder):
        """Keep the logs of the parts in the folder."""
        self.folder = folder
        self.parts = []
        self.reports = queue.Queue()

    def start(self, name, *command, channel=None):
        """Start a part."""
        self.parts.append(Part(name, command, self.folder, self.reports, channel))
        return self.parts[-1]

    def wait(self, part, condition, patience=PATIENCE):
        """Take reports until the condition of a part holds."""
        end = time.monotonic() + patience
        while not condition(part):
            try:
                who, line = self.reports.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise DemoFailed(f"{part.name} has not answered for {patience:.0f} s") from None
            who.take(line)

    def ready(self, part):
        """Wait until a part says that it is ready."""
        self.wait(part, lambda part: part.ready)

    def counters(self, part, patience=PATIENCE):
        """Wait until a part has ended well, and return its counters."""
        self.wait(part, lambda part: part.counters is not None, patience)
        part.end()
        return part.counters

    def kill(self):
        """End all parts."""
        for part in self.parts:
            part.kill()


def run(seconds, cluster, at):
    """Run all parts to their end; return what each has counted."""
    to_office, from_office = at or (f"ipc://{cluster.folder}/in", f"ipc://{cluster.folder}/out")

    def python(script, *arguments):
        return [sys.executable, HERE / script, *arguments]

    office = cluster.start("post office", *python("postoffice.py", to_office, from_office))
    cluster.ready(office)
    channel = os.pipe()
    table = cluster.start("table", TABLE, from_office, channel[1], channel=channel)
    derive = cluster.start("derive", *python("derive.py", to_office, from_office))
    cluster.ready(table)
    cluster.ready(derive)
    readings = cluster.start("readings", *python("readings.py", to_office, seconds))

    # The readings end by themselves; their end travels through the node to the table.
    counters = {
        "readings": cluster.counters(readings, seconds + PATIENCE),
        "derive": cluster.counters(derive),
        "table": cluster.counters(table),
    }
    office.process.send_signal(signal.SIGTERM)
    counters["office"] = cluster.counters(office)
    return counters


def audit(counters):
    """Compare what was published with what arrived; return the number of the missing."""
    derive, table, office = counters["derive"], counters["table"], counters["office"]
    raw = counters["readings"]["accepted"]
    derived = derive["publisher"]["accepted"]
    missing = {
        "raw, at the node": raw - derive["receiver"]["delivered"],
        "raw, at the table": raw - table["raw"],
        "derived, at the table": derived - table["derived"],
        "by the table's own count": table["lost"],
        "by the node's own count": derive["receiver"]["lost"],
        "dropped by the post office": office["dropped"],
    }
    for where, count in missing.items():
        if count:
            print(f"  missing: {count} ({where})")
    return sum(abs(count) for count in missing.values())


def summary(counters, seconds, lost):
    """Print the counters."""
    derive, table, office = counters["derive"], counters["table"], counters["office"]
    raw = counters["readings"]["accepted"]
    derived = derive["publisher"]["accepted"]
    everything = raw + derived
    one, two = table["one_hop_ms"], table["two_hop_ms"]
    print(f"""
  published   {raw:>8,} readings   {derived:>8,} derived
  relayed     {office["in_messages"]:>8,} in         {office["out_messages"]:>8,} out
  received    {table["raw"]:>8,} readings   {table["derived"]:>8,} derived
  lost        {lost:>8,}
  rate        {everything / seconds:>8,.0f} envelopes a second
  latency     {one[0]:>8.2f} ms median {one[1]:>8.2f} ms p99, through a post office
              {two[0]:>8.2f} ms median {two[1]:>8.2f} ms p99, and through the node
""")


def main():
    """Run the demo; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=12, help="how long to stream")
    parser.add_argument(
        "--at", nargs=2, metavar=("IN", "OUT"), help="addresses that others can reach"
    )
    arguments = parser.parse_args()
    seconds = arguments.seconds

    with tempfile.TemporaryDirectory(prefix="hermes-demo-") as folder:
        cluster = Cluster(pathlib.Path(folder))
        try:
            counters = run(seconds, cluster, arguments.at)
        except KeyboardInterrupt:
            return 130
        except DemoFailed as failure:
            print(f"\nThe demo failed: {failure}.", file=sys.stderr)
            for part in cluster.parts:
                print(f"\n--- {part.name} said:\n{part.log.read_text()}", file=sys.stderr)
            return 1
        finally:
            cluster.kill()
            if os.isatty(1):
                print("\x1b[?25h\x1b[0m", end="", flush=True)  # the cursor, in case
    lost = audit(counters)
    summary(counters, seconds, lost)
    if lost:
        print("The demo failed: envelopes are missing.", file=sys.stderr)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
