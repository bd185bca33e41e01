"""What `make install` and `cmake --install` leave behind serves programs outside the checkout."""

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

# C99, and C++17 as well.
CONSUMER = """
#include <hermes.h>
#include <stdio.h>
#include <string.h>

int main(void) {
    uint64_t office;
    if (strcmp(hermes_version_string(), HERMES_VERSION_STRING) != 0) return 1;
    if (hermes_postoffice_new("inproc://in", "inproc://out", NULL, &office)) return 2;
    if (hermes_start(office)) return 3;
    if (hermes_close(office)) return 4;
    puts(hermes_version_string());
    return 0;
}
"""

CPP_CONSUMER = """
#include <hermes.hpp>
#include <iostream>

int main() {
    hermes::PostOffice office("inproc://in", "inproc://out");
    office.start();
    std::cout << hermes::version();
}
"""

LOADER = """
#include <dlfcn.h>
#include <hermes.h>
#include <stdio.h>

int main(int argc, char **argv) {
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    const char *(*version)(void);
    int (*office_new)(const char *, const char *, const char *, uint64_t *);
    int (*start)(uint64_t), (*close)(uint64_t);
    uint64_t office;
    if (library == NULL) return fprintf(stderr, "%s\\n", dlerror()), 1;
    *(void **)&version = dlsym(library, "hermes_version_string");
    *(void **)&office_new = dlsym(library, "hermes_postoffice_new");
    *(void **)&start = dlsym(library, "hermes_start");
    *(void **)&close = dlsym(library, "hermes_close");
    if (office_new("inproc://in", "inproc://out", NULL, &office)) return 2;
    if (start(office) || close(office)) return 3;
    puts(version());
    return 0;
}
"""

CMAKE_CONSUMER = """
cmake_minimum_required(VERSION 3.16)
project(consumer C CXX)
set(CMAKE_C_STANDARD 99)
set(CMAKE_CXX_STANDARD 17)
find_package(hermes {version} REQUIRED)
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE hermes::hermes)
add_executable(consumer_static consumer.c)
target_link_libraries(consumer_static PRIVATE hermes::static)
add_executable(consumer_cpp consumer.cpp)
target_link_libraries(consumer_cpp PRIVATE hermes::hermes)
"""

CMAKE_INCLUDER = """
cmake_minimum_required(VERSION 3.16)
project(includer C)
add_subdirectory({root} hermes)
add_executable(consumer consumer.c)
target_link_libraries(consumer PRIVATE hermes::hermes)
add_executable(consumer_static consumer.c)
target_link_libraries(consumer_static PRIVATE hermes::static)
"""

STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
COMPILERS = {
    "C99": [os.environ.get("CC", "cc"), "-std=c99", *STRICT, "consumer.c"],
    "C++17": [os.environ.get("CXX", "c++"), "-std=c++17", *STRICT, "consumer.cpp"],
}


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
    """Write a small program, in C and in C++, into an empty folder."""
    for name in ("consumer.c", "consumer.cpp"):
        (tmp_path / name).write_text(CONSUMER)
    return tmp_path


def test_everything_is_in_its_place(prefix):
    assert {
        "bin/hermes": "0o755",
        "include/hermes.h": "0o644",
        "include/hermes.hpp": "0o644",
        "include/hermes_component.hpp": "0o644",
        "include/hermes_envelope.hpp": "0o644",
        "include/hermes_error.hpp": "0o644",
        "include/hermes_records.hpp": "0o644",
        "include/hermes_slots.hpp": "0o644",
        "lib/libhermes.so": "-> libhermes.so.2",
        "lib/libhermes.so.2": f"-> libhermes.so.{VERSION}",
        f"lib/libhermes.so.{VERSION}": "0o755",
        "lib/libhermes.a": "0o644",
        "lib/pkgconfig/hermes.pc": "0o644",
        "lib/pkgconfig/hermes-static.pc": "0o644",
        "lib/cmake/hermes/hermes-config.cmake": "0o644",
        "lib/cmake/hermes/hermes-config-version.cmake": "0o644",
        "share/bash-completion/completions/hermes": "0o644",
        "share/fish/vendor_completions.d/hermes.fish": "0o644",
        "share/zsh/site-functions/_hermes": "0o644",
        "share/man/man1/hermes.1": "0o644",
        "share/man/man1/hermes-sub.1": "0o644",
        "share/man/man3/hermes.3": "0o644",
        "share/man/man3/hermes_publish.3": "0o644",
        "share/doc/hermes/LICENSE": "0o644",
        "share/doc/hermes/licences/go": "0o644",
        "share/doc/hermes/licences/github.com_pebbe_zmq4": "0o644",
    }.items() <= tree(prefix).items()
    assert run(prefix / "bin/hermes", "version").strip() == VERSION
    dynamic = run("readelf", "-d", prefix / "lib/libhermes.so")
    assert "Library soname: [libhermes.so.2]" in dynamic


