"""Runs the demo of a cluster: two post offices, one of which is killed and comes back meanwhile.

    north      hermes postoffice   relays what is published there, and runs a NATS server
    south      hermes postoffice   relays what comes from north, and runs another
    readings   readings.py         publishes at north what /proc says, fifty times a second
    ledger     ledger.py           receives it at south, and counts what is missing

The topics of the readings are durable. After a third of the time south is killed (SIGKILL), with
the NATS server inside it, and started again later. Ends with exit code 0 when all have ended
well, and not one reading is missing, came twice, or in another order.
"""

import argparse
import contextlib
import json
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import time

from demo import HERE, PATIENCE, Cluster, DemoFailed, Part

HERMES = HERE.parent.parent / "build" / "hermes"


class Office(Part):
    """A post office. It reports its addresses, and then its counters."""

    def __init__(self, *arguments):
        """Start it."""
        self.counted = {}
        self.may_end = self.ended = False
        super().__init__(*arguments)

    def take(self, line):
        """Take in a report."""
        if line is None:
            self.ended = True
            if not self.may_end:
                raise DemoFailed(f"{self.name} ended early, with exit code {self.process.wait()}")
        elif self.ready:
            self.counted = json.loads(line)
        else:
            self.ready = True

    def backbone(self, name):
        """Return a counter of its backbone; 0 before it has reported any."""
        return self.counted.get("backbone", {}).get(name, 0)


class Sites(Cluster):
    """The post offices, and the programs at both ends."""

    def __init__(self, folder):
        """Choose the addresses."""
        super().__init__(folder)
        self.begun = time.monotonic()
        self.routes = dict(zip(("north", "south"), free_ports(2)))

    def office(self, name):
        """Start a post office, or start it again: at its old addresses, with its old files."""
        others = [port for other, port in self.routes.items() if other != name]
        words = ["--in", self.at(name, "in"), "--out", self.at(name, "out"), "--site", name]
        words += ["--listen", f"127.0.0.1:{self.routes[name]}", "--stats", "200ms"]
        words += ["--route", f"nats://127.0.0.1:{others[0]}"]
        words += ["--durable", "raw/", "--durable", "probe/"]
        words += ["--store", f"{self.folder}/{name}.store"]
        words += ["--backlog", f"{self.folder}/{name}.backlog"]
        office = Office(name, [HERMES, "postoffice", *words], self.folder, self.reports)
        self.parts.append(office)
        self.ready(office)
        return office

    def at(self, name, side):
        """Return an address of a post office."""
        return f"ipc://{self.folder}/{name}.{side}"

    def python(self, name, *arguments):
        """Start one of the programs in this folder."""
        return self.start(name, sys.executable, HERE / f"{name}.py", *arguments)

    def say(self, text):
        """Print what happens, with the seconds since the start."""
        print(f"{time.monotonic() - self.begun:>6.1f} s  {text}", flush=True)

    def until(self, seconds, offices):
        """Let so many seconds pass since the readings began, and print counters meanwhile."""
        while (left := self.readings_begun + seconds - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                while True:
                    who, line = self.reports.get_nowait()
                    who.take(line)
            north, south = (office.backbone for office in offices)
            self.say(
                f"north: {north('durable_out'):>6,} out, {north('durable_waiting'):>4,} waiting"
                f"    south: {south('durable_in'):>6,} in"
            )
            time.sleep(min(left, 1))


def free_ports(count):
    """Return ports of 127.0.0.1 at which no program listens."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def run(seconds, sites):
    """Run all parts to their end; return what each has counted."""
    north, south = sites.office("north"), sites.office("south")
    for office in (north, south):
        sites.wait(office, lambda office: office.backbone("sites") == 1)
    sites.say("north and south have joined each other")
    # Durable messages wait until the two NATS servers have agreed who stores what.
    probe = [HERMES, "pub", "--wait", "30s", sites.at("north", "in"), "probe/first", "1"]
    subprocess.run(probe, check=True, stderr=subprocess.DEVNULL)
    sites.wait(south, lambda office: office.backbone("durable_in") > 0)
    sites.say("a durable message has crossed")
    ledger = sites.python("ledger", sites.at("south", "out"))
    sites.ready(ledger)
    readings = sites.python("readings", sites.at("north", "in"), seconds)
    sites.readings_begun = time.monotonic()

    sites.until(seconds / 3, (north, south))
    south.may_end = True
    south.kill()
    sites.say("killed south and the NATS server inside it (SIGKILL); the readings go on")
    sites.until(seconds / 2, (north, south))
    before, south = south, sites.office("south")
    sites.say("started south again")
    sites.until(seconds, (north, south))

    counters = {
        "readings": sites.counters(readings, seconds + PATIENCE),
        "ledger": sites.counters(ledger, seconds + PATIENCE),
        "killed": before.counted,
    }
    for office in (south, north):
        office.may_end = True
        office.process.send_signal(signal.SIGTERM)
        sites.wait(office, lambda office: office.ended)
        office.end()
        counters[office.name] = office.counted
    return counters


def balance(counters):
    """Print what was published and what arrived; return the number of readings that are wrong."""
    published, ledger = counters["readings"]["accepted"], counters["ledger"]
    north = counters["north"]["backbone"]
    wrong = {
        "lost": published - ledger["received"],
        "lost, by the numbers in them": ledger["lost"],
        "twice": ledger["duplicates"],
        "in another order": ledger["backward"],
        "dropped by a post office": counters["north"]["dropped"] + counters["south"]["dropped"],
        "waiting at north": north["durable_waiting"],
    }
    print(f"""
  published at north   {published:>8,} readings
  received at south    {ledger["received"]:>8,}""")
    for what, count in wrong.items():
        print(f"  {what:<28} {count:>8,}")
    return sum(abs(count) for count in wrong.values())


def main():
    """Run the demo; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=12, help="how long to stream")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory(prefix="hermes-demo-") as folder:
        sites = Sites(pathlib.Path(folder))
        try:
            counters = run(seconds, sites)
        except KeyboardInterrupt:
            return 130
        except DemoFailed as failure:
            print(f"\nThe demo failed: {failure}.", file=sys.stderr)
            for part in sites.parts:
                print(f"\n--- {part.name} said:\n{part.log.read_text()}", file=sys.stderr)
            return 1
        finally:
            sites.kill()
    if balance(counters):
        print("The demo failed: readings are missing, or came in another way.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
