"""The metrics that docs/monitoring.md lists are those that the Python package gives."""

from __future__ import annotations

import re

import hermes
from hermes.prometheus import Collector
from prometheus_client import CollectorRegistry, generate_latest
from snippets import ROOT


def test_the_names_are_those_of_the_command() -> None:
    listed = (ROOT / "docs/monitoring.md").read_text()
    names = set(re.findall(r"(?m)^\| `(hermes_postoffice_(?!peer_)\w+)`", listed))
    registry = CollectorRegistry()
    with hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*") as office:
        registry.register(Collector(office))
        text = generate_latest(registry).decode()
    assert set(re.findall(r"(?m)^# TYPE (\w+)", text)) == names
