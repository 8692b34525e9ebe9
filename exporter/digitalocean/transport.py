"""How one HTTP answer is fetched: its credentials, and the moment when time is up.

Used by the API client and by the reader of logs; no redirect is followed here.
"""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
import urllib3
from requests.auth import AuthBase

from exporter.digitalocean.answers import broken_read, broken_request
from exporter.errors import RequestTimeout, Stopping
from exporter.model import Endpoint

_PIECE = 65536


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """How requests are sent, whatever host they go to.

    Args:
        timeout: seconds for one request, from connecting to its last byte.
        user_agent: the header.
        ca_file: PEM file of certificate authorities trusted beside the system's.
    """

    timeout: float
    user_agent: str
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Deadline:
    """When a request must be over: ``ends_at`` in seconds of ``clock``."""

    ends_at: float
    clock: Callable[[], float]

    def left(self) -> float:
        """Seconds left, negative once it is over."""
        return self.ends_at - self.clock()

    def check(self, endpoint: Endpoint) -> None:
        """Raise RequestTimeout once it is over."""
        if self.left() <= 0:
            raise RequestTimeout(endpoint, "no whole answer in time")


class BearerAuth(AuthBase):
    """Puts the token on one request; being an ``auth``, it keeps ``.netrc`` out of it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def __repr__(self) -> str:
        return "BearerAuth()"


class NoAuth(AuthBase):
    """Takes any credentials off a request, those of ``.netrc`` and of the session too."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        return request


def send_request(
    session: requests.Session,
    endpoint: Endpoint,
    request: requests.Request,
    deadline: Deadline,
) -> requests.Response:
    """Send one request; return the answer with its body unread.

    The caller closes the answer.

    Raises:
        RequestTimeout, ConnectionFailed: no answer came.
    """
    # One limit over connecting and waiting for the headers, where two numbers would add up.
    timeout: Any = urllib3.Timeout(total=max(deadline.left(), 0.001))
    try:
        return session.request(
            request.method,
            request.url,
            params=request.params,
            json=request.json,
            headers=request.headers,
            auth=request.auth,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        )
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise broken_request(endpoint, error) from None


def read_body(
    response: requests.Response,
    endpoint: Endpoint,
    deadline: Deadline,
    stop: threading.Event,
    *,
    decode: bool,
) -> Generator[bytes, None, None]:
    """Yield the body as it arrives, in pieces of at most 64 KiB, and close the answer.

    ``decode`` undoes the content encoding. The deadline holds however slowly the server dribbles.

    Raises:
        RequestTimeout, ConnectionFailed, InvalidResponse: it did not come, not whole, or not
            in its own encoding.
        Stopping: at shutdown.
    """
    raw = response.raw
    with response, _watchdog(raw, deadline) as expired:
        while True:
            if stop.is_set():
                raise Stopping("reading an answer")
            try:
                piece = raw.read1(_PIECE, decode_content=decode)
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                if not expired.is_set():
                    raise broken_read(endpoint, error) from None
                piece = b""
            if expired.is_set():
                raise RequestTimeout(endpoint, "no whole answer in time")
            if not piece:
                return
            yield piece


@contextmanager
def _watchdog(raw: urllib3.HTTPResponse, deadline: Deadline) -> Iterator[threading.Event]:
    """End a blocking read when time is up: a socket's time-out starts again with every byte."""
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        try:
            raw.shutdown()
        except (ValueError, RuntimeError, OSError):
            # Read to its end just now, or broken: no read is blocked any more.
            return

    timer = threading.Timer(max(deadline.left(), 0.0), expire)
    timer.daemon = True
    timer.start()
    try:
        yield expired
    finally:
        timer.cancel()
