"""Receiver: topics, exchanges, age, and receiving in general."""

from __future__ import annotations

import json
import queue
import threading
import time
from typing import Any

from kit import (
    Log,
    Mouth,
    address,
    end,
    loud,
    program,
    receiver,
    ruled,
    say,
    take,
    tcp,
    until,
)

from hermes import Receiver
from programs.receiver import seen


@program
def subscription_on_the_wire_for_everything() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.start()
    say(mouth.heard())
    end(made, mouth)


@program
def subscription_on_the_wire_for_a_raw_prefix() -> None:
    for topics in ('"t', '"', '"\\u00e9'):
        mouth = Mouth()
        made = Receiver(mouth.at, "r", topics)
        made.start()
        say(mouth.heard())
        end(made, mouth)


@program
def topics_by_raw_prefix() -> None:
    mouth = Mouth()
    made = receiver(mouth, '"ticks/')
    mouth.say("other", "o", ["no"])
    mouth.say("ticks/x", "o", ["yes"])
    mouth.say("tick", "o", ["no"])
    mouth.say("ticks/", "o", ["yes again"])
    say(take(made).data, take(made).data, made.recv())
    end(made, mouth)


@ruled("receiver-topics", "['yes'] None\n")
def topics_without_a_quotation_mark() -> None:
    loud()
    mouth = Mouth()
    made = receiver(mouth, "ticks/")
    mouth.say("ticks/x", "o", ["yes"])
    mouth.say("other", "o", ["no"])
    # Without a quotation mark, which ends 1.x, so that it need not be waited for.
    mouth.raw(b"ticks/x", b'"o"', b'["raw"]', b"2000000000")
    got = until(lambda: made.recv() or not made.is_alive())
    say(getattr(got, "data", "dead"), made.recv())
    end(made, mouth)


@ruled("receiver-topics", "b'\\x01\"a' b'\\x01\"b'\n")
def topics_as_a_list() -> None:
    loud()
    mouth = Mouth()
    made = Receiver(mouth.at, "r", ["a", "b"])
    made.start()
    if until(lambda: mouth.socket.poll(0) or not made.is_alive()) is True:
        say("dead")
    else:
        say(*sorted([mouth.heard(), mouth.heard()]))
    end(made, mouth)


@program
def exchanges_as_a_list() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges=["a", "b"])
    for origin in ("c", "a", "d", "b", ""):
        mouth.say("t", origin, ["from", origin])
    say(take(made).origin, take(made).origin, made.recv())
    end(made, mouth)


@program
def exchanges_as_a_set_and_a_dict() -> None:
    for exchanges in ({"a"}, {"a": 1}, ("a",), frozenset(["a"])):
        mouth = Mouth()
        made = receiver(mouth, exchanges=exchanges)
        for origin in ("c", "a"):
            mouth.say("t", origin, ["from", origin])
        say(take(made).origin)
        end(made, mouth)


@program
def exchanges_with_contains_alone() -> None:
    class Odd:
        def __contains__(self, origin: object) -> bool:
            return origin in ("b", "d")

    mouth = Mouth()
    made = receiver(mouth, exchanges=Odd())
    for origin in ("a", "b", "c", "d"):
        mouth.say("t", origin, ["from", origin])
    say(take(made).origin, take(made).origin)
    end(made, mouth)


@program
def exchanges_that_are_no_strings() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges=[5, None])
    for origin in ("a", 5, None, 5.0):
        mouth.say("t", origin, ["x"])
    say(take(made).origin, take(made).origin, take(made).origin)
    end(made, mouth)


@program
def exchanges_changed_by_their_owner() -> None:
    mouth = Mouth()
    mine = ["a"]
    made = receiver(mouth, exchanges=mine)
    mouth.say("t", "a", ["one"])
    say(take(made).data)
    mine.append("b")
    mouth.say("t", "b", ["two"])
    say(take(made).data)
    mine.remove("a")
    mouth.say("t", "a", ["three"])
    mouth.say("t", "b", ["four"])
    say(take(made).data)
    end(made, mouth)


@program
def exchanges_replaced_while_it_runs() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "a", ["one"])
    say(take(made).data)
    made._exchanges = ["b"]
    mouth.say("t", "a", ["two"])
    mouth.say("t", "b", ["three"])
    say(take(made).data)
    made._exchanges = ""
    mouth.say("t", "a", ["four"])
    say(take(made).data)
    end(made, mouth)


@program
def exchanges_emptied_while_it_runs() -> None:
    mouth = Mouth()
    mine = ["b"]
    made = receiver(mouth, exchanges=mine)
    mouth.say("t", "b", ["one"])
    say(take(made).data)
    mine.clear()
    mouth.say("t", "a", ["two"])
    say(take(made).data)
    end(made, mouth)


@program
def exchanges_set_before_start() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    made._exchanges = ["b"]
    made.start()
    mouth.heard()
    mouth.say("t", "a", ["one"])
    mouth.say("t", "b", ["two"])
    say(take(made).data)
    end(made, mouth)


