"""Threads, daemons, exits and interrupts: how a process with components lives and ends."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from typing import Any

from kit import (
    Ear,
    Mouth,
    address,
    end,
    loud,
    program,
    publisher,
    receiver,
    ruled,
    say,
    take,
    tcp,
    until,
)

from hermes import Envelope, Node, PostOffice, Publisher, Receiver


def after_main(action: Any) -> None:
    """Do something when the main thread has ended, in a thread that keeps the process alive."""

    def wait() -> None:
        threading.main_thread().join()
        action()

    threading.Thread(target=wait, daemon=False).start()


@program
def daemon_of_a_post_office() -> None:
    say(PostOffice("a", "b").daemon)


@ruled("publisher-forgotten", "True True\n")
def daemon_of_publisher_and_receiver() -> None:
    say(Publisher("a", "p").daemon, Receiver("a", "r").daemon)


@program
def daemon_of_subclasses_with_run() -> None:
    class Mine(Publisher):
        def run(self) -> None:
            pass

    class Yours(Receiver):
        def run(self) -> None:
            pass

    class Office(PostOffice):
        def run(self) -> None:
            pass

    say(Mine("a", "p").daemon, Yours("a", "r").daemon, Office("a", "b").daemon)


@program
def daemon_may_be_set() -> None:
    for made in (Publisher("a", "p"), Receiver("a", "r"), PostOffice("a", "b")):
        made.daemon = True
        say(made.daemon)
        made.daemon = False
        say(made.daemon)


@program
def daemon_may_not_be_set_while_running() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    try:
        made.daemon = False
    except RuntimeError as error:
        say(str(error))
    until(lambda: made.sock)
    made.stop()


@program
def a_post_office_keeps_the_process_alive() -> None:
    office = PostOffice(address(), address(), address())
    office.start()
    until(lambda: office.running)

    def look() -> None:
        say("alive", office.is_alive())
        office.stop()
        say("stopped", office.is_alive())

    after_main(look)


@program
def a_post_office_works_when_the_main_thread_has_ended() -> None:
    import zmq

    office = PostOffice(address(), address(), address())
    office.start()

    def use() -> None:
        context = zmq.Context()
        sub, pub = context.socket(zmq.SUB), context.socket(zmq.XPUB)
        sub.rcvtimeo = pub.rcvtimeo = 30000
        sub.subscribe(b"")
        sub.connect(office.xpub_url)
        pub.connect(office.xsub_url)
        pub.recv()
        pub.send(b"still here")
        say(sub.recv())
        context.destroy(0)
        office.stop()

    after_main(use)


@program
def a_post_office_that_is_a_daemon_does_not() -> None:
    office = PostOffice(address(), address(), address())
    office.daemon = True
    office.start()
    until(lambda: office.running)
    say("last line")


@program
def a_receiver_with_run_keeps_the_process_alive() -> None:
    class Mine(Receiver):
        def run(self) -> None:
            threading.main_thread().join()
            say("after the main thread")

    Mine("a", "r").start()
    say("last line")


@program
def a_publisher_with_run_keeps_the_process_alive() -> None:
    class Mine(Publisher):
        def run(self) -> None:
            threading.main_thread().join()
            say("after the main thread")

    Mine("a", "p").start()
    say("last line")


@program
def exit_with_a_code() -> None:
    made = Publisher(tcp(), "p")
    made.start()
    until(lambda: made.sock)
    made.stop()
    sys.exit(3)


@program
def exit_with_a_text() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    made.stop()
    sys.exit("bye")


@program
def exit_by_an_exception() -> None:
    with Node("n", Receiver(address(), "r"), Publisher(address(), "p")) as _:
        raise LookupError("in the block")


@program
def exit_by_os() -> None:
    made = Publisher(tcp(), "p")
    made.start()
    until(lambda: made.sock)
    os._exit(4)


@program
def exit_by_a_signal() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)


@ruled("publisher-forgotten", "last line\n")
def forgotten_publisher() -> None:
    made = Publisher(tcp(), "p")
    made.start()
    until(lambda: made.sock)
    if not made.daemon:
        # It would never end under 1.x; so say what it would do, and end it.
        say("lives on")
        os._exit(0)
    say("last line")


@ruled("publisher-forgotten", "last line\n")
def forgotten_receiver() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    if not made.daemon:
        say("lives on")
        os._exit(0)
    say("last line")


@program
def never_started_parts_hold_nothing_up() -> None:
    parts = [Publisher("a", "p"), Receiver("a", "r"), PostOffice("a", "b"), Node("n")]
    say(len(parts))


@program
def stopped_parts_hold_nothing_up() -> None:
    parts: list[Any] = [Publisher(tcp(), "p"), Receiver(tcp(), "r")]
    parts.append(PostOffice(address(), address(), address()))
    for one in parts:
        one.start()
    until(lambda: parts[0].sock and parts[1].sock and parts[2].running)
    end(*parts)
    say(threading.active_count())


@program
def stopped_at_exit() -> None:
    made = Publisher(tcp(), "p")
    made.start()
    until(lambda: made.sock)
    made.stop()
    atexit.register(lambda: say("at exit", made.is_alive()))


@program
def interrupt_of_a_sleeping_main_thread() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        time.sleep(30)
    except KeyboardInterrupt:
        say("interrupted")
    made.stop()
    say(made.is_alive())


@program
def interrupt_of_a_polling_loop() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    for _ in range(30):
        try:  # which expects the signal from the moment at which it can come
            signal.setitimer(signal.ITIMER_REAL, 0.002)
            while True:
                made.recv()
        except KeyboardInterrupt:
            pass
    mouth.say("t", "o", ["after"])
    say(take(made).data, made.is_alive())
    end(made, mouth)


@program
def handler_that_raises_in_q_get() -> None:
    class AlarmError(Exception):
        pass

    def ring(*_: Any) -> None:
        raise AlarmError

    mouth = Mouth()
    made = receiver(mouth)
    signal.signal(signal.SIGALRM, ring)
    for _ in range(10):
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.005)
            made.q.get()
        except AlarmError:
            say("alarm")
    mouth.say("t", "o", ["after"])
    say(made.q.get(timeout=30).data)
    end(made, mouth)


@program
def handler_that_returns_in_q_get() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    signal.signal(signal.SIGALRM, lambda *_: mouth.say("t", "o", ["from the handler"]))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    say(made.q.get(timeout=30).data)
    end(made, mouth)


@program
def interrupt_in_a_with_block() -> None:
    node = Node("n", Receiver(address(), "r"), Publisher(address(), "p"))
    try:
        with node:
            until(lambda: node.publisher.sock and node.receiver.sock)
            signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        say("interrupted")
    say(node.receiver.is_alive(), node.publisher.is_alive())


@program
def interrupt_that_nobody_catches() -> None:
    made = Publisher(tcp(), "p")
    made.start()
    until(lambda: made.sock)
    made.stop()
    signal.raise_signal(signal.SIGINT)


@program
def excepthook_of_threads_sees_run_s_exception() -> None:
    class Mine(Receiver):
        def run(self) -> None:
            raise LookupError("mine")

    loud()
    made = Mine("a", "r")
    made.start()
    threading.Thread.join(made)
    say(made.is_alive())


@program
def current_thread_in_run() -> None:
    class Mine(Receiver):
        def run(self) -> None:
            say(threading.current_thread() is self, threading.current_thread().name)

    made = Mine("a", "named")
    made.start()
    threading.Thread.join(made)


@program
def names_of_threads_while_running() -> None:
    made = [Publisher(tcp(), "the publisher"), Receiver(tcp(), "the receiver")]
    for one in made:
        one.start()
    until(lambda: made[0].sock and made[1].sock)
    say(sorted(one.name for one in threading.enumerate() if one.name.startswith("the ")))
    end(*made)


@program
def signals_keep_their_handlers() -> None:
    before = [
        signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    ]
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    made.stop()
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    say(before == after)


@program
def fork_before_the_first_use() -> None:
    child = os.fork()
    if child == 0:
        made = Publisher(tcp(), "p")
        made.start()
        until(lambda: made.sock)
        made.stop()
        say("child", made.is_alive())
        os._exit(0)
    say("parent", os.waitpid(child, 0)[1])


@program
def multiprocessing_with_spawned_use() -> None:
    import multiprocessing

    queue: Any = multiprocessing.get_context("fork").Queue()
    mouth = Mouth()

    def work() -> None:
        made = receiver_in_child(mouth.at)
        queue.put(take(made).data)
        made.stop()

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    mouth.heard()
    mouth.say("t", "o", ["to the child"])
    say(queue.get(timeout=30))
    process.join(30)
    say(process.exitcode)
    end(mouth)


def receiver_in_child(at: str) -> Any:
    """A receiver that is started where it is made."""
    made = Receiver(at, "child")
    made.timeout = 600
    made.start()
    return made


@program
def excepthook_is_not_called_by_us() -> None:
    sys.excepthook = lambda kind, value, traceback: say("excepthook", kind.__name__)
    sys.unraisablehook = lambda raised: say("unraisable", raised.exc_type.__name__)
    parts = [Publisher(tcp(), "p"), Receiver(tcp(), "r")]
    for one in parts:
        one.start()
    until(lambda: parts[0].sock and parts[1].sock)
    end(*parts)


@program
def warnings_as_errors() -> None:
    import gc
    import warnings

    warnings.simplefilter("error")
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda made=made: made.sock)
    made.stop()
    del made
    gc.collect()
    say("quiet")


@program
def part_in_a_thread_pool() -> None:
    from concurrent.futures import ThreadPoolExecutor

    ear = Ear()
    made = publisher(ear)
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: made.publish(Envelope("t", "o", n)), range(50)))
    say(set(results), sorted(ear.values()[2] for _ in range(50)) == list(range(50)))
    end(made, ear)


@program
def copies_of_parts_are_refused() -> None:
    import copy
    import pickle

    for made in (Publisher("a", "p"), Receiver("a", "r")):
        try:
            pickle.dumps(made)
        except TypeError:
            say("TypeError")
        try:
            copy.deepcopy(made)
        except TypeError:
            say("TypeError")
