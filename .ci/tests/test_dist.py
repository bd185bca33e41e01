"""What `make dist` and docs/platforms.md rest on: archives without traces, results that hold."""

import copy
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import zipfile

import pytest

CI = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CI))
import platforms  # noqa: E402

NAMES = ["b/run", "a", "META-INF/MANIFEST.MF"]


def tar(path, names, when, owner):
    """Write a tar archive whose members tell when and by whom it was packed."""
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uname = len(name), when, owner
            member.mode = 0o700 if name.endswith("run") else 0o600
            archive.addfile(member, io.BytesIO(name.encode()))


def zipped(path, names, when, owner):
    """Write a zip archive likewise."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo(name, (when // 10**8 + 1980, 1, 1, 0, 0, 0))
            info.external_attr = (0o700 if name.endswith("run") else 0o600) << 16
            archive.writestr(info, name)


def repacked(path):
    """Pack an archive again; return its bytes."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}
    subprocess.run([sys.executable, CI / "repack.py", path], env=environment, check=True)
    return path.read_bytes()


@pytest.mark.parametrize(("suffix", "pack"), [("tar.gz", tar), ("tgz", tar), ("whl", zipped)])
def test_equal_contents_give_equal_bytes(suffix, pack, tmp_path):
    one, other = tmp_path / f"one.{suffix}", tmp_path / f"other.{suffix}"
    pack(one, NAMES, 10**9, "me")
    pack(other, NAMES[::-1], 2 * 10**9, "you")
    assert one.read_bytes() != other.read_bytes()
    assert repacked(one) == repacked(other)
    if suffix == "whl":
        members = zipfile.ZipFile(one).infolist()
        contents = {one.filename: one.external_attr >> 16 & 0o777 for one in members}
        assert members[0].filename == "META-INF/MANIFEST.MF"
    else:
        with tarfile.open(one) as archive:
            contents = {member.name: member.mode for member in archive.getmembers()}
    assert contents == {"b/run": 0o755, "a": 0o644, "META-INF/MANIFEST.MF": 0o644}


@pytest.fixture
def data():
    """The data of the page, as they are."""
    return copy.deepcopy(json.loads(platforms.DATA.read_text()))


def result(**changes):
    """Make a result of a test target."""
    record = {"platform": "macos-aarch64", "runtime": "Java 21", "version": "21", "passed": 5}
    return {**record, "failed": 0, "without": [], "how": "", "date": "2026-01-01", **changes}


def test_the_data_fit_together_and_are_in_the_page(data):
    assert list(platforms.problems(data)) == []
    assert platforms.page(data) == platforms.PAGE.read_text()


def test_what_is_called_tested_has_a_result_or_a_target(data):
    (mac,) = (one for one in data["platforms"] if one["id"] == "macos-aarch64")
    mac["cells"]["Java"] = "tested"
    assert any("Java: tested, but there is no result" in one for one in platforms.problems(data))
    data["results"]["java"] = result()
    assert list(platforms.problems(data)) == []
    mac["cells"]["Java"] = "tested: `make test-nothing`"
    assert any("no such target" in one for one in platforms.problems(data))
    mac["cells"]["Java"] = "tested: `make test-wheel`; all by hand `make test-macos`"
    assert list(platforms.problems(data)) == []
    mac["cells"]["Java"] = "tested: `make test-macos`"
    assert any("does not make test-macos" in one for one in platforms.problems(data))
    mac["cells"]["Java"] = "by hand: by a friend"
    assert any("no target is named" in one for one in platforms.problems(data))


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"failed": 1}, "1 failed"),
        ({"passed": 0}, "0 passed"),
        ({"platform": "amiga"}, "no platform"),
        ({"runtime": "Pascal"}, "no platform"),
    ],
)
def test_a_result_that_proves_nothing_is_refused(changes, complaint, data):
    data["results"]["java"] = result(**changes)
    assert any(complaint in one for one in platforms.problems(data))


