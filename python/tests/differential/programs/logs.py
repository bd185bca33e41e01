"""What the loggers of hermes say when a component is used."""

from __future__ import annotations

import logging
from typing import Any

from kit import Ear, Log, Mouth, end, program, publisher, receiver, say, take, tcp, until

from hermes import Envelope, Node, Publisher, Receiver


def of(log: Log, *texts: str) -> None:
    """Print which of the texts have been logged, in order, with level and logger."""
    for line in log.lines():
        if any(text in line for text in texts):
            say(line)


@program
def stop_of_a_publisher() -> None:
    made = Publisher(tcp(), "p")
    made.start()
    until(lambda: made.sock)
    log = Log()
    made.stop()
    of(log, "Stopping Publisher instance..", "..done.")


@program
def stop_of_a_receiver() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    log = Log()
    made.stop()
    of(log, "Stopping Receiver instance..", "..done.")


@program
def life_of_a_node() -> None:
    log = Log()
    with Node("n"):
        pass
    node = Node("m")
    node.start()
    node.stop()
    of(log, "Start", "Stop", "done", "All facilities")


@program
def nothing_at_warning_in_a_quiet_life() -> None:
    log = Log()
    ear, mouth = Ear(), Mouth()
    one, other = publisher(ear), receiver(mouth)
    one.publish(Envelope("t", "o", 1))
    ear.frames()
    mouth.say("t", "o", ["x"])
    take(other)
    end(one, other, ear, mouth)
    say(log.lines(logging.WARNING))


@program
def all_records_are_of_our_loggers() -> None:
    log = Log(name="")
    ear = Ear()
    made = publisher(ear)
    made.publish(Envelope("t", "o", 1))
    ear.frames()
    end(made, ear)
    say([record.name for record in log.records if not record.name.startswith("hermes.")])


@program
def records_can_be_formatted() -> None:
    log = Log()
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["x"])
    take(made)
    end(made, mouth)
    formatter = logging.Formatter("%(name)s %(levelname)s %(threadName)s %(message)s")
    say(all(formatter.format(record) for record in log.records))


@program
def a_handler_that_raises_harms_nothing() -> None:
    class Broken(logging.Handler):
        def emit(self, record: Any) -> None:
            try:
                raise OSError("disk full")
            except OSError:
                pass

    logging.getLogger("hermes").addHandler(Broken())
    logging.getLogger("hermes").setLevel(logging.DEBUG)
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def loggers_have_no_handlers_of_their_own() -> None:
    for name in ("hermes", "hermes.receiver", "hermes.publisher", "hermes.proxy", "hermes.node"):
        say(name, logging.getLogger(name).handlers, logging.getLogger(name).propagate)
        say(logging.getLogger(name).level)


@program
def disabled_loggers_stay_silent() -> None:
    log = Log()
    logging.disable(logging.CRITICAL)
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    made.stop()
    say(log.lines())


@program
def the_snail_logs_an_error() -> None:
    log = Log(logging.ERROR)
    mouth = Mouth()
    made = receiver(mouth)
    made.timeout = 60
    mouth.say("t", "o", ["old"], 5)
    until(lambda: not made.is_alive())
    say([(record.name, record.levelname, record.threadName) for record in log.records])
    end(mouth)


@program
def log_of_a_module_is_mocked() -> None:
    from unittest import mock

    with mock.patch("hermes.publisher.log") as log:
        made = Publisher(tcp(), "p")
        made.start()
        until(lambda: made.sock)
        made.stop()
        texts = [call.args[0] for call in log.info.call_args_list]
        say([text for text in texts if text in ("Stopping Publisher instance..", "..done.")])
