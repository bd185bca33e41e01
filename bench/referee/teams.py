"""The competitors: for each team, how its programs are started."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
BENCH = BUILD / "bench"
PYTHON = str(BUILD / "venv-bench/bin/python")
PYTHON_OF_OLD = str(BUILD / "venv-old/bin/python")
SIDES = ROOT / "bench/python"


@dataclass(frozen=True)
class Broker:
    """What stands between publishers and subscribers."""

    #: The command for the port of publishers and that of subscribers.
    command: Callable[[int, int], list[str]]
    #: How those are given to publishers and subscribers.
    address: str = "tcp://127.0.0.1:{}"
    #: Whether it serves both sides on the first port.
    one_port: bool = False
    by_signal: bool = False
    #: Whether it prints a result when its stdin is closed.
    tells: bool = False


@dataclass(frozen=True)
class Team:
    """A publisher's program, a broker, and a subscriber's program."""

    name: str
    broker: Broker
    publish: list[str]
    receive: list[str]
    #: Envelopes a second, roughly: decides how many are sent where time is given.
    speed: int
    environment: dict[str, str] = field(default_factory=dict)
    #: Whether publisher and subscriber share a file that says how far they are.
    window: bool = False
    #: What must be there; otherwise the team is missing.
    needs: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Why it cannot take part, if it cannot."""
        for need in self.needs:
            note = BENCH / "missing" / need
            if note.exists():
                return note.read_text().strip()
        return None


def _program(name: str) -> str:
    return str(BENCH / name)


def _python(file: str, python: str = PYTHON) -> list[str]:
    return [python, str(SIDES / file)]


def _addresses(publishers: int, subscribers: int, form: str = "tcp://127.0.0.1:{}") -> list[str]:
    return ["in=" + form.format(publishers), "out=" + form.format(subscribers)]


def _post_office(publishers: int, subscribers: int) -> list[str]:
    """As an operator starts it: with default options."""
    sides = ["--in", f"tcp://127.0.0.1:{publishers}", "--out", f"tcp://127.0.0.1:{subscribers}"]
    return [str(BUILD / "hermes"), "postoffice", *sides]


_ZENOH = "tcp/127.0.0.1:{}"

POST_OFFICE = Broker(_post_office, by_signal=True)
ZMQ_PROXY = Broker(lambda i, o: [_program("zeromq-c"), "proxy", *_addresses(i, o)])
PYZMQ_PROXY = Broker(lambda i, o: [*_python("pyzmq_side.py"), "proxy", *_addresses(i, o)])
OLD_OFFICE = Broker(
    lambda i, o: [*_python("old_side.py", PYTHON_OF_OLD), "office", *_addresses(i, o)]
)
NATS_SERVER = Broker(
    lambda i, _: [
        _program("nats-server"),
        *("-a", "127.0.0.1", "-p", str(i), "-c", str(ROOT / "bench/nats.conf")),
    ],
    address="nats://127.0.0.1:{}",
    one_port=True,
    by_signal=True,
)
ZENOH_ROUTER = Broker(
    lambda i, o: [*_python("zenoh_side.py"), "router", *_addresses(i, o, _ZENOH)], address=_ZENOH
)
ZENOH_ROUTER_RUST = Broker(
    lambda i, o: [_program("race-zenoh"), "router", *_addresses(i, o, _ZENOH)], address=_ZENOH
)

_LIBRARY = {"HERMES_LIBRARY": str(BUILD / "libhermes.so.2")}
_OURS = {"PYTHONPATH": str(ROOT / "python"), **_LIBRARY}


def _c(program: str, *more: str) -> tuple[list[str], list[str]]:
    return [_program(program), "publish"], [_program(program), "receive", *more]


