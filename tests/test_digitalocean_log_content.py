"""Logs read over real sockets: archives, WebSocket, the fallback, and everything that breaks."""

import gzip
import json
import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import requests
import trustme
from digitalocean_fixtures import RecordingObserver
from digitalocean_servers import (
    LogHost,
    Respond,
    answer,
    dribble,
    frame,
    hang,
    hang_in_body,
    http_host,
    websocket_host,
)
from hypothesis import given
from hypothesis import strategies as st
from waiting import LIMIT_SECONDS
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from exporter.digitalocean.live_stream import frame_text
from exporter.digitalocean.log_content import GET_REMEMBERED, LogContent
from exporter.digitalocean.transport import RequestSettings
from exporter.errors import (
    ApiError,
    ConfigError,
    ConnectionFailed,
    Forbidden,
    InvalidResponse,
    NotFound,
    RequestTimeout,
    ServerError,
    Stopping,
    Unauthorized,
    UnexpectedStatus,
)
from exporter.model import LIVE_PART, Endpoint, LogChunk, LogLocations

QUERY = "?token=live-credential-4711"
LOG = Endpoint.LOG_CONTENT


class Reader:
    """A reader of logs with a real clock that a test can set forward, and what it reported."""

    def __init__(self, timeout: float = LIMIT_SECONDS, ca_file: str | None = None) -> None:
        self.session = requests.Session()
        self.observer = RecordingObserver()
        self.stop = threading.Event()
        self.ahead = 0.0
        self.content = LogContent(
            self.session,
            self.observer,
            RequestSettings(timeout, "do-app-exporter/9.9", ca_file),
            clock=lambda: time.monotonic() + self.ahead,
            stop=self.stop,
        )

    def read(self, live: str | None = None, *archives: str) -> list[LogChunk]:
        return list(self.content.read(LogLocations(live, archives), target="t"))

    def text(self, live: str | None = None, *archives: str) -> bytes:
        return b"".join(chunk.data for chunk in self.read(live, *archives))

    def fail(self, live: str | None = None, *archives: str) -> tuple[ApiError, bytes]:
        """The error, and the text that came before it."""
        found = b""
        with pytest.raises(ApiError) as caught:
            for chunk in self.content.read(LogLocations(live, archives), target="t"):
                assert not chunk.last
                found += chunk.data
        error = caught.value
        assert error.endpoint is LOG
        texts = "".join([*traceback.format_exception(error), str(error), repr(error)])
        assert "credential" not in texts
        return error, found


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.session.close()


@pytest.fixture
def hasty() -> Iterator[Reader]:
    """A reader with a short time-out, for servers that hang."""
    reader = Reader(timeout=0.6)
    yield reader
    reader.session.close()


def says(*texts: str, code: int = 1000):
    """A handler that sends the texts as frames and closes with ``code``."""

    def handle(connection: ServerConnection, _: LogHost) -> None:
        for text in texts:
            connection.send(frame(text))
        connection.close(code)

    return handle


def test_archives_come_in_order_then_the_live_text(reader: Reader):
    """Every archive is a part of its own, 0 upwards, then the live text, each with its end."""
    with (
        http_host(one=answer(b"1\n"), two=answer(b"2\n")) as archives,
        websocket_host(says("3a", "3b\n")) as live,
    ):
        chunks = reader.read(live.url + QUERY, f"{archives.url}/one", f"{archives.url}/two")
    assert chunks == [
        LogChunk(b"1\n", 0),
        LogChunk(b"", 0, last=True),
        LogChunk(b"2\n", 1),
        LogChunk(b"", 1, last=True),
        LogChunk(b"3a", LIVE_PART),
        LogChunk(b"3b\n", LIVE_PART),
        LogChunk(b"", LIVE_PART, last=True),
    ]
    assert reader.observer.events == [("sent", LOG), ("ok", LOG, "t")] * 3


