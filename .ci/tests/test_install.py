"""What `make install` and `cmake --install` leave behind serves programs outside the checkout."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CMAKE = pathlib.Path(sys.executable).parent / "cmake"
VERSION = re.search(r'VERSION_STRING "(.*)"', (ROOT / "include/hermes.h").read_text()).group(1)

CONSUMER = """
#include <hermes.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    uint64_t office;
    if (strcmp(hermes_version_string(), HERMES_VERSION_STRING) != 0) return 1;
    if (hermes_postoffice_new("inproc://in", "inproc://out", NULL, &office)) return 2;
    if (hermes_close(office)) return 3;
    puts(hermes_version_string());
    return 0;
}
"""

CMAKE_CONSUMER = """
cmake_minimum_required(VERSION 3.16)
project(consumer C)
set(CMAKE_C_STANDARD 99)
find_package(hermes 2.0 REQUIRED)
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE hermes::hermes)
"""

CMAKE_INCLUDER = """
cmake_minimum_required(VERSION 3.16)
project(includer C)
add_subdirectory({root} hermes)
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE hermes::hermes)
"""


def run(*command, **more):
    """Run a command that must succeed; return what it printed."""
    environment = {**os.environ, **more.pop("env", {})}
    environment.pop("MAKEFLAGS", None)
    words = [str(word) for word in command]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


def tree(folder):
    """Return what is below a folder: paths, with the modes of files and the ends of links."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = "-> " + os.readlink(path)
        elif path.is_file():
            found[name] = oct(path.stat().st_mode & 0o777)
    return found


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Install once, then move the tree: nothing in it may know where it was."""
    first = tmp_path_factory.mktemp("installed") / "first"
    run("make", "install", f"PREFIX={first}", cwd=ROOT)
    return first.rename(first.with_name("moved"))


@pytest.fixture
def consumer(tmp_path):
    """Write a small C program into an empty folder."""
    (tmp_path / "consumer.c").write_text(CONSUMER)
    return tmp_path


def test_everything_is_in_its_place(prefix):
    assert {
        "bin/hermes": "0o755",
        "include/hermes.h": "0o644",
        "lib/libhermes.so": "-> libhermes.so.2",
        "lib/libhermes.so.2": f"-> libhermes.so.{VERSION}",
        f"lib/libhermes.so.{VERSION}": "0o755",
        "lib/pkgconfig/hermes.pc": "0o644",
        "lib/cmake/hermes/hermes-config.cmake": "0o644",
        "lib/cmake/hermes/hermes-config-version.cmake": "0o644",
        "share/doc/hermes/LICENSE": "0o644",
        "share/doc/hermes/licences/go": "0o644",
        "share/doc/hermes/licences/github.com_pebbe_zmq4": "0o644",
    }.items() <= tree(prefix).items()
    assert run(prefix / "bin/hermes", "version").strip() == VERSION
    dynamic = run("readelf", "-d", prefix / "lib/libhermes.so")
    assert "Library soname: [libhermes.so.2]" in dynamic


def test_a_program_finds_it_with_pkg_config(prefix, consumer):
    paths = {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    assert run("pkg-config", "--modversion", "hermes", env=paths).strip() == VERSION
    flags = run("pkg-config", "--cflags", "--libs", "hermes", env=paths).split()
    strict = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    run(os.environ.get("CC", "cc"), *strict, "consumer.c", *flags, "-o", "consumer", cwd=consumer)
    libraries = {"LD_LIBRARY_PATH": str(prefix / "lib")}
    assert run(consumer / "consumer", env=libraries).strip() == VERSION


def test_a_program_finds_it_with_cmake(prefix, consumer):
    (consumer / "CMakeLists.txt").write_text(CMAKE_CONSUMER)
    run(CMAKE, "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}", cwd=consumer)
    run(CMAKE, "--build", "build", cwd=consumer)
    assert run(consumer / "build/consumer").strip() == VERSION


def test_cmake_refuses_another_major_version(prefix, consumer):
    (consumer / "CMakeLists.txt").write_text(CMAKE_CONSUMER.replace("hermes 2.0", "hermes 3.0"))
    with pytest.raises(AssertionError, match="Could not find a configuration file"):
        run(CMAKE, "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}", cwd=consumer)


def test_cmake_installs_the_same_tree(prefix, tmp_path):
    run(CMAKE, "-S", ROOT, "-B", tmp_path / "build", f"-DCMAKE_INSTALL_PREFIX={tmp_path / 'root'}")
    run(CMAKE, "--build", tmp_path / "build")
    run(CMAKE, "--install", tmp_path / "build")
    assert tree(tmp_path / "root") == tree(prefix)
    for name in tree(prefix):
        ours, theirs = prefix / name, tmp_path / "root" / name
        if not name.startswith(("lib/libhermes", "bin/")):  # programs are built anew
            assert theirs.read_bytes() == ours.read_bytes(), name


def test_it_can_be_part_of_another_cmake_project(consumer):
    (consumer / "CMakeLists.txt").write_text(CMAKE_INCLUDER.format(root=ROOT))
    run(CMAKE, "-S", ".", "-B", "build", cwd=consumer)
    run(CMAKE, "--build", "build", cwd=consumer)
    assert run(consumer / "build/consumer").strip() == VERSION


def test_packagers_get_a_staged_tree_with_their_own_library_folder(tmp_path):
    where = ["PREFIX=/opt/hermes", "LIBDIR=lib/x86_64-linux-gnu", f"DESTDIR={tmp_path}"]
    run("make", "install", *where, cwd=ROOT)
    assert [path.name for path in tmp_path.iterdir()] == ["opt"]
    library = tmp_path / "opt/hermes/lib/x86_64-linux-gnu"
    flags = run(
        "pkg-config", "--libs", "hermes", env={"PKG_CONFIG_PATH": str(library / "pkgconfig")}
    )
    folder = next(flag[2:] for flag in flags.split() if flag.startswith("-L"))
    assert pathlib.Path(folder).resolve() == library


@pytest.mark.parametrize("bad", ["PREFIX=relative", "LIBDIR=/absolute"])
def test_a_path_of_the_wrong_kind_is_refused(bad, tmp_path):
    with pytest.raises(AssertionError, match="must be"):
        run("make", "install", f"DESTDIR={tmp_path}", bad, cwd=ROOT)
    assert not list(tmp_path.iterdir())