HERMES_C_BATCH = Team("hermes, C, hermes_recv_batch", POST_OFFICE, *_c("hermes-c"), speed=2_500_000)
HERMES_C_ONE = Team(
    "hermes, C, hermes_recv", POST_OFFICE, *_c("hermes-c", "take=one"), speed=1_500_000
)
HERMES_GO = Team("hermes, Go", POST_OFFICE, *_c("race-hermes"), speed=2_500_000)
LIBZMQ = Team("libzmq, C", ZMQ_PROXY, *_c("zeromq-c"), speed=600_000)
LIBZMQ_OURS = Team("libzmq peers, PostOffice", POST_OFFICE, *_c("zeromq-c"), speed=800_000)
NATS_GO = Team("NATS, Go", NATS_SERVER, *_c("race-nats"), speed=1_200_000, needs=("nats",))
ZENOH_RUST = Team(
    "Zenoh, Rust", ZENOH_ROUTER_RUST, *_c("race-zenoh"), speed=500_000, needs=("zenoh-rust",)
)
#: The pairs of keys that the manual of libzmq has as an example.
_KEYS = {
    "RACE_SERVER": "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
    "RACE_SERVER_SECRET": "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
    "RACE_CLIENT": "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
    "RACE_CLIENT_SECRET": "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
}


def _locked_office(publishers: int, subscribers: int) -> list[str]:
    keys = ["--set", "curve.secret=env:RACE_SERVER_SECRET", "--set", "curve.clients=any"]
    return [*_post_office(publishers, subscribers), *keys]


HERMES_CURVE = Team(
    "hermes, C, CURVE",
    Broker(_locked_office, by_signal=True),
    *_c("hermes-c"),
    speed=300_000,
    environment=_KEYS,
)
LIBZMQ_CURVE = Team(
    "libzmq, C, CURVE", ZMQ_PROXY, *_c("zeromq-c"), speed=150_000, environment=_KEYS
)
_TLS = "tls://127.0.0.1:{}"
_CERTIFICATE, _KEY = str(BENCH / "tls.cert"), str(BENCH / "tls.key")


def _tls_office(publishers: int, subscribers: int) -> list[str]:
    sides = ["--in", _TLS.format(publishers), "--out", _TLS.format(subscribers)]
    pair = ["--set", f"tls.cert={_CERTIFICATE}", "--set", f"tls.key={_KEY}"]
    return [str(BUILD / "hermes"), "postoffice", *sides, *pair]


_TLS_OFFICE = Broker(_tls_office, address=_TLS, by_signal=True)
_NATS_TLS = Broker(
    lambda i, o: [*NATS_SERVER.command(i, o), "--tlscert", _CERTIFICATE, "--tlskey", _KEY],
    address=_TLS,
    one_port=True,
    by_signal=True,
)
HERMES_TLS = Team(
    "hermes, C, TLS",
    _TLS_OFFICE,
    *_c("hermes-c"),
    speed=1_800_000,
    environment={"RACE_CA": _CERTIFICATE},
    needs=("tls",),
)
HERMES_TLS_ONE = Team(
    "hermes, C, TLS, hermes_recv",
    _TLS_OFFICE,
    *_c("hermes-c", "take=one"),
    speed=1_200_000,
    environment={"RACE_CA": _CERTIFICATE},
    needs=("tls",),
)
NATS_TLS = Team(
    "NATS, Go, TLS",
    _NATS_TLS,
    *_c("race-nats"),
    speed=800_000,
    environment={"RACE_CA": _CERTIFICATE},
    needs=("tls", "nats"),
)
RZMQ = Team("rzmq, Rust, zmq_proxy", ZMQ_PROXY, *_c("race-rzmq"), speed=300_000, needs=("rzmq",))


def _native(
    name: str, broker: Broker, program: str, speed: int, *settings: str, needs: str | None = None
) -> Team:
    """A program with the same settings on both sides."""
    sides = ([_program(program), role, *settings] for role in ("publish", "receive"))
    return Team(name, broker, *sides, speed=speed, needs=(needs,) if needs else ())


