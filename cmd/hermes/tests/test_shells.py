"""What bash, zsh and fish complete, each in a terminal."""

from __future__ import annotations

import subprocess

import pytest
from test_screens import HERMES, SIZES, Terminal, cluster, folder  # noqa: F401  (two fixtures)

# How each begins without what the machine or the person has set up, and reads the script.
SHELLS = {
    "bash": ("bash --norc --noprofile", "PS1='here> '; source {script}"),
    "zsh": (
        "zsh -f",
        "PS1='here> '; fpath=({folder} $fpath); autoload -U compinit; compinit -u -d {folder}/dump",
    ),
    "fish": ("fish --no-config", "function fish_prompt; echo -n 'here> '; end; source {script}"),
}


@pytest.fixture(params=SHELLS)
def shell(request, folder, monkeypatch):  # noqa: F811
    """Start a shell that completes hermes."""
    start, setup = SHELLS[request.param]
    script = folder / "_hermes"
    printed = subprocess.run([HERMES, "completion", request.param], check=True, capture_output=True)
    script.write_bytes(printed.stdout)
    monkeypatch.setenv("PATH", f"{HERMES.parent}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "HERMES_CONTEXT"):
        monkeypatch.setenv(name, str(folder / name))
    monkeypatch.delenv("HERMES_CONTEXT")
    terminal = Terminal(folder, SIZES[1], start)
    # What is printed is spelled in two parts, so that the line that is typed does not count.
    terminal.press(setup.format(script=script, folder=folder) + "; echo rea''dy", "Enter")
    terminal.shows("^ready$")
    yield terminal
    terminal.close()


def test_commands_and_flags_are_completed(shell):
    shell.press("hermes postof", "Tab")
    shell.shows("^here> hermes postoffice *$")
    shell.press("--check-conf", "Tab")
    shell.shows("^here> hermes postoffice .*--check-config *$")


def test_topics_that_are_published_now_are_completed(shell, cluster):  # noqa: F811
    shell.press(f"hermes sub {cluster.from_office} sma", "Tab")
    shell.shows(f"^here> hermes sub {cluster.from_office} small *$")
    shell.press("l", "Tab")
    shell.shows(f"^here> hermes sub {cluster.from_office} small large *$")
