"""Socket files, and the users of peers."""

from __future__ import annotations

import os
import pathlib
from contextlib import ExitStack

import pytest
from support import ANYWHERE, PATIENCE, eventually

import hermes
from hermes import Receiver, errors


@pytest.mark.one_engine
def test_a_peer_over_ipc_is_shown_with_its_user(tmp_path: pathlib.Path, life: ExitStack) -> None:
    office = life.enter_context(
        hermes.PostOffice(ANYWHERE, f"ipc://{tmp_path}/s", options={"ipc.mode": "0600"})
    )
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600
    receiver = life.enter_context(Receiver(office.endpoints["out"], "reader"))
    assert receiver.wait_ready(PATIENCE)
    eventually(lambda: [p["uid"] for p in office.stats()["subscribers"]] == [os.geteuid()])


def test_a_mode_that_python_has_made_a_decimal_number_is_refused(life: ExitStack) -> None:
    with pytest.raises(errors.OptionError, match="0660"):
        hermes.PostOffice(ANYWHERE, "ipc://*", options={"ipc.mode": 0o660}).start()
