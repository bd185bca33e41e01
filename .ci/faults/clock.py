"""The time of day of one process, set to another one while it runs.

The process reads the clock without a system call, by a function that the kernel has mapped into it
(the vDSO). That function is replaced by one that makes the call and adds a number of seconds to the
time of day. The monotonic clock stays as it is, as when the clock of a machine is set.
"""

from __future__ import annotations

import os
import pathlib
import platform
import re
import signal
import struct

from harness import Process, eventually

FUNCTION = b"__vdso_clock_gettime"

# int clock_gettime(clockid_t clock, struct timespec *at), for x86-64.
CODE = bytes.fromhex(
    "b8e4000000"  # mov eax, 228     the system call, which keeps edi and rsi
    "0f05"  #       syscall
    "85ff"  #       test edi, edi    0 is the time of day
    "750a"  #       jnz end
    "488b0d06000000"  # mov rcx, [rip + 6]
    "48010e"  #     add [rsi], rcx
    "c3"  #         end: ret
    "0000"  # up to the seconds, at SECONDS
)
SECONDS = len(CODE)
assert platform.machine() == "x86_64", "the machine code of CODE is for x86-64"


class Clock:
    """The clock of a process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._own = pathlib.Path("/proc", str(process.pid))
        self._at = self._find()
        self._replace()

    def step(self, seconds: int) -> None:
        """Let the time of day differ from that of the machine by so much."""
        self._write(self._at + SECONDS, struct.pack("<q", seconds))

    def _find(self) -> int:
        """Find the address of the function."""
        maps = (self._own / "maps").read_text()
        first, last = re.search(r"^(\w+)-(\w+) .*\[vdso\]$", maps, re.MULTILINE).groups()
        start = int(first, 16)
        with (self._own / "mem").open("rb", buffering=0) as memory:
            memory.seek(start)
            image = memory.read(int(last, 16) - start)
        (headers,) = struct.unpack_from("<Q", image, 40)
        size, count = struct.unpack_from("<HH", image, 58)
        sections = [
            struct.unpack_from("<IIQQQQII", image, headers + n * size) for n in range(count)
        ]
        (symbols,) = (s for s in sections if s[1] == 11)  # SHT_DYNSYM
        names = sections[symbols[6]]
        for at in range(symbols[4], symbols[4] + symbols[5], 24):
            name, _, _, _, value, _ = struct.unpack_from("<IBBHQQ", image, at)
            if image[names[4] + name :].startswith(FUNCTION + b"\0"):
                return start + value
        raise LookupError(FUNCTION)

    def _replace(self) -> None:
        """Write the other function, while no thread is in the one that it replaces."""

        def away() -> bool:
            os.kill(self._process.pid, signal.SIGSTOP)
            try:
                if any(self._inside(task) for task in (self._own / "task").iterdir()):
                    return False
                self._write(self._at, CODE + bytes(8))
                return True
            finally:
                os.kill(self._process.pid, signal.SIGCONT)

        eventually(away, "a thread is always in the function that tells the time")

    def _inside(self, task: pathlib.Path) -> bool:
        """Tell whether a thread may be in the function, or is not stopped yet."""
        if (task / "stat").read_text().rpartition(")")[2].split()[0] != "T":
            return True
        place = int((task / "syscall").read_text().split()[-1], 16)
        return self._at <= place < self._at + 1024

    def _write(self, at: int, data: bytes) -> None:
        with (self._own / "mem").open("r+b", buffering=0) as memory:
            memory.seek(at)
            memory.write(data)
