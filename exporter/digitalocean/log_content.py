"""What a logs answer points at: archives and live text, as chunks of bytes.

Fetches from hosts that are not the API: no credential but the one in the URL itself goes there,
and that one goes nowhere else.
"""

import logging
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import SplitResult

import requests

from exporter.digitalocean.answers import status_error
from exporter.digitalocean.gunzip import plain
from exporter.digitalocean.live_stream import HandshakeError, live_text
from exporter.digitalocean.log_urls import HTTP_SCHEME, http_url, join_url, parse_url, websocket_url
from exporter.digitalocean.observer import RequestObserver
from exporter.digitalocean.session import prepare_session, tls_context
from exporter.digitalocean.transport import (
    Deadline,
    NoAuth,
    RequestSettings,
    read_body,
    send_request,
)
from exporter.errors import ApiError, InvalidResponse
from exporter.model import LIVE_PART, Endpoint, LogChunk, LogLocations

MOST_REDIRECTS = 3
GET_REMEMBERED = 300.0
"""Seconds for which a host is read by plain GET after it refused WebSockets and GET worked."""

OUTCOME_REMEMBERED = 900.0
"""Seconds for which a refused WebSocket counts, and a host that is not read any more."""

REFUSALS = 2
"""Refused WebSockets in a row, of one host, before that is remembered of it."""

_ENDPOINT = Endpoint.LOG_CONTENT
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ENCODINGS = frozenset({"", "identity", "gzip", "x-gzip"})
_SUCCESSES = frozenset({200, 204})


@dataclass(frozen=True, slots=True)
class WebSockets:
    """Log hosts, by whether they accept WebSockets or refused one lately."""

    accepting: int
    refusing: int


