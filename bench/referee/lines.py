"""The lines of the main table that are about speed."""

from __future__ import annotations

from referee import teams as t
from referee.figures import Figure, rate, three
from referee.heat import Heat
from referee.race import Outcome, Race, Table, progress
from referee.teams import Team

NATIVE = [t.LIBZMQ, t.HERMES_C_BATCH, t.HERMES_C_ONE, t.HERMES_GO, t.NATS_GO, t.ZENOH_RUST, t.RZMQ]
PYTHON = [t.OLD, t.PYZMQ, t.HERMES_PYTHON, t.HERMES_PYTHON_MANY, t.NATS_PYTHON, t.ZENOH_PYTHON]


SIDES = ("publisher", "broker", "subscriber")


def cost(h: Heat) -> float:
    """Seconds of processor time for a million envelopes, on all sides together."""
    return sum(h.cpu.values())


def speed(h: Heat) -> float:
    """Envelopes a second."""
    return h.rate


def _times(
    race: Race, out: Outcome, what: str, ours: Team, theirs: Team, goal: float | None = None
) -> None:
    """A line "so many times as fast"."""
    ratio = out.ratio(ours, theirs, speed)
    if ratio is None:
        race.add(what, "missing" if theirs.missing() else "failed", _at_least(goal), _or_none(goal))
        return
    speeds = [f"{rate(out.median(team, speed))}/s" for team in (ours, theirs)]
    figure = f"{ratio.text()} ×: {speeds[0]} to {speeds[1]}"
    race.add(what, figure, _at_least(goal), None if goal is None else ratio.median >= goal)


def _at_least(goal: float | None) -> str:
    return "" if goal is None else f"≥ {goal:g} ×"


def _or_none(goal: float | None) -> bool | None:
    """Where there is no figure a goal is missed."""
    return None if goal is None else False


def _standings(name: str, out: Outcome) -> Table:
    """Speed, cost and memory of all programs."""
    rows = []
    for team, heats in out.heats.items():
        figure = Figure.of([h.rate for h in heats])
        cpu = [Figure.of([h.cpu[side] for h in heats]).median for side in SIDES]
        size = [Figure.of([h.memory[side] for h in heats]).median / 2**20 for side in SIDES]
        costs = [" + ".join(map("{:.2f}".format, cpu)), " + ".join(map("{:.0f}".format, size))]
        spread = f"{rate(figure.low)} to {rate(figure.high)}"
        rows.append([team, rate(figure.median), spread, *costs])
    who = "publisher + broker + subscriber"
    header = [who, "envelopes/s", "spread", "CPU s per million", "RSS MiB"]
    return Table(name, header, rows)


def native(race: Race) -> None:
    """C, Go and Rust."""
    progress("Throughput, native")
    out = race.compete(NATIVE, race.count)
    race.tables.append(_standings("throughput-native", out))
    _times(race, out, "C, recv_batch, to libzmq + zmq_proxy", t.HERMES_C_BATCH, t.LIBZMQ, 5)
    _times(race, out, "C, recv one by one, to libzmq + zmq_proxy", t.HERMES_C_ONE, t.LIBZMQ, 3)
    _times(race, out, "Go, to libzmq + zmq_proxy", t.HERMES_GO, t.LIBZMQ)
    _times(race, out, "Go, to NATS in Go", t.HERMES_GO, t.NATS_GO)
    _times(race, out, "C, recv_batch, to Zenoh in Rust", t.HERMES_C_BATCH, t.ZENOH_RUST)
    _times(race, out, "C, recv_batch, to rzmq in Rust", t.HERMES_C_BATCH, t.RZMQ)
    for ours in (t.HERMES_C_BATCH, t.HERMES_GO):
        cpu = out.ratio(ours, t.LIBZMQ, cost)
        if cpu:
            costs = [f"{three(out.median(x, cost))} s" for x in (ours, t.LIBZMQ)]
            race.add(
                f"CPU per million envelopes, {ours.name}, to libzmq",
                f"{cpu.text()} ×: {costs[0]} to {costs[1]}",
            )


def python(race: Race) -> None:
    """Python."""
    progress("Throughput, Python")
    out = race.compete(PYTHON, race.count)
    race.tables.append(_standings("throughput-python", out))
    one, many = t.HERMES_PYTHON, t.HERMES_PYTHON_MANY
    _times(race, out, "Python, one by one, to hermes-zmq 1.3.0", one, t.OLD, 10)
    _times(race, out, "Python, one by one, to pyzmq by hand", one, t.PYZMQ, 4)
    _times(race, out, "Python, publish_many/recv_many, to hermes-zmq 1.3.0", many, t.OLD, 15)
    _times(race, out, "Python, publish_many/recv_many, to pyzmq by hand", many, t.PYZMQ, 6)
    for peer in (t.NATS_PYTHON, t.ZENOH_PYTHON):
        _times(race, out, f"Python, one by one, to {peer.name}", one, peer)
        _times(race, out, f"Python, publish_many/recv_many, to {peer.name}", many, peer)


