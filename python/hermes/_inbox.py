"""What a receiver has received: a queue that fetches ahead.

One call into the native library brings up to 256 envelopes as one JSON text, so a
crossing and a parse are shared by many. Nobody sees it: order, blocking, the end and
the counters are those of a plain queue.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from hermes import _native
from hermes._codec import Codec
from hermes._decode import by_marshal, decode
from hermes._native import ReceiverCore, deadline, in_slices, remaining
from hermes.structs import Envelope

if TYPE_CHECKING:
    from hermes._aio import Bell

_MOST = 256  # envelopes a fetch
_MOST_BYTES = 1 << 20  # aimed at, where envelopes are large
PAUSE = 0.05  # seconds that a call which may wait takes at the least where nothing will come
_TURN = 256  # envelopes that were put, which tasks take before the others have a turn
_FED_SLICE = 0.02  # seconds between two looks at what was put in by hand


class Inbox:
    """The attribute ``q`` of a receiver. It has the methods of :class:`queue.Queue`.

    Any number of threads may take from it. Envelopes that were :meth:`put` come before
    those that were received.
    """

    maxsize = 0

    def __init__(self, codec: Codec, fed: bool = False) -> None:
        """Make an empty inbox; ``fed`` is one that somebody may wait on while others put."""
        self.codec = codec
        self._fed = fed
        self._core: ReceiverCore | None = None
        self._put: deque[Any] = deque()
        self._pending: deque[Envelope] = deque()
        self._changed = threading.Event()  # something was put, or the receiver started or ended
        self._ended = False
        self._over = False
        self._bell: Bell | None = None  # who waits in event loops, once somebody does
        self._most = _MOST
        self._turns = 1
        self._fetching = threading.Lock()
        self._counting = threading.Lock()
        self._fetched = 0
        self._undecodable = 0

    # ---- For the receiver ----------------------------------------------------

    def open(self, core: ReceiverCore) -> None:
        """Take from this native receiver from now on."""
        self._core = core
        self._tell()

    def end(self) -> None:
        """Nothing more will come; who waits for a start stops waiting."""
        self._ended = True
        self._tell()

    def reset(self) -> None:
        """Forget what is here and who was taking it: the process was forked."""
        self._pending.clear()
        self._fetching = threading.Lock()
        self._counting = threading.Lock()
        self._changed = threading.Event()
        self._bell = None

    def take(self, timeout: float | None, wanted: int = 1) -> Any:
        """The oldest envelope, or None. Waits ``timeout`` seconds, None: until the end.

        ``wanted`` is how many the caller is going to take.
        """
        if not self._put:
            try:
                return self._pending.popleft()
            except IndexError:
                pass
        return self._await(timeout, wanted)

    def _await(self, timeout: float | None, wanted: int) -> Any:
        end = deadline(timeout) if timeout else timeout
        began = time.monotonic() if end != 0 else 0.0
        while True:
            try:
                if self._put:
                    return self._put.popleft()
                if self._pending:
                    return self._pending.popleft()
            except IndexError:  # another thread was faster
                continue
            if not self._fetch(end, wanted):
                if end != 0 and self.over:
                    self._pause(began, timeout)
                    return self.here()
                return None

    def _pause(self, began: float, timeout: float | None) -> None:
        """Let a caller who may wait, and asks again and again, do so at a walking pace."""
        wait = PAUSE if timeout is None else min(PAUSE, timeout)
        left = began + wait - time.monotonic()
        if left > 0:
            time.sleep(left)

    def take_many(self, most: int, timeout: float | None) -> list[Any]:
        """Up to ``most`` envelopes; waits for the first one only."""
        taken: list[Any] = []
        envelope = self.take(timeout, most)
        while envelope is not None:
            taken.append(envelope)
            if len(taken) == most:
                break
            try:
                envelope = self._pending.popleft()
            except IndexError:
                envelope = self.take(0.0, most - len(taken))
        return taken

    # ---- For event loops -----------------------------------------------------

    @property
    def bell(self) -> Bell:
        """It rings when there may be something to take that the descriptor does not show."""
        if self._bell is None:
            from hermes._aio import Bell

            with self._counting:
                self._bell = self._bell or Bell()
        return self._bell

    @property
    def over(self) -> bool:
        """Whether nothing is left and nothing will come, as far as :meth:`fetch` has seen."""
        return self._over or (self._core is None and self._ended)

    def descriptor(self) -> int | None:
        """It polls readable while there is something to fetch; None before the start."""
        return None if self._core is None else self._core.descriptor()

    def here(self, rested: bool = False) -> Any:
        """The oldest envelope of those that need not be fetched, or None.

        Also None now and then where there are envelopes that were put: a task fetches then,
        and lets the other tasks have a turn, as it does where it receives. Twice in a row,
        for ``async for`` asks once more before it fetches. Not where the task has ``rested``.
        """
        put = self._put
        if put and not rested:
            self._turns = (self._turns + 1) % _TURN
            if self._turns < 2:
                return None
        try:
            return (put or self._pending).popleft()
        except IndexError:
            return None

    def fetch(self, wanted: int) -> bool:
        """Whether something is here that need not be waited for. Never waits."""
        return bool(self._put) if self._core is None else self._fetch(0.0, wanted)

    # ---- Counting ------------------------------------------------------------

    def correct(self, core: ReceiverCore) -> dict[str, Any]:
        """The native counters, where what was fetched ahead still counts as queued."""
        with self._counting:
            delivered = self._fetched - len(self._pending)
            undecodable = self._undecodable
        counters = core.stats()
        counters["queued"] += counters["delivered"] - delivered - undecodable
        counters["delivered"] = delivered
        counters["dropped_malformed"] += undecodable
        return counters

    # ---- As queue.Queue ------------------------------------------------------

    def qsize(self) -> int:
        """How many envelopes can be taken now."""
        waiting = len(self._put)
        if self._core is not None:
            waiting += int(self.correct(self._core)["queued"])
        return waiting

    def empty(self) -> bool:
        """Whether nothing can be taken now."""
        return not (self._put or self._pending or self._fetch(0.0))

    def full(self) -> bool:
        """False: a bound is set by the options of the receiver."""
        return False

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The oldest envelope; raises :class:`queue.Empty` where there is none in time."""
        envelope = self.take(timeout if block else 0.0)
        if envelope is None:
            raise queue.Empty
        return envelope

    def get_nowait(self) -> Any:
        """The oldest envelope, or :class:`queue.Empty`."""
        return self.get(block=False)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Add something to be received, as the ``run`` of a subclass may."""
        self._put.append(item)
        self._tell()

    def put_nowait(self, item: Any) -> None:
        """Add something to be received."""
        self.put(item)

    # ---- Inside --------------------------------------------------------------

    def _tell(self) -> None:
        """Let everybody who waits look again."""
        self._changed.set()
        if self._bell is not None:
            self._bell.ring()

    def _fetch(self, end: float | None, wanted: int = 1) -> bool:
        """Whether it is worth looking again: something may have come before ``end``.

        An ``end`` of 0 is long past, and costs no look at the clock.
        """
        core = self._core
        if core is None:
            return self._await_change(end)
        left = remaining(end) if end else end
        # One thread fetches at a time; the others wait for what it brings.
        if not self._fetching.acquire(timeout=-1 if left is None else left):
            return bool(self._put or self._pending)
        try:
            if core.unclaimed:  # Ctrl-C came between fetching and keeping
                self._keep(core)
            if self._put or self._pending:
                return True
            most = min(wanted, self._most) if core.watched else self._most
            marshals = by_marshal(self.codec)
            if left == 0:
                code = core.fetch(most, 0, marshals)
            else:
                code = in_slices(
                    lambda ms: _native.OK if self._put else core.fetch(most, ms, marshals),
                    end,
                    _FED_SLICE if self._fed else None,
                )
            if code == _native.OK:
                if core.unclaimed:
                    self._keep(core)
                return True
            if code in (_native.ETIMEOUT, _native.ESTOPPED, _native.EBADHANDLE):
                self._over = code != _native.ETIMEOUT
                return bool(self._put)
            core.check(code)
            return False
        finally:
            self._fetching.release()

    def _await_change(self, end: float | None) -> bool:
        """Wait until something was put, or the receiver has started; False at the end."""
        if self._put:
            return True
        if self._ended:
            return False
        self._changed.clear()
        if self._put or self._ended or self._core is not None:
            return True
        return self._changed.wait(remaining(end))

    def _keep(self, core: ReceiverCore) -> None:
        """Parse what was fetched, and have it ready."""
        text = core.fetched()
        envelopes, bad = decode(text, self.codec)
        with self._counting:
            self._pending.extend(envelopes)
            self._fetched += len(envelopes)
            self._undecodable += bad
        core.claim()
        if self._bell is not None:
            self._bell.ring()
        if envelopes:
            size = max(1, len(text) // len(envelopes))
            self._most = max(1, min(_MOST, _MOST_BYTES // size))
