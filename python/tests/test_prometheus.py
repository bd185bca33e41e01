"""Counters of components for prometheus_client."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import support
from prometheus_client import CollectorRegistry
from support import PATIENCE, eventually

import hermes
from hermes.prometheus import Collector


def scrape(collector: Any) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(collector)
    return registry


def test_counters_equal_an_independent_count() -> None:
    into, out = support.free_address(), support.free_address()
    with (
        hermes.PostOffice(into, out) as office,
        hermes.Receiver(out, "screen") as receiver,
        hermes.Publisher(into, "exchange") as publisher,
    ):
        assert publisher.wait_ready(PATIENCE)
        for number in range(100):
            publisher.publish(hermes.Envelope("ticks", "exchange", number))
        for _ in range(100):
            receiver.recv(PATIENCE)
        eventually(lambda: office.stats()["in_messages"] == office.stats()["out_messages"] == 100)
        eventually(lambda: publisher.stats()["sent"] == 100)
        value = scrape(Collector(office, receiver, publisher)).get_sample_value
        at = {"name": office.stats()["name"]}
        assert value("hermes_postoffice_in_messages_total", at) == 100
        assert value("hermes_postoffice_out_messages_total", at) == 100
        full = {**at, "reason": "queue_full"}
        assert value("hermes_postoffice_dropped_messages_total", full) == 0
        assert value("hermes_postoffice_receiver_dropped_messages_total", at) == 0
        assert value("hermes_postoffice_peers", {**at, "role": "publisher"}) == 1
        assert value("hermes_receiver_delivered_messages_total", {"name": "screen"}) == 100
        assert value("hermes_publisher_sent_messages_total", {"name": "exchange"}) == 100
        assert value("hermes_publisher_ready", {"name": "exchange"}) == 1


def test_without_components_all_are_collected_by_name() -> None:
    into, out = support.free_address(), support.free_address()
    node = hermes.Node("node", hermes.Receiver(out, "ear"), hermes.Publisher(into, "mouth"))
    with hermes.PostOffice(into, out), node:
        for collector in (Collector(), Collector(node)):
            value = scrape(collector).get_sample_value
            assert value("hermes_publisher_accepted_messages_total", {"name": "mouth"}) == 0
            assert value("hermes_receiver_arrived_messages_total", {"name": "ear"}) == 0


def test_what_was_dropped_for_a_receiver_stays_when_it_is_gone() -> None:
    collector = Collector()
    steps: list[tuple[list[tuple[int, int]], int]] = [
        ([], 0), ([(1, 5)], 5), ([(1, 7), (2, 1)], 8), ([(2, 4)], 11), ([(2, 4), (3, 0)], 11),
    ]  # fmt: skip
    for peers, total in steps:
        subscribers = [{"id": peer, "dropped": dropped} for peer, dropped in peers]
        assert collector._sum_up("office", {"subscribers": subscribers}) == total


def test_components_that_have_not_started_have_no_metrics() -> None:
    publisher = hermes.Publisher(support.free_address(), "new")
    assert list(Collector(publisher).collect()) == []


def test_hermes_imports_prometheus_client_only_to_collect() -> None:
    program = "import sys, hermes, hermes.prometheus; print('prometheus_client' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, check=True
    )
    assert run.stdout == "False\n"
