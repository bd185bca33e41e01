"""What ``from hermes.receiver import *`` and its like import: the same names as in 1.x.

1.x had no ``__all__``, so these were all names of its modules, imported ones included. Here
they are looked up by the first access, as pyzmq may not be installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Callable

# For each name that a module does not use itself: the module and the attribute it stands for.
_ORIGIN = {
    "Empty": ("queue", "Empty"),
    "Event": ("threading", "Event"),
    "Queue": ("queue", "Queue"),
    "Thread": ("threading", "Thread"),
    "reduce": ("functools", "reduce"),
    "json": ("json", ""),
    "logging": ("logging", ""),
    "sys": ("sys", ""),
    "time": ("time", ""),
    "zmq": ("zmq", ""),
}


def getter(module: str, own: list[str], more: str) -> Callable[[str], Any]:
    """Make the ``__getattr__`` of a module with names of its own, and more of 1.x.

    It serves ``__all__`` as well.
    """
    names = [*own, *more.split()]

    def get(name: str) -> Any:
        if name == "__all__":
            return [name for name in names if name != "zmq" or importlib.util.find_spec(name)]
        if name in names and name in _ORIGIN:
            origin, attribute = _ORIGIN[name]
            found = importlib.import_module(origin)
            return getattr(found, attribute) if attribute else found
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return get
