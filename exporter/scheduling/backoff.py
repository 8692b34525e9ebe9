"""How long to wait before something that failed is tried again."""

from random import Random

SHORTEST = 0.5


class Backoff:
    """Waits that double, each shortened by up to half so that those of many do not meet.

    Args:
        longest: seconds.
        shortest: seconds, of the first.
    """

    def __init__(self, rng: Random, longest: float, shortest: float = SHORTEST) -> None:
        self._rng = rng
        self._longest = longest
        self._shortest = shortest
        self._next = shortest

    def next(self) -> float:
        """How long to wait now, in seconds."""
        delay = self._next
        self._next = min(self._longest, 2 * delay)
        return delay * self._rng.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It worked: the next wait is the shortest again."""
        self._next = self._shortest