class LogContent:
    """Reads logs from where the API says they are; safe to share between threads.

    Args:
        session: connections and proxies; must not be one that carries credentials.
        settings: its time-out is for the read of one location, to the last byte, the
            time that the caller takes between two chunks included.
        clock: monotonic seconds.
        stop: set at shutdown; reads give up then.
    """

    def __init__(
        self,
        session: requests.Session,
        observer: RequestObserver,
        settings: RequestSettings,
        *,
        clock: Callable[[], float],
        stop: threading.Event,
    ) -> None:
        self._session = session
        self._observer = observer
        self._timeout = settings.timeout
        self._clock = clock
        self._user_agent = settings.user_agent
        self._stop = stop
        self._ca_file = settings.ca_file
        prepare_session(session, settings.ca_file)
        # At DEBUG the library would log the request line, and with it the URL's credential.
        self._websocket_log = logging.getLogger(f"{__name__}.websocket")
        self._websocket_log.setLevel(logging.INFO)
        self._get_until: dict[str, float] = {}
        self._refusals: Counter[str] = Counter()
        self._outcomes: dict[str, tuple[bool, float]] = {}  # host: accepted, when
        self._lock = threading.Lock()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Takes as long as much else of a start, and is of use only where a log host has TLS.
        return tls_context(self._ca_file)

    def read(
        self, locations: LogLocations, *, target: Hashable, past_failures: bool = False
    ) -> Iterator[LogChunk]:
        """Yield the text of every archive in order, then the live text, as it arrives.

        Each part that ends in good order ends with an empty chunk that has ``last`` set. Chunks
        before an error are good: they are what the location had to say until then. Each location
        is one request to the observer, a refused WebSocket before a plain GET one more.

        Args:
            past_failures: read on behind an archive that cannot be read. Else the archives end
                with it, since theirs is the order in which lines count; live text is read anyway.

        Raises:
            ApiError: a location could not be read whole; raised at the end.
            Stopping: at shutdown.
        """
        failed: ApiError | None = None
        for part, url in enumerate(locations.archive_urls):
            try:
                archive = self._get(parse_url(url), self._deadline())
                yield from self._part(archive, part, target)
            except ApiError as error:
                failed = failed or error
                if not past_failures:
                    break
        if locations.live_url is not None:
            yield from self._live(parse_url(locations.live_url), target)
        if failed is not None:
            raise failed

    def websockets(self) -> WebSockets:
        """Count the hosts that were read lately, by whether they accept WebSockets."""
        with self._lock:
            oldest = self._clock() - OUTCOME_REMEMBERED
            self._outcomes = {h: seen for h, seen in self._outcomes.items() if seen[1] >= oldest}
            accepted = sum(accepted for accepted, _ in self._outcomes.values())
            return WebSockets(accepted, len(self._outcomes) - accepted)

    def _deadline(self) -> Deadline:
        return Deadline(self._clock() + self._timeout, self._clock)

    def _part(self, texts: Iterator[bytes], part: int, target: Hashable) -> Iterator[LogChunk]:
        """Yield the texts as chunks of ``part`` and tell the observer how it went."""
        self._observer.sent(_ENDPOINT)
        started = self._clock()
        try:
            for text in texts:
                yield LogChunk(text, part)
        except (ApiError, HandshakeError) as error:
            failure = error.error if isinstance(error, HandshakeError) else error
            self._observer.failed(_ENDPOINT, target, failure, self._clock() - started)
            raise
        self._observer.succeeded(_ENDPOINT, target, self._clock() - started)
        yield LogChunk(b"", part, last=True)

    def _live(self, url: SplitResult, target: Hashable) -> Iterator[LogChunk]:
        """Read by WebSocket, or by plain GET where the host refuses WebSockets.

        A handshake that timed out, or whose connection broke, says nothing about the host: it is
        the error of this read, and no GET follows it.
        """
        deadline = self._deadline()
        if not self._refuses(url.netloc):
            address = websocket_url(url)
            frames = live_text(
                address,
                deadline,
                self._stop,
                tls=self._tls if address.scheme == "wss" else None,
                user_agent=self._user_agent,
                logger=self._websocket_log,
            )
            try:
                yield from self._part(self._accepted(frames, url.netloc), LIVE_PART, target)
            except HandshakeError as refusal:
                if not refusal.refused:
                    raise refusal.error from None
            else:
                return
        self._observer.fell_back()
        yield from self._part(self._get(url, deadline), LIVE_PART, target)
        self._note_get_worked(url.netloc)

    def _accepted(self, frames: Iterator[bytes], host: str) -> Iterator[bytes]:
        """Yield the frames; note whether the host accepted or refused the WebSocket."""
        try:
            yield from frames
        except HandshakeError as error:
            if error.refused:
                with self._lock:
                    self._refusals[host] += 1
                    self._outcomes[host] = False, self._clock()
            raise
        except ApiError:
            self._note_accepted(host)
            raise
        self._note_accepted(host)

    def _note_accepted(self, host: str) -> None:
        with self._lock:
            self._refusals.pop(host, None)
            accepted, at = self._outcomes.get(host, (True, 0.0))
            if accepted or at < self._clock() - OUTCOME_REMEMBERED:
                self._outcomes[host] = True, self._clock()

    def _note_get_worked(self, host: str) -> None:
        with self._lock:
            if self._refusals[host] >= REFUSALS and host not in self._get_until:
                self._get_until[host] = self._clock() + GET_REMEMBERED

    def _refuses(self, host: str) -> bool:
        """Whether the host is known to refuse WebSockets."""
        with self._lock:
            if self._get_until.get(host, self._clock()) > self._clock():
                return True
            self._get_until.pop(host, None)
            return False

    def _get(self, url: SplitResult, deadline: Deadline) -> Iterator[bytes]:
        """Yield the text at ``url``, after at most three redirects."""
        response = self._follow(url, deadline)
        if problem := _no_log(response.headers):
            response.close()
            raise InvalidResponse(_ENDPOINT, f"{problem} in place of a log at {url.hostname}")
        with closing(read_body(response, _ENDPOINT, deadline, self._stop, decode=False)) as pieces:
            yield from plain(pieces, _ENDPOINT)

    def _follow(self, url: SplitResult, deadline: Deadline) -> requests.Response:
        """The first answer that is no redirect, its body unread."""
        for _ in range(MOST_REDIRECTS + 1):
            response = self._send(url, deadline)
            status, headers = response.status_code, response.headers
            if status in _SUCCESSES:
                return response
            response.close()
            if status not in _REDIRECTS or "location" not in headers:
                raise status_error(_ENDPOINT, status, headers, None, 0)
            following = parse_url(join_url(url, headers["location"]))
            if HTTP_SCHEME[url.scheme] == "https" != HTTP_SCHEME[following.scheme]:
                raise InvalidResponse(_ENDPOINT, f"a redirect from https to http at {url.hostname}")
            url = following
        raise status_error(_ENDPOINT, status, headers, None, 0)

    def _send(self, url: SplitResult, deadline: Deadline) -> requests.Response:
        deadline.check(_ENDPOINT)
        headers = {"Accept-Encoding": "gzip", "User-Agent": self._user_agent}
        request = requests.Request("GET", http_url(url), headers=headers, auth=NoAuth())
        return send_request(self._session, _ENDPOINT, request, deadline)


def _no_log(headers: Mapping[str, str]) -> str | None:
    """What the body must be, if it cannot be the text of a log."""
    if headers.get("content-type", "").strip().lower().startswith("text/html"):
        return "HTML"
    if headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
        return "an encoding that was not asked for"
    return None
