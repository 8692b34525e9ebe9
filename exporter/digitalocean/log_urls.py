"""The URLs of logs: which are taken, and the same place by HTTP and by WebSocket.

Their queries are credentials, so no URL from here may be put into a message.
"""

from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from exporter.errors import InvalidResponse
from exporter.model import Endpoint

HTTP_SCHEME = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
"""The schemes that a log URL may have, and by which of them HTTP is spoken there."""


def parse_url(url: str) -> SplitResult:
    """A log URL without user, password and fragment; raises InvalidResponse if it is none."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in HTTP_SCHEME and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise InvalidResponse(Endpoint.LOG_CONTENT, "a log URL that is not http, https, ws or wss")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")


def join_url(url: SplitResult, location: str) -> str:
    """Where a redirect leads; raises InvalidResponse if that is no URL."""
    try:
        return urljoin(http_url(url), location)
    except ValueError:
        raise InvalidResponse(Endpoint.LOG_CONTENT, "a redirect to what is no URL") from None


def http_url(url: SplitResult) -> str:
    """The same place by HTTP."""
    return urlunsplit(url._replace(scheme=HTTP_SCHEME[url.scheme]))


def websocket_url(url: SplitResult) -> SplitResult:
    """The same place by WebSocket."""
    return url._replace(scheme="wss" if HTTP_SCHEME[url.scheme] == "https" else "ws")
