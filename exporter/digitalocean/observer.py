"""The interface to which each request is reported; whoever counts requests implements it.

The protocol stands between the clients here and the metrics, which they must not know.
"""

from collections.abc import Hashable
from typing import Protocol

from exporter.errors import ApiError
from exporter.model import Endpoint


class RequestObserver(Protocol):
    """Hears of every request to the API and to log hosts; a retry is a request of its own.

    After ``sent`` comes ``succeeded`` or ``failed``, unless the reader gave up on it: at shutdown,
    or by leaving a log half read. ``target`` names whose request it was (an app id, a source …):
    the outcome of a target's latest request to an endpoint is what an observer can count.
    Called from any thread.
    """

    def sent(self, endpoint: Endpoint) -> None:
        """A request is about to go out."""

    def succeeded(self, endpoint: Endpoint, target: Hashable, seconds: float) -> None:
        """Its answer was read whole and made sense, ``seconds`` after it was sent."""

    def failed(self, endpoint: Endpoint, target: Hashable, error: ApiError, seconds: float) -> None:
        """It failed with ``error``, ``seconds`` after it was sent."""

    def rate_limited(
        self, limit: float | None, remaining: float | None, reset: float | None
    ) -> None:
        """What the API last said: requests an hour, requests left, Unix time of the next expiry.

        Each is None where the answer did not say.
        """

    def throttled(self, seconds: float) -> None:
        """A request waited this long for the budget or for a pause before it was sent."""

    def fell_back(self) -> None:
        """A live log is read by plain GET, since its host refused WebSockets."""
