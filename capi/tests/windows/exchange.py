"""exchange.py WINDOWS_PEER LINUX_PEER OLD_PYTHON: processes of Windows (under Wine) and of Linux.

A PEER is a command that runs peer.c; OLD_PYTHON has hermes-zmq 1.x. Each kind of process publishes
to each other, through a post office of each. At the end the rates of both peers are printed.
"""

import itertools
import shlex
import subprocess
import sys
import time

PATIENCE = 120  # seconds, as a guard against hanging
COUNT, RATED = 300, 30_000

# What peer.c does, with the package that hermes 2 replaces. Its publisher cannot tell whether any
# receiver follows it, so it begins with envelopes that do not count, until it is told to go on.
OLD = """
import os, sys, threading, time
import hermes
role, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
if role == "send":
    publisher = hermes.Publisher(address, "peer")
    publisher.start()
    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()
    def publish(n):
        envelope = hermes.Envelope("exchange/\\u00e9", "peer", ["exchange", n, "caf\\u00e9"])
        while not publisher.publish(envelope):
            time.sleep(0.01)
    while not told.wait(0.05):
        publish(-1)
    for n in range(count):
        publish(n)
    while not publisher.q.empty():
        time.sleep(0.01)
    time.sleep(1)
else:
    receiver = hermes.Receiver(address, "peer", topics='"exchange/')
    receiver.timeout = 60
    receiver.start()
    print("ready", flush=True)
    for n in range(count):
        while (envelope := receiver.recv()) is None:
            time.sleep(0.01)
        assert (envelope.topic, envelope.data[1]) == ("exchange/\\u00e9", n), envelope
os._exit(0)
"""


class Process:
    """A running command, with what it prints."""

    def __init__(self, command, *arguments):
        self.command = [*command, *map(str, arguments)]
        self._process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def line(self):
        return self._process.stdout.readline().strip()

    def finish(self):
        """Close its input, and see it end well."""
        output, _ = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0, f"{self.command}: {self._process.returncode}"
        return output

    def kill(self):
        self._process.kill()


def exchange(peers, office_of, sender, receiver):
    office = Process(peers[office_of], "office")
    into, out = office.line().split()
    taker, giver = Process(peers[receiver], "receive", out, COUNT), None
    try:
        assert taker.line() == "ready", f"{receiver} is not ready"
        giver = Process(peers[sender], "send", into, COUNT)
        assert receiver == "1.x" or taker.line() == "heard"
        giver.finish()
        taker.finish()
        office.finish()
    finally:
        for process in filter(None, (taker, giver, office)):
            process.kill()
    print(f"  {COUNT} envelopes from {sender} to {receiver}, over a post office on {office_of}")


def main():
    windows, linux, old_python = sys.argv[1:]
    peers = {
        "Windows": shlex.split(windows),
        "Linux": shlex.split(linux),
        "1.x": [old_python, "-c", OLD],
    }
    for sender, receiver in itertools.permutations(peers, 2):
        if "Windows" in (sender, receiver):
            for office in ("Windows", "Linux"):
                exchange(peers, office, sender, receiver)
    for name in ("Windows", "Linux"):
        begun = time.monotonic()
        rate = int(Process(peers[name], "rate", RATED).finish())
        print(f"  {name}: {rate:,} envelopes/s in one process ({time.monotonic() - begun:.1f} s)")


if __name__ == "__main__":
    main()
