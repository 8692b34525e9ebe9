"""Who may send a request when, so that the account's rate limit is never hit.

Every request of the client passes here first: two sliding windows (5,000 requests an hour and 250
a minute per token; each counts for its own hour), what the API says is left, since others may use
the same token, and the pauses that it asks for.
"""

import threading
from bisect import insort
from collections.abc import Callable
from itertools import count

from exporter.digitalocean.rate_window import OthersWindow, Window
from exporter.errors import Stopping, TooManyRequests
from exporter.model import BudgetStatus, Endpoint

PATIENCE = 5.0
"""Seconds: a longer pause fails a request at once, so that it does not occupy a worker."""

HEAD_START = 30.0
"""Seconds by which an urgent request goes before others; one that waits longer is not passed."""

PROBE = 60.0
"""Seconds between two requests while others have taken all that was ours, to see when that ends."""

LONGEST_RESET = 60.0
"""Seconds to wait for one request to expire, whatever the API's clock says."""

RESERVE = 20
"""One in so many requests of each window is for urgent ones."""

HOUR, MINUTE = 3600.0, 60.0

_YIELD = 0.001


class Budget:
    """The requests that one account may send, from any thread; urgent ones go first.

    Args:
        per_hour, per_minute: requests that the API grants the token.
        share: the part of each that is ours to use, over 0 and at most 1; at least one request
            fits each window, whatever the share.
        clock: monotonic seconds.
        stop: set at shutdown; whoever waits then gives up.
        parts: how many budgets of this size use the token at the same time; what the other ones
            may send is not taken for the requests of strangers.
    """

    def __init__(
        self,
        per_hour: int,
        per_minute: int,
        share: float,
        *,
        clock: Callable[[], float],
        stop: threading.Event,
        parts: int = 1,
    ) -> None:
        self._granted = per_hour
        self._share = share / parts
        self._hour = Window(max(1, int(per_hour * self._share)), HOUR)
        self._minute = Window(max(1, int(per_minute * self._share)), MINUTE)
        self._siblings = (parts - 1) * self._hour.capacity
        self._others = OthersWindow(HOUR)
        self._clock = clock
        self._stop = stop
        self._lock = threading.Lock()
        self._waiting: list[tuple[float, int, bool]] = []
        self._tickets = count()
        self._in_flight = 0
        self._latest = float("-inf")  # request
        self._paused_until = float("-inf")
        self._left: int | None = None  # of what the API granted, as it last said
        self._one_more_at = float("-inf")

    def acquire(self, endpoint: Endpoint, *, urgent: bool = False) -> float:
        """Wait until one more request fits, count it, and return the seconds waited.

        Whoever has got one tells by ``answered`` that it is over.

        Raises:
            TooManyRequests: the API asked for a pause that still lasts longer than ``PATIENCE``;
                nothing is counted.
            Stopping: at shutdown.
        """
        started = self._clock()
        ticket = (started + (0.0 if urgent else HEAD_START), next(self._tickets), urgent)
        with self._lock:
            insort(self._waiting, ticket)
        waited = False
        try:
            while (delay := self._admit(ticket, endpoint)) is not None:
                waited = True
                if self._stop.wait(delay):
                    raise Stopping("waiting for the request budget")
        except BaseException:
            with self._lock:
                self._waiting.remove(ticket)
            raise
        return self._clock() - started if waited else 0.0

    def answered(self) -> None:
        """A request is over. It counts from now on, since the API counts it when it gets there."""
        with self._lock:
            now = self._clock()
            self._in_flight -= 1
            self._hour.sent.append(now)
            self._minute.sent.append(now)

    def told(self, limit: float | None, remaining: float | None, reset_in: float | None) -> None:
        """What the answer to a request that is not over yet says of the token's hour.

        Args:
            limit, remaining: requests granted, and requests left.
            reset_in: seconds until one more is left.
        """
        with self._lock:
            now = self._clock()
            self._granted = self._granted if limit is None else int(limit)
            if remaining is None:
                return
            ours = self._hour.used(now) + 1
            self._others.observe(max(0, int(self._granted - remaining) - ours), now)
            self._left = int(remaining)
            self._one_more_at = now if reset_in is None else now + min(reset_in, LONGEST_RESET)

    def pause_until(self, moment: float) -> None:
        """Let no request of the account start before ``moment`` (monotonic seconds)."""
        with self._lock:
            self._paused_until = max(self._paused_until, moment)

    def delay(self) -> float:
        """Seconds until a request that is not urgent may go, as far as can be told; 0 for now."""
        with self._lock:
            return self._delay(self._clock(), 0, urgent=False)

    def pace(self) -> float:
        """Requests a second that can be sustained for an hour, urgent ones aside.

        Less than the share for as long as more than that was sent before, or others send.
        """
        with self._lock:
            now = self._clock()
            hourly = self._hour.pace(now, _without_reserve(self._hourly(now)))
            return min(hourly, self.minute_pace())

    def minute_pace(self) -> float:
        """Requests a second that keep within the minute, urgent ones aside."""
        return _without_reserve(self._minute.capacity) / MINUTE

    def status(self, stretch: float) -> BudgetStatus:
        """How the budget stands, for people; times as seconds from now."""
        with self._lock:
            now = self._clock()
            pause = self._paused_until - now
            return BudgetStatus(
                per_hour=max(0, self._hourly(now)),
                used_last_hour=self._hour.used(now) + self._in_flight,
                per_minute=self._minute.capacity,
                used_last_minute=self._minute.used(now) + self._in_flight,
                remaining_by_api=self._left,
                reset=None if self._left is None else max(0.0, self._one_more_at - now),
                stretch=stretch,
                paused_until=pause if pause > 0 else None,
            )

    def _hourly(self, now: float) -> int:
        """Requests an hour that are ours: the share, of what others leave."""
        strangers = max(0, self._others.used(now) - self._siblings)
        left_by_others = self._granted - strangers
        return min(self._hour.capacity, int(self._share * left_by_others))

    def _admit(self, ticket: tuple[float, int, bool], endpoint: Endpoint) -> float | None:
        """Count the request if it may go now; else return seconds until asking again."""
        with self._lock:
            now = self._clock()
            pause = self._paused_until - now
            if pause > PATIENCE:
                detail = f"the API asked for a pause, {pause:.0f} s of it are left; nothing sent"
                raise TooManyRequests(endpoint, detail, retry_after=pause)
            ahead = self._waiting.index(ticket)
            delay = self._delay(now, ahead, urgent=ticket[2])
            if delay <= 0 and ahead == 0:
                self._waiting.pop(0)
                self._in_flight += 1
                self._latest = now
                if self._left is not None:
                    self._left -= 1
                    if self._left < 0:  # by what it said; its next answer says more
                        self._one_more_at = now + 1.0
                return None
            # Never so short that adding it to the clock changes nothing.
            return max(delay, _YIELD)

    def _delay(self, now: float, ahead: int, *, urgent: bool) -> float:
        """Seconds until one more may go after ``ahead`` others, at least; 0 or less is now."""
        capacity, per_minute = self._hour.capacity, self._minute.capacity
        ours = self._hourly(now)
        if not urgent:
            capacity, per_minute = _without_reserve(capacity), _without_reserve(per_minute)
            ours = min(_without_reserve(ours), ours)
        after = ahead + self._in_flight
        by_others = self._hour.delay(now, after, ours)
        delays = [
            self._paused_until - now,
            self._hour.delay(now, after, capacity),
            self._minute.delay(now, after, per_minute),
            min(by_others, self._latest + PROBE - now),
        ]
        if self._left is not None and self._left <= 0:
            delays.append(self._one_more_at - now)
        return max(delays)


def steady_pace(per_hour: int, per_minute: int, share: float) -> float:
    """Requests a second that can be sustained if nobody else sends any, urgent ones aside."""
    limits = ((per_hour, HOUR), (per_minute, MINUTE))
    return min(_without_reserve(int(limit * share)) / span for limit, span in limits)


def _without_reserve(capacity: int) -> int:
    return max(1, capacity - capacity // RESERVE)
