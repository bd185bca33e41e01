"""The command ``hermes`` as ``python -m hermes``, and as the script that pip installs.

The command is a program of its own, written in Go, which travels inside the wheel. This
module replaces its process by it; no Python runs afterwards.
"""

from __future__ import annotations

import sys
from pathlib import Path

from hermes import _system

_PACKAGE = Path(__file__).resolve().parent


def _candidates() -> list[Path]:
    """Return where the command may be: inside the wheel, or built in a checkout."""
    name = _system.command_name()
    places = [_PACKAGE / "_lib" / name]
    checkout = _PACKAGE.parents[1]
    if (checkout / "include" / "hermes.h").is_file():
        places.append(checkout / "build" / name)
    return places


def main() -> None:
    """Replace this process by the command, with the arguments of this one.

    Raises
    ------
    SystemExit
        With a text that says what to do, where the command cannot be found or run.
    """
    found = [place for place in _candidates() if place.is_file()]
    if not found:
        looked = ", ".join(str(place) for place in _candidates())
        sys.exit(
            f"hermes: the command is not here (looked for {looked}). Install a wheel of"
            " hermes-zmq, which brings it along, or run `make build` in a checkout."
        )
    try:
        _system.replace_process(str(found[0]), ["hermes", *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"hermes: cannot run {found[0]}: {error.strerror}")


if __name__ == "__main__":
    main()
