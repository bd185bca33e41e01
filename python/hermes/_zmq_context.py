"""Contexts of pyzmq, for subclasses that have sockets of their own, as in 1.x.

The native library does not use them. Each is created by the first access.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from hermes._threads import module_lock

_making = module_lock()


class Context:
    """An attribute that holds a ``zmq.Context`` of its owner, created by the first access.

    None if pyzmq is not installed. Assigning to the attribute replaces it.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        if owner is None:
            return self
        with _making:
            if self._name not in owner.__dict__:
                owner.__dict__[self._name] = owner.__dict__["_hermes_context"] = _new()
        return owner.__dict__[self._name]


def _new() -> Any:
    try:
        import zmq
    except ImportError:
        return None
    return zmq.Context()


def terminate(context: Any, timeout: float) -> None:
    """Terminate a context, and wait for that at most ``timeout`` seconds.

    Sockets that block in it fail with ``ContextTerminated``, so that the thread that opened them
    closes them. If one stays open, only a helper thread keeps waiting.
    """
    _finish(context.term, timeout)


def close(owner: Any, timeout: float) -> None:
    """Close the context that was created for an object, and its sockets."""
    context = owner.__dict__.get("_hermes_context")
    if context is not None and not context.closed:
        # A socket may send what is queued for ``timeout`` seconds.
        _finish(lambda: context.destroy(linger=int(timeout * 1000)), timeout + 1.0)


def _finish(call: Any, timeout: float) -> None:
    def work() -> None:
        with contextlib.suppress(Exception):  # it may be closed already
            call()

    thread = threading.Thread(target=work, name="hermes-context", daemon=True)
    thread.start()
    thread.join(timeout)