@pytest.mark.parametrize("past_failures", [False, True])
def test_what_is_read_though_an_archive_is_not(reader: Reader, past_failures: bool):
    """Live text always, the archives behind it only where wanted; its error comes at the end."""
    missing = answer(status="404 Not Found")
    locations = {"one": answer(b"1\n"), "two": missing, "three": answer(b"3\n")}
    chunks = []
    with http_host(**locations) as archives, websocket_host(says("live\n")) as live:
        urls = tuple(f"{archives.url}/{name}" for name in locations)
        read = reader.content.read(
            LogLocations(live.url + QUERY, urls), target="t", past_failures=past_failures
        )
        with pytest.raises(NotFound):
            chunks.extend(read)
    third = [LogChunk(b"3\n", 2), LogChunk(b"", 2, last=True)] if past_failures else []
    assert chunks == [
        LogChunk(b"1\n", 0),
        LogChunk(b"", 0, last=True),
        *third,
        LogChunk(b"live\n", LIVE_PART),
        LogChunk(b"", LIVE_PART, last=True),
    ]


def test_nothing_to_read(reader: Reader):
    """No location is no text and no request."""
    assert reader.read() == []
    assert reader.observer.events == []


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_both_schemes_open_a_websocket(reader: Reader, scheme: str):
    """http and ws URLs are both opened as a WebSocket, with the query as it is."""
    with websocket_host(says("x")) as live:
        assert reader.text(f"{scheme}://{live.host}/path{QUERY}") == b"x"
    assert live.heads[0].startswith(f"/path{QUERY}\n")
    assert "User-Agent: do-app-exporter/9.9" in live.heads[0]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (gzip.compress(b"web text\n"), {}),
        (gzip.compress(b"web text\n"), {"Content_Encoding": "gzip"}),
        (gzip.compress(b"web ") + gzip.compress(b"text\n"), {"Content_Type": "application/gzip"}),
        (b"web text\n", {}),
        (b"web text\n", {"Content_Encoding": "identity", "Content_Type": "text/plain"}),
    ],
    ids=["file", "encoded", "two in one", "plain", "encoded as it is"],
)
def test_archives_compressed_or_not(reader: Reader, body: bytes, headers: dict[str, str]):
    """gzip is undone whether the header says it or only the first bytes do."""
    with http_host(log=answer(body, **headers)) as host:
        assert reader.text(None, f"{host.url}/log") == b"web text\n"


def test_empty_answers_are_empty_logs(reader: Reader):
    """An empty body and a 204 are logs without text, read in good order."""
    with http_host(a=answer(), b=answer(status="204 No Content")) as host:
        chunks = reader.read(None, f"{host.url}/a", f"{host.url}/b")
    assert chunks == [LogChunk(b"", 0, last=True), LogChunk(b"", 1, last=True)]


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n"):
    def respond(connection, _):
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for piece in pieces:
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(end)

    return respond


def test_chunked_archive(reader: Reader):
    """A chunked body is read to its end; one that breaks off is not whole."""
    with http_host(whole=chunked(b"a", b"b" * 9), broken=chunked(b"a", b"b", end=b"")) as host:
        assert reader.text(None, f"{host.url}/whole") == b"abbbbbbbbb"
        error, found = reader.fail(None, f"{host.url}/broken")
    assert type(error) is ConnectionFailed
    assert b"ab".startswith(found)  # how much of it still arrives is up to the network


def answers_with(data: bytes) -> Respond:
    """These bytes, then the end of the connection."""
    return lambda connection, _: connection.sendall(data)


@pytest.mark.parametrize(
    ("respond", "kind"),
    [
        (answer(b"short", length=50), ConnectionFailed),
        (answer(gzip.compress(b"x" * 99)[:-9]), ConnectionFailed),
        (answer(b"\x1f\x8b garbage that is no gzip"), InvalidResponse),
        (answer(b"<html>sorry</html>", Content_Type="text/html; charset=utf-8"), InvalidResponse),
        (answer(b"\x0b", Content_Encoding="br"), InvalidResponse),
        (answer(status="401 Unauthorized"), Unauthorized),
        (answer(status="404 Not Found"), NotFound),
        (answer(status="403 Forbidden"), Forbidden),
        (answer(status="500 Internal Server Error"), ServerError),
        (answer(b'{"message":"credential"}', status="503 No"), UnexpectedStatus),
        (answer(status="302 Found"), UnexpectedStatus),
        (lambda *_: None, ConnectionFailed),
        (answers_with(b"nonsense\r\n\r\n"), ConnectionFailed),
    ],
)
def test_archive_that_cannot_be_read(reader: Reader, respond, kind: type[ApiError]):
    """Each way to fail is its own error, reported once; the part never ends in good order."""
    with http_host(log=respond) as host:
        error, _ = reader.fail(None, f"{host.url}/log{QUERY}", "http://127.0.0.1:1/never-read")
    assert type(error) is kind
    assert reader.observer.kinds == ["sent", kind.kind]


