"""Slow, silent and hostile clients: they delay nobody, and are cut off after a bounded time."""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests
import trustme
from prometheus_client import Gauge
from waiting import wait_for
from web_fixtures import TIMEOUT, get, make_server, serving

from exporter.telemetry.table import MetricTable
from exporter.web.http.connections import Limits

SHORT = Limits(handshake=2, request=1, answer=1, idle=30)
"""Times that end within a test; how soon is not measured."""

HASTY = Limits(handshake=3600, request=1, answer=3600, idle=3600)
"""A request has to come soon; a good client, which sends it in one go, has all its time."""

PATIENT = Limits(handshake=3600, request=3600, answer=3600, idle=3600)
"""Times that do not end within a test."""


@pytest.fixture
def secure(tmp_path: Path) -> Path:
    """A web configuration file with a certificate."""
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    file = tmp_path / "web.yml"
    file.write_text("tls_server_config: {cert_file: server.pem, key_file: server.pem}\n")
    return file


@contextmanager
def connected(base: str, **options: int) -> Iterator[socket.socket]:
    """A plain TCP connection to the server."""
    host, port = base.split("//")[1].split(":")
    with socket.socket() as client:
        for name, value in options.items():
            client.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
        client.settimeout(TIMEOUT)
        client.connect((host, int(port)))
        yield client


def is_cut_off(client: socket.socket, keep_on: Callable[[], None] = lambda: None) -> bool:
    """Whether the server ends the connection while the client keeps on with what it does."""
    client.settimeout(0.05)
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        try:
            keep_on()
            if client.recv(1 << 16) == b"":
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def ask(client: socket.socket) -> None:
    """One request and its whole answer."""
    client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"Healthy.\n"):
        answer += client.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 200")


def insecure(base: str) -> requests.Response:
    with pytest.warns(Warning, match="Unverified HTTPS"):
        return requests.get(f"{base}/-/healthy", verify=False, timeout=TIMEOUT)


def in_the_end(answer: Callable[[], requests.Response]) -> requests.Response:
    """The answer to a good client, which may be too slow for short times on a busy machine."""

    def attempt() -> requests.Response | None:
        with suppress(requests.ConnectionError):
            return answer()
        return None

    found = wait_for(attempt)
    assert found is not None
    return found


def test_a_silent_client_is_cut_off():
    """A connection on which nothing is ever sent ends."""
    with serving(limits=SHORT) as base, connected(base) as client:
        assert is_cut_off(client)


def test_a_header_byte_by_byte_is_cut_off():
    """Each byte comes in time, the whole header never: the connection ends."""
    with serving(limits=SHORT) as base, connected(base) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX: ")
        assert is_cut_off(client, lambda: client.sendall(b"a"))


@pytest.mark.parametrize("path", [b"/metrics", b"/-/healthy", b"/nowhere"])
def test_a_body_that_never_ends_is_cut_off(path: bytes):
    """A request whose body goes on and on ends, answered or not."""
    with serving(limits=SHORT) as base, connected(base) as client:
        client.sendall(
            b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        assert is_cut_off(client, lambda: client.sendall(b"1\r\na\r\n"))


def test_a_body_that_never_comes_is_cut_off():
    """A request that announces a body and sends none ends."""
    with serving(limits=SHORT) as base, connected(base) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        assert is_cut_off(client)


def test_a_second_request_that_never_ends_is_cut_off():
    """The time for a request begins anew with each: half of a second one ends the connection."""
    with serving(limits=HASTY) as base, connected(base) as client:
        ask(client)
        client.sendall(b"GET /-/healthy HTTP/1.1\r\n")
        assert is_cut_off(client)


def large_registry() -> MetricTable:
    """A registry whose exposition fits into no socket buffer."""
    registry = MetricTable()
    gauge = Gauge("big", "Big.", ["text"], registry=registry)
    for number in range(200):
        gauge.labels(f"{number} {'x' * 50_000}")
    return registry


@pytest.mark.parametrize("requests_sent", [1, 20])
def test_a_reader_that_never_reads_is_cut_off(requests_sent: int):
    """An answer that is not taken, or several asked for in one go, ends the connection."""
    with serving(large_registry(), limits=SHORT) as base, connected(base, SO_RCVBUF=4096) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * requests_sent)
        time.sleep(2 * SHORT.answer + 2 * SHORT.sweep)
        received = 0
        try:
            while chunk := client.recv(1 << 20):
                received += len(chunk)
        except ConnectionError:
            pass
        assert received < 10_000_000
        assert in_the_end(lambda: get(f"{base}/-/healthy")).status_code == 200


