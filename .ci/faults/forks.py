"""forks.py IN OUT CYCLES: forks again and again while it publishes and receives.

Each child ends at once, every tenth one by the interpreter's own exit. In the end it prints
what of its own it had before and after, and whether everything arrived.
"""

import json
import os
import pathlib
import sys
import threading

import hermes


def costs() -> dict:
    own = pathlib.Path("/proc/self")
    status = dict(line.split(":", 1) for line in (own / "status").read_text().splitlines())
    return {
        "memory": int(status["VmRSS"].split()[0]),
        "descriptors": len(list((own / "fd").iterdir())),
        "threads": int(status["Threads"]),
    }


def fork(n: int) -> int:
    child = os.fork()
    if child == 0:
        if n % 10 == 0:
            sys.exit(0)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def main() -> None:
    inward, outward, cycles = sys.argv[1], sys.argv[2], int(sys.argv[3])
    receiver = hermes.Receiver(outward, "forks", on_slow="ignore")
    publisher = hermes.Publisher(inward, "forks")
    over = threading.Event()
    sent = 0

    def publish() -> None:
        nonlocal sent
        while not over.wait(0.001):
            for _ in range(10):
                if publisher.publish(hermes.Envelope("forks", "forks", sent)):
                    sent += 1

    with receiver, publisher:
        assert publisher.wait_ready(60)
        source = threading.Thread(target=publish)
        source.start()
        bad = sum(fork(n) != 0 for n in range(100))
        got = len(receiver.recv_many(1_000_000))
        before = costs()
        for n in range(cycles):
            bad += fork(n) != 0
            got += len(receiver.recv_many(1_000_000))
        after = costs()
        over.set()
        source.join()
        while got < sent:
            some = receiver.recv_many(1_000_000, timeout=60)
            if not some:
                break
            got += len(some)
        lost = receiver.stats()["lost"]
    end = {"before": before, "after": after, "bad": bad, "sent": sent, "got": got, "lost": lost}
    print(json.dumps(end))


if __name__ == "__main__":
    main()