def _bindings(race: Race, teams: list[Team], more: list[Team]) -> Outcome:
    """Compete in fewer rounds than the main lines; those of ``more`` in a long race only."""
    rounds = race.rounds if race.long else min(race.rounds, 3)
    return race.compete(teams + (more if race.long else []), race.count, rounds)


def _times_each(
    race: Race, out: Outcome, lines: list[tuple[str, Team, Team, float | None]]
) -> None:
    """Lines of pairs, without those of which one has not competed."""
    for what, ours, theirs, goal in lines:
        if out.has(ours, theirs) or goal is not None:
            _times(race, out, what, ours, theirs, goal)


def asyncio(race: Race) -> None:
    """Tasks of an event loop, beside threads that block, and beside pyzmq."""
    progress("asyncio")
    blocking, ours, theirs = t.HERMES_PYTHON, t.HERMES_ASYNCIO, t.PYZMQ_ASYNCIO
    out = _bindings(race, [blocking, ours, theirs, t.HERMES_UVLOOP], [t.PYZMQ_UVLOOP])
    race.tables.append(_standings("throughput-asyncio", out))
    lines = [
        ("asyncio, to pyzmq.asyncio", ours, theirs, 10),
        ("uvloop, to pyzmq.asyncio on uvloop", t.HERMES_UVLOOP, t.PYZMQ_UVLOOP, None),
        ("asyncio, to Python that blocks", ours, blocking, 0.9),
        ("uvloop, to Python that blocks", t.HERMES_UVLOOP, blocking, 0.9),
    ]
    _times_each(race, out, lines)


def cpp(race: Race) -> None:
    """C++ beside C, and beside what programs in C++ use."""
    progress("C++")
    teams = [t.HERMES_C_BATCH, t.HERMES_CPP, t.HERMES_CPP_TYPED, t.CPPZMQ_TYPED]
    out = _bindings(race, teams, [t.CPPZMQ])
    race.tables.append(_standings("throughput-cpp", out))
    typed = "C++, structs, to cppzmq with nlohmann/json"
    lines = [
        ("C++, texts, to C", t.HERMES_CPP, t.HERMES_C_BATCH, 0.95),
        ("C++, texts, to cppzmq", t.HERMES_CPP, t.CPPZMQ, None),
        (typed, t.HERMES_CPP_TYPED, t.CPPZMQ_TYPED, 4),
    ]
    _times_each(race, out, lines)


def rust(race: Race) -> None:
    """Rust beside C, and beside what programs in Rust use."""
    progress("Rust")
    one, batch, typed = t.HERMES_RUST, t.HERMES_RUST_BATCH, t.HERMES_RUST_TYPED
    teams = [t.HERMES_C_ONE, one, batch, t.HERMES_RUST_ASYNC, typed, t.HERMES_RUST_TYPED_BATCH]
    out = _bindings(race, [*teams, t.ZMQ_RUST_TYPED], [t.ZMQ_RUST, t.OMQ, t.RZMQ])
    race.tables.append(_standings("throughput-rust", out))
    lines = [
        ("Rust, one by one, to C, one by one", one, t.HERMES_C_ONE, 0.9),
        ("Rust, recv_batch, to one by one", batch, one, 1),
        ("Rust, tokio, to one by one", t.HERMES_RUST_ASYNC, one, 0.8),
        *((f"Rust, one by one, to {x.name}", one, x, None) for x in (t.ZMQ_RUST, t.OMQ, t.RZMQ)),
        ("Rust, serde, to the zmq crate with serde_json", typed, t.ZMQ_RUST_TYPED, 3),
        ("Rust, serde, batches, to one by one", t.HERMES_RUST_TYPED_BATCH, typed, 1),
    ]
    _times_each(race, out, lines)


def golang(race: Race) -> None:
    """Go with structs, beside what programs in Go use."""
    progress("Go")
    typed = t.HERMES_GO_TYPED
    out = _bindings(race, [typed, t.ZMQ4_GO_TYPED], [t.HERMES_GO, t.ZMQ4_GO])
    race.tables.append(_standings("throughput-go", out))
    lines = [
        ("Go, texts, to go-zeromq/zmq4", t.HERMES_GO, t.ZMQ4_GO, None),
        ("Go, structs, to go-zeromq/zmq4 with encoding/json", typed, t.ZMQ4_GO_TYPED, 10),
    ]
    _times_each(race, out, lines)


