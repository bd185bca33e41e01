"""The runs under several interpreters: which are taken, and what a failure of pip means."""

import pathlib
import subprocess
import sys
import types

import pytest

CI = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CI))
import pythons  # noqa: E402

NOT_THERE = "ERROR: No matching distribution found for gevent==25.9.1"


def pip_that(monkeypatch, *results):
    """Let pip end as told, each time it is called."""
    left = list(results)

    def pip(*_):
        code, said = left.pop(0)
        return types.SimpleNamespace(returncode=code, stderr=said)

    monkeypatch.setattr(pythons, "pip", pip)


def test_what_has_no_build_for_an_interpreter_is_missing(monkeypatch):
    pip_that(monkeypatch, (1, NOT_THERE), (0, ""))
    assert not pythons.install("python", "gevent==25.9.1")


@pytest.mark.parametrize(
    "results",
    [
        [(1, "ERROR: No space left on device")],
        [(1, NOT_THERE), (1, NOT_THERE)],  # also for an interpreter that has it: no registry
    ],
)
def test_any_other_failure_of_pip_is_one_of_the_run(results, monkeypatch):
    pip_that(monkeypatch, *results)
    with pytest.raises(SystemExit, match="pip could not install"):
        pythons.install("python", "gevent==25.9.1")


@pytest.mark.parametrize(
    ("before", "code", "after", "expected"),
    [
        (["3.9", "3.11", "3.13t", "3.14", "pypy3.11"], None, [], ["3.9", "3.14"]),
        (["3.11"], 0, ["3.11", "3.14"], ["3.11", "3.14"]),
        (["3.11", "pypy3.11"], 1, ["3.11", "pypy3.11"], ["3.11"]),
    ],
)
def test_the_ends_are_the_oldest_and_the_newest(before, code, after, expected, monkeypatch, capsys):
    here = [before]

    def get(*_, **__):
        assert code is not None, "nothing is to be fetched"
        here[0] = after
        return types.SimpleNamespace(returncode=code)

    monkeypatch.setattr(pythons, "found", lambda: dict.fromkeys(here[0]))
    monkeypatch.setattr(subprocess, "run", get)
    assert pythons.ends() == expected
    assert ("ONE INTERPRETER ALONE" in capsys.readouterr().out) == (len(expected) == 1)


def test_what_has_no_build_is_taken_in_the_last_version_that_has_one(monkeypatch, tmp_path):
    exist = {
        ("pytest==1",),
        ("pyzmq==27.1.0",),
        ("wheel", "--no-index", "--no-deps", "--force-reinstall"),
    }
    pinned = "gevent==2\npyzmq==99.0\npytest==1\n"
    (tmp_path / "requirements").write_text(pinned)
    made = tmp_path / "env/3.13t"
    made.mkdir(parents=True)
    (made / ".made-from").write_text(f"python\n{pinned}")
    monkeypatch.setattr(pythons, "FOLDER", tmp_path)
    monkeypatch.setattr(pythons, "REQUIREMENTS", tmp_path / "requirements")
    monkeypatch.setattr(pythons, "OLDER", {"pyzmq": "27.1.0"})
    monkeypatch.setattr(pythons, "wheel_of", lambda _: "wheel")
    monkeypatch.setattr(pythons, "install", lambda _, *what: what in exist)
    assert pythons.environment("3.13t", "python")[1] == ["gevent"]
    exist.remove(("pyzmq==27.1.0",))
    with pytest.raises(SystemExit, match="gevent, pyzmq cannot be had"):
        pythons.environment("3.13t", "python")


def test_the_tests_run_away_from_the_checkout(tmp_path):
    folder = pythons.away(tmp_path / "away")
    assert (folder / "python/tests/conftest.py").exists()
    assert not (folder / "python/hermes").exists()
    assert (folder / "plugin/installed_only.py").exists()


@pytest.mark.parametrize("names", [[], ["manylinux2014_arm.one", "manylinux2014_arm.two"]])
def test_there_must_be_one_wheel_for_the_machine(names, tmp_path, monkeypatch):
    monkeypatch.setattr(pythons, "ROOT", tmp_path)
    (tmp_path / "dist").mkdir()
    for name in [*(f"{name}_x86_64" for name in names), "macosx_11_0_x86_64"]:
        (tmp_path / f"dist/hermes_zmq-2.0.0-py3-none-{name}.whl").touch()
    with pytest.raises(SystemExit, match=f"{len(names)} wheels"):
        pythons.wheel_of("x86_64")
