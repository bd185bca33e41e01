"""Finding the native library, its errors, and its options."""

from __future__ import annotations

import errno
import shutil
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import support
from support import ANYWHERE

import hermes
from hermes import HermesError, errors
from hermes._native import handles, load, version
from hermes._native.abi import ABI_VERSION

START = """
import sys
import hermes
office = hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
try:
    office.start()
except OSError as error:
    assert isinstance(error, hermes.HermesError)
    print("refused:", error)
else:
    from hermes._native import load
    print("loaded:", load._path)
    office.stop()
"""


def loaded() -> str:
    """The library that this test run uses."""
    load.library()
    assert load._path
    return load._path


def package(tmp_path: Path) -> dict[str, str]:
    """A copy of the package that has no library near it; the environment to use it."""
    shutil.copytree(support.PACKAGE / "hermes", tmp_path / "a" / "b" / "hermes")
    environment = support.environment(PYTHONPATH=str(tmp_path / "a" / "b"))
    environment.pop("HERMES_LIBRARY", None)
    shutil.rmtree(tmp_path / "a" / "b" / "hermes" / "_lib", ignore_errors=True)
    return environment


def test_the_variable_comes_first(tmp_path: Path) -> None:
    copy = shutil.copy(loaded(), tmp_path / "mine.so")
    environment = support.environment(HERMES_LIBRARY=str(copy))
    assert support.run(START, env=environment).stdout == f"loaded: {copy}\n"


def test_then_comes_the_package_itself(tmp_path: Path) -> None:
    environment = package(tmp_path)
    (tmp_path / "a" / "b" / "hermes" / "_lib").mkdir()
    copy = shutil.copy(loaded(), tmp_path / "a" / "b" / "hermes" / "_lib" / "libhermes.so.2")
    assert support.run(START, env=environment).stdout == f"loaded: {copy}\n"


def test_then_comes_the_checkout(tmp_path: Path) -> None:
    environment = package(tmp_path)
    (tmp_path / "a" / "build").mkdir()
    copy = shutil.copy(loaded(), tmp_path / "a" / "build" / "libhermes.so.2")
    assert support.run(START, env=environment).stdout == f"loaded: {copy}\n"


