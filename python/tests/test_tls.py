"""TLS, with certificates of a CA that is made for the test."""

from __future__ import annotations

import pathlib
from types import ModuleType

import pytest
from support import PATIENCE

import hermes
from hermes import Envelope, Publisher, Receiver, errors

# libzmq has no TLS.
pytestmark = pytest.mark.one_engine

ANYWHERE = "tls://127.0.0.1:*"


@pytest.fixture
def trustme() -> ModuleType:
    """The package that makes them; it is not there for every interpreter."""
    import trustme

    return trustme


@pytest.fixture
def certificates(trustme: ModuleType, tmp_path: pathlib.Path) -> pathlib.Path:
    """Make a CA and certificates of it, and those of another CA; return their folder."""
    for name, holders in (("ca", ["office", "client"]), ("other", ["stranger"])):
        authority = trustme.CA(organization_name=name)
        authority.cert_pem.write_to_path(str(tmp_path / f"{name}.pem"))
        for holder in holders:
            made = authority.issue_cert("127.0.0.1", common_name=holder)
            made.cert_chain_pems[0].write_to_path(str(tmp_path / f"{holder}.pem"))
            made.private_key_pem.write_to_path(str(tmp_path / f"{holder}.key"))
    return tmp_path


def options(folder: pathlib.Path, name: str, ca: str = "ca") -> dict[str, str]:
    """Return the options of an end with a certificate."""
    files = {"cert": f"{name}.pem", "key": f"{name}.key", "ca": f"{ca}.pem"}
    return {f"tls.{key}": str(folder / file) for key, file in files.items()}


def test_envelopes_pass(certificates: pathlib.Path) -> None:
    with hermes.PostOffice(ANYWHERE, ANYWHERE, options=options(certificates, "office")) as office:
        ours = options(certificates, "client")
        with Receiver(office.endpoints["out"], "r", options=ours) as receiver:
            with Publisher(office.endpoints["in"], "p", options=ours) as publisher:
                publisher.publish(Envelope("topic", "p", {"answer": 42}))
                assert receiver.recv(block=True, timeout=PATIENCE).data == {"answer": 42}
            assert office.stats()["subscribers"][0]["key"].startswith("sha256:")


@pytest.mark.parametrize(
    ("name", "ca", "error"),
    [
        ("stranger", "ca", errors.AccessDeniedError),
        ("client", "other", errors.AuthenticationError),
    ],
)
def test_a_refusal_is_told_at_once(
    certificates: pathlib.Path, name: str, ca: str, error: type[Exception]
) -> None:
    with hermes.PostOffice(ANYWHERE, ANYWHERE, options=options(certificates, "office")) as office:
        ours = options(certificates, name, ca)
        receiver = Receiver(office.endpoints["out"], "r", options=ours)
        with receiver, pytest.raises(error, match="certificate"):
            receiver.wait_ready(PATIENCE)
