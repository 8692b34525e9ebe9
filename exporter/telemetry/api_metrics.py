"""The metrics about the API: requests, their outcomes, and the errors that last."""

from collections import Counter
from collections.abc import Callable, Hashable
from threading import Lock

from exporter.errors import API_ERRORS, ApiError
from exporter.model import Endpoint
from exporter.telemetry.metrics import Metrics


class ApiMetrics:
    """The client's observer: counts requests and keeps which target fails with what.

    A target is whatever a request was for: an app, a source. It fails from a failed request on
    until one for it works or it is forgotten.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._failing: dict[tuple[Endpoint, Hashable], str] = {}
        self._lock = Lock()
        for endpoint in Endpoint:
            metrics.api_requests.labels(endpoint)
            metrics.api_request_duration.labels(endpoint)
            for error in API_ERRORS:
                metrics.api_errors.labels(endpoint, error.kind)
                metrics.api_request_errors.labels(endpoint, error.kind)

    def sent(self, endpoint: Endpoint) -> None:
        """A request goes out."""
        self._metrics.api_requests.labels(endpoint).inc()

    def succeeded(self, endpoint: Endpoint, target: Hashable, seconds: float) -> None:
        """Its answer was read whole."""
        self._metrics.api_request_duration.labels(endpoint).observe(seconds)
        self._set(endpoint, target, None)

    def failed(self, endpoint: Endpoint, target: Hashable, error: ApiError, seconds: float) -> None:
        """It failed, or its answer could not be used."""
        self._metrics.api_request_duration.labels(endpoint).observe(seconds)
        self._metrics.api_request_errors.labels(endpoint, error.kind).inc()
        self._set(endpoint, target, error.kind)

    def rate_limited(
        self, limit: float | None, remaining: float | None, reset: float | None
    ) -> None:
        """The API said how much the token has left."""
        for gauge, value in (
            (self._metrics.api_ratelimit_limit, limit),
            (self._metrics.api_ratelimit_remaining, remaining),
            (self._metrics.api_ratelimit_reset, reset),
        ):
            if value is not None:
                gauge.set(value)

    def throttled(self, seconds: float) -> None:
        """A request waited before it was sent."""
        self._metrics.api_throttled.inc(seconds)

    def fell_back(self) -> None:
        """A live log is read by plain GET, since its host refused WebSockets."""
        self._metrics.plain_get_reads.inc()

    def forget(self, target: Hashable) -> None:
        """The target is gone: whatever failed about it no longer does."""
        for endpoint in Endpoint:
            self._set(endpoint, target, None)

    def keep(self, is_asked_for: Callable[[Endpoint, Hashable], bool]) -> None:
        """Forget what failed and is not asked for any more.

        A request that was under way when its target went may fail later: so this is to be called
        again and again.
        """
        with self._lock:
            gone = [key for key in self._failing if not is_asked_for(*key)]
        for endpoint, target in gone:
            self._set(endpoint, target, None)

    def failing(self) -> Counter[tuple[Endpoint, str]]:
        """How many targets fail now, by endpoint and error."""
        with self._lock:
            return Counter((key[0], kind) for key, kind in self._failing.items())

    def _set(self, endpoint: Endpoint, target: Hashable, kind: str | None) -> None:
        with self._lock:
            before = self._failing.pop((endpoint, target), None)
            if kind is not None:
                self._failing[endpoint, target] = kind
            if before == kind:
                return
            for error, change in ((before, -1), (kind, 1)):
                if error is not None:
                    self._metrics.api_errors.labels(endpoint, error).inc(change)
