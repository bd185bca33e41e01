"""History: the argument ``since`` of a Receiver."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from support import ANYWHERE, PATIENCE

import hermes
from hermes._arguments import since_text

OURS = {"engine": "zmtp"}


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("all", "all"),
        ("10m", "10m"),
        (timedelta(minutes=10), "600000000us"),
        (1700000000, "1700000000.000000"),
        (1700000000.5, "1700000000.500000"),
        (datetime(2023, 11, 14, 22, 13, 20, tzinfo=timezone.utc), "2023-11-14T22:13:20+00:00"),
        (
            datetime(2023, 11, 14, 23, 13, 20, 500000, timezone(timedelta(hours=1))),
            "2023-11-14T22:13:20.500000+00:00",
        ),
    ],
)
def test_a_time_of_history_may_be_of_several_types(since: Any, text: str) -> None:
    assert since_text(since) == text
    receiver = hermes.Receiver("tcp://127.0.0.1:1", "r", since=since, options=OURS)
    with receiver:
        assert receiver._hermes_core is not None
        assert receiver._hermes_core.get("since") == text


def test_a_datetime_without_a_zone_is_local_time() -> None:
    at = datetime(2023, 11, 14, 22, 13, 20)
    assert since_text(at) == since_text(datetime.fromtimestamp(at.timestamp(), timezone.utc))


@pytest.mark.parametrize("since", [True, b"all", [1]])
def test_other_types_are_refused(since: Any) -> None:
    with pytest.raises(TypeError, match="since must be"):
        hermes.Receiver("tcp://127.0.0.1:1", "r", since=since)


@pytest.mark.parametrize("since", ["yesterday", -1, timedelta(minutes=-1), float("nan")])
def test_other_values_are_refused(since: Any) -> None:
    with pytest.raises(hermes.errors.HermesError, match='"since"'):
        hermes.Receiver("tcp://127.0.0.1:1", "r", since=since).start()


def test_a_receiver_is_told_that_there_is_no_history(life: ExitStack) -> None:
    office = hermes.PostOffice(ANYWHERE, ANYWHERE, options=OURS)
    life.enter_context(office)
    receiver = hermes.Receiver(office.endpoints["out"], "r", since="1h", options=OURS)
    with receiver:
        found = next(e for e in receiver.events(timeout=PATIENCE) if e["kind"] == "history")
    assert "keeps no history" in found["text"]
