"""`q` of a receiver and of a publisher as the queue.Queue that it was."""

from __future__ import annotations

import queue
import threading
from typing import Any

from kit import Ear, Mouth, attempt, end, program, publisher, receiver, say, take, tcp, until

from hermes import Envelope, Publisher, Receiver

NAMES = [
    name for name in dir(queue.Queue()) if not name.startswith("_") or name in ("_put", "_get")
]


def idle() -> Any:
    """A receiver that has not been started."""
    return Receiver("a", "r")


@program
def all_names_of_a_queue() -> None:
    for made in (idle(), Publisher("a", "p")):
        say([name for name in NAMES if not hasattr(made.q, name)])


@program
def is_an_instance() -> None:
    say(isinstance(idle().q, queue.Queue), isinstance(Publisher("a", "p").q, queue.Queue))


@program
def unlike_other_queues() -> None:
    say(isinstance(idle().q, queue.LifoQueue), idle().q.maxsize, idle().q.full())


@program
def put_and_get_without_a_receiver() -> None:
    q = idle().q
    q.put(1)
    q.put_nowait(2)
    q.put(3, False)
    q.put(item=4, block=True, timeout=1)
    say(q.qsize(), q.empty(), [q.get(), q.get_nowait(), q.get(False), q.get(True, 1)])
    say(q.qsize(), q.empty())


@program
def get_of_an_empty_one() -> None:
    q = idle().q
    attempt(q.get_nowait)
    attempt(q.get, False)
    attempt(q.get, True, 0.01)
    attempt(q.get, timeout=0.01)


@program
def get_with_a_negative_timeout() -> None:
    attempt(idle().q.get, True, -1)
    attempt(idle().q.get, False, -1)


@program
def put_with_a_negative_timeout() -> None:
    attempt(idle().q.put, 1, True, -1)


@program
def none_can_be_put() -> None:
    q = idle().q
    q.put(None)
    say(q.qsize(), q.get(), q.qsize())


@program
def a_sentinel_comes_out_of_recv() -> None:
    made = idle()
    made.q.put("sentinel")
    say(made.recv(), made.recv())


@program
def none_as_a_sentinel_comes_out_of_recv() -> None:
    made = idle()
    made.q.put(None)
    made.q.put("after")
    say(made.q.qsize(), made.recv(), made.q.qsize(), made.recv())


@program
def a_sentinel_comes_behind_what_was_received() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(5):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 5)
    made.q.put("sentinel")
    say([getattr(item, "data", item) for item in iter(made.recv, "sentinel")], made.recv())
    end(made, mouth)


@program
def a_sentinel_wakes_who_waits() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.append(made.q.get()))
    thread.start()
    made.q.put("wake")
    thread.join(30)
    say(got)
    end(made, mouth)


@program
def what_is_put_and_what_comes_keep_their_order() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    made.q.put("first")
    mouth.say("t", "o", ["second"])
    until(lambda: made.q.qsize() == 2)
    made.q.put("third")
    say([getattr(made.q.get(), "data", "put") for _ in range(3)])
    end(made, mouth)


@program
def get_of_what_was_received() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(4):
        mouth.say("t", "o", ["x", number])
    say(made.q.get().data, made.q.get(True).data, made.q.get(timeout=30).data)
    until(lambda: not made.q.empty())
    say(made.q.get_nowait().data)
    attempt(made.q.get_nowait)
    end(made, mouth)


@program
def qsize_counts() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(7):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 7)
    made.recv()
    say(made.q.qsize(), made.q.empty(), made.q.full())
    end(made, mouth)


@program
def unfinished_tasks_and_join() -> None:
    q = idle().q
    q.put(1)
    q.put(2)
    say(q.unfinished_tasks)
    q.get()
    q.task_done()
    q.get()
    q.task_done()
    q.join()
    say(q.unfinished_tasks)


@program
def task_done_too_often() -> None:
    attempt(idle().q.task_done)


@program
def join_of_an_empty_one() -> None:
    say(idle().q.join())


@program
def join_waits_for_what_was_received() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(3):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 3)
    done = []

    def work() -> None:
        for _ in range(3):
            done.append(made.q.get().data[1])
            made.q.task_done()

    thread = threading.Thread(target=work)
    thread.start()
    made.q.join()
    say(done)
    thread.join()
    end(made, mouth)


@program
def unfinished_tasks_of_what_was_received() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["x"])
    until(lambda: made.q.qsize() == 1)
    say(made.q.unfinished_tasks)
    take(made)
    say(made.q.unfinished_tasks)
    made.q.task_done()
    attempt(made.q.task_done)
    end(made, mouth)


@program
def mutex_and_queue() -> None:
    q = idle().q
    q.put(1)
    with q.mutex:
        say(list(q.queue), len(q.queue))
        q.queue.clear()
    say(q.qsize(), q.empty())


