"""TLS, with certificates that openssl makes."""

from __future__ import annotations

import pathlib
import subprocess

import pytest
from support import PATIENCE

import hermes
from hermes import Envelope, Publisher, Receiver, errors

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
# libzmq has no TLS.
pytestmark = pytest.mark.one_engine

ANYWHERE = "tls://127.0.0.1:*"


@pytest.fixture
def certificates(tmp_path: pathlib.Path) -> pathlib.Path:
    """Make a CA and certificates of it, and a stranger that is its own CA; return their folder."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=tmp_path)

    for name in ("ca", "stranger"):
        own = ["-x509", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        openssl("req", *KEY, *own)
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("office", "client"):
        files = ["-keyout", f"{name}.key", "-out", f"{name}.csr"]
        openssl("req", *KEY, "-subj", f"/CN={name}", *files)
        ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names"]
        openssl("x509", "-req", "-in", f"{name}.csr", *ca, "-out", f"{name}.pem")
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
        ("client", "stranger", errors.AuthenticationError),
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
