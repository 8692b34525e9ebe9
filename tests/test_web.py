"""The pages over real sockets: endpoints, formats, headers, and who waits for whom."""

import errno
import gzip
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from prometheus_client import (
    Counter,
    Histogram,
    disable_created_metrics,
    enable_created_metrics,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import Collector
from web_fixtures import LOOPBACK, TIMEOUT, Status, get, make_server, serving

from exporter.errors import ExporterError, ListenError
from exporter.telemetry.table import MetricTable
from exporter.web.http.connections import Limits

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


class Unhurried(Collector):
    """A collector that registering does not collect at once."""

    def describe(self) -> Iterator[Metric]:
        yield from ()


class SlowCollector(Unhurried):
    """Holds every render until it is released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()

    def collect(self) -> Iterator[Metric]:
        self.entered.set()
        assert self.release.wait(TIMEOUT)
        yield from ()


class BrokenCollector(Unhurried):
    """Fails in every render."""

    def collect(self) -> Iterator[Metric]:
        raise RuntimeError("no numbers today")


@pytest.fixture
def registry() -> MetricTable:
    """A registry with a counter at 3 and a histogram of one observation."""
    registry = MetricTable()
    Counter("lines_total", "Lines.", ["app"], registry=registry).labels("shop").inc(3)
    Histogram("wait_seconds", "Wait.", registry=registry, buckets=(1,)).observe(0.5)
    return registry


@pytest.fixture
def without_created() -> Iterator[None]:
    """The process-wide switch that the command throws at its start."""
    disable_created_metrics()
    yield
    enable_created_metrics()


def test_text_format_is_the_default(registry: MetricTable, without_created: None):
    """Without an Accept header the text format answers, with no `_created` series."""
    with serving(registry) as base:
        answer = get(f"{base}/metrics", Accept="*/*")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in parse_text(answer.text)}
    assert [sample.value for sample in families["lines"].samples] == [3.0]
    assert "_created" not in answer.text
    assert "# EOF" not in answer.text


def test_openmetrics_by_accept(registry: MetricTable):
    """A scrape that prefers OpenMetrics, as Prometheus does, gets it whole."""
    accept = f"{OPENMETRICS},text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    with serving(registry) as base:
        answer = get(f"{base}/metrics", Accept=accept)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert {family.name for family in parse_openmetrics(answer.text)} == {"lines", "wait_seconds"}


def test_malformed_accept_gets_text():
    """A version that is no number is no server error: the text format answers."""
    with serving() as base:
        answer = get(f"{base}/metrics", Accept="application/openmetrics-text; version=abc")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_gzip_only_where_accepted(registry: MetricTable):
    """The body is gzipped for who accepts that, and is the same text as without."""
    with serving(registry) as base:
        plain = get(f"{base}/metrics")
        with requests.get(
            f"{base}/metrics", headers={"Accept-Encoding": "gzip"}, stream=True, timeout=TIMEOUT
        ) as packed:
            raw = packed.raw.read(decode_content=False)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(raw) == plain.content


def test_telemetry_path_moves_the_metrics(registry: MetricTable):
    """Metrics stand at the configured path alone, and the page links there."""
    with serving(registry, telemetry_path="/prom/app") as base:
        assert "lines_total" in get(f"{base}/prom/app").text
        assert get(f"{base}/metrics").status_code == 404
        assert 'href="./prom/app"' in get(f"{base}/").text


def test_metrics_may_take_the_place_of_the_page(registry: MetricTable):
    """With `/` as telemetry path the metrics answer there, and health checks stay."""
    with serving(registry, telemetry_path="/") as base:
        assert "lines_total" in get(f"{base}/").text
        assert get(f"{base}/-/healthy").status_code == 200


def test_health_checks_follow_the_status():
    """Both checks answer 200, or 503 with the reason as text, as the status changes."""
    status = Status()
    with serving(status=status) as base:
        for path in ("/-/healthy", "/-/ready"):
            assert get(base + path).status_code == 200
        status.readiness = (False, "3 of 8 sources were not read yet")
        answer = get(f"{base}/-/ready")
        assert (answer.status_code, answer.text) == (503, "3 of 8 sources were not read yet\n")
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert get(f"{base}/-/healthy").status_code == 200
        status.health = (False, "the schedule stands still")
        answer = get(f"{base}/-/healthy")
        assert (answer.status_code, answer.text) == (503, "the schedule stands still\n")


@pytest.mark.parametrize(
    "path", ["/favicon.ico", "/metrics/", "/-/", "/-/reload", "/static/", "/static/../page.py"]
)
def test_other_paths_are_404(path: str):
    """Every other path answers a short text, without redirecting."""
    with serving() as base:
        answer = requests.get(base + path, timeout=TIMEOUT, allow_redirects=False)
    assert answer.status_code == 404
    assert answer.text == "Not Found\n"


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/static/style.css"])
def test_methods(registry: MetricTable, path: str):
    """HEAD answers as GET does but for the body; any other method is 405."""
    with serving(registry) as base:
        whole = get(base + path)
        head = requests.head(base + path, headers={"Accept-Encoding": "identity"}, timeout=TIMEOUT)
        assert (whole.status_code, head.status_code) == (200, 200)
        assert head.content == b""
        assert head.headers["Content-Length"] == str(len(whole.content))
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            refused = requests.request(method, base + path, timeout=TIMEOUT)
            assert refused.status_code == 405
            assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/ready", "/static/style.css", "/nowhere"])
def test_security_headers(path: str):
    """Every answer forbids scripts, frames, sniffing and referrers, and names no server."""
    with serving() as base:
        headers = get(base + path).headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == ("max-age=3600" if "style" in path else "no-store")
    assert "Server" not in headers


def test_failing_render_is_a_500(caplog: pytest.LogCaptureFixture):
    """A collector that raises gives a 500 without its message, which the log has."""
    registry = MetricTable()
    registry.register(BrokenCollector())
    with serving(registry) as base:
        answer = get(f"{base}/metrics")
        assert get(f"{base}/-/healthy").status_code == 200
    assert (answer.status_code, answer.text) == (500, "Internal Server Error\n")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no numbers today" in caplog.text


def test_slow_renders_hold_up_no_health_check():
    """More scrapes than there are worker threads, all stuck, leave the checks answering."""
    slow = SlowCollector()
    registry = MetricTable()
    registry.register(slow)
    with serving(registry) as base, ThreadPoolExecutor(60) as pool:
        scrapes = [pool.submit(get, f"{base}/metrics") for _ in range(60)]
        assert slow.entered.wait(TIMEOUT)
        try:
            assert get(f"{base}/-/healthy").status_code == 200
            assert get(f"{base}/-/ready").status_code == 200
            assert not any(scrape.done() for scrape in scrapes)
        finally:
            slow.release.set()
        assert {scrape.result(TIMEOUT).status_code for scrape in scrapes} == {200}


def test_stalled_client_delays_nobody(registry: MetricTable):
    """Clients that sent half a request neither delay the others nor the end."""
    for_ever = Limits(handshake=3600, request=3600, answer=3600, idle=3600)
    with serving(registry, limits=for_ever) as base:
        port = int(base.rsplit(":", 1)[1])
        stalled = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
        for client in stalled:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: te")
        for path in ("/", "/metrics", "/-/healthy"):
            assert requests.get(base + path, timeout=TIMEOUT).status_code == 200
    for client in stalled:
        with client:
            client.settimeout(TIMEOUT)
            assert client.recv(1) == b""


def test_parallel_scrapes_during_updates_parse():
    """Scrapes in both formats while counters and series grow are whole, and never go back."""
    registry = MetricTable()
    counter = Counter("lines_total", "Lines.", ["app"], registry=registry)
    histogram = Histogram("wait_seconds", "Wait.", ["app"], registry=registry)
    stop = threading.Event()

    def update() -> None:
        number = 0
        while not stop.is_set():
            counter.labels(f"app-{number % 200}").inc()
            histogram.labels(f"app-{number % 200}").observe(number % 7)
            number += 1

    def scrape(base: str, accept: str) -> list[float]:
        parse = parse_openmetrics if accept == OPENMETRICS else parse_text
        totals = []
        for _ in range(5):
            families = list(parse(get(f"{base}/metrics", Accept=accept).text))
            assert [family.name for family in families if "created" not in family.name] == [
                "lines",
                "wait_seconds",
            ]
            samples = [sample for family in families for sample in family.samples]
            totals.append(sum(s.value for s in samples if s.name == "lines_total"))
        return totals

    writer = threading.Thread(target=update)
    writer.start()
    try:
        with serving(registry) as base, ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda accept: scrape(base, accept), [OPENMETRICS, "text/plain"]))
    finally:
        stop.set()
        writer.join()
    for totals in runs:
        assert totals == sorted(totals)
        assert totals[-1] > totals[0]


def test_server_binds_every_address():
    """Several addresses are served at once, each with its real port."""
    server = make_server(addresses=[LOOPBACK, LOOPBACK])
    assert server.addresses == ()
    server.start()
    try:
        ports = {port for _, port in server.addresses}
        assert len(ports) == 2
        assert 0 not in ports
        for port in ports:
            assert get(f"http://127.0.0.1:{port}/-/healthy").status_code == 200
    finally:
        assert server.stop(TIMEOUT)
    for port in ports:
        with pytest.raises(requests.ConnectionError):
            get(f"http://127.0.0.1:{port}/-/healthy")


def test_address_in_use_is_told():
    """A port in use is an error with the address and the reason; nothing stays bound."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = make_server(addresses=[LOOPBACK, ("127.0.0.1", port)])
        with pytest.raises(ListenError) as caught:
            server.start()
    assert isinstance(caught.value, ExporterError)
    assert str(caught.value) == f"cannot listen on 127.0.0.1:{port}: Address already in use"
    assert server.addresses == ()
    assert server.stop(TIMEOUT)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("no-such-host.invalid", "no-such-host.invalid:0"),
        ("192.0.2.1", "192.0.2.1:0"),
        ("2001:db8::1", "[2001:db8::1]:0"),
        ("a" * 64 + ".test", "a" * 64 + ".test:0"),
    ],
    ids=["unresolvable", "foreign IPv4", "foreign IPv6", "no host name"],
)
def test_unusable_address_is_told(host: str, shown: str):
    """A name that does not resolve, or another machine's address, is named with a reason."""
    with pytest.raises(ListenError) as caught:
        make_server(addresses=[(host, 0)]).start()
    assert str(caught.value).startswith(f"cannot listen on {shown}: ")
    assert caught.value.reason


