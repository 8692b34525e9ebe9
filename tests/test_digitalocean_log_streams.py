"""Live logs followed over real sockets: what is text, what ends a stream, and what is dead."""

import asyncio
import logging
import re
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import pytest
import trustme
from digitalocean_fixtures import RecordingObserver
from digitalocean_servers import LogHost, answer, frame, hang, http_host, websocket_host
from waiting import LIMIT_SECONDS
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection
from websockets.utils import accept_key

from exporter.digitalocean.live_stream import HandshakeError
from exporter.digitalocean.log_streams import (
    PING_DEADLINE,
    PING_INTERVAL,
    LogStream,
    LogStreams,
    StreamEndedError,
)
from exporter.digitalocean.transport import RequestSettings
from exporter.errors import (
    ApiError,
    ConnectionFailed,
    Forbidden,
    InvalidResponse,
    RequestTimeout,
)

QUERY = "/?token=live-credential-4711"
T = TypeVar("T")


def follow(
    host: LogHost,
    use: Callable[[LogStream], Awaitable[T]],
    *,
    observer: RecordingObserver | None = None,
    timeout: float = LIMIT_SECONDS,
    ca_file: str | None = None,
    pings: tuple[float, float] = (PING_INTERVAL, PING_DEADLINE),
) -> T:
    """What ``use`` makes of a stream from the host."""

    async def run() -> T:
        streams = LogStreams(
            observer or RecordingObserver(),
            RequestSettings(timeout, "test", ca_file),
            clock=time.monotonic,
            ping_interval=pings[0],
            ping_deadline=pings[1],
        )
        stream = await streams.open(host.url + QUERY, target="web")
        try:
            return await use(stream)
        finally:
            await stream.close()

    return asyncio.run(run())


async def to_the_end(stream: LogStream) -> tuple[bytes, ApiError | None]:
    """All text, and what the stream ended with."""
    texts = []
    try:
        while True:
            texts.append(await stream.read())
    except StreamEndedError as end:
        return b"".join(texts), end.error


def says(*texts: str, code: int = 1000) -> Callable[[ServerConnection, LogHost], None]:
    def handler(connection: ServerConnection, _: LogHost) -> None:
        for text in texts:
            connection.send(frame(text))
        connection.close(code)

    return handler


def test_text_comes_whole_and_in_order_until_the_server_closes():
    """Frames that cut lines and characters come together; a close with 1000 is no failure."""
    observer = RecordingObserver()
    with websocket_host(says("web one\nwe", "b tw", "o → ✓\n", "")) as host:
        text, error = follow(host, to_the_end, observer=observer)
    assert text == "web one\nweb two → ✓\n".encode()
    assert error is None
    assert observer.kinds == ["sent", "ok"]
    assert QUERY in host.heads[0]


@pytest.mark.parametrize("code", [1001, 1011, 4000])
def test_any_other_close_says_that_more_may_have_been_there(code: int):
    """What came before it counts."""
    with websocket_host(says("web one\n", code=code)) as host:
        text, error = follow(host, to_the_end)
    assert text == b"web one\n"
    assert isinstance(error, ConnectionFailed)
    assert str(code) in str(error)


def test_a_connection_that_breaks_ends_the_stream():
    """No goodbye, no text lost that came before."""

    came = threading.Event()

    def breaks(connection: ServerConnection, _: LogHost) -> None:
        connection.send(frame("web one\n"))
        came.wait(LIMIT_SECONDS)
        connection.socket.shutdown(socket.SHUT_RDWR)

    async def first_and_rest(stream: LogStream) -> tuple[bytes, ApiError | None]:
        first = await stream.read()
        came.set()
        rest, error = await to_the_end(stream)
        return first + rest, error

    with websocket_host(breaks) as host:
        text, error = follow(host, first_and_rest)
    assert text == b"web one\n"
    assert isinstance(error, ConnectionFailed)


def test_a_half_open_connection_is_noticed():
    """A peer that answers no ping is given up after interval and deadline: here 0.2 s each."""

    def mute(connection: socket.socket, host: LogHost) -> None:
        key = re.search(r"(?im)^sec-websocket-key: (\S+)", host.heads[-1])
        assert key is not None
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept_key(key[1]).encode() + b"\r\n\r\n"
        )
        host.released.wait(LIMIT_SECONDS)

    with http_host(**{"": mute}) as host:
        _, error = follow(host, to_the_end, pings=(0.2, 0.2))
    assert isinstance(error, RequestTimeout)
    assert PING_INTERVAL + PING_DEADLINE < 30


