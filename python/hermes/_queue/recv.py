"""The receive queue of a receiver, which fetches ahead from the native library.

One call into the library fetches up to 256 envelopes, so that one crossing and one parse serve
many. Order, blocking, the end and the counters are those of a queue that does not fetch ahead.
A program that is slow fetches fewer at a time (`_follow_pace`): to the library, which drops what
comes while its queue is full and nothing is taken for `queue.block`, it must not look stalled.

The way of an envelope: the library writes a batch into memory that a `Fetched` owns; `_keep`
parses it and moves the rows to `_pending` in one step; `take` pops the oldest. An exception at
any instruction (which is what Ctrl-C is) loses nothing but the envelope that is being taken:
whatever step was interrupted, the next thread that fetches repeats it.

`_turn` is held by the thread that fetches; it guards `_last_fetch`, `_most`, `_over`, `_pace`,
`_ahead` and `_fetched_at`. It is reentrant, so that releasing it twice does no harm. `_pending`
is a deque, whose operations are atomic. `_changed` wakes threads that wait for the start,
`waiters` the tasks of event loops.
"""

from __future__ import annotations

import _thread
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Callable

from hermes import _greenlets
from hermes._codec.codec import Codec
from hermes._codec.decode import by_marshal, decode, loader
from hermes._native.abi import EBADHANDLE, ESTOPPED, ETIMEOUT, OK
from hermes._native.handles import Fetched, ReceiverCore
from hermes._native.wait import SLICE, deadline, in_slices, remaining
from hermes._typing import ReceiverStats
from hermes.structs import Envelope

if TYPE_CHECKING:
    from hermes._queue.agecheck import AgeCheck
    from hermes._queue.waiters import Waiters

_MOST = 256  # envelopes in one fetch
_MOST_BYTES = 1 << 20  # the size of a fetch that is aimed at if envelopes are large
#: How long what was fetched should last, in seconds: far less than `queue.block`.
_PACE = 0.1
#: How long a call that may wait takes at least if nothing will come, in seconds.
PAUSE = 0.05
_TURN = 256  # envelopes that tasks take from a real queue before other tasks run