_CPP, _RUST, _GO = "hermes-cpp", "race-hermes-rust", "race-hermes"
HERMES_CPP = _native("hermes, C++", POST_OFFICE, _CPP, 2_500_000, needs="cpp")
HERMES_CPP_TYPED = _native(
    "hermes, C++, structs", POST_OFFICE, _CPP, 1_200_000, "typed=1", needs="cpp"
)
CPPZMQ = _native("cppzmq", ZMQ_PROXY, "zmq-cpp", 600_000, needs="cppzmq")
CPPZMQ_TYPED = _native(
    "cppzmq, nlohmann/json", ZMQ_PROXY, "zmq-cpp", 350_000, "typed=1", needs="cppzmq"
)
HERMES_RUST = _native("hermes, Rust", POST_OFFICE, _RUST, 1_500_000, needs="rust")
HERMES_RUST_BATCH = _native(
    "hermes, Rust, recv_batch", POST_OFFICE, _RUST, 2_000_000, "how=batch", needs="rust"
)
HERMES_RUST_ASYNC = _native(
    "hermes, Rust, tokio", POST_OFFICE, _RUST, 1_200_000, "how=async", needs="rust"
)
HERMES_RUST_TYPED = _native(
    "hermes, Rust, serde", POST_OFFICE, _RUST, 1_200_000, "typed=1", needs="rust"
)
HERMES_RUST_TYPED_BATCH = _native(
    "hermes, Rust, serde, batches",
    *(POST_OFFICE, _RUST, 1_200_000, "how=batch", "typed=1"),
    needs="rust",
)
ZMQ_RUST = _native("zmq crate", ZMQ_PROXY, "race-zmq", 600_000, needs="zmq-rust")
ZMQ_RUST_TYPED = _native(
    "zmq crate, serde_json", ZMQ_PROXY, "race-zmq", 500_000, "typed=1", needs="zmq-rust"
)
OMQ = _native("omq-tokio, Rust, zmq_proxy", ZMQ_PROXY, "race-omq", 600_000, needs="omq")
HERMES_GO_TYPED = _native("hermes, Go, structs", POST_OFFICE, _GO, 1_000_000, "typed=1")
ZMQ4_GO = _native("go-zeromq/zmq4", ZMQ_PROXY, "race-zmq4", 120_000, needs="zmq4")
ZMQ4_GO_TYPED = _native(
    "go-zeromq/zmq4, encoding/json", ZMQ_PROXY, "race-zmq4", 100_000, "typed=1", needs="zmq4"
)


def _py(
    name: str,
    broker: Broker,
    file: str,
    speed: int,
    *,
    many: bool = False,
    more: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
) -> Team:
    more = ("many=1", *more) if many else more
    publish, receive = ([*_python(file), role, *more] for role in ("publish", "receive"))
    environment = _OURS if file == "hermes_side.py" else {}
    return Team(name, broker, publish, receive, speed, environment, needs=needs)


HERMES_PYTHON = _py("hermes, Python, one by one", POST_OFFICE, "hermes_side.py", 250_000)
HERMES_PYTHON_MANY = _py(
    "hermes, Python, publish_many/recv_many", POST_OFFICE, "hermes_side.py", 400_000, many=True
)
_AIO, _UVLOOP = ("aio=1",), ("aio=1", "uvloop=1")
HERMES_ASYNCIO = _py("hermes, asyncio", POST_OFFICE, "hermes_side.py", 150_000, more=_AIO)
HERMES_UVLOOP = _py("hermes, uvloop", POST_OFFICE, "hermes_side.py", 150_000, more=_UVLOOP)
PYZMQ_ASYNCIO = _py("pyzmq.asyncio", PYZMQ_PROXY, "pyzmq_side.py", 20_000, more=_AIO)
PYZMQ_UVLOOP = _py("pyzmq.asyncio, uvloop", PYZMQ_PROXY, "pyzmq_side.py", 20_000, more=_UVLOOP)
PYZMQ = _py("pyzmq and json by hand", PYZMQ_PROXY, "pyzmq_side.py", 50_000)
NATS_PYTHON = _py("NATS, Python", NATS_SERVER, "nats_side.py", 30_000, needs=("nats", "nats-py"))
ZENOH_PYTHON = _py("Zenoh, Python", ZENOH_ROUTER, "zenoh_side.py", 130_000, needs=("zenoh",))
OLD = Team(
    "hermes-zmq 1.3.0",
    OLD_OFFICE,
    [*_python("old_side.py", PYTHON_OF_OLD), "publish"],
    [*_python("old_side.py", PYTHON_OF_OLD), "receive"],
    speed=28_000,
    window=True,
    needs=("old",),
)

