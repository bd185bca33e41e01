"""A shell completes the command: bash as people use it, at a terminal."""

import os
import pathlib
import pty
import select
import signal
import time

import hermes

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOON = 100  # seconds


class Terminal:
    """A bash at a terminal, with nothing of this machine's settings."""

    def __init__(self, folder):
        """Start it in a folder."""
        self.shown = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            environment = {
                "PATH": f"{ROOT / 'build'}:{os.environ['PATH']}",
                "XDG_CONFIG_HOME": str(folder),
                "HOME": str(folder),
                "TERM": "dumb",
                "PS1": "> ",
                "INPUTRC": "/dev/null",
            }
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment)

    def type(self, text):
        """Type something."""
        os.write(self.fd, text.encode())

    def shows(self, text, timeout=SOON):
        """Wait until something is shown, and tell whether it was."""
        end = time.monotonic() + timeout
        while text not in self.shown and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                self.shown += os.read(self.fd, 4096).decode(errors="replace")
        return text in self.shown

    def close(self):
        """End it."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def test_bash_completes_commands_and_live_topics(tmp_path):
    options = {"cache.depth": 1}
    with hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", options=options) as office:
        out = office.get_option("endpoint.out")
        with hermes.Publisher(office.get_option("endpoint.in"), "test") as publisher:
            assert publisher.wait_ready(SOON)
            publisher.publish(hermes.Envelope("ticks/EURUSD", "test", 1))
            bash = Terminal(tmp_path)
            try:
                bash.type("source <(hermes completion bash); echo is' 'ready\n")
                assert bash.shows("is ready"), bash.shown
                bash.type("hermes postof\t")
                assert bash.shows("hermes postoffice"), bash.shown
                bash.type("\x15")
                for _ in range(SOON):  # half a second may be over before the topic is there
                    bash.shown = ""
                    bash.type(f"\x15hermes sub {out} ti\t")
                    if bash.shows("ticks/EURUSD", 2):
                        break
                assert bash.shows("ticks/EURUSD", 0), bash.shown
            finally:
                bash.close()
