"""Hosts of their own on this machine, with cables between them that can be cut."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess

from harness import PATIENCE, eventually


class Host:
    """One of them: a network namespace, with mounts of its own.

    ``prefix`` is what to write before a command that is to run there.
    """

    def __init__(self, start: list[str], into: list[str], address: str) -> None:
        self._keeper = subprocess.Popen([*start, "sleep", "infinity"])
        self.pid = self._keeper.pid
        self.prefix = ["nsenter", "-t", str(self.pid), *into, "-n", "-m"]
        self.address = address
        self._settle()

    def _settle(self) -> None:
        """Wait until the namespace is there."""
        ours = os.readlink("/proc/self/ns/net")

        def apart() -> bool:
            assert self._keeper.poll() is None, (
                "no network namespace can be made here: run this as root, or allow"
                " unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone,"
                " kernel.apparmor_restrict_unprivileged_userns)"
            )
            with contextlib.suppress(OSError):
                name = pathlib.Path("/proc", str(self.pid), "comm").read_text().strip()
                return name == "sleep" and os.readlink(f"/proc/{self.pid}/ns/net") != ours
            return False

        eventually(apart, "there is no network namespace")

    def ip(self, *words: str) -> None:
        """Run the command ip there."""
        self._run("ip", *words)

    def disk(self, place: pathlib.Path, size: str) -> None:
        """Give it a disk of so many bytes, which no other host sees."""
        place.mkdir(parents=True, exist_ok=True)
        self._run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place))

    def _run(self, *words: str) -> None:
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        command = [*self.prefix, "env", f"PATH={path}", *words]
        subprocess.run(command, check=True, timeout=PATIENCE)

    def close(self) -> None:
        self._keeper.kill()
        self._keeper.wait()


class Network:
    """Hosts at one switch; each has a cable, cable0 and so on at the switch."""

    def __init__(self, count: int) -> None:
        root = os.geteuid() == 0
        into = [] if root else ["-U", "--preserve-credentials"]
        apart = ["unshare", "-n", "-m"]
        self._switch = Host(apart if root else ["unshare", "-r", "-n", "-m"], into, "")
        beside = apart if root else [*self._switch.prefix, *apart]
        self.hosts = [Host(beside, into, f"10.77.0.{n + 1}") for n in range(count)]
        self._switch.ip("link", "add", "switch", "type", "bridge")
        self._switch.ip("link", "set", "switch", "up")
        for n, host in enumerate(self.hosts):
            self._plug(f"cable{n}", host)

    def _plug(self, cable: str, host: Host) -> None:
        peer = ["peer", "name", "near", "netns", str(host.pid)]
        self._switch.ip("link", "add", cable, "type", "veth", *peer)
        self._switch.ip("link", "set", cable, "master", "switch")
        self._switch.ip("link", "set", cable, "up")
        host.ip("address", "add", f"{host.address}/24", "dev", "near")
        host.ip("link", "set", "near", "up")
        host.ip("link", "set", "lo", "up")

    def cut(self, n: int) -> None:
        """Drop all packets from and to a host from now on, silently."""
        self._switch.ip("link", "set", f"cable{n}", "down")

    def restore(self, n: int) -> None:
        """Undo cut."""
        self._switch.ip("link", "set", f"cable{n}", "up")

    def close(self) -> None:
        for host in [*self.hosts, self._switch]:
            host.close()