# ---- Java and Node.js: programs that warm up before the race, for their compilers


def _newest_java() -> str:
    """The newest Java of the machine, for what hermes does depends on it; else that of the path."""
    homes = [Path(os.environ.get("JAVA_HOME", "/")), *Path("/usr/lib/jvm").glob("*")]
    versions = {}
    for home in homes:
        if (home / "release").exists() and (home / "bin/java").exists():
            version = re.search(r'JAVA_VERSION="(\d+)', (home / "release").read_text())
            versions[int(version[1]) if version else 0] = str(home / "bin/java")
    return versions[max(versions)] if versions else "java"


def _java(program: str, role: str, *more: str) -> list[str]:
    binding = BUILD / "bindings/java/target"
    path = f"{BENCH}/java/classes:{BENCH}/java/lib/*:{binding}/classes:{binding}/lib/jna-5.17.0.jar"
    flags = ["--enable-native-access=ALL-UNNAMED", "-cp", path]
    return [_newest_java(), *flags, program, role, *more]


JEROMQ_PROXY = Broker(lambda i, o: [*_java("JeromqSide", "proxy"), *_addresses(i, o)])


def _jvm(name: str, broker: Broker, program: str, mode: str, speed: int) -> Team:
    publish, receive = (_java(program, role, f"mode={mode}") for role in ("publish", "receive"))
    return Team(name, broker, publish, receive, speed, _LIBRARY, needs=("java",))


HERMES_JAVA_TYPED = _jvm("hermes, Java, typed", POST_OFFICE, "HermesSide", "typed", 500_000)
HERMES_JAVA_RAW = _jvm("hermes, Java, raw", POST_OFFICE, "HermesSide", "raw", 900_000)
HERMES_JAVA_MANY = _jvm("hermes, Java, many", POST_OFFICE, "HermesSide", "many", 900_000)
JEROMQ_TYPED = _jvm("JeroMQ, typed", JEROMQ_PROXY, "JeromqSide", "typed", 150_000)
JEROMQ_RAW = _jvm("JeroMQ, raw", JEROMQ_PROXY, "JeromqSide", "raw", 250_000)


def _node(program: str, role: str, *more: str) -> list[str]:
    return ["node", str(BENCH / "node" / program), role, *more]


ZEROMQ_JS_PROXY = Broker(lambda i, o: [*_node("zeromq_side.mjs", "proxy"), *_addresses(i, o)])


def _hermes_node(name: str, mode: str, speed: int) -> Team:
    more = [f"mode={mode}", f"package={ROOT}/bindings/node/dist/esm.mjs"]
    publish, receive = (_node("hermes_side.mjs", role, *more) for role in ("publish", "receive"))
    return Team(name, POST_OFFICE, publish, receive, speed, _LIBRARY, needs=("node",))


HERMES_NODE_AWAIT = _hermes_node("hermes, Node.js, for await", "await", 300_000)
HERMES_NODE_EVENT = _hermes_node("hermes, Node.js, events", "event", 300_000)
HERMES_NODE_MANY = _hermes_node("hermes, Node.js, publishMany/recvMany", "many", 400_000)
ZEROMQ_JS = Team(
    "zeromq.js and JSON by hand",
    ZEROMQ_JS_PROXY,
    _node("zeromq_side.mjs", "publish"),
    _node("zeromq_side.mjs", "receive"),
    speed=80_000,
    needs=("node",),
)

#: For what happens inside Go.
HERMES_GO_INSIDE = Team(
    "hermes, Go, with a post office that tells what it allocates",
    Broker(lambda i, o: [_program("race-hermes"), "office", *_addresses(i, o)], tells=True),
    *_c("race-hermes"),
    speed=1_000_000,
)