@pytest.mark.found(
    "An answer of a log host that broke off in its headers counted as the text of a log without "
    "lines, where it is a read that failed.",
    how="A test server that closed its connection behind the status",
)
@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: nginx\r\n\r\na\nb", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\nb\r\n", b"0\r\n\r\n"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\nContent-Length: 0\nA: b\n", b"\n"),
    ],
)
def test_an_answer_that_ends_too_early_is_a_failure(reader: Reader, data: bytes, end: bytes):
    """At whatever byte an answer breaks off, its log has not been read."""
    cuts = {f"cut{count}": answers_with(data[:count]) for count in range(len(data) + bool(end))}
    with http_host(whole=answers_with(data + end), **cuts) as host:
        reader.read(None, f"{host.url}/whole")
        for name in cuts:
            error, _ = reader.fail(None, f"{host.url}/{name}")
            assert type(error) is ConnectionFailed, name
    assert reader.observer.kinds == ["sent", "ok", *["sent", "connection"] * len(cuts)]


@pytest.mark.parametrize("respond", [dribble, hang_in_body, hang])
def test_archive_that_never_ends(hasty: Reader, respond):
    """However slowly a server dribbles, and if it falls silent, the time-out holds."""
    started = time.monotonic()
    with http_host(log=respond) as host:
        error, found = hasty.fail(None, f"{host.url}/log")
        took = time.monotonic() - started
    assert type(error) is RequestTimeout
    assert took > 0.5  # nothing else ends it before the test does
    assert (found == b"") == (respond is hang)


def test_refused_connection_says_so(reader: Reader, unused_port: int):
    """A port where nobody listens is a failed connection, with the system's words."""
    error, _ = reader.fail(None, f"http://127.0.0.1:{unused_port}/log{QUERY}")
    assert type(error) is ConnectionFailed
    assert error.detail == "Connection refused"


@pytest.fixture
def unused_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_redirects_of_archives(reader: Reader):
    """Up to three redirects are followed, relative ones too; a fourth is an error."""

    def to(place: str):
        return answer(status="307 Temporary Redirect", Location=place)

    with http_host(end=answer(b"text")) as other:
        hops = {"a": to("/b"), "b": to("c"), "c": to(f"{other.url}/end{QUERY}"), "z": to("/a")}
        with http_host(**hops, ftp=to(f"ftp://x/{QUERY}")) as host:
            assert reader.text(None, f"{host.url}/a") == b"text"
            error, _ = reader.fail(None, f"{host.url}/z")
            assert type(error) is UnexpectedStatus
            error, _ = reader.fail(None, f"{host.url}/ftp")
            assert type(error) is InvalidResponse


@pytest.mark.parametrize(
    "url",
    ["", "ftp://h/x?credential", "/path", "http://", "http://[x", "http://h:x/", "http://h:0"],
)
def test_urls_that_cannot_be_read(reader: Reader, url: str):
    """A log URL of another kind is an invalid response, and no request is sent."""
    for error in (reader.fail(url)[0], reader.fail(None, url)[0]):
        assert type(error) is InvalidResponse
    assert reader.observer.events == []


@pytest.mark.parametrize("code", [1001, 1011, 4000])
def test_live_text_closed_otherwise(reader: Reader, code: int):
    """Any other close than a normal one is a broken connection, after the text until then."""
    with websocket_host(says("until then\n", code=code)) as live:
        error, found = reader.fail(live.url + QUERY)
    assert type(error) is ConnectionFailed
    assert str(code) in error.detail
    assert found == b"until then\n"
    assert reader.observer.kinds == ["sent", "connection"]


def test_live_text_dropped(reader: Reader):
    """A connection that drops without a close is broken; the text until then was given."""

    def drop(connection: ServerConnection, _: LogHost) -> None:
        connection.send(frame("until then\n"))
        connection.socket.shutdown(2)

    with websocket_host(drop) as live:
        error, found = reader.fail(live.url)
    assert type(error) is ConnectionFailed
    assert found == b"until then\n"


