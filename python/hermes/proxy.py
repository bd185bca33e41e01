"""The `PostOffice`: the one place that publishers and receivers connect to."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hermes import _star_import
from hermes._arguments import address_text
from hermes._attributes import ReplaceableProperty
from hermes._component import Component
from hermes._native.handles import PostOfficeCore
from hermes._typing import OnEvent, OptionValue, PostOfficeStats
from hermes._zmq_context import Context, terminate

if TYPE_CHECKING:
    __all__ = ["PostOffice"]
else:
    __getattr__ = _star_import.getter(__name__, ["PostOffice"], "Thread log logging zmq")

log = logging.getLogger(__name__)


if TYPE_CHECKING:
    _Component = Component[PostOfficeCore]
else:
    _Component = Component


class PostOffice(_Component):
    """A broker between publishers and receivers, so that all need to know one address only.

    It forwards every message to the peers that have subscribed to it, unchanged, whatever
    ZeroMQ program has sent it (it is an XSUB/XPUB proxy). It is a thread and a context manager.
    All methods are thread-safe.

    Examples
    --------
    >>> with hermes.PostOffice("tcp://127.0.0.1:6000", "tcp://127.0.0.1:6001") as office:
    ...     office.join()
    """

    _hermes_log = log
    _hermes_exit_rank = 1
    # 1.x had no `_running` here, so a subclass may use this name for something else.
    _hermes_flag = "_hermes_running"
    _hermes_watched = frozenset({"daemon"})
    _hermes_keeps_alive = True

    #: A ``zmq.Context``, created by the first access; the post office does not use it.
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
        """Describe a post office; nothing happens before `start`.

        Parameters
        ----------
        proxy_in
            The address to which publishers connect.
        proxy_out
            The address to which receivers connect.
        debug_addr
            An address at which a copy of every message is published; None: no copy.
        options
            Options of the native library; the configuration page lists them.
        on_event
            Called in the post office's thread with every event; see `events`.
        """
        super().__init__(None, options, on_event)
        self.xsub_url = proxy_in
        self.xpub_url = proxy_out
        self._debug_addr = debug_addr
        self.__dict__.setdefault("_running", self._hermes_running_flag())

    @property
    def debug_addr(self) -> str | None:
        """The address at which a copy of every message is published, or None."""
        return self._debug_addr

    @property
    def running(self) -> bool:
        """Whether its thread runs."""
        return self.is_alive()

    @ReplaceableProperty
    def endpoints(self) -> dict[str, str]:
        """The bound addresses, with the ports that the system chose: ``in``, ``out``, ``debug``."""
        sides = ("in", "out", "debug") if self.debug_addr else ("in", "out")
        return {side: self.get_option("endpoint." + side) for side in sides}

    def stats(self) -> PostOfficeStats:
        """Return the counters by name; empty before the start."""
        counters: PostOfficeStats = self._hermes_counters()
        return counters

    def stop(self, timeout: float | None = None) -> None:
        """Stop, and wait for the thread to end.

        Parameters
        ----------
        timeout
            The longest wait in seconds; None: no limit.
        """
        self._hermes_lower()
        wait = self._hermes_linger() if timeout is None else timeout
        if "ctx" in self.__dict__ and self.ctx is not None:
            # As in 1.x: this ends a `run` of the program that uses its sockets.
            terminate(self.ctx, wait)
        self._hermes_stop_native(wait)
        self.join(timeout)
        self._hermes_end_context()

    def _hermes_create(self) -> PostOfficeCore:
        return PostOfficeCore(
            address_text(self.xsub_url, "proxy_in"),
            address_text(self.xpub_url, "proxy_out"),
            address_text(self._debug_addr, "debug_addr") if self._debug_addr else None,
        )