@pytest.mark.parametrize(
    ("ipv6", "asked"), [(True, ["::"]), (False, ["::", "0.0.0.0"])], ids=["dual stack", "IPv4"]
)
def test_empty_host_means_every_interface(
    monkeypatch: pytest.MonkeyPatch, ipv6: bool, asked: list[str]
):
    """`:PORT` is one socket for IPv6 and IPv4, or the IPv4 wildcard where IPv6 is missing."""
    create = socket.create_server
    seen: list[tuple[str, bool]] = []

    def create_on_loopback(address: tuple[str, int], **options: Any) -> socket.socket:
        seen.append((address[0], options.get("dualstack_ipv6", False)))
        if address[0] == "::" and not ipv6:
            raise OSError(errno.EADDRNOTAVAIL, "no IPv6 here")
        return create(("127.0.0.1", address[1]))

    monkeypatch.setattr(socket, "create_server", create_on_loopback)
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: True)
    server = make_server(addresses=[("", 0)])
    server.start()
    assert server.stop(TIMEOUT)
    assert seen == [(host, host == "::") for host in asked]


def test_stop_waits_for_a_request_under_way():
    """A scrape that is being rendered when the end comes still gets its answer."""
    slow = SlowCollector()
    registry = MetricTable()
    registry.register(slow)
    server = make_server(registry)
    server.start()
    url = f"http://127.0.0.1:{server.addresses[0][1]}/metrics"
    with ThreadPoolExecutor(2) as pool:
        scrape = pool.submit(get, url)
        assert slow.entered.wait(TIMEOUT)
        ended = pool.submit(server.stop, TIMEOUT)
        slow.release.set()
        assert scrape.result(TIMEOUT).status_code == 200
        assert ended.result(TIMEOUT) is True


