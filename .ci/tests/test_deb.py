"""The Debian packages are whole, and a program is built and runs on what they unpack."""

import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CMAKE = pathlib.Path(sys.executable).parent / "cmake"
VERSION = re.search(r'VERSION_STRING "(.*)"', (ROOT / "include/hermes.h").read_text()).group(1)
FUNCTIONS = re.findall(r"(?m)^\d+ .*?(\w+)\(", (ROOT / "capi/abi.txt").read_text())

CONSUMER = """
#include <hermes.h>
#include <stdio.h>

int main(void) {
    uint64_t office;
    if (hermes_postoffice_new("inproc://in", "inproc://out", NULL, &office)) return 1;
    if (hermes_start(office) || hermes_close(office)) return 2;
    puts(hermes_version_string());
    return 0;
}
"""

CMAKE_CONSUMER = """
cmake_minimum_required(VERSION 3.16)
project(consumer C)
find_package(hermes 2.0 REQUIRED)
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE hermes::hermes)
"""


def run(*command, **more):
    """Run a command that must succeed; return what it printed."""
    environment = {**os.environ, **more.pop("env", {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def packages():
    """Build the packages; return their files by their names."""
    run("make", "deb", cwd=ROOT)
    architecture = run("dpkg", "--print-architecture").strip()
    paths = (ROOT / "dist").glob(f"*_{architecture}.deb")
    files = {path.name.partition("_")[0]: path for path in paths}
    assert set(files) == {"libhermes2", "libhermes-dev", "hermes-tools"}
    return files


@pytest.fixture(scope="module")
def usr(packages, tmp_path_factory):
    """Unpack all of them into one empty root; return its /usr."""
    root = tmp_path_factory.mktemp("root")
    for package in packages.values():
        run("dpkg-deb", "-x", package, root)
    assert {path.name for path in root.iterdir()} == {"usr", "etc"}
    return root / "usr"


@pytest.fixture(scope="module")
def lib(usr):
    """Return the folder of libraries for this kind of machine."""
    return usr / "lib" / run("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()


def field(package, name):
    """Return a field of a package's description."""
    return run("dpkg-deb", "-f", package, name).strip()


def control(package, name, tmp_path):
    """Return a file from among what a package tells dpkg."""
    run("dpkg-deb", "-e", package, tmp_path)
    return (tmp_path / name).read_text()


def contents(package):
    """Return the paths of the files in a package."""
    listed = [line.split(None, 5) for line in run("dpkg-deb", "-c", package).splitlines()]
    assert {row[1] for row in listed} == {"root/root"}
    return {row[5].partition(" -> ")[0][2:] for row in listed if not row[0].startswith("d")}


def unzipped(path):
    """Return the text of a compressed file."""
    return gzip.decompress(path.read_bytes()).decode()


def test_no_file_is_in_two_packages(packages):
    lists = [contents(package) for package in packages.values()]
    assert sum(len(one) for one in lists) == len(set.union(*lists)) > 60


def test_each_says_what_it_needs(packages):
    for package in packages.values():
        assert field(package, "Version") == f"{VERSION}-1"
    for name in ("libhermes2", "hermes-tools"):
        needs = field(packages[name], "Depends")
        assert re.search(r"\blibc6 \(>= 2\.", needs)
        assert re.search(r"\blibzmq5 \(>= ", needs)
    assert f"libhermes2 (= {VERSION}-1)" in field(packages["libhermes-dev"], "Depends")


def test_programs_that_are_packaged_learn_what_they_need(packages, tmp_path):
    symbols = control(packages["libhermes2"], "symbols", tmp_path)
    head, *rest = symbols.splitlines()
    assert head == "libhermes.so.2 libhermes2 #MINVER#"
    assert sorted(re.findall(r"(?m)^ (\w+)@Base \d", symbols)) == sorted(FUNCTIONS)
    assert len(rest) == len(FUNCTIONS) > 30
    shlibs = (tmp_path / "shlibs").read_text()
    assert shlibs == f"libhermes 2 libhermes2 (>= {VERSION})\n"
    assert "ldconfig" in (tmp_path / "triggers").read_text()


def test_the_sums_are_right(packages, usr, tmp_path):
    for name, package in packages.items():
        sums = control(package, "md5sums", tmp_path / name)
        assert len(sums.splitlines()) > 2
        run("md5sum", "--check", "--quiet", "--strict", tmp_path / name / "md5sums", cwd=usr.parent)


def test_each_has_licences_and_a_change_log(packages, usr):
    for name in packages:
        doc = usr / "share/doc" / name
        licences = (doc / "copyright").read_text()
        assert "MIT License" in licences
        assert "github.com/pebbe/zmq4" in licences
        assert unzipped(doc / "changelog.gz").startswith("# Changes")
        written = unzipped(doc / "changelog.Debian.gz")
        assert written.startswith(f"hermes ({VERSION}-1) ")


def test_the_libraries_are_in_their_place(usr, lib):
    assert os.readlink(lib / "libhermes.so") == "libhermes.so.2"
    assert os.readlink(lib / "libhermes.so.2") == f"libhermes.so.{VERSION}"
    assert "[libhermes.so.2]" in run("readelf", "-d", lib / "libhermes.so.2")
    exported = run("nm", "-D", "--defined-only", lib / "libhermes.so.2").split()[2::3]
    assert sorted(exported) == sorted(FUNCTIONS)


@pytest.mark.parametrize("module", ["hermes", "hermes-static"])
def test_a_program_finds_it_with_pkg_config(module, lib, tmp_path):
    (tmp_path / "consumer.c").write_text(CONSUMER)
    paths = {"PKG_CONFIG_PATH": str(lib / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", module, env=paths).split()
    compiler = os.environ.get("CC", "cc")
    run(compiler, "-std=c99", "consumer.c", *flags, "-o", "consumer", cwd=tmp_path)
    libraries = {"LD_LIBRARY_PATH": str(lib)} if module == "hermes" else {}
    assert run(tmp_path / "consumer", env=libraries).strip() == VERSION


def test_a_program_finds_it_with_cmake(usr, tmp_path):
    (tmp_path / "consumer.c").write_text(CONSUMER)
    (tmp_path / "CMakeLists.txt").write_text(CMAKE_CONSUMER)
    run(CMAKE, "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={usr}", cwd=tmp_path)
    run(CMAKE, "--build", "build", cwd=tmp_path)
    assert run(tmp_path / "build/consumer").strip() == VERSION


def test_the_command_works(usr):
    assert run(usr / "bin/hermes", "version").strip() == VERSION
    assert "relay" in run(usr / "bin/hermes", "help")


def test_the_manual_is_packed(usr):
    pages = {path.name for path in (usr / "share/man/man3").iterdir()}
    assert pages == {"hermes.3.gz", *(f"{name}.3.gz" for name in FUNCTIONS)}
    assert ".TH hermes 1" in unzipped(usr / "share/man/man1/hermes.1.gz")
    assert ".TH hermes-sub 1" in unzipped(usr / "share/man/man1/hermes-sub.1.gz")


@pytest.mark.parametrize(
    "place",
    [
        "bash-completion/completions/hermes",
        "zsh/vendor-completions/_hermes",
        "fish/vendor_completions.d/hermes.fish",
    ],
)
def test_completions_are_packed(usr, place):
    assert "__complete" in (usr / "share" / place).read_text()


UNITS = [
    "hermes-postoffice.service",
    "hermes-postoffice-publishers.socket",
    "hermes-postoffice-subscribers.socket",
]


def test_the_units_are_right(usr, tmp_path):
    # In a root of their own, with the targets of systemd, and what the unit runs besides.
    units = tmp_path / "usr/lib/systemd/system"
    shutil.copytree(usr.parent, tmp_path, dirs_exist_ok=True)
    for target in pathlib.Path("/lib/systemd/system").glob("*.target"):
        shutil.copy(target, units)
    (tmp_path / "bin").mkdir()
    shutil.copy(shutil.which("kill"), tmp_path / "bin")
    command = ["systemd-analyze", f"--root={tmp_path}", "--man=no", "verify", *UNITS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "hermes" in line]
    assert done.returncode == 0, done.stderr
    assert not ours, done.stderr


def test_the_service_is_confined(usr):
    unit = usr / "lib/systemd/system" / UNITS[0]
    # From 0 (confined) to 10; 2.0 and more fail. It needs networks and sockets of its own.
    run("systemd-analyze", "--offline=yes", "--threshold=20", "--no-pager", "security", unit)


def test_the_service_is_not_enabled(packages, usr, tmp_path):
    assert not [*usr.parent.rglob("*.wants")]
    scripts = control(packages["hermes-tools"], "postinst", tmp_path)
    assert not re.search(r"\b(enable|start|unmask)\b", scripts)
    for name in ("postinst", "prerm", "postrm"):
        run("sh", "-n", tmp_path / name)


def test_the_settings_are_a_conffile_that_is_valid(packages, usr, tmp_path):
    listed = control(packages["hermes-tools"], "conffiles", tmp_path)
    assert listed == "/etc/hermes/postoffice.toml\n"
    settings = usr.parent / "etc/hermes/postoffice.toml"
    assert "not valid" not in run(
        usr / "bin/hermes", "postoffice", "--check-config", "--config", settings
    )
    # What it shows in comments can be taken over; the defaults in it are those.
    shown = tmp_path / "shown.toml"
    text, changed = re.subn(r"(?m)^# ([a-z.-]+ = .*)$", r"\1", settings.read_text())
    assert changed > 5
    shown.write_text(text)
    lines = run(usr / "bin/hermes", "config", "explain", "--config", shown).splitlines()
    for setting in map(json.loads, lines):
        if setting["key"] not in ("policy", "join", "durable", "backlog"):
            assert setting["value"] == setting["default"], setting