class ReceiveQueue:
    """Envelopes between the native receiver and the threads that take them; any thread may take.

    While it is `pumped`, the pump's thread draws from it and puts into a real queue.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        #: Whether a pump moves what arrives to a real queue; see `hermes._queue.pumps`.
        self.pumped = False
        #: How many envelopes the pump has dropped because of their origin.
        self.refused = 0
        #: Checks the age of what arrives if a ``load_from_frames`` of the program counts.
        self.age_check: AgeCheck | None = None
        #: The same for the first envelope of an origin that the library was not told of.
        self.first_check: AgeCheck | None = None
        #: Called when such a function is put in place after the start.
        self.loader_found: weakref.WeakMethod[Callable[[], None]] | None = None
        self._core: ReceiverCore | None = None
        self._pending: deque[Envelope] = deque()
        self._changed = threading.Event()  # the receiver started or ended, or this is pumped
        self._ended = False
        self._over = False
        self._waiters: Waiters | None = None  # of event loops; made by the first wait
        self._most = _MOST
        self._pace = 1  # how many envelopes the program takes in `_PACE`, as far as is known
        self._ahead = 0  # how many envelopes the last fetch has brought
        self._fetched_at = 0.0  # when that was; 0: their time has been noted
        self._turns = 0
        self._turn = threading.RLock()
        self._last_fetch: Fetched | None = None

    # ---- For the receiver ----------------------------------------------------

    def open(self, core: ReceiverCore) -> None:
        """Fetch from this native receiver from now on."""
        self._core = core
        self.wake_all()

    def end(self) -> None:
        """Note that nothing more will come, and end all waits for a start."""
        self._ended = True
        self.wake_all()

    def reset(self) -> None:
        """Forget all envelopes and threads of the parent, in a forked process."""
        self._pending.clear()
        self.pumped = False  # so that taking raises ForkedError
        if self._last_fetch is not None:
            self._last_fetch.forget()
        self._turn = threading.RLock()
        self._changed = threading.Event()
        self._waiters = None

    def wake_all(self) -> None:
        """Wake all threads and tasks that wait."""
        self._changed.set()
        self.wake_tasks()

    def wake_tasks(self) -> None:
        """Wake the tasks of event loops that wait."""
        if self._waiters is not None:
            self._waiters.wake()

    # ---- Taking --------------------------------------------------------------

    def take(self, timeout: float | None, wanted: int = 1) -> Envelope | None:
        """Take the oldest envelope, or None; wait ``timeout`` seconds (None: until the end).

        ``wanted`` is how many envelopes the caller is going to take.
        """
        try:
            return self._pending.popleft()
        except IndexError:
            pass
        end = deadline(timeout) if timeout else timeout
        began = time.monotonic() if end != 0 else 0.0
        while True:
            if not self._fetch(end, wanted):
                if end == 0 or self.pumped or not self.over:
                    return None
                self.pause(began, timeout)
                last: Envelope | None = self.here()
                return last
            if self.pumped:
                return None
            try:
                return self._pending.popleft()
            except IndexError:  # another thread was faster
                continue

    def pause(self, began: float, timeout: float | None) -> None:
        """Wait until a blocking call has taken `PAUSE` seconds, so that a loop does not spin."""
        wait = PAUSE if timeout is None else min(PAUSE, timeout)
        left = began + wait - time.monotonic()
        if left > 0:
            time.sleep(left)

    def take_into(self, taken: list[Envelope], most: int, timeout: float | None) -> None:
        """Append up to ``most`` envelopes to a list; wait for the first one only."""
        envelope = self.take(timeout, most)
        while envelope is not None:
            taken.append(envelope)
            if len(taken) == most:
                return
            try:
                envelope = self._pending.popleft()
            except IndexError:
                envelope = self.take(0.0, most - len(taken))

    def give_back(self, taken: list[Envelope]) -> None:
        """Put back to the front what was taken and did not reach the caller."""
        self._pending.extendleft(reversed(taken))

    def draw(self) -> list[Envelope] | None:
        """Take everything that has arrived, after a short wait; None at the end. For the pump."""
        drawn: list[Envelope] = []
        if self._pending or self._fetch(deadline(SLICE), _MOST, drawing=True):
            self._empty_into(drawn)
        elif self.over:
            return None
        return drawn

    def draw_now(self) -> list[Envelope]:
        """Take everything that has arrived by now. For the pump.

        If this is `pumped`, it waits for a thread that is fetching: what that has fetched is
        neither in the library nor here until it has finished.
        """
        drawn: list[Envelope] = []
        core = self._core
        if self.pumped:
            with self._turn:
                pass
        left = 0 if core is None else int(core.stats()["queued"])
        while self._pending or (left > 0 and self._fetch(0.0, _MOST, drawing=True)):
            before = len(drawn)
            self._empty_into(drawn)
            left -= len(drawn) - before
        return drawn

    def _empty_into(self, drawn: list[Envelope]) -> None:
        while self._pending:
            try:
                drawn.append(self._pending.popleft())
            except IndexError:  # another thread was faster
                return

    # ---- For event loops -----------------------------------------------------

    @property
    def waiters(self) -> Waiters:
        """The tasks that wait; they are woken for envelopes that the descriptor does not show."""
        if self._waiters is None:
            from hermes._queue.waiters import Waiters

            self._waiters = self.__dict__.setdefault("_made_waiters", Waiters())
        return self._waiters

    @property
    def over(self) -> bool:
        """Whether nothing is left and nothing will come, as the last fetch has shown."""
        return self._over or (self._core is None and self._ended)

    def descriptor(self) -> int | None:
        """Return the descriptor that is readable while there is something to fetch, if any."""
        return None if self._core is None or self.pumped else self._core.descriptor()

    def here(self) -> Any:
        """Take the oldest envelope that has been fetched already, or None."""
        try:
            return self._pending.popleft()
        except IndexError:
            return None

    def is_turn_over(self) -> bool:
        """Tell whether a task that takes from a real queue should let other tasks run now."""
        self._turns = (self._turns + 1) % _TURN
        return self._turns == 0

    def fetch(self, wanted: int) -> bool:
        """Tell whether an envelope can be taken without waiting; never waits itself."""
        return False if self._core is None else self._fetch(0.0, wanted)

    # ---- Counting ------------------------------------------------------------

    def correct(self, core: ReceiverCore, waiting: int = 0) -> ReceiverStats:
        """Return the native counters, with what was fetched ahead counted as queued.

        ``waiting`` is how many envelopes are in a real queue.
        """
        while True:
            fetched, bad = before = self._counts()
            checks = (self.age_check, self.first_check)
            stale = sum(check.dropped for check in checks if check is not None)
            kept_out = self.refused + stale
            delivered = max(0, fetched - len(self._pending) - kept_out - waiting)
            if before == self._counts():
                break
        counters: ReceiverStats = core.stats()
        counters["queued"] += counters["delivered"] - delivered - bad - kept_out
        counters["delivered"] = delivered
        counters["dropped_malformed"] += bad
        counters["dropped_origin"] += self.refused
        counters["dropped_stale"] += stale
        return counters

    def waiting(self) -> int:
        """Return how many envelopes can be taken now."""
        return 0 if self._core is None else int(self.correct(self._core)["queued"])

    def delivered(self) -> int:
        """Return how many envelopes were taken."""
        return self._counts()[0] - len(self._pending)

    @property
    def stop_reason(self) -> str:
        """Why a check of Python has stopped the receiver; empty if none has."""
        checks = (self.age_check, self.first_check)
        return next((check.reason for check in checks if check is not None and check.reason), "")

    def _counts(self) -> tuple[int, int]:
        """Return how many envelopes were parsed, and how many could not be read."""
        fetched = self._last_fetch
        return (0, 0) if fetched is None else fetched.counted()

    # ---- Inside --------------------------------------------------------------

    def _fetch(self, end: float | None, wanted: int = 1, drawing: bool = False) -> bool:
        """Fetch until ``end``; True if there may be an envelope to take now.

        An ``end`` of 0 is in the past, and the clock is not read.
        """
        core = self._core
        if core is None:
            return self._await_change(end)
        if self.loader_found is not None and not drawing and loader() is not None:
            follow = self.loader_found()
            if follow is not None:
                follow()
                return True
        left = remaining(end) if end else end
        turn = self._turn
        # One thread fetches at a time, the others wait for it. An exception may come between
        # any two instructions, those of the inner `finally` too, so the lock is released in
        # two places; the lock knows its owner.
        try:
            try:
                if not turn.acquire(timeout=-1 if left is None else left):
                    return bool(self._pending)
                return self._fetch_in_turn(core, end, left, wanted, drawing)
            finally:
                while turn._is_owned():  # type: ignore[attr-defined]
                    turn.release()
        finally:
            while turn._is_owned():  # type: ignore[attr-defined]
                turn.release()

    def _fetch_in_turn(
        self,
        core: ReceiverCore,
        end: float | None,
        left: float | None,
        wanted: int,
        drawing: bool,
    ) -> bool:
        fetched = self._last_fetch
        if fetched is not None and fetched.holds:  # an exception has interrupted _keep
            self._keep(core, fetched)
        if self._pending or (self.pumped and not drawing):
            return True
        if fetched is None or fetched.rows is not None:
            self._last_fetch = fetched = core.new_fetch(fetched)
        if self._fetched_at:
            self._follow_pace()
        most = min(self._most, wanted if core.watched else max(wanted, self._pace))
        marshals = by_marshal(self.codec)
        if left == 0:
            code = core.fetch(fetched, most, 0, marshals)
        else:
            code = self._wait(core, fetched, most, end, drawing)
        if code == OK:
            if fetched.holds:
                self._keep(core, fetched)
            return True
        if code in (ETIMEOUT, ESTOPPED, EBADHANDLE):
            self._over = code != ETIMEOUT
            return False
        core.check(code)
        return False

    def _follow_pace(self) -> None:
        """Note how long the last envelopes that were fetched have lasted."""
        lasted = time.monotonic() - self._fetched_at
        self._fetched_at = 0.0
        if lasted > _PACE:
            self._pace = max(1, int(self._ahead * _PACE / lasted))
        elif lasted < _PACE / 2:
            self._pace = min(_MOST, 2 * self._pace)

    def _wait(
        self, core: ReceiverCore, fetched: Fetched, most: int, end: float | None, drawing: bool
    ) -> int:
        """Wait for something to fetch, until ``end`` or until this is pumped."""
        marshals = by_marshal(self.codec)

        def call(ms: int) -> int:
            if self.pumped and not drawing:
                return OK
            return core.fetch(fetched, most, ms, marshals)

        return in_slices(call, end, SLICE, core.descriptor)

    def _await_change(self, end: float | None) -> bool:
        """Wait until the receiver has started; False if the time is up or it never will."""
        while not (self.pumped or self._ended or self._core is not None):
            self._changed.clear()
            left = remaining(end)
            if left == 0:
                return False
            if not (self.pumped or self._ended or self._core is not None):
                self._changed.wait(left)
        return self.pumped or self._core is not None

    def _keep(self, core: ReceiverCore, fetched: Fetched) -> None:
        """Parse what was fetched, and move it to the envelopes that can be taken."""
        if fetched.rows is None:
            self._decode(fetched)
        rows = fetched.rows
        # In one step; the iterator yields each row once, however often this is repeated.
        self._pending.extend(() if rows is None else rows)
        self._fetched_at = time.monotonic()
        fetched.free()
        self.wake_tasks()

    def _decode(self, fetched: Fetched) -> None:
        """Parse what was fetched.

        If an exception has interrupted this before, another thread parses, which no signal
        interrupts; otherwise a program with many signals would never get further.
        """
        text = fetched.text()
        if not fetched.tried or _greenlets.active() is not None:
            fetched.tried = True
            self._parse(fetched, text)
            return
        problems: list[BaseException] = []
        finished = threading.Lock()
        finished.acquire()

        def work() -> None:
            try:
                self._parse(fetched, text)
            except BaseException as error:
                problems.append(error)
            finally:
                finished.release()

        _thread.start_new_thread(work, ())
        while fetched.rows is None and not problems:
            finished.acquire(timeout=SLICE)
        if problems:
            raise problems[0]

    def _parse(self, fetched: Fetched, text: bytes) -> None:
        envelopes, bad = decode(text, self.codec)
        fetched.parsed(envelopes, bad)
        size = max(1, len(text) // max(1, len(envelopes)))
        self._most = max(1, min(_MOST, _MOST_BYTES // size))
        self._ahead = len(envelopes)


class ReceiverIterator:
    """An iterator over a receiver; an exception during a wait does not end it."""

    __slots__ = ("_receiver",)

    def __init__(self, receiver: Any) -> None:
        self._receiver = receiver

    def __iter__(self) -> ReceiverIterator:
        return self

    def __next__(self) -> Envelope:
        envelope: Envelope | None = self._receiver.recv(block=True)
        if envelope is None:
            raise StopIteration
        return envelope
