"""What is seen of requests and answers while the checks run."""

import threading
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.digitalocean.answers import number
from exporter.errors import ApiError
from exporter.model import Endpoint

MOST_REQUESTS = 50


@dataclass(frozen=True, slots=True)
class RateLimit:
    """The headers about the rate limit in the latest answer that had them; None where absent."""

    limit: float | None
    remaining: float | None
    reset: float | None


class Witness:
    """A request observer that remembers; also told of each answer of the API. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests: Counter[Endpoint] = Counter()
        self.errors: Counter[tuple[Endpoint, str]] = Counter()
        self.seconds: dict[Endpoint, list[float]] = {}
        self.statuses: Counter[tuple[Endpoint, int]] = Counter()
        self.answers: dict[Endpoint, list[dict[str, Any]]] = {}
        self.rate_limit: RateLimit | None = None
        self.waited = 0.0
        self.refused_websockets = 0

    @property
    def left(self) -> int:
        """How many requests may still be sent."""
        with self._lock:
            return MOST_REQUESTS - self.requests.total()

    def answered(
        self,
        endpoint: Endpoint,
        status: int,
        headers: Mapping[str, str],
        answer: dict[str, Any] | None,
    ) -> None:
        """An answer of the API; ``answer`` is its JSON object, None for an error."""
        with self._lock:
            self.statuses[endpoint, status] += 1
            found = (number(headers.get(f"ratelimit-{n}")) for n in ("limit", "remaining", "reset"))
            rate_limit = RateLimit(*found)
            if rate_limit != RateLimit(None, None, None):
                self.rate_limit = rate_limit
            if answer is not None:
                self.answers.setdefault(endpoint, []).append(answer)

    def sent(self, endpoint: Endpoint) -> None:
        """A request is about to go out."""
        with self._lock:
            self.requests[endpoint] += 1

    def succeeded(self, endpoint: Endpoint, target: Hashable, seconds: float) -> None:
        """Its answer made sense."""
        with self._lock:
            self.seconds.setdefault(endpoint, []).append(seconds)

    def failed(self, endpoint: Endpoint, target: Hashable, error: ApiError, seconds: float) -> None:
        """It failed."""
        with self._lock:
            self.errors[endpoint, error.kind] += 1

    def throttled(self, seconds: float) -> None:
        """A request waited for the budget."""
        with self._lock:
            self.waited += seconds

    def fell_back(self) -> None:
        """A host refused a WebSocket."""
        with self._lock:
            self.refused_websockets += 1

    def rate_limited(
        self, limit: float | None, remaining: float | None, reset: float | None
    ) -> None:
        """The headers are read in ``answered``."""
