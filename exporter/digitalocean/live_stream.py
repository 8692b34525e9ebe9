"""The text of a live URL, read over a WebSocket until the server closes it.

One way to read a log; ``log_content`` decides when it is taken. Plain HTTP on the same URL runs
into buffering at the platform's CDN, which is why doctl reads this way, too. What frames,
handshakes and closes mean is here for streams that are followed, too.

Each text is read on an event loop of its own, which runs while the next frame is waited for: one
thread writes and reads. The library's client for threads does so in two at a time, which a TLS
connection of Python does not bear: now and then a handshake hangs, and its thread with it.
"""

import asyncio
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import SplitResult, urlunsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from exporter.digitalocean.answers import cause_of, status_error
from exporter.digitalocean.transport import Deadline
from exporter.errors import ApiError, ConnectionFailed, InvalidResponse, RequestTimeout, Stopping
from exporter.model import Endpoint

LARGEST_FRAME = 16 * 1024 * 1024
"""Bytes of one message, as the server may cut it; more is refused."""

_CLOSE_TIMEOUT = 1.0
_STOP_INTERVAL = 0.25
_BATCH_BYTES = 1 << 16  # to go to the loop for each frame would cost more than the frame
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
    """No WebSocket could be opened.

    Attributes:
        error: the reason, as an error of a request.
        refused: True if the host answered and did not open a WebSocket, or if this machine cannot
            open one; False after a time-out and where no connection held until the answer.
    """

    def __init__(self, error: ApiError, *, refused: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.refused = refused


def live_text(
    url: SplitResult,
    deadline: Deadline,
    stop: threading.Event,
    *,
    tls: ssl.SSLContext | None,
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
        loop = stack.enter_context(asyncio.Runner())
        opening = _opened(url, deadline, tls=tls, user_agent=user_agent, logger=logger)
        connection = loop.run(opening)
        stack.callback(lambda: loop.run(connection.close()))
        open_ = True
        while open_:
            frames, open_ = _next_frames(loop, connection, deadline, stop)
            for frame in frames:
                if text := frame_text(frame):
                    yield text


def frame_text(frame: bytes) -> bytes:
    r"""The text in one frame ``{"data": "<text>"}``, as UTF-8; ``?`` for a lone surrogate.

    Other keys are ignored; the platform has been seen to send ``"op": "stdout"`` beside it.
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


def handshake_error(error: Exception) -> HandshakeError:
    """Translate one of ``HANDSHAKE_ERRORS``."""
    if isinstance(error, InvalidStatus):
        answer = error.response
        failure = status_error(Endpoint.LOG_CONTENT, answer.status_code, answer.headers, None, 0)
        return HandshakeError(failure, refused=True)
    if isinstance(error, TimeoutError):
        timeout = RequestTimeout(Endpoint.LOG_CONTENT, "no WebSocket handshake in time")
        return HandshakeError(timeout, refused=False)
    failure = ConnectionFailed(Endpoint.LOG_CONTENT, f"WebSocket handshake: {cause_of(error)}")
    # The library wraps a connection that broke before any answer into an error of its own.
    broke = any(isinstance(each, OSError | EOFError) for each in (error, error.__cause__))
    return HandshakeError(failure, refused=not broke)


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


async def _opened(
    url: SplitResult,
    deadline: Deadline,
    *,
    tls: ssl.SSLContext | None,
    user_agent: str,
    logger: logging.Logger,
) -> ClientConnection:
    try:
        return await connect(
            urlunsplit(url),
            ssl=tls,
            user_agent_header=user_agent,
            open_timeout=max(deadline.left(), 0.001),
            ping_interval=None,  # the deadline bounds the connection
            close_timeout=_CLOSE_TIMEOUT,
            max_size=LARGEST_FRAME,
            max_queue=4,
            logger=logger,
        )
    except HANDSHAKE_ERRORS as error:
        failure = handshake_error(error)
    raise failure


def _next_frames(
    loop: asyncio.Runner, connection: ClientConnection, deadline: Deadline, stop: threading.Event
) -> tuple[list[bytes], bool]:
    """What frames came in a while, and whether more may come: not after a close in good order."""
    frames: list[bytes] = []
    if stop.is_set():
        raise Stopping("reading a live log")
    deadline.check(Endpoint.LOG_CONTENT)
    try:
        loop.run(_receive(connection, frames, min(deadline.left(), _STOP_INTERVAL)))
    except TimeoutError:
        return frames, True
    except ConnectionClosed as error:
        failure = end_of_stream(error)
        if failure is None or frames:
            return frames, failure is not None  # what came counts; the failure comes again
        raise failure from None
    return frames, True


async def _receive(connection: ClientConnection, frames: list[bytes], seconds: float) -> None:
    """Add frames to a list until they are many, or for so long; then TimeoutError is raised."""
    size = 0
    async with asyncio.timeout(seconds):
        while size < _BATCH_BYTES:
            frames.append(await connection.recv(decode=False))
            size += len(frames[-1])
