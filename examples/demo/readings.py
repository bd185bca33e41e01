"""Streams this machine's live readings from /proc: readings.py ADDRESS SECONDS.

Written to the API of hermes 1.x, as a program of its users would be.
"""

import json
import os
import pathlib
import sys
import time

import hermes
from messages import Reading

PER_SECOND = 50
SECTOR = 512  # the unit of /proc/diskstats, not the sector size of the disk
TICK = os.sysconf("SC_CLK_TCK")
ROOT = pathlib.Path("/")
NOT_DISKS = ("loop", "ram", "zram", "dm-", "md")  # the kernel's own, or made of real ones


def lines(path):
    """Read a file of the system as lists of words."""
    with open(ROOT / path) as file:
        return [line.split() for line in file]


def processor():
    """Yield how busy the processors have been, since the machine started."""
    stat = lines("proc/stat")
    count = sum(words[0].startswith("cpu") for words in stat) - 1  # the first is all of them
    ticks = [int(word) for word in stat[0][1:9]]
    busy = sum(ticks) - ticks[3] - ticks[4]  # all but idle and waiting for a disk
    yield Reading("cpu", 100 * busy / TICK / count, "%", "counter", full=100)


def memory():
    """Yield how much memory is in use."""
    kilobytes = {words[0]: int(words[1]) for words in lines("proc/meminfo")}
    total = 1024 * kilobytes["MemTotal:"]
    used = total - 1024 * kilobytes["MemAvailable:"]
    yield Reading("memory", used, "B", "gauge", full=total)


def load():
    """Yield the load of the last minute."""
    yield Reading("load", float(lines("proc/loadavg")[0][0]), "", "gauge", full=os.cpu_count())


def kernel():
    """Yield what the kernel is doing."""
    counts = {words[0]: int(words[1]) for words in lines("proc/stat")}
    yield Reading("running", counts["procs_running"], "", "gauge")
    yield Reading("switches", counts["ctxt"], "", "counter")
    yield Reading("interrupts", counts["intr"], "", "counter")


def network():
    """Yield the bytes that all network cards have received and sent."""
    received = sent = 0
    for words in lines("proc/net/dev")[2:]:
        # The first number may stick to the colon behind the card's name.
        numbers = " ".join(words).split(":", 1)[1].split()
        received += int(numbers[0])
        sent += int(numbers[8])
    yield Reading("net in", received, "B", "counter")
    yield Reading("net out", sent, "B", "counter")


def disk():
    """Yield the bytes that have been read from and written to all disks."""
    read = written = 0
    disks = [name for name in os.listdir(ROOT / "sys/block") if not name.startswith(NOT_DISKS)]
    for words in lines("proc/diskstats"):
        if words[2] in disks:
            read += SECTOR * int(words[5])
            written += SECTOR * int(words[9])
    yield Reading("disk read", read, "B", "counter")
    yield Reading("disk write", written, "B", "counter")


SOURCES = (processor, memory, load, kernel, network, disk)


def available():
    """Return the sources that this system has: a container may hide some of them."""
    found = []
    for source in SOURCES:
        try:
            list(source())
        except (OSError, LookupError, ValueError, ArithmeticError) as error:
            print(f"no readings of {source.__name__}: {error!r}", file=sys.stderr)
        else:
            found.append(source)
    return found


def main(address, seconds):
    """Publish all readings PER_SECOND times a second, then say that it was the last."""
    publisher = hermes.Publisher(address, "readings")
    publisher.start()

    sources = available()
    begun = time.monotonic()
    for turn in range(int(seconds * PER_SECOND)):
        for source in sources:
            for reading in source():
                topic = "raw/" + reading.name
                publisher.publish(hermes.Envelope(topic, publisher.name, reading))
        time.sleep(max(0, begun + (turn + 1) / PER_SECOND - time.monotonic()))

    publisher.publish(hermes.Envelope("raw/end", publisher.name, Reading("end")))
    publisher.stop(timeout=5)
    print(json.dumps(publisher.stats()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
