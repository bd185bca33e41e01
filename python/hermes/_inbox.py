"""What a receiver has received: a queue that fetches ahead.

One call into the native library brings up to 256 envelopes as one JSON text, so a
crossing and a parse are shared by many. Nobody sees it: order, blocking, the end and
the counters are those of a plain queue.
"""

from __future__ import annotations

import _thread
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Callable

from hermes import _green, _native
from hermes._codec import Codec
from hermes._decode import by_marshal, decode, loader
from hermes._native import SLICE, Handout, ReceiverCore, deadline, in_slices, remaining
from hermes.structs import Envelope

if TYPE_CHECKING:
    from hermes._agecheck import AgeCheck
    from hermes._aio import Bell

_MOST = 256  # envelopes a fetch
_MOST_BYTES = 1 << 20  # aimed at, where envelopes are large
PAUSE = 0.05  # seconds that a call which may wait takes at the least where nothing will come
_TURN = 256  # envelopes of a queue of Python's that tasks take before others have a turn


class Inbox:
    """Envelopes on their way from the native receiver to the threads that take them.

    Any number of threads may take. An exception at any instruction, which is what Ctrl-C
    comes to, loses nothing but the envelope that is being taken: what the library has handed
    out belongs to a :class:`~hermes._native.Handout` until it is among those that can be
    taken, and gets there in one step; whose turn it is to fetch is given back in two places,
    of which one exception can spoil one.

    Where it is :attr:`plain`, a thread draws from here and puts into a queue of Python's.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        #: Whether what arrives goes to a queue of Python's; see :mod:`hermes._queues`.
        self.plain = False
        #: How many envelopes were kept out of that queue, because of their origin.
        self.refused = 0
        #: Judges the age of what arrives where a ``load_from_frames`` of the program counts.
        self.age_check: AgeCheck | None = None
        #: The same for the first envelope of an origin that the library was not told of.
        self.first_check: AgeCheck | None = None
        #: What to do about such a one that is put in place after the start.
        self.loader_found: weakref.WeakMethod[Callable[[], None]] | None = None
        self._core: ReceiverCore | None = None
        self._pending: deque[Envelope] = deque()
        self._changed = threading.Event()  # the receiver started or ended, or it is plain
        self._ended = False
        self._over = False
        self._bell: Bell | None = None  # who waits in event loops, once somebody does
        self._most = _MOST
        self._turns = 0
        self._turn = threading.RLock()
        self._handout: Handout | None = None

    # ---- For the receiver ----------------------------------------------------

    def open(self, core: ReceiverCore) -> None:
        """Take from this native receiver from now on."""
        self._core = core
        self.tell()

    def end(self) -> None:
        """Nothing more will come; who waits for a start stops waiting."""
        self._ended = True
        self.tell()

    def reset(self) -> None:
        """Forget what is here and who was taking it: the process was forked."""
        self._pending.clear()
        self.plain = False  # so that who takes hears whose it is
        if self._handout is not None:
            self._handout.forget()
        self._turn = threading.RLock()
        self._changed = threading.Event()
        self._bell = None

    def tell(self) -> None:
        """Let everybody who waits look again."""
        self._changed.set()
        self.ring()

    def ring(self) -> None:
        """Let the tasks that wait in event loops look again."""
        if self._bell is not None:
            self._bell.ring()

    # ---- Taking --------------------------------------------------------------

    def take(self, timeout: float | None, wanted: int = 1) -> Envelope | None:
        """The oldest envelope, or None. Waits ``timeout`` seconds, None: until the end.

        ``wanted`` is how many the caller is going to take.
        """
        try:
            return self._pending.popleft()
        except IndexError:
            pass
        end = deadline(timeout) if timeout else timeout
        began = time.monotonic() if end != 0 else 0.0
        while True:
            if not self._fetch(end, wanted):
                if end == 0 or self.plain or not self.over:
                    return None
                self.pause(began, timeout)
                last: Envelope | None = self.here()
                return last
            if self.plain:
                return None
            try:
                return self._pending.popleft()
            except IndexError:  # another thread was faster
                continue

    def pause(self, began: float, timeout: float | None) -> None:
        """Let a caller who may wait, and asks again and again, do so at a walking pace."""
        wait = PAUSE if timeout is None else min(PAUSE, timeout)
        left = began + wait - time.monotonic()
        if left > 0:
            time.sleep(left)

    def take_into(self, taken: list[Envelope], most: int, timeout: float | None) -> None:
        """Add up to ``most`` envelopes to a list; waits for the first one only."""
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
        """Let what was taken, and could not be handed to the caller, be taken again."""
        self._pending.extendleft(reversed(taken))

    def draw(self) -> list[Envelope] | None:
        """All that has arrived; waits a moment for it. None at the end. For the pump alone."""
        drawn: list[Envelope] = []
        if self._pending or self._fetch(deadline(SLICE), _MOST, drawing=True):
            self._empty_into(drawn)
        elif self.over:
            return None
        return drawn

    def draw_now(self) -> list[Envelope]:
        """All that has arrived by now. For the pump alone.

        Once this is plain it waits for a thread that is in the middle of a fetch: what that
        one has brought is neither in the library nor here until it has finished.
        """
        drawn: list[Envelope] = []
        core = self._core
        if self.plain:
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
    def bell(self) -> Bell:
        """It rings when there may be something to take that the descriptor does not show."""
        if self._bell is None:
            from hermes._aio import Bell

            self._bell = self.__dict__.setdefault("_made_bell", Bell())
        return self._bell

    @property
    def over(self) -> bool:
        """Whether nothing is left and nothing will come, as far as :meth:`fetch` has seen."""
        return self._over or (self._core is None and self._ended)

    def descriptor(self) -> int | None:
        """It polls readable while there is something to fetch; None before the start."""
        return None if self._core is None or self.plain else self._core.descriptor()

    def here(self) -> Any:
        """The oldest envelope of those that need not be fetched, or None."""
        try:
            return self._pending.popleft()
        except IndexError:
            return None

    def is_turn_over(self) -> bool:
        """Whether a task that takes from a queue of Python's lets others have a turn now."""
        self._turns = (self._turns + 1) % _TURN
        return self._turns == 0

    def fetch(self, wanted: int) -> bool:
        """Whether something is here that need not be waited for. Never waits."""
        return False if self._core is None else self._fetch(0.0, wanted)

    # ---- Counting ------------------------------------------------------------

    def correct(self, core: ReceiverCore, waiting: int = 0) -> dict[str, Any]:
        """The native counters, where what was fetched ahead still counts as queued.

        ``waiting`` is how many wait in a queue of Python's.
        """
        while True:
            fetched, bad = before = self._fetched()
            checks = (self.age_check, self.first_check)
            stale = sum(check.dropped for check in checks if check is not None)
            kept_out = self.refused + stale
            delivered = max(0, fetched - len(self._pending) - kept_out - waiting)
            if before == self._fetched():
                break
        counters = core.stats()
        counters["queued"] += counters["delivered"] - delivered - bad - kept_out
        counters["delivered"] = delivered
        counters["dropped_malformed"] += bad
        counters["dropped_origin"] += self.refused
        counters["dropped_stale"] += stale
        return counters

    def waiting(self) -> int:
        """How many envelopes can be taken now."""
        return 0 if self._core is None else int(self.correct(self._core)["queued"])

    def delivered(self) -> int:
        """How many envelopes were taken."""
        return self._fetched()[0] - len(self._pending)

    def _fetched(self) -> tuple[int, int]:
        """How many envelopes were made ready to be taken, and how many could not be read."""
        handout = self._handout
        return (0, 0) if handout is None else handout.counted()

    # ---- Inside --------------------------------------------------------------

    def _fetch(self, end: float | None, wanted: int = 1, drawing: bool = False) -> bool:
        """Whether it is worth looking again: something may have come before ``end``.

        An ``end`` of 0 is long past, and costs no look at the clock.
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
        # One thread fetches at a time; the others wait for what it brings. The lock knows
        # whose it is, so that giving it back twice does no harm: an exception may come
        # between any two instructions, those of the inner `finally` too.
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
        handout = self._handout
        if handout is not None and handout.holds:  # an exception came before it was kept
            self._keep(core, handout)
        if self._pending or (self.plain and not drawing):
            return True
        if handout is None or handout.rows is not None:
            self._handout = handout = core.handout(handout)
        most = min(wanted, self._most) if core.watched else self._most
        marshals = by_marshal(self.codec)
        if left == 0:
            code = core.fetch(handout, most, 0, marshals)
        else:
            code = self._wait(core, handout, most, end, drawing)
        if code == _native.OK:
            if handout.holds:
                self._keep(core, handout)
            return True
        if code in (_native.ETIMEOUT, _native.ESTOPPED, _native.EBADHANDLE):
            self._over = code != _native.ETIMEOUT
            return False
        core.check(code)
        return False

    def _wait(
        self, core: ReceiverCore, handout: Handout, most: int, end: float | None, drawing: bool
    ) -> int:
        """Fetch, and wait for something to fetch, until ``end`` or until it is plain."""
        marshals = by_marshal(self.codec)

        def call(ms: int) -> int:
            if self.plain and not drawing:
                return _native.OK
            return core.fetch(handout, most, ms, marshals)

        return in_slices(call, end, SLICE, core.descriptor)

    def _await_change(self, end: float | None) -> bool:
        """Wait until the receiver has started; False at the end of the time, or for good."""
        while not (self.plain or self._ended or self._core is not None):
            self._changed.clear()
            left = remaining(end)
            if left == 0:
                return False
            if not (self.plain or self._ended or self._core is not None):
                self._changed.wait(left)
        return self.plain or self._core is not None

    def _keep(self, core: ReceiverCore, handout: Handout) -> None:
        """Parse what was fetched, and have it ready."""
        if handout.rows is None:
            self._decode(handout)
        rows = handout.rows
        # In one step, and an iterator gives everything once, however often this is tried.
        self._pending.extend(() if rows is None else rows)
        handout.free()
        self.ring()

    def _decode(self, handout: Handout) -> None:
        """Make envelopes of what was fetched.

        It takes longer than making the exception that interrupts it. So where it has been
        interrupted before, another thread does it, which no signal interrupts: a program that
        is interrupted again and again gets on nevertheless.
        """
        text = handout.text()
        if not handout.tried or _green.active() is not None:
            handout.tried = True
            self._parse(handout, text)
            return
        problems: list[BaseException] = []
        finished = threading.Lock()
        finished.acquire()

        def work() -> None:
            try:
                self._parse(handout, text)
            except BaseException as error:
                problems.append(error)
            finally:
                finished.release()

        _thread.start_new_thread(work, ())
        while handout.rows is None and not problems:
            finished.acquire(timeout=SLICE)
        if problems:
            raise problems[0]

    def _parse(self, handout: Handout, text: bytes) -> None:
        envelopes, bad = decode(text, self.codec)
        handout.parsed(envelopes, bad)
        size = max(1, len(text) // max(1, len(envelopes)))
        self._most = max(1, min(_MOST, _MOST_BYTES // size))
