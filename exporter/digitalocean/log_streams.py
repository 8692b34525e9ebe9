"""Live logs that are followed: WebSockets on the running event loop, thousands of them.

The asynchronous sibling of ``live_stream``. A stream may be idle for hours; pings tell one that
has nothing to say from one that is dead.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Hashable
from functools import cached_property
from urllib.parse import urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from exporter.digitalocean.live_stream import (
    HANDSHAKE_ERRORS,
    LARGEST_FRAME,
    end_of_stream,
    frame_text,
    handshake_error,
)
from exporter.digitalocean.log_urls import parse_url, websocket_url
from exporter.digitalocean.observer import RequestObserver
from exporter.digitalocean.session import tls_context
from exporter.digitalocean.transport import RequestSettings
from exporter.errors import ApiError
from exporter.model import Endpoint

BATCH_BYTES = 1 << 18
GATHER_SECONDS = 0.1
"""Frames may be as small as a line: what comes in this time, or so many bytes, is one text."""

PING_INTERVAL = 12.0
PING_DEADLINE = 12.0
"""A connection that is half open is given up after both, at the latest."""

_CLOSE_TIMEOUT = 1.0
_MOST_FRAMES = 64
"""How many frames wait unread before the connection is not read on: the sender has to wait."""


class StreamEndedError(Exception):
    """A stream is over; ``error`` says why if that was not in good order."""

    def __init__(self, error: ApiError | None) -> None:
        super().__init__(str(error) if error else "closed")
        self.error = error


class LogStream:
    """One live log that is followed."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def read(self, wait: float | None = None) -> bytes:
        """The text of the frames that come next, one or as many as come shortly after it.

        Args:
            wait: seconds after which nothing, an empty text, is an answer; None waits on.

        Raises:
            StreamEndedError: nothing more comes.
        """
        texts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(wait):
                texts.append(await self._next())
            size = len(texts[0])
            async with asyncio.timeout(GATHER_SECONDS):
                while size < BATCH_BYTES:
                    text = await self._next()
                    texts.append(text)
                    size += len(text)
        except TimeoutError:
            pass
        except StreamEndedError:
            if not size:
                raise
        return b"".join(texts)

    async def close(self) -> None:
        """Say goodbye and let the connection go; returns within two seconds."""
        await self._connection.close()

    def abort(self) -> None:
        """Let the connection go at once, without a goodbye."""
        self._connection.transport.abort()

    async def _next(self) -> bytes:
        try:
            return frame_text(await self._connection.recv(decode=False))
        except ConnectionClosed as error:
            raise StreamEndedError(end_of_stream(error)) from None
        except ApiError as error:
            await self._connection.close()
            raise StreamEndedError(error) from None


class LogStreams:
    """Opens live logs.

    Args:
        settings: its time-out is for the handshake.
        clock: monotonic seconds.
        ping_interval: seconds between two pings.
        ping_deadline: seconds in which each has to be answered.
        tentative: whether a refused handshake is an answer like another, and no error to count.
    """

    def __init__(
        self,
        observer: RequestObserver,
        settings: RequestSettings,
        *,
        clock: Callable[[], float],
        ping_interval: float = PING_INTERVAL,
        ping_deadline: float = PING_DEADLINE,
        tentative: bool = False,
    ) -> None:
        self._observer = observer
        self._timeout = settings.timeout
        self._clock = clock
        self._user_agent = settings.user_agent
        self._ping_interval = ping_interval
        self._ping_deadline = ping_deadline
        self._tentative = tentative
        self._ca_file = settings.ca_file
        # At DEBUG the library would log the request line, and with it the URL's credential.
        self._log = logging.getLogger(f"{__name__}.websocket")
        self._log.setLevel(logging.INFO)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Takes as long as much else of a start, and is of use only where a log host has TLS.
        return tls_context(self._ca_file)

    async def open(self, live_url: str, *, target: Hashable) -> LogStream:
        """A stream of the log at ``live_url``, whose query is a credential.

        Raises:
            HandshakeError: no WebSocket could be opened; a plain GET may work.
            InvalidResponse: it is no URL of a log.
        """
        url = websocket_url(parse_url(live_url))
        self._observer.sent(Endpoint.LOG_CONTENT)
        started = self._clock()
        try:
            connection = await connect(
                urlunsplit(url),
                ssl=self._tls if url.scheme == "wss" else None,
                user_agent_header=self._user_agent,
                open_timeout=self._timeout,
                ping_interval=self._ping_interval,
                ping_timeout=self._ping_deadline,
                close_timeout=_CLOSE_TIMEOUT,
                max_size=LARGEST_FRAME,
                max_queue=_MOST_FRAMES,
                compression=None,
                logger=self._log,
            )
        except HANDSHAKE_ERRORS as error:
            failure = handshake_error(error)
        else:
            self._observer.succeeded(Endpoint.LOG_CONTENT, target, self._clock() - started)
            return LogStream(connection)
        took = self._clock() - started
        if not (self._tentative and failure.refused):
            self._observer.failed(Endpoint.LOG_CONTENT, target, failure.error, took)
        raise failure