def test_an_idle_stream_lives_as_long_as_pings_are_answered():
    """Ten pings without a line are no failure; the line after them comes."""

    def idle(connection: ServerConnection, host: LogHost) -> None:
        host.released.wait(1.0)
        connection.send(frame("web at last\n"))

    with websocket_host(idle) as host:
        text, error = follow(host, to_the_end, pings=(0.1, LIMIT_SECONDS))
    assert (text, error) == (b"web at last\n", None)


def test_a_wait_that_is_over_loses_nothing():
    """Reads that time out return an empty text, and what comes later is there."""

    waited = threading.Event()

    def late(connection: ServerConnection, _: LogHost) -> None:
        waited.wait(LIMIT_SECONDS)
        connection.send(frame("web late\n"))

    async def patient(stream: LogStream) -> tuple[int, bytes]:
        waits = 0
        while not (text := await stream.read(0.05)):
            waits += 1
            if waits == 2:
                waited.set()
        return waits, text

    with websocket_host(late) as host:
        waits, text = follow(host, patient)
    assert waits >= 2
    assert text == b"web late\n"


@pytest.mark.parametrize("bad", ['{"data": ', "[1]", '{"data": 5}', b"\x00\xff"])
def test_frames_that_are_no_text_end_the_stream(bad: str | bytes):
    """What came before counts; the error says what is wrong with the platform's answer."""

    def handler(connection: ServerConnection, host: LogHost) -> None:
        connection.send(frame("web one\n"))
        host.released.wait(0.3)
        with suppress(ConnectionClosed):
            connection.send(bad)
            host.released.wait(5)

    with websocket_host(handler) as host:
        text, error = follow(host, to_the_end)
    assert text == b"web one\n"
    assert isinstance(error, InvalidResponse)


def test_frames_with_other_keys_are_followed():
    """Keys beside data, such as op, are ignored."""

    def handler(connection: ServerConnection, _: LogHost) -> None:
        connection.send('{"data": "web one\\n", "op": "stdout"}')
        connection.send('{"op": "stderr", "data": "web two\\n"}')

    with websocket_host(handler) as host:
        text, error = follow(host, to_the_end)
    assert (text, error) == (b"web one\nweb two\n", None)


def test_a_refused_handshake_says_with_what():
    """A status, silence, or nobody there: each an error of its own, told to the observer."""
    observer = RecordingObserver()
    with (
        http_host(**{"": answer(status="403 Forbidden")}) as host,
        pytest.raises(HandshakeError) as refused,
    ):
        follow(host, to_the_end, observer=observer)
    assert isinstance(refused.value.error, Forbidden)
    assert observer.kinds == ["sent", "forbidden"]
    with http_host(**{"": hang}) as host, pytest.raises(HandshakeError) as silent:
        follow(host, to_the_end, timeout=0.3)
    assert isinstance(silent.value.error, RequestTimeout)
    with pytest.raises(HandshakeError) as nobody:
        follow(LogHost(1, "http"), to_the_end)
    assert isinstance(nobody.value.error, ConnectionFailed)


def test_a_private_authority_is_trusted_where_it_is_configured(tmp_path: Path):
    """wss with a certificate of one's own works with ca_file, and not without."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with websocket_host(says("web secret\n"), ssl=context) as host:
        text, _ = follow(host, to_the_end, ca_file=str(ca_file))
        with pytest.raises(HandshakeError) as refused:
            follow(host, to_the_end)
    assert text == b"web secret\n"
    assert "certificate" in str(refused.value)


def test_urls_stay_out_of_every_log(caplog: pytest.LogCaptureFixture):
    """Not even at DEBUG does a library write the credential in a live URL, nor does an error."""
    with caplog.at_level(logging.DEBUG):
        with websocket_host(says("web one\n", code=1011)) as host:
            follow(host, to_the_end)
        with (
            http_host(**{"": answer(status="403 Forbidden")}) as host,
            pytest.raises(HandshakeError) as refused,
        ):
            follow(host, to_the_end)
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    assert "4711" not in "".join(record.getMessage() for record in ours)
    assert "4711" not in str(refused.value)


def test_a_flood_waits_for_its_reader():
    """What is not read is not taken from the sender either: no queue grows here."""
    sent, news = [0], threading.Semaphore(0)

    def flood(connection: ServerConnection, _: LogHost) -> None:
        text = frame("web " + "x" * 65536 + "\n")
        with suppress(ConnectionClosed):
            while sent[0] < 1000:
                connection.send(text)
                sent[0] += 1
                news.release()

    async def slow(stream: LogStream) -> tuple[int, int]:
        while await asyncio.to_thread(news.acquire, timeout=0.5):
            pass  # until nothing more is taken
        before = sent[0]
        size = 0
        with suppress(StreamEndedError):
            while True:
                size += len(await stream.read())
        return before, size

    with websocket_host(flood) as host:
        stalled_at, size = follow(host, slow)
    assert stalled_at < 500
    assert size == 1000 * 65541
