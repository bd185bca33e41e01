"""Publisher: its queue, its other ends and its lives."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any

from kit import (
    Ear,
    address,
    end,
    loud,
    program,
    publisher,
    ruled,
    say,
    tcp,
    until,
)

from hermes import Envelope, Publisher
from programs.publisher import silent_address


@program
def ts_is_stamped_when_it_is_sent() -> None:
    ear = Ear()
    made = publisher(ear)
    envelope = Envelope("t", "o", 1, 5)
    made.publish(envelope)
    stamp = json.loads(ear.frames()[3])
    say(stamp > 1e9, abs(envelope.ts - stamp) < 60)
    end(made, ear)


@program
def the_same_envelope_many_times() -> None:
    ear = Ear()
    made = publisher(ear)
    envelope = Envelope("t", "o", 1)
    for _ in range(3):
        made.publish(envelope)
        say(ear.values())
    end(made, ear)


@program
def put_into_q_is_sent() -> None:
    ear = Ear()
    made = publisher(ear)
    made.q.put(Envelope("t", "o", 1))
    made.q.put_nowait(Envelope("t", "o", 2))
    made.q.put(Envelope("t", "o", 3), True, 5)
    say(ear.values(), ear.values(), ear.values())
    end(made, ear)


@program
def put_into_q_before_start_is_sent() -> None:
    ear = Ear()
    made = Publisher(ear.at, "p")
    made.q.put(Envelope("first", "o", 1))
    say(made.q.qsize())
    made.start()
    ear.hear(made)
    made.publish(Envelope("t", "o", 2))
    say(ear.values())
    until(lambda: made.q.qsize() == 0)
    end(made, ear)


@program
def q_empties() -> None:
    ear = Ear()
    made = publisher(ear)
    for number in range(20):
        made.publish(Envelope("t", "o", number))
    until(made.q.empty)
    say(made.q.qsize())
    end(made, ear)


@program
def q_replaced_before_start() -> None:
    ear = Ear()
    made = Publisher(ear.at, "p")
    made.q = mine = queue.Queue()
    made.start()
    ear.hear(made)
    mine.put(Envelope("t", "o", "through mine"))
    made.publish(Envelope("t", "o", "through publish"))
    say(ear.values(), ear.values(), made.q is mine)
    end(made, ear)


@program
def q_replaced_by_a_priority_queue() -> None:
    class Urgent(Envelope):
        def __lt__(self, other: Any) -> bool:
            return bool(self.data < other.data)

    ear = Ear()
    made = Publisher(ear.at, "p")
    made.start()
    ear.hear(made)
    made.stop()
    again = Publisher(ear.at, "p")
    again.q = queue.PriorityQueue()
    again.q.put(Urgent("t", "o", 2))
    again.q.put(Urgent("t", "o", 1))
    say(again.q.get_nowait().data, again.q.get_nowait().data)
    end(ear)


@program
def one_q_for_two_publishers() -> None:
    ears = [Ear(), Ear()]
    shared: Any = queue.Queue()
    made = [Publisher(ear.at, "p") for ear in ears]
    for one in made:
        one.q = shared
    made[0].start()
    ears[0].hear(made[0])
    made[1].publish(Envelope("t", "o", "not started"))
    made[0].publish(Envelope("t", "o", "started"))
    say(ears[0].values())
    end(made[0], *ears)


@program
def to_two_subscribers() -> None:
    import zmq

    ear = Ear()
    made = publisher(ear)
    say(made.publish(Envelope("t", "o", 1)), ear.values())
    second = ear.context.socket(zmq.SUB)
    second.linger = 0
    second.close()
    end(made, ear)


@program
def by_tcp() -> None:
    ear = Ear(at=tcp())
    made = publisher(ear)
    made.publish(Envelope("t", "o", "by tcp"))
    say(ear.values())
    end(made, ear)


@program
def a_subscriber_that_follows_one_topic() -> None:
    ear = Ear(b'"t')
    ear.socket.subscribe(b'"hear')
    made = publisher(ear)
    made.publish(Envelope("other", "o", 1))
    made.publish(Envelope("t/x", "o", 2))
    say(ear.values())
    end(made, ear)


@program
def raw_sockets_see_no_other_frames() -> None:
    import zmq

    ear = Ear()
    made = publisher(ear)
    made.publish(Envelope("t", "o", 1))
    count = 0
    while True:
        ear.socket.recv()
        count += 1
        if not ear.socket.getsockopt(zmq.RCVMORE):
            break
    say(count)
    end(made, ear)


@ruled("publisher-start", "start raises ValueError\nFalse\n")
def a_bad_address() -> None:
    loud()
    made = Publisher("no address", "p")
    try:
        made.start()
        until(lambda: not made.is_alive())
    except ValueError:
        say("start raises ValueError")
    say(made.is_alive())


@program
def address_may_be_set_before_start() -> None:
    ear = Ear()
    made = Publisher("tcp://127.0.0.1:1", "p")
    made.pub_addr = ear.at
    made.start()
    ear.hear(made)
    made.publish(Envelope("t", "o", 1))
    say(ear.values())
    end(made, ear)


@program
def address_as_bytes() -> None:
    ear = Ear()
    made = Publisher(ear.at.encode(), "p")  # type: ignore[arg-type]
    made.start()
    ear.hear(made)
    made.publish(Envelope("t", "o", 1))
    say(ear.values(), made.pub_addr == ear.at.encode())
    end(made, ear)


@program
def stopped_while_nobody_is_there() -> None:
    made = Publisher(address(), "p")
    made.start()
    until(lambda: made.sock)
    for number in range(100):
        made.publish(Envelope("t", "o", number))
    made.stop()
    say(made.is_alive())


@ruled("publisher-flush", "True\n")
def stop_sends_what_is_queued() -> None:
    ear = Ear()
    made = publisher(ear)
    for number in range(3000):
        made.publish(Envelope("t", "o", number))
    made.stop()
    ear.socket.rcvtimeo = 3000
    got = []
    try:
        for _ in range(3000):
            got.append(ear.values()[2])
    except Exception:
        pass
    say(got == list(range(3000)))
    end(ear)


@program
def hundred_lives() -> None:
    for number in range(20):
        made = Publisher(silent_address(), f"p{number}")
        made.start()
        until(lambda made=made: made.sock)
        made.stop()
    say(threading.active_count())


@program
def threading_attributes_while_running() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    say(made in threading.enumerate(), made.ident is not None, made.native_id is not None)
    made.stop()
    say(made in threading.enumerate())


@program
def comes_late_to_its_subscriber() -> None:
    made = Publisher(at := address(), "p")
    made.start()
    until(lambda: made.sock)
    ear = Ear(at=at)
    ear.hear(made)
    made.publish(Envelope("t", "o", "late"))
    say(ear.values())
    end(made, ear)
