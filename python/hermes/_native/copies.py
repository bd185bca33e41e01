"""A second copy of the library for a forked process, whose inherited one has lost its threads."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

from hermes import _system

if TYPE_CHECKING:
    import ctypes


def open_private_copy(path: str, load: Callable[[str], ctypes.CDLL]) -> ctypes.CDLL:
    """Load a second copy of the library, with threads and memory of its own.

    Dynamic linkers know loaded files by name and inode, so the copy must differ in both. It is
    in memory on Linux, and elsewhere a temporary file, which needs no name once it is loaded.
    """
    import shutil

    with open(_file_behind(path), "rb") as original:
        if sys.platform == "linux":
            descriptor = os.memfd_create("libhermes", os.MFD_CLOEXEC)
            try:
                with open(descriptor, "wb", closefd=False) as copy:
                    shutil.copyfileobj(original, copy)
                return load(f"/proc/{os.getpid()}/fd/{descriptor}")
            finally:
                os.close(descriptor)
        return from_temporary_file(original.read(), load)


def from_temporary_file(content: bytes, load: Callable[[str], ctypes.CDLL]) -> ctypes.CDLL:
    """Load a library from a temporary file."""
    import tempfile

    descriptor, path = tempfile.mkstemp(suffix=os.path.splitext(_system.library_name())[1])
    try:
        with open(descriptor, "wb") as copy:
            copy.write(content)
        return load(path)
    finally:
        os.unlink(path)


def _file_behind(path: str) -> str:
    """Return the path of the file that was loaded by a name."""
    if os.path.exists(path):
        return path
    wanted = _system.library_name().partition(".")[0] + "."
    for file in _loaded():
        if os.path.basename(file).startswith(wanted):
            return file
    return path


def _loaded() -> Iterator[str]:
    """Yield the paths of the files that this process has loaded, where that can be told."""
    if sys.platform == "linux":
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
            for line in maps:
                file = line.rstrip("\n").partition("/")[2]
                if file:
                    yield "/" + file
    elif sys.platform == "darwin":
        import ctypes

        linker = ctypes.CDLL(None)
        linker._dyld_get_image_name.restype = ctypes.c_char_p
        for index in range(linker._dyld_image_count()):
            name: bytes | None = linker._dyld_get_image_name(index)
            if name:
                yield os.fsdecode(name)