JAVA = [t.JEROMQ_TYPED, t.JEROMQ_RAW, t.HERMES_JAVA_TYPED, t.HERMES_JAVA_RAW, t.HERMES_JAVA_MANY]


def java(race: Race) -> None:
    """Java."""
    progress("Throughput, Java")
    out = race.compete(JAVA, race.count, rounds=race.few)
    race.tables.append(_standings("throughput-java", out))
    _times(race, out, "Java, typed, to JeroMQ", t.HERMES_JAVA_TYPED, t.JEROMQ_TYPED, 4)
    _times(race, out, "Java, raw text, to JeroMQ", t.HERMES_JAVA_RAW, t.JEROMQ_RAW, 4)
    many = t.HERMES_JAVA_MANY
    _times(race, out, "Java, publishMany/receiveMany, to JeroMQ", many, t.JEROMQ_RAW, 4)


NODE = [t.ZEROMQ_JS, t.HERMES_NODE_AWAIT, t.HERMES_NODE_EVENT, t.HERMES_NODE_MANY]


def node(race: Race) -> None:
    """Node.js."""
    progress("Throughput, Node.js")
    out = race.compete(NODE, race.count, rounds=race.few)
    race.tables.append(_standings("throughput-node", out))
    _times(race, out, "Node.js, for await, to zeromq.js", t.HERMES_NODE_AWAIT, t.ZEROMQ_JS, 6)
    _times(race, out, "Node.js, events, to zeromq.js", t.HERMES_NODE_EVENT, t.ZEROMQ_JS, 6)
    many = t.HERMES_NODE_MANY
    _times(race, out, "Node.js, publishMany/recvMany, to zeromq.js", many, t.ZEROMQ_JS, 6)


def relay(race: Race) -> None:
    """What stands between, alone."""
    progress("Relay alone")
    out = race.compete([t.LIBZMQ, t.LIBZMQ_OURS], race.count)
    race.tables.append(_standings("relay", out))
    what = "PostOffice to zmq_proxy, raw libzmq peers on both sides"
    _times(race, out, what, t.LIBZMQ_OURS, t.LIBZMQ, 1.5)


def curve(race: Race) -> None:
    """Encrypted."""
    progress("CURVE")
    out = race.compete([t.LIBZMQ_CURVE, t.HERMES_CURVE], race.count)
    race.tables.append(_standings("curve", out))
    what = "CURVE, C, recv_batch, to libzmq + zmq_proxy"
    _times(race, out, what, t.HERMES_CURVE, t.LIBZMQ_CURVE, 1.5)


def tls(race: Race) -> None:
    """With TLS 1.3, beside the same without."""
    progress("TLS")
    out = race.compete([t.HERMES_C_BATCH, t.HERMES_TLS, t.NATS_TLS], race.count)
    race.tables.append(_standings("tls", out))
    _times(race, out, "TLS, C, recv_batch, to plain", t.HERMES_TLS, t.HERMES_C_BATCH, 0.7)
    _times(race, out, "TLS, C, recv_batch, to NATS in Go with TLS", t.HERMES_TLS, t.NATS_TLS)
    pair = (t.HERMES_TLS_ONE, t.HERMES_C_ONE)
    count = int(2500 * race.seconds)
    out = race.compete(list(pair), lambda _: count, rate=1000, timed=1)
    _latency_line(race, out, "TLS, latency p50 at 1 k/s, to plain", "p50", pair, 1.3)