def test_of_many_that_do_not_read_the_first_are_cut_off():
    """Only so many may lag behind; those that began last get all of their answer."""
    few = Limits(handshake=3600, request=3600, answer=3600, idle=3600, lagging=2)
    with serving(large_registry(), limits=few) as base, ExitStack() as stack:
        readers = []
        for _ in range(5):
            readers.append(stack.enter_context(connected(base, SO_RCVBUF=4096)))
            readers[-1].sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert readers[-1].recv(15, socket.MSG_WAITALL) == b"HTTP/1.1 200 OK"
        time.sleep(4 * few.sweep)
        received = []
        for reader in readers:
            received.append(0)
            try:
                while chunk := reader.recv(1 << 20):
                    received[-1] += len(chunk)
            except ConnectionError:
                continue
    assert [size > 10_000_000 for size in received] == [False, False, False, True, True]


def test_a_slow_reader_gets_all_of_its_answer():
    """Whoever keeps reading within the time gets every byte."""
    with serving(large_registry(), limits=PATIENT) as base, connected(base) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := client.recv(1 << 18):
            received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head
        assert body == get(f"{base}/metrics").content


def test_half_a_handshake_is_cut_off(secure: Path):
    """A client that begins TLS and stops there is cut off, and so is one that does not begin."""
    with serving(config_file=secure, limits=SHORT, scheme="https") as base:
        with connected(base) as silent, connected(base) as half:
            half.sendall(client_hello()[:100])
            assert in_the_end(lambda: insecure(base)).status_code == 200
            assert is_cut_off(half)
            assert is_cut_off(silent)
        assert in_the_end(lambda: insecure(base)).status_code == 200


