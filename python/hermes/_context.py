"""Contexts of pyzmq, for subclasses that have sockets of their own as they had in 1.x.

The native library does not use them. Each is made when it is asked for.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from hermes._native import module_lock

_making = module_lock()


class Context:
    """An attribute that gives a ``zmq.Context`` of the part, made by the first access.

    None where pyzmq is not installed. What is assigned to the attribute takes its place.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, part: Any, owner: type | None = None) -> Any:
        if part is None:
            return self
        with _making:
            if self._name not in part.__dict__:
                part.__dict__[self._name] = part.__dict__["_hermes_context"] = _new()
        return part.__dict__[self._name]


def _new() -> Any:
    try:
        import zmq
    except ImportError:
        return None
    return zmq.Context()


def terminate(context: Any, timeout: float) -> None:
    """Terminate a context, and wait for that at most ``timeout`` seconds.

    Sockets that block in it fail with ``ContextTerminated``, so that the thread that opened them
    closes them. One that stays open keeps a thread waiting, and nothing else.
    """
    _finish(context.term, timeout)


def close(part: Any, timeout: float) -> None:
    """End the context that was made for a part whose thread has ended, with its sockets."""
    context = part.__dict__.get("_hermes_context")
    if context is not None and not context.closed:
        # What a socket has not sent yet it may send as long as this takes.
        _finish(lambda: context.destroy(linger=int(timeout * 1000)), timeout + 1.0)


def _finish(call: Any, timeout: float) -> None:
    def work() -> None:
        with contextlib.suppress(Exception):  # it may be closed already
            call()

    thread = threading.Thread(target=work, name="hermes-context", daemon=True)
    thread.start()
    thread.join(timeout)
