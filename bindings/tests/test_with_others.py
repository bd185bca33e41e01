"""A binding exchanges envelopes with Python and C, in both directions."""

import math

import hermes
from conftest import PATIENCE, ROOT

VALUES = [
    None,
    True,
    -1,
    2**53 - 1,
    10**40,
    0.1,
    1e-300,
    "",
    "grüße, κόσμε, 世界, 🙂",
    '\\ " / \x00 \x1f \x7f \u2028 \ufeff',
    [],
    {},
    [[["nested"]], {"ключ": [None, False, {"a": 1.5}]}],
    list(range(10000)),
    "x" * (16 << 20),
]


def next_of(receiver, topic):
    """Return the data of the next envelope of this topic; others are skipped."""
    while True:
        envelope = receiver.recv(block=True, timeout=PATIENCE)
        assert envelope is not None, f"waited in vain for {topic}"
        if envelope.topic == topic:
            return envelope.data


def test_values_pass_from_python_to_it_to_c_to_it_to_python(cluster, programs):
    c = ROOT / "build/bindings/c/echo"
    ways = [(programs / "echo", "a/", "b/"), (c, "b/", "c/"), (programs / "echo", "c/", "d/")]
    addresses = cluster.to_office, cluster.from_office
    echos = [cluster.start(program, *addresses, "echo", *way) for program, *way in ways]

    ends = [f"d/{end}" for end in ("hello", "välue", "nan", "end")]
    receiver = hermes.Receiver(cluster.from_office, "end", topics=ends)
    receiver.on_slow = "ignore"
    with receiver, hermes.Publisher(cluster.to_office, "beginning") as publisher:

        def publish(topic, data):
            assert publisher.publish(hermes.Envelope(topic, "beginning", data))

        def hello():
            publish("a/hello", None)
            return receiver.recv(block=True, timeout=0.2) is not None

        for _ in range(5 * PATIENCE):
            if hello():
                break
        for number, value in enumerate(VALUES):
            publish("a/välue", [number, value])
            assert next_of(receiver, "d/välue") == [number, value]
        publish("a/nan", [math.nan, math.inf, -math.inf])
        nan, *infinities = next_of(receiver, "d/nan")
        assert math.isnan(nan) and infinities == [math.inf, -math.inf]
        for number in range(1000):
            publish("a/välue", number)
        publish("a/end", None)
        assert [next_of(receiver, "d/välue") for _ in range(1000)] == list(range(1000))
        assert next_of(receiver, "d/end") is None
        assert receiver.stats()["lost"] == 0
    assert [echo.wait(PATIENCE) for echo in echos] == [0, 0, 0]


def test_its_example_joins_the_demo(cluster, programs):
    derive = cluster.demo("derive.py", cluster.to_office, cluster.from_office)
    assert derive.stdout.readline() == "ready\n"
    peaks = cluster.start(programs / "peaks", cluster.from_office)
    assert peaks.stdout.readline() == "watching\n"
    readings = cluster.demo("readings.py", cluster.to_office, 1)

    printed, _ = peaks.communicate(timeout=PATIENCE)
    assert peaks.returncode == 0
    assert readings.wait(PATIENCE) == derive.wait(PATIENCE) == 0
    *rows, summary = printed.splitlines()
    names = {row[:12].strip() for row in rows}
    assert {"cpu", "memory", "load"} <= names  # what every system shows
    count = int(summary.split()[0])
    assert count > len(names) and summary == f"{count} envelopes, 0 missing"