def client_hello() -> bytes:
    """The first packet of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="x")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_stalled_clients_of_every_kind_delay_nobody(secure: Path):
    """While all of them hold on, others are answered, over TLS and without."""
    beginnings = (b"", b"GET /metr", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
    for config_file, scheme in ((None, "http"), (secure, "https")):
        with (
            serving(config_file=config_file, limits=PATIENT, scheme=scheme) as base,
            ExitStack() as stack,
        ):
            for beginning in (*beginnings, client_hello()[:50]) * 5:
                stack.enter_context(connected(base)).sendall(beginning)
            for _ in range(3):
                answer = insecure(base) if config_file else get(f"{base}/-/healthy")
                assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["plain", "half a header", "half a handshake"])
def test_a_crowd_of_stalled_clients_stops_no_scrape(kind: str, secure: Path):
    """Many more idle connections than are allowed: a scrape gets the place of the oldest."""
    few = Limits(connections=20, handshake=3600, request=3600, answer=3600, idle=3600)
    config_file, scheme = (secure, "https") if "handshake" in kind else (None, "http")
    beginning = {"plain": b"", "half a header": b"GET / HT"}.get(kind, client_hello()[:50])
    with (
        serving(config_file=config_file, limits=few, scheme=scheme) as base,
        ExitStack() as stack,
    ):
        crowd = []
        for _ in range(100):
            crowd.append(stack.enter_context(connected(base)))
            crowd[-1].sendall(beginning)
        for _ in range(3):
            answer = insecure(base) if config_file else get(f"{base}/-/healthy")
            assert answer.status_code == 200
        assert all(is_cut_off(client) for client in crowd[:80])


def test_clients_in_the_middle_of_an_answer_keep_their_place():
    """Where all places are taken by answers under way, a newcomer is closed, and nobody else."""
    two = Limits(connections=2, handshake=3600, request=3600, answer=3600, idle=3600)
    with serving(large_registry(), limits=two) as base, ExitStack() as stack:
        readers = [stack.enter_context(connected(base, SO_RCVBUF=4096)) for _ in range(2)]
        for reader in readers:
            reader.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert reader.recv(15, socket.MSG_WAITALL) == b"HTTP/1.1 200 OK"
        newcomer = stack.enter_context(connected(base))
        assert is_cut_off(newcomer)
        for reader in readers:
            received = 0
            while chunk := reader.recv(1 << 20):
                received += len(chunk)
            assert received > 10_000_000
        assert get(f"{base}/-/healthy").status_code == 200


def test_an_idle_connection_is_kept_for_the_next_scrape():
    """Between scrapes a connection lives on, however short the time for a request."""
    with serving(limits=HASTY) as base, connected(base) as client:
        for _ in range(2):
            ask(client)
            time.sleep(2 * HASTY.request + 2 * HASTY.sweep)


def test_an_idle_connection_ends_after_its_time():
    """Nobody keeps a connection for ever by doing nothing on it."""
    limits = Limits(handshake=3600, request=3600, answer=3600, idle=0.2)
    with serving(limits=limits) as base, connected(base) as client:
        ask(client)
        assert is_cut_off(client)


def test_stop_ends_stalled_clients(secure: Path):
    """Clients in the middle of anything do not keep the server from ending in its time."""
    for config_file in (None, secure):
        server = make_server(large_registry(), config_file=config_file, limits=PATIENT)
        server.start()
        base = f"http://127.0.0.1:{server.addresses[0][1]}"
        with connected(base) as silent, connected(base) as half, connected(base) as deaf:
            half.sendall(client_hello()[:50])
            deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            server.stop(2.0)  # they are cut off after a second
            assert server.stop(TIMEOUT), "the thread had all the time to end"
            assert is_cut_off(silent)


def test_the_system_has_no_more_descriptors(monkeypatch, caplog):
    """It is said once, and connections are accepted again as soon as there are some."""
    import asyncio

    accept = asyncio.SelectorEventLoop.sock_accept
    failures = iter([OSError(24, "Too many open files")] * 3)

    async def failing(loop, listener):
        if (error := next(failures, None)) is not None:
            raise error
        return await accept(loop, listener)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_accept", failing)
    monkeypatch.setattr("exporter.web.http.connections.ACCEPT_PAUSE", 0.01)
    with serving() as base:
        assert get(f"{base}/-/healthy").status_code == 200
    said = [record.getMessage() for record in caplog.records if record.name.startswith("exporter")]
    assert said == ["cannot accept a connection; trying again"]


def test_no_more_connections_than_descriptors_allow(monkeypatch):
    """Half of the descriptors stay free for the reading, whatever the limit."""
    import resource

    for soft, affordable in ((1024, 512), (100, 50), (1, 1), (-1, 512)):
        monkeypatch.setattr(resource, "getrlimit", lambda kind, soft=soft: (soft, soft))
        assert Limits().affordable_connections == affordable


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000,
        b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n\x00\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\0\r\n",
    ],
    ids=["binary", "no host", "long header", "bad body", "bad second request", "upgrade"],
)
def test_what_is_no_http_is_refused_and_no_news(sent: bytes, caplog: pytest.LogCaptureFixture):
    """Each ends the connection, a bad first request by a 400 with our headers; nothing is said."""
    with serving(limits=SHORT) as base:
        with connected(base) as client:
            client.sendall(sent)
            received = b""
            try:
                while chunk := client.recv(1 << 16):
                    received += chunk
            except ConnectionError:
                pass
        if sent.startswith((b"\x00", b"GET / HTTP/1.1\r\n\r\n")):
            assert received.startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert b"x-content-type-options: nosniff" in received.lower()
        assert get(f"{base}/-/healthy").status_code == 200
    assert [record for record in caplog.records if "urllib3" not in record.name] == []


def test_a_body_that_is_wrong_after_its_answer(caplog: pytest.LogCaptureFixture):
    """What comes after the answer to a request, and is no HTTP, ends the connection in silence."""
    with serving(limits=SHORT) as base, connected(base) as client:
        client.sendall(b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert client.recv(12) == b"HTTP/1.1 405"
        assert is_cut_off(client, lambda: client.sendall(b"no chunk\r\n"))
    assert [record for record in caplog.records if "urllib3" not in record.name] == []


def test_clients_that_are_gone_before_they_are_let_in_cost_nothing(monkeypatch, caplog):
    """An aborted connection is no lack of descriptors: the next one is accepted at once."""
    import asyncio

    accept = asyncio.SelectorEventLoop.sock_accept
    failures = iter([ConnectionAbortedError(103, "aborted")] * 3)

    async def failing(loop, listener):
        if (error := next(failures, None)) is not None:
            raise error
        return await accept(loop, listener)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_accept", failing)
    monkeypatch.setattr("exporter.web.http.connections.ACCEPT_PAUSE", 1000)
    with serving() as base:
        assert get(f"{base}/-/healthy").status_code == 200
    assert [record for record in caplog.records if record.name.startswith("exporter")] == []


def test_a_mistake_in_the_server_is_said(monkeypatch, caplog):
    """Should a task of it end by an error, the log says so, with the error."""

    async def broken(self):
        raise ZeroDivisionError

    monkeypatch.setattr("exporter.web.http.connections.Acceptor._sweep", broken)
    with serving() as base:
        assert get(f"{base}/-/healthy").status_code == 200
    assert "the web server stands still" in caplog.text
    assert "ZeroDivisionError" in caplog.text
