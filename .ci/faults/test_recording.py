"""Recordings after kill -9 and on a full disk, judged by the readers of PyPI and crates.io.

HERMES_KILLS says how often the recorder is killed.
"""

import contextlib
import json
import os
import pathlib
import random
import subprocess
import time

import hermes
import pytest
from harness import HERMES, PATIENCE, Office, Process, closing, eventually
from mcap.reader import make_reader

RUST_READER = HERMES.parent / "faults/mcap-reader"
KILLS = int(os.environ.get("HERMES_KILLS", "5"))


@pytest.fixture
def office():
    made = Office()
    with closing(made):
        yield made


def run(*words, codes=(0,)):
    """Run the command to its end; return the lines that it prints."""
    done = subprocess.run(
        [HERMES, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode in codes, (words, done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def recorder(office, file, *flags):
    made = Process(HERMES, "record", "--min-free", "0", "-o", file, *flags, office.outward, "n")
    made.wait(lambda line: line["state"] == "recording", "it does not record")
    return made


def judged(file):
    """Return what another reader finds in a file: the data of the topic n, and when each came."""
    with open(file, "rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        messages = [
            (json.loads(message.data), message.publish_time / 1e9)
            for _, channel, message in reader.iter_messages()
            if channel.topic == "n"
        ]
        counted = reader.get_summary().statistics.message_count
        assert counted >= len(messages)
    return messages


def whole_chunks(file):
    """Return how many envelopes of an unfinished file are in it."""
    return run("log", "info", file)[0]["envelopes"]


def flushed(file, count):
    """Wait until so many envelopes are in an unfinished file."""
    eventually(lambda: whole_chunks(file) == count, "it is not flushed")


def test_what_was_flushed_survives_a_kill(office, tmp_path):
    pauses = random.Random(17)
    for turn in range(KILLS):
        file = tmp_path / f"{turn}.mcap"
        part = pathlib.Path(f"{file}.part")
        record = recorder(office, file, "--flush", "50ms", "--report", "5ms")
        with closing(record), hermes.Publisher(office.inward, "me") as publisher:
            assert publisher.wait_ready(PATIENCE)
            for n in range(1000):
                publisher.publish(hermes.Envelope("n", "me", n))
            flushed(part, 1000)
            record.wait(lambda line: line["envelopes"] >= 1000, "it does not report")
            sent = 1000
            end = time.monotonic() + pauses.random() / 2
            while time.monotonic() < end:
                publisher.publish(hermes.Envelope("n", "me", sent))
                sent += 1
                if sent % 100 == 0:
                    time.sleep(0.001)
            killed = time.time()
            record.kill()
            reported = record.last_of_all()["envelopes"]
        assert not file.exists()
        (said,) = run("log", "recover", part)
        messages = judged(file)
        numbers = [number for number, _ in messages]
        assert numbers == list(range(len(numbers)))
        # What it has said to have written is there: no more is lost than what waits for --flush.
        assert 1000 <= reported <= len(numbers) <= sent
        # How long that is on an idle machine is measured, not tested: time decides nothing.
        late, lost = killed - messages[-1][1], sent - len(numbers)
        print(f"kill {turn}: {lost} of {sent} envelopes, {reported} reported, {late:.3f} s")
        (checked,) = run("log", "verify", file, codes=(5,))
        assert checked["ok"], checked
        assert checked["envelopes"] == said["messages"] == len(numbers)


def test_a_full_disk_ends_a_recording_whose_chunks_are_whole(office, tmp_path):
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    kept.mkdir()
    script = (
        'mount -t tmpfs -o size=256k tmpfs "$1" || exit 77; disk=$1; kept=$2; shift 2\n'
        'setpriv --pdeathsig KILL "$@"; code=$?; cp "$disk"/* "$kept"; exit $code'
    )
    apart = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
    words = [HERMES, "record", "--min-free", "0", "--flush", "10ms", "--compression", "none"]
    words += ["-o", disk / "a.mcap", office.outward]
    record = Process(*apart, "sh", "-c", script, "sh", disk, kept, *words)
    with closing(record), hermes.Publisher(office.inward, "me") as publisher:
        with contextlib.suppress(AssertionError):
            record.wait(lambda line: line["state"] == "recording", "it does not record", 20)
        assert record.child.poll() != 77, (
            "no file system can be mounted here: run this as root, or allow unprivileged user"
            " namespaces (sysctl kernel.unprivileged_userns_clone,"
            f" kernel.apparmor_restrict_unprivileged_userns): {record.errors}"
        )
        assert publisher.wait_ready(PATIENCE)
        sent = 0
        while record.child.poll() is None:
            publisher.publish(hermes.Envelope("n", "me", sent))
            sent += 1
            if sent % 10 == 0:
                time.sleep(0.001)
        assert record.child.wait() == 5, record.errors
        ended = record.wait(lambda line: line["state"] == "ended", "it does not say how it ended")
    assert "no space left" in record.errors
    found = list(kept.iterdir())
    if found == [kept / "a.mcap.part"]:  # there was no room for the summary
        run("log", "recover", found[0])
    messages = judged(kept / "a.mcap")
    assert [number for number, _ in messages] == list(range(len(messages)))
    assert len(messages) == ended["envelopes"] > 0
    assert ended["unwritten"] > 0
    (checked,) = run("log", "verify", kept / "a.mcap", codes=(0, 5))
    assert checked["ok"], checked


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_reader_in_rust_finds_everything(office, tmp_path, compression):
    file = tmp_path / "a.mcap"
    record = recorder(office, file, "-n", 3000, "--compression", compression, "--flush", "20ms")
    with closing(record), hermes.Publisher(office.inward, "me") as publisher:
        assert publisher.wait_ready(PATIENCE)
        for number in range(3000):
            publisher.publish(hermes.Envelope("n", "me", {"number": number, "text": "é" * 50}))
        assert record.child.wait(PATIENCE) == 0, record.errors
    done = subprocess.run([RUST_READER, file], capture_output=True, check=False, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    rows = [line.split(b"\t") for line in done.stdout.splitlines()]
    assert [(topic, json.loads(data)["number"]) for topic, _, data in rows] == [
        (b"n", number) for number in range(3000)
    ]
    times = [int(at) for _, at, _ in rows]
    assert times == sorted(times)
    damaged = tmp_path / "b.mcap"
    content = bytearray(file.read_bytes())
    content[300] ^= 1  # in the first chunk
    damaged.write_bytes(content)
    done = subprocess.run(
        [RUST_READER, damaged], capture_output=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 1, "it checks"


def test_another_reader_finds_everything(office, tmp_path):
    file = tmp_path / "a.mcap"
    values = [{"price": 1.5, "side": "buy"}, [1, None], "text", 7, {"price": 2, "side": "sell"}]
    record = recorder(office, file, "-n", len(values))
    with closing(record), hermes.Publisher(office.inward, "me") as publisher:
        assert publisher.wait_ready(PATIENCE)
        for value in values:
            publisher.publish(hermes.Envelope("n", "me", value))
        assert record.child.wait(PATIENCE) == 0, record.errors
    assert [value for value, _ in judged(file)] == values
    with open(file, "rb") as stream:
        reader = make_reader(stream, validate_crcs=True)
        (channel,) = reader.get_summary().channels.values()
        (schema,) = reader.get_summary().schemas.values()
        assert (channel.topic, channel.message_encoding) == ("n", "json")
        assert channel.metadata["origin"] == "me"
        assert schema.encoding == "jsonschema"
        assert set(json.loads(schema.data)["properties"]) == {"price", "side"}
        (books,) = reader.iter_metadata()
        assert books.name == "hermes.books"
        assert json.loads(books.metadata["receiver"])["delivered"] == len(values)