def test_then_comes_the_system(tmp_path: Path) -> None:
    environment = package(tmp_path)
    (tmp_path / "system").mkdir()
    shutil.copy(loaded(), tmp_path / "system" / "libhermes.so.2")
    environment["LD_LIBRARY_PATH"] = str(tmp_path / "system")
    fork = """
import os
pid = os.fork()
if pid == 0:
    hermes.Publisher("tcp://127.0.0.1:1", "p").start()
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert support.run(START + fork, env=environment).stdout == "loaded: libhermes.so.2\n7\n"


def test_a_missing_library_says_where_it_was_looked_for(tmp_path: Path) -> None:
    environment = package(tmp_path)
    # One may be installed on this machine: what the system finds first is none.
    (tmp_path / "system").mkdir()
    (tmp_path / "system" / "libhermes.so.2").write_bytes(b"no library")
    environment["LD_LIBRARY_PATH"] = str(tmp_path / "system")
    said = support.run(START, env=environment).stdout
    assert said.startswith("refused: ")
    for place in ("hermes/_lib/libhermes.so.2", "a/build/libhermes.so.2", "system/libhermes.so.2"):
        assert place in said


@pytest.mark.parametrize("content", [None, b"", b"no library"])
def test_a_variable_that_leads_nowhere_says_so(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "lib.so"
    if content is not None:
        path.write_bytes(content)
    said = support.run(START, env=support.environment(HERMES_LIBRARY=str(path))).stdout
    assert said.startswith("refused: ")
    assert str(path) in said


def test_another_library_is_refused() -> None:
    said = support.run(START, env=support.environment(HERMES_LIBRARY="libc.so.6")).stdout
    assert "not a hermes library" in said


def test_a_library_that_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "ABI_VERSION", 999)
    with pytest.raises(OSError, match="too old"):
        load._open(loaded())


def test_the_versions_agree() -> None:
    assert version() == hermes.__version__
    header = support.HEADER.read_text()
    assert f"#define HERMES_ABI_VERSION {ABI_VERSION}\n" in header


# ---- Errors --------------------------------------------------------------------------


def test_every_code_of_the_header_has_an_exception() -> None:
    header = support.HEADER.read_text()
    codes = [
        int(line.split("(")[1].split(")")[0])
        for line in header.splitlines()
        if line.startswith("#define HERMES_E")
    ]
    assert len(codes) == len(set(codes)) >= 18
    for code in codes:
        error = errors.from_code(code, "what happened")
        assert "what happened" in str(error)
        assert error.code == code
        # The caller's buffer is this package's own business.
        assert type(error) is not HermesError or code == -15


@pytest.mark.parametrize(
    ("code", "builtin", "number"),
    [
        (-1, ValueError, None),
        (-3, RuntimeError, None),
        (-4, ValueError, errno.EINVAL),
        (-5, OSError, errno.EADDRINUSE),
        (-6, ValueError, None),
        (-7, ValueError, None),
        (-8, TypeError, None),
        (-10, TimeoutError, errno.ETIMEDOUT),
        (-12, RuntimeError, None),
        (-14, MemoryError, None),
        (-17, NotImplementedError, None),
        (-18, OSError, errno.EIO),
        (-19, PermissionError, errno.EACCES),
        (-20, PermissionError, errno.EPERM),
        (-99, HermesError, None),
    ],
)
def test_errors_are_what_a_python_program_would_catch(code: int, builtin: Any, number: Any) -> None:
    error = errors.from_code(code, "text")
    assert isinstance(error, builtin)
    assert isinstance(error, HermesError)
    assert getattr(error, "errno", None) == number


def test_a_dead_handle_is_an_error() -> None:
    core = handles.PublisherCore(b"tcp://127.0.0.1:1", b"p")
    handle = core._handle
    core.close()
    core.close()
    core._handle = handle
    with pytest.raises(errors.ClosedError):
        core.start()
    core._handle = 0


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_names_that_are_none_raise_at_the_start(name: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        hermes.Receiver("tcp://127.0.0.1:1", name).start()


def test_an_address_that_is_no_string_raises_at_the_start() -> None:
    with pytest.raises(TypeError):
        hermes.Receiver(5, "r").start()  # type: ignore[arg-type]


# ---- Options -------------------------------------------------------------------------


def test_options_reach_the_library(life: ExitStack) -> None:
    options: Any = {
        "linger": timedelta(seconds=2.5),
        "queue.messages": 77,
        "sequence": False,
        "queue.bytes": "3MiB",
    }
    publisher = hermes.Publisher(support.free_address(), "mint", options=options)
    life.enter_context(publisher)
    assert publisher.get_option("queue.messages") == "77"
    assert publisher.get_option("sequence") == "off"
    assert publisher.get_option("linger") == "2.5s"
    assert publisher.get_option("name") == "mint"
    assert publisher.get_option("state") == "running"
    publisher.stop(0)
    assert publisher.get_option("state") == "stopped"


def test_an_option_may_be_set_later(life: ExitStack) -> None:
    receiver = hermes.Receiver(support.free_address(), "r")
    receiver.set_option("queue.messages", 5)
    with pytest.raises(RuntimeError):
        receiver.get_option("queue.messages")
    life.enter_context(receiver)
    assert receiver.get_option("queue.messages") == "5"
    receiver.set_option("timeout", "3s")
    assert receiver.get_option("timeout") == "3s"


@pytest.mark.parametrize("wrong", ["\0", "x\0y", "\ud800"])
def test_an_option_is_not_cut_at_a_nul(wrong: str, life: ExitStack) -> None:
    publisher = life.enter_context(hermes.Publisher(support.free_address(), "p"))
    for call in (
        lambda: publisher.set_option("linger" + wrong, "1s"),
        lambda: publisher.set_option("linger", "1s" + wrong),
        lambda: publisher.get_option("linger" + wrong),
        lambda: hermes.Publisher(
            support.free_address(), "p", options={"linger" + wrong: 1}
        ).start(),
    ):
        with pytest.raises(hermes.errors.OptionError):
            call()


def test_a_value_may_be_long(life: ExitStack) -> None:
    name = "n" * 100_000
    publisher = life.enter_context(hermes.Publisher(support.free_address(), name))
    assert publisher.get_option("name") == name


@pytest.mark.parametrize("options", [{"no.such": 1}, {"linger": "soon"}, {"queue.messages": -1}])
def test_a_wrong_option_is_named(options: Any) -> None:
    (key,) = options
    with pytest.raises(ValueError, match=key):
        hermes.Publisher(support.free_address(), "p", options=options).start()


@pytest.mark.no_libzmq
@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("pgm://eth0;239.192.1.1:5555", {}),
        ("norm://eth0;239.192.1.1:5555", {}),
        ("ws://127.0.0.1:9", {}),
        ("tipc://{5560,0,0}", {}),
        ("tcp://127.0.0.1:9", {"engine": "libzmq"}),
    ],
)
def test_a_library_without_libzmq_says_what_it_lacks(address: str, options: Any) -> None:
    for kind in (hermes.Publisher, hermes.Receiver):
        with pytest.raises(
            hermes.HermesError, match="this build of hermes has no libzmq"
        ) as raised:
            kind(address, "p", options=options).start()
        assert address in str(raised.value)


@pytest.mark.parametrize("engine", support.ENGINES)
def test_the_engine_can_be_forced_for_all(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERMES_ENGINE", engine)
    with hermes.PostOffice(ANYWHERE, ANYWHERE) as office:
        assert office.get_option("engine") == engine
    monkeypatch.setenv("HERMES_ENGINE", "steam")
    with pytest.raises(ValueError, match="steam"):
        hermes.PostOffice(ANYWHERE, ANYWHERE).start()