def flags(prefix, *question):
    """Return what pkg-config answers for the installed tree."""
    paths = {"PKG_CONFIG_PATH": str(prefix / "lib/pkgconfig")}
    return run("pkg-config", *question, env=paths).split()


def needed(program):
    """Return the names of the libraries that a program asks the loader for."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", program))


@pytest.mark.parametrize("language", COMPILERS)
def test_a_program_finds_it_with_pkg_config(language, prefix, consumer):
    assert flags(prefix, "--modversion", "hermes") == [VERSION]
    answer = flags(prefix, "--cflags", "--libs", "hermes")
    run(*COMPILERS[language], *answer, "-o", "consumer", cwd=consumer)
    assert "libhermes.so.2" in needed(consumer / "consumer")
    libraries = {"LD_LIBRARY_PATH": str(prefix / "lib")}
    assert run(consumer / "consumer", env=libraries).strip() == VERSION


def test_the_header_for_cpp_needs_no_more(prefix, consumer):
    (consumer / "consumer.cpp").write_text(CPP_CONSUMER)
    answer = flags(prefix, "--cflags", "--libs", "hermes")
    run(*COMPILERS["C++17"], *answer, "-o", "consumer", cwd=consumer)
    libraries = {"LD_LIBRARY_PATH": str(prefix / "lib")}
    assert run(consumer / "consumer", env=libraries).strip() == VERSION


@pytest.mark.parametrize("language", COMPILERS)
def test_a_program_takes_the_static_library_in(language, prefix, consumer):
    answer = flags(prefix, "--cflags", "--libs", "hermes-static")
    run(*COMPILERS[language], *answer, "-o", "consumer", cwd=consumer)
    assert not [name for name in needed(consumer / "consumer") if "hermes" in name]
    assert run(consumer / "consumer").strip() == VERSION


def test_where_the_static_library_is_alone_pkg_config_static_serves(prefix, consumer):
    """As on a system whose packages are built without shared libraries."""
    alone = consumer / "alone"
    shutil.copytree(prefix, alone, symlinks=True)
    for shared in (alone / "lib").glob("libhermes.so*"):
        shared.unlink()
    compiler = COMPILERS["C99"]
    answer = flags(alone, "--static", "--cflags", "--libs", "hermes")
    run(*compiler, *answer, "-o", "consumer", cwd=consumer)
    assert run(consumer / "consumer").strip() == VERSION
    with pytest.raises(AssertionError, match=r"undefined reference to .zmq_"):
        run(*compiler, *flags(alone, "--cflags", "--libs", "hermes"), "-o", "x", cwd=consumer)


def test_a_program_loads_it_at_run_time(prefix, consumer):
    (consumer / "consumer.c").write_text(LOADER)
    include = flags(prefix, "--cflags", "hermes")
    compiler = [*COMPILERS["C99"], "-Wno-pedantic", "-Wno-strict-aliasing"]
    run(*compiler, *include, "-ldl", "-o", "loader", cwd=consumer)
    assert not [name for name in needed(consumer / "loader") if "hermes" in name]
    assert run(consumer / "loader", prefix / "lib/libhermes.so.2").strip() == VERSION


def configure(prefix, folder, version):
    """Let CMake look for the installed tree in some version."""
    (folder / "CMakeLists.txt").write_text(CMAKE_CONSUMER.replace("{version}", version))
    return run(CMAKE, "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={prefix}", cwd=folder)


def test_programs_find_it_with_cmake(prefix, consumer):
    configure(prefix, consumer, "2.0")
    run(CMAKE, "--build", "build", cwd=consumer)
    for name in ("consumer", "consumer_static", "consumer_cpp"):
        assert run(consumer / "build" / name).strip() == VERSION
        shared = "libhermes.so.2" in needed(consumer / "build" / name)
        assert shared == (name != "consumer_static")


@pytest.mark.parametrize("version", ["", "2", f"{VERSION} EXACT", "2.0...2.9", "1.0...<3"])
def test_cmake_accepts_a_version_that_will_do(version, prefix, consumer):
    configure(prefix, consumer, version)


@pytest.mark.parametrize("version", ["1", "3.0", "2.999", "1.0...<2", "2.1...3"])
def test_cmake_refuses_another_version(version, prefix, consumer):
    with pytest.raises(AssertionError, match="Could not find a configuration file"):
        configure(prefix, consumer, version)


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
    for name in ("consumer", "consumer_static"):
        assert run(consumer / "build" / name).strip() == VERSION


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
