"""Builds the wheel, and for it libhermes and the command, which are compiled from Go.

Their sources lie in ``native`` in a source distribution, and one folder up in a checkout.
Where ``hermes/_lib`` already holds both, those are taken. Everything else about the
package stands in pyproject.toml.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
# The names of the files, without an import of the package, which would look for them.
_spec = importlib.util.spec_from_file_location("_system", HERE / "hermes" / "_system.py")
assert _spec
assert _spec.loader
system = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(system)
LIB = Path("hermes", "_lib")

ADVICE = """
hermes-zmq cannot be built here: {reason}.

To build it from source takes Linux with glibc on a 64-bit machine, Go 1.21 or later
(https://go.dev/dl/), a C compiler, binutils, pkg-config, and the headers of libzmq:

    apt-get install gcc libc6-dev binutils pkg-config libzmq3-dev

A wheel needs none of them. Those for macOS and Windows are made on Linux too, by `make dist` in
a checkout."""


def give_up(reason: str) -> None:
    """End the build with a word that helps."""
    sys.exit(ADVICE.format(reason=reason))


def sources() -> Path:
    """Where the sources of the library are."""
    for folder in (HERE / "native", HERE.parent):
        if (folder / "capi" / "build.sh").is_file():
            return folder
    give_up("the sources of the library are missing")
    raise AssertionError


def check_tools() -> None:
    """Look for everything that the build needs before it begins."""
    reason = system.refusal(system.bits(), system.libc())
    if reason:
        give_up(f"this is {system.description()}: {reason}")
    if not sys.platform.startswith("linux"):
        give_up(f"this is {system.description()}, and libhermes is compiled on Linux alone")
    compiler = (os.environ.get("CC") or "gcc").split()[0]
    for tool in ("go", "sh", compiler, "ld", "ar", "objcopy", "size", "pkg-config"):
        if not shutil.which(tool):
            give_up(f"there is no {tool}")
    if subprocess.run(["pkg-config", "--exists", "libzmq"]).returncode != 0:
        give_up("pkg-config does not know libzmq")


def compile_native(target: Path) -> None:
    """Compile libhermes and the command below a folder."""
    folder = sources()
    check_tools()
    library, command = (
        target / LIB / name() for name in (system.library_name, system.command_name)
    )
    library.parent.mkdir(parents=True, exist_ok=True)
    flags = f"{os.environ.get('GOFLAGS', '')} -buildvcs=false".strip()
    for what, build in {
        "library": ["sh", str(folder / "capi" / "build.sh"), "shared", str(library.resolve())],
        "command": [
            "go",
            "build",
            "-trimpath",
            "-ldflags=-s -w",
            "-o",
            str(command.resolve()),
            "./cmd/hermes",
        ],
    }.items():
        done = subprocess.run(build, cwd=folder, env={**os.environ, "GOFLAGS": flags})
        if done.returncode != 0:
            give_up(f"the {what} did not compile; see above")


class BuildWithLibrary(build_py):
    """Copies the package, and compiles the native part where it is not there yet."""

    def run(self) -> None:
        """Build the package."""
        super().run()
        # In an editable installation the package finds the library of the checkout.
        # What lies there may be for another platform, in a wheel that is made for it.
        built = {path.name for path in (HERE / LIB).glob("*")}
        there = any(
            {system.library_name(one), system.command_name(one)} <= built
            for one in ("linux", "darwin", "win32")
        )
        if not self.editable_mode and not there:
            compile_native(Path(self.build_lib))


class WheelForAnyPython(bdist_wheel):
    """The library is one for this kind of machine; no Python is compiled against."""

    def finalize_options(self) -> None:
        """Say that not all of it is Python."""
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tag of the wheel."""
        return "py3", "none", super().get_tag()[2]


class WithLibrary(Distribution):
    """Goes where packages with compiled parts go."""

    def has_ext_modules(self) -> bool:
        """Tell setuptools so."""
        return True


setup(
    distclass=WithLibrary,
    cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": WheelForAnyPython},
)