@pytest.mark.parametrize(
    "message",
    ["no json", "[]", '{"data": 5}', "{}", '"data"', b"\xff\xfe", b"[1]", "[" * 100_000],
)
def test_frame_of_another_shape(reader: Reader, message: str | bytes):
    """A frame that is no object with a string data is an invalid response, not empty text."""

    def handle(connection: ServerConnection, _: LogHost) -> None:
        connection.send(frame("good\n"))
        connection.send(message)

    with websocket_host(handle) as live:
        error, found = reader.fail(live.url)
    assert type(error) is InvalidResponse
    assert found == b"good\n"


@pytest.mark.parametrize(
    "message",
    [
        '{"data": "web one\\n", "op": "stdout"}',
        '{"op": "stderr", "data": "web one\\n"}',
        '{"data": "web one\\n", "pod": {"name": "web-0"}, "seq": 7, "more": null}',
    ],
)
def test_frame_with_other_keys(reader: Reader, message: str):
    """Keys beside data are ignored, whatever they hold."""
    with websocket_host(lambda connection, _: connection.send(message)) as live:
        assert reader.text(live.url) == b"web one\n"
    assert reader.observer.kinds == ["sent", "ok"]


def test_binary_frame_of_json(reader: Reader):
    """A binary frame that holds the same JSON is read as a text frame is."""
    with websocket_host(lambda connection, _: connection.send(frame("é\n").encode())) as live:
        assert reader.text(live.url) == "é\n".encode()


def test_frame_that_is_too_big(reader: Reader):
    """A frame of more than 16 MiB is refused."""
    with websocket_host(lambda connection, _: connection.send(frame("x" * 17_000_000))) as live:
        error, _ = reader.fail(live.url)
    assert type(error) is InvalidResponse


def test_large_frame(reader: Reader):
    """A frame of some megabytes is fine."""
    with websocket_host(says("x" * 5_000_000)) as live:
        assert len(reader.text(live.url)) == 5_000_000


@pytest.mark.parametrize("every", [None, 0.02])
def test_live_text_that_never_ends(hasty: Reader, every: float | None):
    """A live log that falls silent or goes on for ever ends with the time-out."""

    def handle(connection: ServerConnection, host: LogHost) -> None:
        connection.send(frame("x"))
        while not host.released.wait(every or LIMIT_SECONDS):
            connection.send(frame("x"))

    started = time.monotonic()
    with websocket_host(handle) as live:
        error, found = hasty.fail(live.url)
        took = time.monotonic() - started
    assert type(error) is RequestTimeout
    assert found.startswith(b"x")
    assert took > 0.5


def test_refused_handshakes_fall_back_to_get_and_two_are_remembered(reader: Reader):
    """GET takes over at once; after two refusals in a row no WebSocket is tried for a while."""
    with http_host(log=answer(b"web text\n")) as host:
        url = f"{host.url}/log{QUERY}"
        expected = [LogChunk(b"web text\n", LIVE_PART), LogChunk(b"", LIVE_PART, last=True)]
        assert reader.read(url) == expected
        assert (len(host.heads), host.websocket_tries) == (2, 1)
        assert reader.observer.kinds == ["sent", "unexpected", "sent", "ok"]
        assert reader.read(url) == expected
        assert (len(host.heads), host.websocket_tries) == (4, 2)
        assert reader.read(url) == expected
        assert (len(host.heads), host.websocket_tries) == (5, 2)
        assert len(reader.observer.only("fell back")) == 3
        reader.ahead += GET_REMEMBERED
        assert reader.read(url) == expected
        assert reader.read(url) == expected
        assert (len(host.heads), host.websocket_tries) == (8, 3)


def test_one_refusal_between_streams_that_open_is_not_remembered(reader: Reader):
    """Only refusals in a row count: a host whose WebSockets open otherwise is asked for them."""
    tries: list[Request] = []

    def process(connection: ServerConnection, request: Request) -> Response | None:
        if "Upgrade" not in request.headers:
            return connection.respond(200, "by GET\n")
        tries.append(request)
        return connection.respond(502, "") if len(tries) % 2 else None

    with websocket_host(says("by stream\n"), process_request=process) as live:
        texts = [reader.text(live.url) for _ in range(6)]
    assert texts == [b"by GET\n", b"by stream\n"] * 3