def test_a_record_can_be_merged(data, tmp_path, monkeypatch):
    monkeypatch.setattr(platforms, "RECORDS", tmp_path)
    monkeypatch.setattr(platforms, "DATA", tmp_path / "platforms.json")
    platforms.record("java", "Java 21", "21", 5, 0, ["x"], "macos-aarch64", "by hand")
    platforms.DATA.unlink(missing_ok=True)
    platforms.merge(data)
    assert data["results"]["java"]["passed"] == 5
    assert list(platforms.problems(data)) == []
    assert "| macOS 11 or later, arm64 | Java 21 | 21 | 5 | by hand; without x |" in (
        platforms.page(data)
    )


PARTS = """
set -euo pipefail
. {ci}/lib.sh
. {ci}/dist-parts.sh
breaks() {{ false; touch reached; }}
works() {{ touch "$1"; }}
cannot() {{ absent "no compiler"; }}
part one "" "the first" works one
part bad "" "the bad one" {bad}
part after "bad one" "what needs it" works after
part npm "bad one" "the packages" works npm
part last "" "the last" works last
want "$@"
make_parts .
missing
all_made
"""


def parts(tmp_path, bad, *names):
    """Make parts of which one fails or cannot be made; return how it ended, and which there are."""
    script = PARTS.format(ci=CI, bad=bad)
    command = ["bash", "-c", script, "dist", *names]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    return done, {one.name for one in tmp_path.iterdir() if one.suffix != ".log"}


@pytest.mark.parametrize("bad", ["breaks", "false", "works"])
def test_a_part_that_fails_fails_the_whole_and_what_needs_it(bad, tmp_path):
    done, made = parts(tmp_path, bad if bad != "works" else "works bad")
    assert done.returncode == (bad != "works")
    others = {"one", "last"}
    assert made == (others if bad != "works" else others | {"bad", "after", "npm"})
    assert ("FAILED: what needs it: it needs bad" in done.stdout) == (bad != "works")


def test_what_cannot_be_made_here_fails_nothing(tmp_path):
    done, made = parts(tmp_path, "cannot")
    assert done.returncode == 0
    assert made == {"one", "npm", "last"}
    assert "the bad one: no compiler" in done.stdout
    assert "FAILED" not in done.stdout


def test_a_part_brings_what_it_needs_and_nothing_else(tmp_path):
    done, made = parts(tmp_path, "works bad", "after")
    assert done.returncode == 0, done.stderr
    assert made == {"one", "bad", "after"}
    done, _ = parts(tmp_path, "false", "unheard")
    assert done.returncode == 1
    assert "there is no part unheard" in done.stderr


@pytest.mark.parametrize(
    ("command", "variables", "complaint"),
    [
        ("capi/build.sh shared build/x", {"GOOS": "freebsd"}, "there is no libhermes for freebsd"),
        ("make -n wheel", {"ARCH": "x86"}, 'ARCH is "x86", which hermes is not built for'),
    ],
)
def test_what_hermes_is_not_built_for_is_refused(command, variables, complaint):
    done = subprocess.run(
        command.split(),
        cwd=CI.parent,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert complaint in done.stderr


def test_packages_take_the_wheels_of_the_present_sources_alone(tmp_path):
    for age, name in enumerate(["py3-none-win_amd64.whl", "tar.gz", "py3-none-linux.whl"]):
        path = tmp_path / f"hermes_zmq-2.0.0-{name}".replace("-tar", ".tar")
        path.touch()
        os.utime(path, (10**9 + age, 10**9 + age))
    command = [CI / "present-wheels", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == [f"{tmp_path}/hermes_zmq-2.0.0-py3-none-linux.whl"]
    assert "older than the sources: hermes_zmq-2.0.0-py3-none-win_amd64.whl" in done.stderr
    for path in tmp_path.glob("*linux.whl"):
        path.unlink()
    assert subprocess.run(command, capture_output=True).returncode == 1
