"""PostOffice: attributes, life, what it relays."""

from __future__ import annotations

import os
import threading
from typing import Any

from kit import address, attempt, end, loud, program, ruled, say, tcp, until

from hermes import Envelope, PostOffice, Publisher, Receiver


class Cluster:
    """A post office with a debug address, and pyzmq sockets at its sides."""

    def __init__(self, kind: Any = PostOffice, make: Any = address) -> None:
        import zmq

        self.zmq = zmq
        self.context = zmq.Context()
        self.office = kind(make(), make(), make())
        self.office.start()

    def socket(self, kind: int, at: str) -> Any:
        """A socket connected to one of its sides."""
        made = self.context.socket(kind)
        made.linger = 0
        made.rcvtimeo = 30000
        made.connect(at)
        return made

    def pair(self, topic: bytes = b"") -> tuple[Any, Any]:
        """An XPUB at its incoming and a SUB at its outgoing side; what is sent arrives."""
        sub = self.socket(self.zmq.SUB, self.office.xpub_url)
        sub.subscribe(topic)
        pub = self.socket(self.zmq.XPUB, self.office.xsub_url)
        pub.recv()
        return pub, sub

    def end(self) -> None:
        """Close and stop everything."""
        self.context.destroy(0)
        self.office.stop()


@program
def attributes_before_start() -> None:
    office = PostOffice("tcp://127.0.0.1:6000", "tcp://127.0.0.1:6001", "tcp://127.0.0.1:6002")
    say(office.xsub_url, office.xpub_url, office.debug_addr, office._debug_addr, office.running)


@program
def without_a_debug_address() -> None:
    office = PostOffice("a", "b")
    say(office.debug_addr, office._debug_addr)


@program
def arguments_by_keyword() -> None:
    office = PostOffice(proxy_in="a", proxy_out="b", debug_addr="c")
    say(office.xsub_url, office.xpub_url, office.debug_addr)


@program
def debug_address_by_its_private_name() -> None:
    office = PostOffice("a", "b")
    office._debug_addr = "c"
    say(office.debug_addr)


@program
def debug_address_overridden() -> None:
    class Mine(PostOffice):
        @property
        def debug_addr(self) -> str:
            return "mine"

    say(Mine("a", "b").debug_addr)


@program
def ctx_is_a_context() -> None:
    import zmq

    office = PostOffice("a", "b")
    say(isinstance(office.ctx, zmq.Context), office.ctx.closed, office.ctx is office.ctx)
    say(PostOffice("a", "b").ctx is office.ctx)


@program
def ctx_makes_sockets() -> None:
    import zmq

    office = PostOffice("a", "b")
    with office.ctx.socket(zmq.PUSH) as push:
        say(push.socket_type == zmq.PUSH)


@program
def ctx_is_terminated_by_stop() -> None:
    office = PostOffice(address(), address(), address())
    say(office.ctx.closed)
    office.start()
    until(lambda: office.running)
    office.stop()
    say(office.ctx.closed)


@program
def is_a_thread() -> None:
    office = PostOffice("a", "b")
    say(isinstance(office, threading.Thread), office.name, office.is_alive(), office.daemon)


@program
def repr_before_start() -> None:
    say(repr(PostOffice("a", "b")))


@program
def stop_before_start() -> None:
    attempt(PostOffice("a", "b").stop)


@program
def start_and_stop() -> None:
    office = PostOffice(address(), address(), address())
    office.start()
    until(lambda: office.running)
    say(office.is_alive(), office.stop())  # type: ignore[func-returns-value]
    say(office.running, office.is_alive())


@ruled("postoffice-stop", "False\n")
def start_and_stop_without_a_debug_address() -> None:
    loud()
    office = PostOffice(address(), address())
    office.start()
    until(lambda: office.running)
    office.stop()
    say(office.running)


@program
def start_twice() -> None:
    office = PostOffice(address(), address(), address())
    office.start()
    until(lambda: office.running)
    attempt(office.start)
    office.stop()
    attempt(office.start)


@program
def stop_twice() -> None:
    office = PostOffice(address(), address(), address())
    office.start()
    until(lambda: office.running)
    office.stop()
    attempt(office.stop)


@program
def stop_with_a_timeout() -> None:
    office = PostOffice(address(), address(), address())
    office.start()
    until(lambda: office.running)
    attempt(office.stop, 30)
    attempt(office.stop, timeout=30)
    say(office.running)


