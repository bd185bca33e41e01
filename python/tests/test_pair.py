"""Several post offices at once: each envelope goes through all and arrives once."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import support

import hermes


def test_each_envelope_arrives_once_and_in_order(life: ExitStack) -> None:
    offices = [support.start_office(life) for _ in range(2)]
    inward = (office.xsub_url for office in offices)  # an iterator, to be read once only
    receiver = life.enter_context(hermes.Receiver([o.xpub_url for o in offices], "r"))
    publisher = life.enter_context(hermes.Publisher(inward, "p"))
    sent = 0

    def both_pass_it_on() -> bool:
        nonlocal sent
        assert publisher.publish(hermes.Envelope("t", "p", sent))
        sent += 1
        return all(office.stats()["out_messages"] for office in offices)

    support.eventually(both_pass_it_on)
    for n in range(sent, sent + 100):
        assert publisher.publish(hermes.Envelope("t", "p", n))
    sent += 100
    got = [receiver.recv(block=True, timeout=support.PATIENCE).data for _ in range(sent)]
    assert got == list(range(sent))
    assert receiver.recv() is None
    support.eventually(lambda: receiver.stats()["dropped_duplicate"] >= 100)
    offices[0].stop()
    assert publisher.publish(hermes.Envelope("t", "p", "alone"))
    assert receiver.recv(block=True, timeout=support.PATIENCE).data == "alone"
    assert receiver.stats()["lost"] == 0


def test_an_iterable_of_addresses_is_the_list_with_commas() -> None:
    publisher = hermes.Publisher(iter(["ipc:///tmp/a", "ipc:///tmp/b"]), "p")
    assert publisher.pub_addr == ("ipc:///tmp/a", "ipc:///tmp/b")
    receiver = hermes.Receiver({"ipc:///tmp/a"}, "r")
    assert receiver.sub_addr == ("ipc:///tmp/a",)
    with receiver:
        assert receiver.recv() is None


@pytest.mark.parametrize("given", [[], ["tcp://127.0.0.1:1", "nonsense"]])
def test_what_is_no_list_of_addresses_is_an_error_that_names_it(given: list[str]) -> None:
    with pytest.raises(hermes.errors.AddressError, match="nonsense" if given else '""'):
        hermes.Receiver(given, "r").start()


@pytest.mark.parametrize("given", [5, [5], ["tcp://127.0.0.1:1", None]])
def test_an_address_is_text(given: object) -> None:
    with pytest.raises(TypeError, match="address"):
        hermes.Publisher(given, "p").start()  # type: ignore[arg-type]
