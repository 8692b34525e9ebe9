"""The text of a live URL, read over a WebSocket until the server closes it.

One way to read a log; ``log_content`` decides when it is taken. Plain HTTP on the same URL runs
into buffering at the platform's CDN, which is why doctl reads this way, too. What frames,
handshakes and closes mean is here for streams that are followed, too.
"""

import json
import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import SplitResult, urlunsplit

import orjson
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from exporter.digitalocean.answers import cause_of, status_error
from exporter.digitalocean.transport import Deadline
from exporter.errors import ApiError, ConnectionFailed, InvalidResponse, RequestTimeout, Stopping
from exporter.model import Endpoint

LARGEST_FRAME = 16 * 1024 * 1024
"""Bytes of one message, as the server may cut it; more is refused."""

HANDSHAKE_SHARE = 0.5
"""The part of the time that the handshake may take, so that a plain GET can still follow it."""

_CLOSE_TIMEOUT = 1.0
_STOP_INTERVAL = 0.25
_NORMAL = 1000
_TOO_BIG = 1009
_NO_PONG = 1011  # what the library closes with when a ping was not answered
_IN_GOOD_ORDER = frozenset({_NORMAL, 1005})
"""Close codes after which nothing is missing: normal, and a close frame that gives no code.

Not 1001: a server that goes away may have had more to say. doctl takes 1000 alone.
"""

HANDSHAKE_ERRORS = (WebSocketException, OSError, EOFError, ValueError, ImportError)
"""What opening a WebSocket can fail with; a SOCKS proxy in the environment with ImportError."""


class HandshakeError(Exception):
    """No WebSocket could be opened; ``error`` says why, in this program's terms."""

    def __init__(self, error: ApiError) -> None:
        super().__init__(str(error))
        self.error = error


def live_text(
    url: SplitResult,
    deadline: Deadline,
    stop: threading.Event,
    *,
    tls: ssl.SSLContext,
    user_agent: str,
    logger: logging.Logger,
) -> Iterator[bytes]:
    """Yield the text of each frame at ``url`` (ws or wss), until it is closed in good order.

    Raises:
        HandshakeError: before the first frame; another way may work.
        ConnectionFailed, RequestTimeout, InvalidResponse: later.
        Stopping: at shutdown.
    """
    with ExitStack() as stack:
        connection = _open(stack, url, deadline, tls, user_agent, logger)
        while (frame := _next_frame(connection, deadline, stop)) is not None:
            if text := frame_text(frame):
                yield text


def frame_text(frame: bytes) -> bytes:
    r"""The text in one frame ``{"data": "<text>"}``, as UTF-8; ``?`` for a lone surrogate.

    JSON can name half of a surrogate pair (``"\ud83d"``), which no UTF-8 can hold.
    """
    try:
        message = orjson.loads(frame)
    except orjson.JSONDecodeError:
        message = _lenient(frame)
    text = message.get("data") if isinstance(message, dict) else None
    if not isinstance(text, str):
        raise InvalidResponse(Endpoint.LOG_CONTENT, "a frame without a string 'data'")
    return text.encode("utf-8", errors="replace")


def _lenient(frame: bytes) -> object:
    """What a frame holds that is no JSON in the strict sense, as with half a surrogate pair."""
    try:
        return json.loads(frame.decode("utf-8"))
    except (ValueError, RecursionError):
        raise InvalidResponse(Endpoint.LOG_CONTENT, "a frame that is not JSON") from None


def handshake_failure(error: Exception) -> ApiError:
    """What one of ``HANDSHAKE_ERRORS`` means."""
    if isinstance(error, InvalidStatus):
        answer = error.response
        return status_error(Endpoint.LOG_CONTENT, answer.status_code, answer.headers, None, 0)
    if isinstance(error, TimeoutError):
        return RequestTimeout(Endpoint.LOG_CONTENT, "no WebSocket handshake in time")
    return ConnectionFailed(Endpoint.LOG_CONTENT, f"WebSocket handshake: {cause_of(error)}")


def end_of_stream(error: ConnectionClosed) -> ApiError | None:
    """What a stream broke off with; None after a close in good order."""
    if error.rcvd is not None:
        if error.rcvd.code in _IN_GOOD_ORDER:
            return None
        detail = f"the live log was closed with code {error.rcvd.code}"
    elif error.sent is not None and error.sent.code == _TOO_BIG:
        return InvalidResponse(Endpoint.LOG_CONTENT, f"a frame of more than {LARGEST_FRAME} bytes")
    elif error.sent is not None and error.sent.code == _NO_PONG:
        return RequestTimeout(Endpoint.LOG_CONTENT, "the live log answered no ping in time")
    elif error.sent is not None and error.sent.code != _NORMAL:
        return InvalidResponse(Endpoint.LOG_CONTENT, "frames that break the WebSocket protocol")
    else:
        detail = "the live log broke off without a close"
    return ConnectionFailed(Endpoint.LOG_CONTENT, detail)


def _open(
    stack: ExitStack,
    url: SplitResult,
    deadline: Deadline,
    tls: ssl.SSLContext,
    user_agent: str,
    logger: logging.Logger,
) -> ClientConnection:
    try:
        return stack.enter_context(
            connect(
                urlunsplit(url),
                ssl=tls if url.scheme == "wss" else None,
                user_agent_header=user_agent,
                open_timeout=max(deadline.left() * HANDSHAKE_SHARE, 0.001),
                # The deadline bounds the connection; a ping would only add a thread.
                ping_interval=None,
                close_timeout=_CLOSE_TIMEOUT,
                max_size=LARGEST_FRAME,
                max_queue=4,
                logger=logger,
            )
        )
    except HANDSHAKE_ERRORS as error:
        failure = handshake_failure(error)
    raise HandshakeError(failure)


def _next_frame(
    connection: ClientConnection, deadline: Deadline, stop: threading.Event
) -> bytes | None:
    """The next frame, None after a close in good order."""
    while not stop.is_set():
        deadline.check(Endpoint.LOG_CONTENT)
        try:
            return connection.recv(min(deadline.left(), _STOP_INTERVAL), decode=False)
        except TimeoutError:
            continue
        except ConnectionClosed as error:
            failure = end_of_stream(error)
            if failure is None:
                return None
            raise failure from None
    raise Stopping("reading a live log")
