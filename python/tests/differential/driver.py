"""Does what it is told to a publisher and a receiver, and says what comes of it.

Reads one command a line from standard input, as a JSON array of its name and its arguments,
and answers with one line of JSON: the text that is compared. Runs under either package.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import tempfile
import threading
import time
from typing import Any

import kit

from hermes import Envelope, Publisher, Receiver


class World:
    """A publisher with an ear that hears it, and a receiver with a mouth that it hears."""

    def __init__(self, origins: list[Any]) -> None:
        self.ear = kit.Ear()
        self.mouth = kit.Mouth()
        self.origins = origins
        self.publisher = Publisher(self.ear.at, "writer")
        self.receiver = Receiver(self.mouth.at, "reader", None, self.origins)
        self.receiver.timeout = 600

    def end(self) -> None:
        """Stop and close everything."""
        for component in (self.publisher, self.receiver):
            if component.is_alive():
                component.stop()
        self.ear.close()
        self.mouth.close()

    # ---- The publisher -------------------------------------------------------

    def start_publisher(self) -> Any:
        """Start it; it is heard afterwards."""
        self.publisher.start()
        self.ear.hear(self.publisher)

    def stop_publisher(self, timeout: Any) -> Any:
        """Stop it."""
        return self.publisher.stop(timeout)

    def publish(self, topic: Any, origin: Any, data: Any) -> Any:
        """Publish; what arrives, if anything is to."""
        taken = self.publisher.publish(Envelope(topic, origin, data))
        return taken, self.ear.frames()[:3] if taken else None

    def put_to_send(self, data: Any) -> Any:
        """Put into its queue; what arrives, if it runs."""
        self.publisher.q.put(Envelope("put", "put", data))
        return self.ear.frames()[:3] if self.publisher.is_alive() else self.publisher.q.qsize()

    # ---- The receiver --------------------------------------------------------

    def start_receiver(self) -> Any:
        """Start it; it hears the mouth afterwards."""
        self.receiver.start()
        return self.mouth.heard()

    def stop_receiver(self, timeout: Any) -> Any:
        """Stop it."""
        return self.receiver.stop(timeout)

    def say(self, topic: Any, origin: Any, data: Any, waiting: int) -> Any:
        """Say something to it; ``waiting`` is how many are in its queue then."""
        self.mouth.say(topic, origin, data)
        kit.until(lambda: self.receiver.q.qsize() == waiting, f"{waiting} in the queue")

    def say_aged(self, topic: Any, origin: Any, age: float, after: Any) -> Any:
        """Say something of that age; ``after`` is how many wait then, or None: it ends it."""
        self.mouth.say(topic, origin, ["aged"], time.time() - age)
        if after is None:
            kit.until(lambda: not self.receiver.is_alive(), "the end")
        else:
            self.mouth.say("fresh", self._heard(), ["fresh"])
            kit.until(lambda: self.receiver.q.qsize() == after, f"{after} in the queue")

    def say_unheard(self, origin: Any) -> Any:
        """Say something from an origin that is not accepted, of any age."""
        size = self.receiver.q.qsize()
        self.mouth.say("unheard", origin, ["unheard"], 1.0)
        self.mouth.say("heard", self._heard(), ["heard"])
        kit.until(lambda: self.receiver.q.qsize() == size + 1, "one in the queue")

    def _heard(self) -> Any:
        """An origin that is accepted."""
        accepted = self.receiver._exchanges
        return accepted[0] if accepted else "a"

    def recv(self, block: bool, timeout: Any) -> Any:
        """Take the next."""
        return self._shown(self.receiver.recv(block, timeout))

    def get(self, block: bool, timeout: Any) -> Any:
        """Take the next from its queue."""
        return self._shown(self.receiver.q.get(block, timeout))

    def put(self, item: Any) -> Any:
        """Put something into its queue."""
        return self.receiver.q.put(item)

    def task_done(self) -> Any:
        """Say that something taken has been worked off."""
        self.receiver.q.task_done()
        return self.receiver.q.unfinished_tasks

    def peek(self) -> Any:
        """What is in its queue."""
        with self.receiver.q.mutex:
            return [self._shown(item) for item in self.receiver.q.queue]

    def follow(self, origins: Any) -> Any:
        """Replace what it accepts."""
        self.origins = origins
        self.receiver._exchanges = origins

    def accept(self, origin: Any) -> Any:
        """Accept one origin more, by the list that it was given."""
        self.origins.append(origin)

    def refuse(self) -> Any:
        """Accept one origin less, in the same way."""
        self.origins.pop()

    # ---- Both ----------------------------------------------------------------

    def start_again(self, component: str) -> Any:
        """Start what has been started before."""
        getattr(self, component).start()

    def clear_running(self, component: str) -> Any:
        """Stop by the flag."""
        made = getattr(self, component)
        made._running.clear()
        kit.until(lambda: not made.is_alive(), "the end")

    def replace_q(self, component: str, kind: str) -> Any:
        """Put another queue in the place of its own."""
        getattr(self, component).q = getattr(queue, kind)()

    def replace_running(self, component: str, is_set: bool) -> Any:
        """Put an event of the program's in the place of its own."""
        running = threading.Event()
        if is_set:
            running.set()
        getattr(self, component)._running = running

    def set(self, component: str, name: str, value: Any) -> Any:
        """Set an attribute."""
        setattr(getattr(self, component), name, value)

    def look(self) -> Any:
        """What can be seen of both."""
        seen = []
        for component in (self.publisher, self.receiver):
            seen.append(
                [
                    component.name,
                    component.is_alive(),
                    component._running.is_set(),
                    bool(component.sock),
                ]
            )
            seen.append([component.ident is None, component.q.empty(), component.q.qsize()])
        return seen, self.receiver.timeout, self.receiver._exchanges, self.receiver._topics

    @staticmethod
    def _shown(item: Any) -> Any:
        """An envelope without its time, or whatever else it is."""
        return (item.topic, item.origin, item.data) if isinstance(item, Envelope) else item


def main() -> None:
    """Answer commands; ``new`` begins another world."""
    os.chdir(tempfile.mkdtemp(prefix="hermes-"))
    world = None
    for line in iter(sys.stdin.readline, ""):
        name, *arguments = json.loads(line)
        if name == "new":
            if world is not None:
                world.end()
            world = World(*arguments)
            answer = "new"
        else:
            try:
                answer = repr(getattr(world, name)(*arguments))
            except Exception as error:
                answer = kit.error_text(error)
        print(json.dumps(answer), flush=True)
    if world is not None:
        world.end()


if __name__ == "__main__":
    main()
