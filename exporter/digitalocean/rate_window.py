"""Sliding windows of requests: ours, each by the time of its answer, and those of others."""

from collections import deque

SLOWEST = 10
"""How many times slower than even the pace is at the most."""

_ANSWER = 0.05  # seconds until asking again where only an answer makes room


class Window:
    """The requests of the latest ``span`` seconds, at most ``capacity`` of them."""

    def __init__(self, capacity: int, span: float) -> None:
        self.capacity = capacity
        self._span = span
        self.sent: deque[float] = deque()

    def used(self, now: float) -> int:
        """How many requests stand in the window."""
        while self.sent and self.sent[0] <= now - self._span:
            self.sent.popleft()
        return len(self.sent)

    def delay(self, now: float, after: int, capacity: int) -> float:
        """Seconds until one more may fit after ``after`` others, at least; 0 or less is now."""
        used = self.used(now)
        too_many = used + after + 1 - capacity
        if too_many <= 0:
            return 0.0
        if not used:
            return _ANSWER
        # Beyond those sent, the answer depends on when the others go: ask again then.
        return self.sent[min(too_many, used) - 1] + self._span - now

    def pace(self, now: float, capacity: int) -> float:
        """Requests a second that can be sustained for ``span`` seconds without filling the window.

        What happens within a sixth of it is left to waiting, or each burst would be felt.
        """
        used = self.used(now)
        even = rate = capacity / self._span
        for index, sent in enumerate(self.sent):
            until = sent + self._span - now  # it expires; those after it stand until then
            if until > self._span / 6:
                rate = min(rate, (capacity - used + index) / until)
        return max(rate, even / SLOWEST)


class OthersWindow:
    """The requests that others have sent with the same token, as far as the API's answers tell.

    How old they are is not known: each counts from when it was first seen, or until the API
    says that there are fewer.
    """

    def __init__(self, span: float) -> None:
        self._span = span
        self._seen: deque[tuple[float, int]] = deque()
        self._total = 0

    def used(self, now: float) -> int:
        """How many requests of others stand in the window."""
        while self._seen and self._seen[0][0] <= now - self._span:
            self._total -= self._seen.popleft()[1]
        return self._total

    def observe(self, total: int, now: float) -> None:
        """There are ``total`` of them now."""
        more = total - self.used(now)
        if more > 0:
            self._seen.append((now, more))
        while more < 0:
            moment, oldest = self._seen.popleft()
            if oldest > -more:
                self._seen.appendleft((moment, oldest + more))
            more = min(0, more + oldest)
        self._total = total
