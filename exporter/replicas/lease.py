"""How long a replica may show what it owns, measured by a clock that counts suspension.

A lease begins when a heartbeat is sent and is good only once the heartbeat is acknowledged. It is
shorter than the silence after which others take the shares of a replica, so a replica that is
frozen, cut off or slow has stopped showing them by then.
"""

import time
from collections.abc import Callable
from threading import Lock

LEASE_PART = 0.6
"""A lease, as a part of ``takeover_after``; the rest is the margin for clocks of other rates."""

HEARTBEAT_PART = 0.1
"""The time between two heartbeats, likewise."""

LONGEST_HEARTBEAT = 2.0
CALL_PART = 0.2
LONGEST_CALL = 2.0


def suspension_clock() -> Callable[[], float]:
    """A monotonic clock that advances while the machine is suspended, where there is one."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    if boot is None:
        return time.monotonic
    return lambda: time.clock_gettime(boot)


def heartbeat_seconds(takeover_after: float) -> float:
    """The time between two heartbeats."""
    return min(HEARTBEAT_PART * takeover_after, LONGEST_HEARTBEAT)


def call_timeout(takeover_after: float) -> float:
    """How long one call of the store may take: a lease outlives two that fail."""
    return min(CALL_PART * takeover_after, LONGEST_CALL)


class Lease:
    """Whether this replica may show its shares now; safe to use from any thread.

    Args:
        seconds: how long a lease lasts.
        clock: seconds that never stop, see ``suspension_clock``.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._until = float("-inf")
        self._lock = Lock()

    @property
    def valid(self) -> bool:
        """True until the lease ends."""
        with self._lock:
            return self._clock() < self._until

    def begin(self, sent: float) -> None:
        """Start a new lease, once nothing is shown that the one before was for.

        Args:
            sent: the clock's time before the acknowledged heartbeat was sent.
        """
        with self._lock:
            self._until = sent + self.seconds

    def renew(self, sent: float) -> bool:
        """Extend the lease after an acknowledged heartbeat; see ``begin``.

        Returns:
            False if the lease had ended before the acknowledgement: nothing changed then. Others
            may have taken the shares meanwhile, so they have to be given up first.
        """
        with self._lock:
            held = self._clock() < self._until
            if held:
                self._until = max(self._until, sent + self.seconds)
            return held