@ruled("receiver-exchange-text", "[['ab'], ['last']]\n")
def exchanges_as_one_text() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges="ab")
    mouth.say("t", "b", ["b"])
    mouth.say("t", "ab", ["ab"])
    mouth.say("t", "last", ["last"])
    mouth.say("t", "ab", ["last"])
    got: list[Any] = []
    while got[-1:] != [["last"]]:
        got.append(take(made).data)
    say(got)
    end(made, mouth)


@program
def topics_set_before_start() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made._topics = '"b'
    made.start()
    say(mouth.heard())
    end(made, mouth)


@program
def a_snail_stops() -> None:
    log = Log()
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["fresh"], time.time() + 3600)
    say(take(made).data)
    mouth.say("t", "o", ["old"], time.time() - 3600)
    until(lambda: not made.is_alive())
    say(made._running.is_set(), made.recv(), made.sock)
    errors = [record for record in log.records if record.levelname == "ERROR"]
    say(len(errors), errors[0].name)
    end(made, mouth)


@program
def a_snail_with_a_longer_timeout() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["old"], time.time() - 300)
    say(take(made).data)
    made.timeout = 60
    mouth.say("t", "o", ["old"], time.time() - 300)
    until(lambda: not made.is_alive())
    say(made.recv())
    end(mouth)


@program
def a_snail_of_another_exchange_does_not_count() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges=["good"])
    made.timeout = 60
    mouth.say("t", "bad", ["old"], 5)
    mouth.say("t", "good", ["fresh"], 2e9)
    say(take(made).data, made.is_alive())
    end(made, mouth)


@program
def from_the_future() -> None:
    seen((b'"t"', b'"o"', b'["x"]', b"9999999999"))


@ruled(
    "receiver-malformed",
    "['after']\nTrue\n",
)
def malformed_messages() -> None:
    loud()
    mouth = Mouth()
    made = receiver(mouth)
    mouth.raw(b"x")
    mouth.raw(b'"t"', b'"o"', b"{", b"5")
    mouth.raw(b'"t"', b'"o"', b'"\xff"', b"5")
    mouth.say("t", "o", ["after"])
    got = until(lambda: made.recv() or not made.is_alive())
    say(getattr(got, "data", "dead"))
    say(made.is_alive())
    end(made, mouth)


@program
def by_tcp() -> None:
    mouth = Mouth(tcp())
    made = receiver(mouth)
    mouth.say("t", "o", ["by tcp"])
    say(take(made).data)
    end(made, mouth)


@program
def address_may_be_set_before_start() -> None:
    mouth = Mouth()
    made = Receiver("tcp://127.0.0.1:1", "r")
    made.sub_addr = mouth.at
    made.timeout = 600
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def address_as_bytes() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at.encode(), "r")  # type: ignore[arg-type]
    made.timeout = 600
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def comes_before_its_publisher() -> None:
    at = address()
    made = Receiver(at, "r")
    made.timeout = 600
    made.start()
    until(lambda: made.sock)
    mouth = Mouth(at)
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def twenty_lives() -> None:
    for number in range(20):
        made = Receiver(tcp(), f"r{number}")
        made.start()
        until(lambda made=made: made.sock)
        made.stop()
    say(threading.active_count())


@program
def recv_with_block_and_something_there() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(3):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 3)
    say(made.recv(True).data, made.recv(True, 5).data, made.recv(block=True, timeout=None).data)
    say(made.recv())
    end(made, mouth)


@ruled("receiver-block", "['late']\n")
def recv_blocks() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    timer = threading.Timer(0.3, mouth.say, ("t", "o", ["late"]))
    timer.start()
    got = made.recv(block=True)
    say(got and got.data)
    timer.join()
    end(made, mouth)


@program
def recv_with_block_after_stop() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    made.stop()
    say(made.recv(True), made.recv(True, 1), made.recv(block=True, timeout=0.01))


@program
def recv_from_many_threads() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(200):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 200)
    got: list[int] = []

    def work() -> None:
        while True:
            envelope = made.recv()
            if envelope is None:
                return
            got.append(envelope.data[1])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(sorted(got) == list(range(200)))
    end(made, mouth)


@program
def two_receivers_of_one_publisher() -> None:
    mouth = Mouth()
    one = receiver(mouth)
    other = Receiver(mouth.at, "other", '"b')
    other.timeout = 600
    other.start()
    mouth.heard()
    mouth.say("a", "o", ["for one"])
    mouth.say("b", "o", ["for both"])
    say(take(one).data, take(one).data, take(other).data, other.recv())
    end(one, other, mouth)


@program
def errors_of_json_are_one_log_line_or_less() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.raw(b'"t"', b'"o"', json.dumps(["x"]).encode(), b"2000000000")
    say(take(made).data, made.q.qsize(), isinstance(made.q, queue.Queue))
    end(made, mouth)
