"""The :class:`PostOffice`: the one place that publishers and receivers connect to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hermes import _native, _star
from hermes._context import Context, terminate
from hermes._part import FLUSH, Fact, OnEvent, OptionValue, Part, native_address_text

if TYPE_CHECKING:
    __all__ = ["PostOffice"]
else:
    __getattr__ = _star.getter(__name__, ["PostOffice"], "Thread log logging zmq")

log = logging.getLogger(__name__)


if TYPE_CHECKING:
    _Part = Part[_native.PostOfficeCore]
else:
    _Part = Part


class PostOffice(_Part):
    """Relays between publishers and receivers, so that all need to know one address only.

    It forwards every message to those who have subscribed to it, untouched, whatever
    ZeroMQ program sent it. It is a thread and a context manager.
    """

    _hermes_log = log
    _hermes_exit_rank = 1
    # In 1.x it had no `_running`, so that a subclass may call something of its own so.
    _hermes_flag = "_hermes_running"
    _hermes_watched = frozenset({"daemon"})
    _hermes_keeps_alive = True

    #: A ``zmq.Context``, made when it is asked for; the post office does not use it.
    ctx: Any = Context()

    def __init__(
        self,
        proxy_in: str,
        proxy_out: str,
        debug_addr: str | None = None,
        *,
        options: Mapping[str, OptionValue] | None = None,
        on_event: OnEvent | None = None,
    ) -> None:
        """Describe a post office; nothing happens before :meth:`start`.

        Publishers connect to ``proxy_in``, receivers to ``proxy_out``; at ``debug_addr``
        a copy of everything is published. ``options`` are for the native library; the
        configuration document lists them. ``on_event`` is called in the post office's thread
        with every notice, as :meth:`events` gives it.
        """
        super().__init__(None, options, on_event)
        self.xsub_url = proxy_in
        self.xpub_url = proxy_out
        self._debug_addr = debug_addr
        self.__dict__.setdefault("_running", self._hermes_running_flag())

    @property
    def debug_addr(self) -> str | None:
        """Where a copy of everything is published, or None."""
        return self._debug_addr

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self.is_alive()

    @Fact
    def endpoints(self) -> dict[str, str]:
        """Where it is bound, with the ports that the system chose: ``in``, ``out``, ``debug``."""
        sides = ("in", "out", "debug") if self.debug_addr else ("in", "out")
        return {side: self.get_option("endpoint." + side) for side in sides}

    def stop(self, timeout: float | None = None) -> None:
        """Stop, and wait for the thread to end, at most ``timeout`` seconds."""
        self._hermes_lower()
        wait = FLUSH if timeout is None else timeout
        if "ctx" in self.__dict__ and self.ctx is not None:
            # As in 1.x: what runs on its sockets ends by that.
            terminate(self.ctx, wait)
        self._hermes_stop_native(wait)
        self.join(timeout)
        self._hermes_end_context()

    def _hermes_create(self) -> _native.PostOfficeCore:
        return _native.PostOfficeCore(
            native_address_text(self.xsub_url, "proxy_in"),
            native_address_text(self.xpub_url, "proxy_out"),
            native_address_text(self._debug_addr, "debug_addr") if self._debug_addr else None,
        )