@program
def queue_of_what_was_received() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(3):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 3)
    with made.q.mutex:
        say([item.data for item in made.q.queue])
        made.q.queue.clear()
    say(made.q.qsize(), made.recv())
    mouth.say("t", "o", ["after"])
    say(take(made).data)
    end(made, mouth)


@program
def conditions() -> None:
    q = idle().q
    with q.not_empty:
        say(type(q.not_empty).__name__, type(q.not_full).__name__, type(q.all_tasks_done).__name__)


@program
def a_plain_queue_instead() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    made.q = mine = queue.Queue()
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(mine.get(timeout=30).data, made.q is mine, made.recv())
    end(made, mouth)


@program
def a_plain_queue_instead_and_recv() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    made.q = queue.Queue()
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(take(made).data, made.recv())
    end(made, mouth)


@program
def one_queue_for_two_receivers() -> None:
    mouths = [Mouth(), Mouth()]
    shared: Any = queue.Queue()
    made = []
    for mouth in mouths:
        one = Receiver(mouth.at, "r")
        one.timeout = 600
        one.q = shared
        one.start()
        mouth.heard()
        made.append(one)
    mouths[0].say("t", "o", ["first"])
    say(shared.get(timeout=30).data)
    mouths[1].say("t", "o", ["second"])
    say(take(made[0]).data)
    end(*made, *mouths)


@program
def a_lifo_queue_instead() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    made.q = queue.LifoQueue()
    made.start()
    mouth.heard()
    for number in range(3):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 3)
    say([made.recv().data[1] for _ in range(3)])
    end(made, mouth)


@program
def a_queue_of_my_own_kind() -> None:
    class Counting(queue.Queue):  # type: ignore[type-arg]
        puts = 0

        def put(self, item: Any, block: bool = True, timeout: Any = None) -> None:
            self.puts += 1
            super().put(item, block, timeout)

    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    made.q = Counting()
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(take(made).data, made.q.puts)
    end(made, mouth)


@program
def an_object_that_only_quacks() -> None:
    class Duck:
        def __init__(self) -> None:
            self.items: list[Any] = []

        def put(self, item: Any) -> None:
            self.items.append(item)

        def empty(self) -> bool:
            return not self.items

        def get(self, block: bool, timeout: Any) -> Any:
            return self.items.pop(0)

    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    made.q = Duck()  # type: ignore[assignment]
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def q_in_a_subclass_s_init() -> None:
    class Mine(Receiver):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.q = queue.Queue(5)

    mouth = Mouth()
    made = receiver(mouth, kind=Mine)
    mouth.say("t", "o", ["x"])
    say(take(made).data, made.q.maxsize)
    end(made, mouth)


@program
def put_patched_on_the_instance() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    got: list[Any] = []
    made.q.put = got.append  # type: ignore[method-assign]
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(until(lambda: got)[0].data)
    end(made, mouth)


@program
def publisher_s_get_before_start() -> None:
    made = Publisher("a", "p")
    made.q.put("x")
    say(made.q.get(), made.q.empty())
    attempt(made.q.get_nowait)


@program
def publisher_s_mutex_and_queue() -> None:
    made = Publisher("a", "p")
    made.q.put("x")
    with made.q.mutex:
        made.q.queue.clear()
    say(made.q.qsize(), made.q.unfinished_tasks)


@program
def publisher_s_q_is_worked_off() -> None:
    ear = Ear()
    made = publisher(ear)
    for number in range(10):
        made.q.put(Envelope("t", "o", number))
    say([ear.values()[2] for _ in range(10)])
    until(made.q.empty)
    say(made.q.qsize(), made.q.full())
    end(made, ear)


@program
def publisher_s_put_with_a_bad_timeout() -> None:
    made = Publisher(tcp(), "p")
    attempt(made.q.put, 1, True, -1)


@program
def publisher_s_q_with_a_mock_around_put() -> None:
    from unittest import mock

    made = Publisher(tcp(), "p")
    made.sock = True
    with mock.patch.object(made.q, "put") as put:
        say(made.publish("anything"), put.call_args)  # type: ignore[arg-type]


@program
def recv_goes_through_q() -> None:
    from unittest import mock

    made = idle()
    made.q = mock.Mock()
    made.q.empty.return_value = False
    made.q.get.return_value = "from the mock"
    say(made.recv(), made.q.get.call_args)
    made.q.empty.return_value = True
    say(made.recv())


@program
def recv_passes_its_arguments_to_q() -> None:
    from unittest import mock

    made = idle()
    made.q = mock.Mock()
    made.q.empty.return_value = False
    made.recv(True, 5)
    say(made.q.get.call_args.args or made.q.get.call_args.kwargs)
