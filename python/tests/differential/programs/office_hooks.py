"""PostOffice: subclasses, addresses and whole clusters."""

from __future__ import annotations

import threading
from typing import Any

from kit import Log, address, attempt, end, program, say, take, tcp, until

from hermes import Envelope, PostOffice, Publisher, Receiver
from programs.office import Cluster


@program
def run_overridden() -> None:
    import zmq

    class Mine(PostOffice):
        def run(self) -> None:
            xpub = self.ctx.socket(zmq.XPUB)
            xpub.bind(self.xpub_url)
            xsub = self.ctx.socket(zmq.XSUB)
            xsub.bind(self.xsub_url)
            try:
                zmq.proxy(xpub, xsub)
            except zmq.ContextTerminated:
                say("terminated")
                xpub.close()
                xsub.close()

    cluster = Cluster(Mine)
    pub, sub = cluster.pair()
    pub.send(b"through mine")
    say(sub.recv(), cluster.office.daemon)
    cluster.end()


@program
def run_around_super() -> None:
    class Mine(PostOffice):
        def run(self) -> None:
            say("before")
            super().run()
            say("after")

    cluster = Cluster(Mine)
    pub, sub = cluster.pair()
    pub.send(b"x")
    say(sub.recv())
    cluster.end()


@program
def run_in_the_caller_s_thread() -> None:
    office = PostOffice(address(), address(), address())
    thread = threading.Thread(target=office.run)
    thread.start()
    import zmq

    context = zmq.Context()
    pub, sub = context.socket(zmq.XPUB), context.socket(zmq.SUB)
    pub.rcvtimeo = sub.rcvtimeo = 30000
    sub.subscribe(b"")
    sub.connect(office.xpub_url)
    pub.connect(office.xsub_url)
    pub.recv()
    pub.send(b"x")
    say(sub.recv(), office.running)
    context.destroy(0)
    attempt(office.stop)
    thread.join()
    say("ended")


@program
def addresses_may_be_set_before_start() -> None:
    office = PostOffice("tcp://127.0.0.1:1", "tcp://127.0.0.1:1", "tcp://127.0.0.1:1")
    office.xsub_url, office.xpub_url, office._debug_addr = address(), address(), address()
    office.start()
    receiver = Receiver(office.xpub_url, "r")
    receiver.timeout = 600
    receiver.start()
    publisher = Publisher(office.xsub_url, "p")
    publisher.start()
    until(lambda: publisher.sock)

    def arrives() -> Any:
        publisher.publish(Envelope("t", "o", ["x"]))
        return receiver.recv()

    say(until(arrives).data)
    end(publisher, receiver, office)


@program
def by_tcp() -> None:
    cluster = Cluster(make=tcp)
    pub, sub = cluster.pair()
    pub.send(b"by tcp")
    say(sub.recv())
    cluster.end()


@program
def addresses_as_bytes() -> None:
    office = PostOffice(address().encode(), address().encode(), address().encode())  # type: ignore[arg-type]
    office.start()
    receiver = Receiver(office.xpub_url, "r")
    receiver.timeout = 600
    receiver.start()
    publisher = Publisher(office.xsub_url, "p")
    publisher.start()
    until(lambda: publisher.sock)

    def arrives() -> Any:
        publisher.publish(Envelope("t", "o", ["x"]))
        return receiver.recv()

    say(until(arrives).data)
    end(publisher, receiver, office)


@program
def a_whole_cluster() -> None:
    office = PostOffice(address(), address(), address())
    office.start()
    receiver = Receiver(office.xpub_url, "r", '"ticks')
    receiver.timeout = 600
    receiver.start()
    publisher = Publisher(office.xsub_url, "p")
    publisher.start()
    until(lambda: publisher.sock)

    def arrives() -> Any:
        publisher.publish(Envelope("ticks/probe", "p", ["probe"]))
        return receiver.recv()

    until(arrives)
    publisher.publish(Envelope("other", "p", ["no"]))
    for number in range(5):
        publisher.publish(Envelope("ticks/x", "p", ["x", number]))
    got: list[Any] = []
    while len(got) < 5:
        envelope = take(receiver)
        if envelope.data[0] == "x":
            got.append(envelope.data[1])
    say(got)
    end(publisher, receiver, office)


@program
def receivers_of_a_cluster_come_and_go() -> None:
    office = PostOffice(address(), address(), address())
    office.start()
    publisher = Publisher(office.xsub_url, "p")
    publisher.start()
    until(lambda: publisher.sock)
    for number in range(3):
        receiver = Receiver(office.xpub_url, "r")
        receiver.timeout = 600
        receiver.start()

        def arrives(number: int = number, receiver: Any = receiver) -> Any:
            publisher.publish(Envelope("t", "p", ["x", number]))
            return receiver.recv()

        say(until(arrives).data[0])
        receiver.stop()
    end(publisher, office)


@program
def log_records_are_of_its_module() -> None:
    log = Log()
    office = PostOffice(address(), address(), address())
    office.start()
    until(lambda: office.running)
    office.stop()
    say({record.name for record in log.records} <= {"hermes.proxy"})
    say([line for line in log.lines() if "ERROR" in line or "WARNING" in line])


@program
def subclass_with_attributes_of_its_own() -> None:
    class Mine(PostOffice):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self._running = "mine"
            self.sock = "mine"
            self.q = "mine"

    cluster = Cluster(Mine)
    pub, sub = cluster.pair()
    pub.send(b"x")
    say(sub.recv(), cluster.office._running, cluster.office.sock, cluster.office.q)
    cluster.end()