def test_get_that_fails_too_is_not_remembered(reader: Reader):
    """Where neither works, the GET's error counts, and the WebSocket is tried again next time."""
    with http_host() as host:
        for _ in range(2):
            error, _ = reader.fail(f"{host.url}/log{QUERY}")
            assert type(error) is NotFound
        assert host.websocket_tries == 2


@pytest.mark.found(
    "One slow WebSocket handshake made all logs of a host be read by plain GET for five minutes.",
    how="a test that failed on a busy machine",
)
@pytest.mark.parametrize(
    ("refuse", "kind"), [(hang, "timeout"), (lambda *_: None, "connection")], ids=["hangs", "drops"]
)
def test_handshake_without_an_answer_says_nothing_of_the_host(hasty: Reader, refuse, kind: str):
    """It is the error of its read: no GET follows, and the next reads open WebSockets again."""
    with http_host(log=refuse) as host:
        for tries in range(1, 4):
            error, _ = hasty.fail(f"{host.url}/log")
            assert error.kind == kind
            assert (len(host.heads), host.websocket_tries) == (tries, tries)
    assert hasty.observer.kinds == ["sent", kind] * 3
    assert hasty.observer.only("fell back") == []


def test_an_answer_that_is_no_http_is_a_refusal(reader: Reader):
    """A host that breaks the protocol is read by GET, as one that answers with a status is."""

    def respond(connection: socket.socket, host: LogHost) -> None:
        if host.websocket_tries == len(host.heads):
            connection.sendall(b"nonsense\r\n\r\n")
        else:
            answer(b"text")(connection, host)

    with http_host(log=respond) as host:
        assert reader.text(f"{host.url}/log") == b"text"
    assert len(reader.observer.only("fell back")) == 1