@ruled("postoffice-in-use", "start raises OSError\nFalse\n")
def address_in_use() -> None:
    loud()
    cluster = Cluster(make=tcp)  # libzmq takes over the file of an ipc address
    cluster.pair()
    second = PostOffice(cluster.office.xsub_url, tcp(), tcp())
    try:
        second.start()
    except OSError:
        say("start raises OSError")
    else:
        until(lambda: not second.is_alive())
    say(second.is_alive())
    os._exit(0)  # the context of a thread that died holds 1.x up


@program
def the_same_address_again_after_stop() -> None:
    at = address(), address(), address()
    for _ in range(3):
        office = PostOffice(*at)
        office.start()
        until(lambda office=office: office.running)
        office.stop()
    say("three lives")


@program
def the_same_tcp_address_again_after_stop() -> None:
    at = tcp(), tcp(), tcp()
    for number in range(3):
        office = PostOffice(*at)
        office.start()
        receiver = Receiver(at[1], "r")
        receiver.timeout = 600
        receiver.start()
        publisher = Publisher(at[0], "p")
        publisher.start()
        until(lambda publisher=publisher: publisher.sock)

        def arrives(
            number: int = number, publisher: Any = publisher, receiver: Any = receiver
        ) -> Any:
            publisher.publish(Envelope("t", "o", ["x", number]))
            return receiver.recv()

        say(until(arrives).data[0])
        end(publisher, receiver, office)


@program
def relays_frames_untouched() -> None:
    cluster = Cluster()
    pub, sub = cluster.pair()
    for frames in ([b"x"], [b"", b""], [b'"t"', b'"o"', b"1", b"2 \t\n"], [b"\x00\xff"] * 6):
        pub.send_multipart(frames)
        say(sub.recv_multipart())
    cluster.end()


@program
def relays_big_frames() -> None:
    cluster = Cluster()
    pub, sub = cluster.pair()
    pub.send_multipart([b"t", b"x" * 1_000_000])
    say([len(frame) for frame in sub.recv_multipart()])
    cluster.end()


@program
def relays_many_in_order() -> None:
    cluster = Cluster()
    pub, sub = cluster.pair()
    for number in range(500):
        pub.send(b"%d" % number)
    say([int(sub.recv()) for _ in range(500)] == list(range(500)))
    cluster.end()


@program
def relays_subscriptions() -> None:
    cluster = Cluster()
    sub = cluster.socket(cluster.zmq.SUB, cluster.office.xpub_url)
    sub.subscribe(b"abc")
    pub = cluster.socket(cluster.zmq.XPUB, cluster.office.xsub_url)
    say(pub.recv())
    sub.unsubscribe(b"abc")
    say(pub.recv())
    cluster.end()


@program
def filters_by_prefix() -> None:
    cluster = Cluster()
    pub, sub = cluster.pair(b"ab")
    for frame in (b"abc", b"b", b"a", b"ab"):
        pub.send(frame)
    say(sub.recv(), sub.recv())
    cluster.end()


@program
def debug_gets_a_copy() -> None:
    cluster = Cluster()
    pub, sub = cluster.pair()
    debug = cluster.socket(cluster.zmq.SUB, cluster.office.debug_addr)
    debug.subscribe(b'"t')
    debug.rcvtimeo = 20

    def hears() -> Any:
        pub.send_multipart([b'"t"', b"probe"])
        sub.recv_multipart()
        try:
            return debug.recv_multipart()
        except cluster.zmq.Again:
            return None

    say(until(hears))
    debug.rcvtimeo = 30000
    pub.send_multipart([b'"t/last"', b"frame", b""])
    frames = debug.recv_multipart()
    while frames[1] == b"probe":
        frames = debug.recv_multipart()
    say(frames, sub.recv_multipart())
    cluster.end()


@program
def two_subscribers_and_two_publishers() -> None:
    cluster = Cluster()
    one, first = cluster.pair()
    other, second = cluster.pair()
    second.subscribe(b"from")
    while other.recv() != b"\1from":  # so that the second is known, and not only the first
        pass
    one.send(b"from one")
    say(first.recv(), second.recv())
    other.send(b"from other")
    say(first.recv(), second.recv())
    cluster.end()


@program
def stop_with_peers_connected() -> None:
    cluster = Cluster()
    cluster.pair()
    cluster.office.stop()
    say(cluster.office.running)
    cluster.context.destroy(0)
