"""Remembers the requests that a simulated server got, so that tests can ask what came."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.model import Endpoint

REMEMBERED = 10_000
"""How many requests are kept whole; the counts and header names continue beyond."""


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request; header names are lower-case. Queries carry credentials, so no ``repr``."""

    endpoint: Endpoint | None
    path: str
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


class RequestLog:
    """Every request of one server. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._newest: deque[ReceivedRequest] = deque(maxlen=REMEMBERED)
        self._counts: Counter[Endpoint | None] = Counter()
        self._header_names: set[str] = set()

    def record(self, request: ReceivedRequest) -> None:
        """Remember a request."""
        with self._changed:
            self._newest.append(request)
            self._counts[request.endpoint] += 1
            self._header_names.update(request.headers)
            self._changed.notify_all()

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """The newest requests, oldest first."""
        with self._changed:
            return tuple(self._newest)

    @property
    def header_names(self) -> frozenset[str]:
        """The names of all headers that ever came, in lower case."""
        with self._changed:
            return frozenset(self._header_names)

    def count(self, endpoint: Endpoint) -> int:
        """How many requests asked for ``endpoint``."""
        with self._changed:
            return self._counts[endpoint]

    def wait_for(self, endpoint: Endpoint, count: int, timeout: float = 300.0) -> None:
        """Return once ``count`` requests asked for ``endpoint``.

        Raises:
            TimeoutError: they did not come within ``timeout`` seconds.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._counts[endpoint] >= count, timeout):
                raise TimeoutError(f"{self._counts[endpoint]} of {count} requests of {endpoint}")