def test_no_credentials_reach_a_log_host(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """No Authorization header and no cookie, whatever .netrc, session, URL or host would have."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    reader.session.headers["Authorization"] = "Bearer never"
    cookie = {"Set_Cookie": "id=7"}
    here = answer(status="302 Found", Location="/end", **cookie)
    with (
        http_host(log=here, end=answer(b"a", **cookie)) as host,
        websocket_host(says("b")) as live,
    ):
        for _ in range(2):
            reader.read(f"http://user:pass@{live.host}/", f"http://user:pass@{host.host}/log")
            reader.read(f"ws://user:pass@{host.host}/end")
    assert len(host.heads) >= 7
    assert len(live.heads) == 2
    for head in host.heads + live.heads:
        assert "authorization" not in head.lower()
        assert "cookie" not in head.lower()


def test_urls_stay_out_of_every_log(reader: Reader, caplog: pytest.LogCaptureFixture):
    """Even with every logger at DEBUG, no library writes the query of a log URL."""

    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\nno colon\r\n\r\n"
    with caplog.at_level(logging.DEBUG):
        with http_host(log=answer(b"a"), odd=answers_with(head + b"a")) as host:
            reader.read(f"{host.url}/log{QUERY}", f"{host.url}/odd{QUERY}")
        with websocket_host(says("b")) as live:
            reader.read(live.url + QUERY)
    # The server of the test runs the same library and logs the request under its own name.
    ours = [record for record in caplog.records if record.name != "websockets.server"]
    assert "credential" not in "".join(record.getMessage() for record in ours)


@pytest.mark.parametrize("way", ["get", "websocket"])
def test_shutdown_ends_a_read(reader: Reader, way: str):
    """At shutdown a read that is under way gives up; that is no failure of the request."""

    def handle(connection: ServerConnection, host: LogHost) -> None:
        while not host.released.wait(0.01):
            connection.send(frame("x"))

    context = http_host(log=dribble) if way == "get" else websocket_host(handle)
    with context as host:
        locations = (None, f"{host.url}/log") if way == "get" else (host.url,)
        chunks = reader.content.read(LogLocations(locations[0], locations[1:]), target="t")
        next(chunks)
        reader.stop.set()
        with pytest.raises(Stopping):
            for _ in chunks:
                pass
    assert reader.observer.kinds == ["sent"]


def test_caller_that_leaves_closes_the_connection(reader: Reader):
    """A caller that stops half-way ends the connection at once."""
    gone = threading.Event()

    def handle(connection: ServerConnection, _: LogHost) -> None:
        connection.send(frame("x"))
        with suppress(ConnectionClosed):
            connection.recv()
        gone.set()

    with websocket_host(handle) as live:
        chunks = reader.content.read(LogLocations(live.url), target="t")
        assert next(chunks).data == b"x"
        chunks.close()
        assert gone.wait(LIMIT_SECONDS)


@pytest.mark.found(
    "A `ca_file` without a certificate ended the start by a traceback that did not name it.",
    how="Reading where TLS contexts are made, then a start with such a file",
)
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("empty.pem", "it holds no certificate"),
        ("text.pem", "it holds no certificate"),
        ("missing.pem", "No such file or directory"),
    ],
)
def test_authorities_that_cannot_be_used_are_a_mistake_with_its_place(
    name: str, why: str, tmp_path: Path
):
    """The message says which key, which file, why, and what would be right."""
    (tmp_path / "empty.pem").write_bytes(b"")
    (tmp_path / "text.pem").write_text("no certificate")
    file = tmp_path / name
    with pytest.raises(ConfigError) as refused:
        Reader(ca_file=str(file))
    assert str(refused.value) == (
        f"digitalocean.ca_file: {file} cannot be used: {why}; name a file of CA certificates in PEM"
    )


def test_private_authority_is_trusted_where_it_is_named(tmp_path: Path):
    """With ca_file, TLS to a private host works for WebSocket and GET; without it, it does not."""
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting, other = Reader(ca_file=str(ca_file)), Reader()
    # The server's side of the refused handshake is no concern of this test.
    logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
    try:
        with websocket_host(says("secret\n"), ssl=context) as live:
            assert trusting.text(live.url + QUERY) == b"secret\n"
            assert trusting.text(f"wss://{live.host}/") == b"secret\n"
            error, _ = trusting.fail(None, live.url + QUERY)
            assert type(error) is UnexpectedStatus
            error, _ = other.fail(live.url + QUERY)
        assert type(error) is ConnectionFailed
        assert "certificate refused" in error.detail
    finally:
        logging.getLogger("websockets.server").setLevel(logging.NOTSET)
        trusting.session.close()
        other.session.close()


@given(text=st.text(), places=st.lists(st.integers(0, 500), max_size=10))
def test_any_cutting_into_frames_gives_the_same_bytes(text: str, places: list[int]):
    """However a text is cut into frames, its bytes are the same."""
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    frames = [frame(text[first:last]) for first, last in pairwise(edges)]
    assert b"".join(frame_text(each.encode()) for each in frames) == text.encode()


@given(st.binary(max_size=50))
def test_any_frame_is_text_or_an_invalid_response(data: bytes):
    """No frame, whatever its bytes, raises anything else."""
    with suppress(InvalidResponse):
        assert isinstance(frame_text(data), bytes)


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=20)  # half pairs too
VALUES = st.one_of(ANY_TEXT, st.none(), st.integers(), st.floats(), st.lists(ANY_TEXT, max_size=2))


@given(st.dictionaries(st.sampled_from(["data", "more"]), VALUES), st.booleans())
def test_a_frame_is_read_as_the_lenient_reader_of_json_has_it(message: dict, names: bool):
    """Whatever is strict JSON and what is not: half pairs, NaN, other fields and types."""
    text = json.dumps(message, ensure_ascii=names)
    data = text.encode("utf-8", "surrogatepass")
    wanted = message.get("data")
    if isinstance(wanted, str) and not any("\ud800" <= each <= "\udfff" for each in text):
        assert frame_text(data) == wanted.encode("utf-8", "replace")
    else:
        with pytest.raises(InvalidResponse):
            frame_text(data)


def test_lone_surrogates_do_not_crash():
    """Half of a surrogate pair, which JSON can name and UTF-8 cannot hold, is replaced."""
    assert frame_text(rb'{"data": "a\ud83db\n"}') == b"a?b\n"
