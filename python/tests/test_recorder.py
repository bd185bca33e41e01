"""A recorder is a process that a program starts and stops."""

import pytest

import hermes


@pytest.fixture
def office(tmp_path):
    addresses = [f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/out"]
    with hermes.PostOffice(*addresses):
        yield addresses


@pytest.fixture
def read_mcap():
    """Reads the data in a recording; the package is not there for every interpreter."""
    from mcap.reader import make_reader

    def read(file):
        with open(file, "rb") as stream:
            return [message.data for _, _, message in make_reader(stream).iter_messages()]

    return read


def test_it_records_until_it_is_stopped(office, tmp_path, read_mcap):
    file = tmp_path / "a.mcap"
    recorder = hermes.Recorder(office[1], file, topics=["t/"], flags=["--min-free", "0"])
    receiver, publisher = hermes.Receiver(office[1], "r", "t/"), hermes.Publisher(office[0], "me")
    with recorder, receiver, publisher:
        assert publisher.wait_ready(60)
        publisher.publish(hermes.Envelope("t/1", "me", 1))
        assert next(iter(receiver)).data == 1
    assert recorder.envelopes == len(read_mcap(file)) <= 1
    with pytest.raises(hermes.errors.StateError):
        recorder.start()


def test_it_ends_after_a_number_of_envelopes(office, tmp_path, read_mcap):
    file = tmp_path / "a.mcap"
    flags = ["--min-free", "0"]
    recorder = hermes.Recorder(office[1], str(file), "t", count=2, flags=flags)
    with recorder, hermes.Publisher(office[0], "me") as publisher:
        assert publisher.wait_ready(60)
        for n in range(5):
            publisher.publish(hermes.Envelope("t", "me", n))
        recorder.join(60)
    assert (recorder.envelopes, recorder.lost) == (2, 0)
    assert read_mcap(file) == [b"0", b"1"]


def test_it_says_why_it_fails(office, tmp_path):
    (tmp_path / "a.mcap").write_text("mine")
    with pytest.raises(OSError, match="exists"):
        hermes.Recorder(office[1], tmp_path / "a.mcap").start()
    with pytest.raises(TimeoutError, match="nothing is recorded"):
        hermes.Recorder(f"ipc://{tmp_path}/none", tmp_path / "b.mcap").start(0.5)
    with pytest.raises(RuntimeError, match="not been started"):
        hermes.Recorder(office[1], tmp_path / "c.mcap").join()
