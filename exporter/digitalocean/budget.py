"""Who may send a request when, so that the account's rate limit is never hit.

Every request of the client passes here first: two sliding windows and the pauses that the API
asks for (5,000 requests an hour and 250 a minute per token; each counts for its own hour).
"""

import threading
from collections import deque
from collections.abc import Callable

from exporter.errors import Stopping, TooManyRequests
from exporter.model import Endpoint

PATIENCE = 5.0
"""Seconds: a longer pause fails a request at once, so that it does not occupy a worker."""

_YIELD = 0.001


class Budget:
    """The requests that one account may send; first come, first served, from any thread.

    Args:
        per_hour, per_minute: requests that the API grants; None for no limit.
        share: the part of each that is ours to use, over 0 and at most 1; at least one request
            fits each window, whatever the share.
        clock: monotonic seconds.
        stop: set at shutdown; whoever waits then gives up.
    """

    def __init__(
        self,
        per_hour: int | None,
        per_minute: int | None,
        share: float,
        *,
        clock: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        limits = ((per_hour, 3600.0), (per_minute, 60.0))
        self._windows = [
            _Window(max(1, int(limit * share)), span) for limit, span in limits if limit is not None
        ]
        self._clock = clock
        self._stop = stop
        self._lock = threading.Lock()
        self._waiting: deque[object] = deque()
        self._paused_until = float("-inf")

    def acquire(self, endpoint: Endpoint) -> float:
        """Wait until one more request fits, count it, and return the seconds waited.

        Raises:
            TooManyRequests: the API asked for a pause that still lasts longer than ``PATIENCE``;
                nothing is counted.
            Stopping: at shutdown.
        """
        started = self._clock()
        ticket = object()
        with self._lock:
            self._waiting.append(ticket)
        waited = False
        try:
            while (delay := self._admit(ticket, endpoint)) > 0:
                waited = True
                if self._stop.wait(delay):
                    raise Stopping("waiting for the request budget")
        except BaseException:
            with self._lock:
                self._waiting.remove(ticket)
            raise
        return self._clock() - started if waited else 0.0

    def pause_until(self, moment: float) -> None:
        """Let no request of the account start before ``moment`` (monotonic seconds)."""
        with self._lock:
            self._paused_until = max(self._paused_until, moment)

    def _admit(self, ticket: object, endpoint: Endpoint) -> float:
        """Count the request if it may go now, and return 0; else seconds until asking again."""
        with self._lock:
            now = self._clock()
            pause = self._paused_until - now
            if pause > PATIENCE:
                detail = f"the API asked for a pause, {pause:.0f} s of it are left; nothing sent"
                raise TooManyRequests(endpoint, detail, retry_after=pause)
            ahead = self._waiting.index(ticket)
            delay = max([pause, *(window.delay(now, ahead) for window in self._windows)])
            if delay <= 0 and ahead == 0:
                for window in self._windows:
                    window.sent.append(now)
                self._waiting.popleft()
                return 0.0
            # Never so short that adding it to the clock changes nothing.
            return max(delay, _YIELD)


class _Window:
    """The requests of the latest ``span`` seconds, at most ``capacity`` of them."""

    def __init__(self, capacity: int, span: float) -> None:
        self._capacity = capacity
        self._span = span
        self.sent: deque[float] = deque()

    def delay(self, now: float, ahead: int) -> float:
        """Seconds until one more may fit after ``ahead`` others, at least; 0 or less is now."""
        while self.sent and self.sent[0] <= now - self._span:
            self.sent.popleft()
        too_many = len(self.sent) + ahead + 1 - self._capacity
        if too_many <= 0 or not self.sent:
            return 0.0
        # Beyond those sent, the answer depends on when the others go: ask again then.
        return self.sent[min(too_many, len(self.sent)) - 1] + self._span - now