def test_stop_is_bounded_when_a_render_hangs():
    """`stop` gives up in its time and says so, while a render hangs."""
    slow = SlowCollector()
    registry = MetricTable()
    registry.register(slow)
    server = make_server(registry)
    server.start()
    url = f"http://127.0.0.1:{server.addresses[0][1]}/metrics"
    with ThreadPoolExecutor(1) as pool:
        scrape = pool.submit(get, url)
        assert slow.entered.wait(TIMEOUT)
        assert server.stop(0.2) is False
        slow.release.set()
        assert scrape.exception(TIMEOUT) is None or isinstance(
            scrape.exception(TIMEOUT), requests.ConnectionError
        )
    assert server.stop(TIMEOUT) is True


def test_server_writes_no_log_of_its_own(caplog: pytest.LogCaptureFixture):
    """Neither start, requests, bad requests nor stop leave a line in the program's log."""
    caplog.set_level(logging.INFO)
    with serving() as base:
        get(f"{base}/-/healthy")
        with socket.create_connection(("127.0.0.1", int(base.rsplit(":", 1)[1]))) as client:
            client.sendall(b"\x16\x03\x01 no HTTP\r\n\r\n")
            client.settimeout(TIMEOUT)
            assert client.recv(12) == b"HTTP/1.1 400"
    assert [record.name for record in caplog.records if "urllib3" not in record.name] == []
