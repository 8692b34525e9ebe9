"""The API's rate limit: sliding windows of an hour and of a minute, per token."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

HOUR = 3600.0
MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, and the headers that its answer carries either way."""

    allowed: bool
    headers: dict[str, str]


class RateLimit:
    """Counts requests per token.

    A refused request does not count. ``per_hour``, ``per_minute`` and ``enforced`` can be set at
    any time; unless enforced, every request passes, and the headers say what is true.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        per_hour: int = 5000,
        per_minute: int = 250,
        enforced: bool = True,
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last_hour: dict[str, deque[float]] = {}
        self._last_minute: dict[str, deque[float]] = {}
        self.per_hour = per_hour
        self.per_minute = per_minute
        self.enforced = enforced

    def check(self, token: str) -> Verdict:
        """Judge one request of a token and count it if it passes."""
        with self._lock:
            now = self._clock()
            passed = _window(self._last_hour, token, now - HOUR)
            recent = _window(self._last_minute, token, now - MINUTE)
            burst = self.enforced and len(recent) >= self.per_minute
            allowed = not burst and not (self.enforced and len(passed) >= self.per_hour)
            if allowed:
                passed.append(now)
                recent.append(now)
            oldest = passed[0] if passed else now
            headers = {
                "ratelimit-limit": str(self.per_hour),
                "ratelimit-remaining": str(max(0, self.per_hour - len(passed))),
                "ratelimit-reset": str(int(oldest + HOUR)),
            }
            if burst:
                first = recent[0] if recent else now
                headers["retry-after"] = str(max(1, round(first + MINUTE - now)))
            return Verdict(allowed, headers)


def _window(windows: dict[str, deque[float]], token: str, since: float) -> deque[float]:
    window = windows.setdefault(token, deque())
    while window and window[0] <= since:
        window.popleft()
    return window
