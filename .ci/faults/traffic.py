"""traffic.py in=ADDRESSES out=ADDRESSES [set.OPTION=VALUE ...]: what traffic.c does, in Python.

It always does both, publish and check what arrives, with one window of envelopes under way.
"""

import json
import os
import select
import sys
import threading
import time

import hermes

WINDOW, TOPICS, MOST = 20_000, 10, 500
GIVE_UP = 60.0  # seconds without any progress at the end


class Traffic:
    """Numbers that are sent, and how they arrive."""

    def __init__(self, words: dict) -> None:
        self._words = words
        self.receiver = hermes.Receiver(
            words["out"].split(","),
            "traffic",
            on_slow="ignore",
            options=self._options("receiver."),
        )
        self.publisher = hermes.Publisher(
            words["in"].split(","), "traffic", options=self._options("publisher.")
        )
        self.sent = self.got = self.missing = self.backward = 0
        self.over = threading.Event()
        self._due = [0] * TOPICS

    def _options(self, prefix: str) -> dict:
        return {
            word.split(".", 1)[1]: value
            for word, value in self._words.items()
            if word.startswith(("set.", prefix))
        }

    def publish(self) -> None:
        while not self.over.is_set():
            if self.sent - self.got - self.missing > WINDOW - MOST:
                time.sleep(0.0005)
                continue
            numbers = range(self.sent, self.sent + MOST)
            self.sent += self.publisher.publish_many(
                hermes.Envelope(f"traffic/{n % TOPICS}", "traffic", [os.getpid(), n // TOPICS])
                for n in numbers
            )

    def take(self, timeout: float) -> int:
        envelopes = self.receiver.recv_many(4096, timeout)
        for envelope in envelopes:
            topic, number = int(envelope.topic[8:]), envelope.data[1]
            if number < self._due[topic]:
                self.backward += 1
                continue
            self.missing += number - self._due[topic]
            self._due[topic] = number + 1
        self.got += len(envelopes)
        return len(envelopes)

    def tell(self, done: bool) -> None:
        line = {name: getattr(self, name) for name in ("sent", "got", "missing", "backward")}
        line.update(pid=os.getpid(), done=done)
        line.update(publisher=self.publisher.stats(), receiver=self.receiver.stats())
        print(json.dumps(line), flush=True)

    def run(self) -> None:
        with self.receiver:
            assert self.receiver.wait_ready(GIVE_UP)
            with self.publisher:
                assert self.publisher.wait_ready(GIVE_UP)
                source = threading.Thread(target=self.publish)
                source.start()
                told = 0.0
                while not select.select([sys.stdin], [], [], 0)[0]:
                    self.take(0.02)
                    if time.monotonic() - told > 0.1:
                        told = time.monotonic()
                        self.tell(False)
                self.over.set()
                source.join()
                self.publisher.stop(30)
            while self.got + self.missing < self.sent and self.take(GIVE_UP):
                pass
            self.tell(True)


if __name__ == "__main__":
    Traffic(dict(word.split("=", 1) for word in sys.argv[1:])).run()