def fan_out(race: Race) -> None:
    """One publisher, 32 receivers."""
    progress("32 receivers")
    out = race.compete([t.LIBZMQ, t.HERMES_C_BATCH], lambda x: race.count(x) // 32, subscribers=32)
    _times(race, out, "1 publisher, 32 receivers, to libzmq", t.HERMES_C_BATCH, t.LIBZMQ, 3)


def latency(race: Race) -> None:
    """Latency in one direction, at a rate far below all limits."""
    contestants = [t.LIBZMQ, t.HERMES_C_ONE, t.LIBZMQ_OURS, t.NATS_GO, t.ZENOH_RUST, t.RZMQ]
    for per_second in (1000, 10_000):
        progress(f"Latency at {per_second}/s")
        seconds = 2.5 * race.seconds if per_second < 10_000 else 1.7 * race.seconds
        count = int(per_second * seconds)
        out = race.compete(contestants, lambda _: count, rate=per_second, timed=1)  # noqa: B023
        _latency_lines(race, out, per_second)
        rows = [
            [team, *(Figure.of([h.delays[p] for h in heats]).text("{:.0f}") for p in PERCENTILES)]
            for team, heats in out.heats.items()
        ]
        header = ["", *(f"{name}, µs" for name in PERCENTILES.values())]
        race.tables.append(Table(f"latency-{per_second}", header, rows))


def loaded(race: Race) -> None:
    """Latency in one direction, at shares of what each team can do at most."""
    progress("Latency under load")
    teams = [t.LIBZMQ, t.HERMES_C_ONE, t.NATS_GO]
    full = race.compete(teams, race.count)
    runners = [team for team in teams if full.has(team)]
    rows = []
    for share in (0.5, 0.9):
        rates = {team.name: int(share * full.median(team, speed)) for team in runners}
        out = race.compete(
            runners,
            lambda team: int(2 * race.seconds * rates[team.name]),  # noqa: B023
            of_team=lambda team: {"rate": rates[team.name]},  # noqa: B023
            timed=1,
        )
        for team in runners:
            if out.has(team):
                delays = [
                    Figure.of(out.values(team, lambda h: h.delays[p])).text("{:.0f}")  # noqa: B023
                    for p in PERCENTILES
                ]
                rows.append([f"{team.name}, {share:.0%}", f"{rate(rates[team.name])}/s", *delays])
        ratio = out.ratio(t.HERMES_C_ONE, t.LIBZMQ, lambda h: h.delays["p50"])
        what = f"latency p50 at {share:.0%} of the highest rate of each, to libzmq"
        race.add(what, f"{ratio.text()} ×" if ratio else "failed")
    header = ["", "rate", *(f"{name}, µs" for name in PERCENTILES.values())]
    race.tables.append(Table("latency-loaded", header, rows))


FLOOD = 4_000_000
MOST_MEMORY = 128  # MiB, for each process


def flood(race: Race) -> None:
    """As fast as a publisher can, for longer than any queue lasts."""
    progress("Flat out")
    what = f"{FLOOD:,} flat out, default options: all arrive, memory of publisher, broker, receiver"
    count = FLOOD if race.seconds > 0.1 else FLOOD // 40
    out = race.compete([t.HERMES_C_BATCH], lambda _: count, rounds=3)
    goal = f"< {MOST_MEMORY} MiB each"
    if not out.has(t.HERMES_C_BATCH):
        race.add(what, "failed", goal, False)
        return
    most = [
        max(out.values(t.HERMES_C_BATCH, lambda h: h.most_memory[side])) / 2**20  # noqa: B023
        for side in SIDES
    ]
    race.add(what, ", ".join(f"{x:.0f}" for x in most) + " MiB", goal, max(most) < MOST_MEMORY)


PERCENTILES = {"p50": "p50", "p99": "p99", "p999": "p99.9"}
LATENCY_GOALS = {"p50": 0.6, "p99": 0.8}


def _latency_lines(race: Race, out: Outcome, per_second: int) -> None:
    for key, name in PERCENTILES.items():
        what = f"latency {name} at {per_second // 1000} k/s, to libzmq"
        _latency_line(race, out, what, key, (t.HERMES_C_ONE, t.LIBZMQ), LATENCY_GOALS.get(key))


def _latency_line(
    race: Race, out: Outcome, what: str, key: str, pair: tuple[Team, Team], goal: float | None
) -> None:
    """A line "so many times as late"; the second of the pair is what it is compared to."""
    ratio = out.ratio(*pair, lambda h: h.delays[key])
    text = f"≤ {goal} ×" if goal else ""
    if ratio is None:
        race.add(what, "failed", text, _or_none(goal))
        return
    ours, theirs = (out.median(x, lambda h: h.delays[key]) for x in pair)
    figure = f"{ratio.text()} ×: {ours:.0f} µs to {theirs:.0f} µs"
    race.add(what, figure, text, None if goal is None else ratio.median <= goal)


def call(race: Race) -> None:
    """What publishing costs the thread that publishes."""
    progress("The call of hermes_publish")
    teams = [t.LIBZMQ, t.HERMES_C_BATCH]
    count = int(200_000 * race.seconds)
    out = race.compete(teams, lambda _: count, role="call")
    if not out.has(*teams):
        race.add("hermes_publish in the calling thread", "failed", "≤ 200 ns", False)
        return
    ours = Figure.of(out.values(t.HERMES_C_BATCH, lambda h: h.publisher["p50"]))
    theirs = Figure.of(out.values(t.LIBZMQ, lambda h: h.publisher["p50"]))
    figure = f"{ours.text('{:.0f}')} ns; four zmq_send: {theirs.text('{:.0f}')} ns"
    race.add("hermes_publish in the calling thread, median", figure, "≤ 200 ns", ours.median <= 200)
