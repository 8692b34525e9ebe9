"""Pushed logs, from the clients that send them to the counters of the installed command."""

import gzip
import json
import random
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import bcrypt
import pytest
import requests
import trustme
import yaml
from datadog_api_client import ApiClient, Configuration
from datadog_api_client.v2.api.logs_api import LogsApi
from datadog_api_client.v2.model.content_encoding import ContentEncoding
from datadog_api_client.v2.model.http_log import HTTPLog
from datadog_api_client.v2.model.http_log_item import HTTPLogItem
from exporter_process import PACKS, ExporterProcess, Program, simulated
from opensearchpy import OpenSearch
from opensearchpy.helpers import BulkIndexError, bulk
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from simulated_traffic import simulator
from waiting import LIMIT_SECONDS, wait_for

from exporter.commands.children import free_port
from exporter.simulator.forwarding import Habits
from exporter.simulator.platform import Platform
from exporter.simulator.pushing import Pusher
from exporter.simulator.state import ComponentSpec, Kind

PASSWORD = "correct-horse-battery-staple"
COMPONENTS = (ComponentSpec("web", Kind.SERVICE, 1), ComponentSpec("worker", Kind.WORKER, 1))
LINES = "digitalocean_app_log_lines_total"
MATCHES = "digitalocean_app_log_matches_total"
DUPLICATES = "digitalocean_app_received_duplicates_total"
UNKNOWN = "digitalocean_app_received_unknown_lines_total"
ERRORS = "digitalocean_app_receive_errors_total"


@pytest.fixture(autouse=True)
def _no_other_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle of the machine's own would take the place of the one that clients are given."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


class Receiving:
    """An exporter that receives, with a simulated account behind it."""

    def __init__(
        self, exporter: ExporterProcess, platform: Platform, token: str, port: int, ca: str
    ) -> None:
        self.exporter = exporter
        self.platform = platform
        self.token = token
        self.port = port
        self.ca = ca
        self.url = f"{'https' if ca else 'http'}://127.0.0.1:{port}"

    def lines(self, component: str, app: str = "shop") -> float:
        return self.exporter.metrics().total(LINES, app=app, component=component, log_type="RUN")

    def post(self, path: str, body: bytes | Iterator[bytes], **headers: str) -> requests.Response:
        return requests.post(
            self.url + path,
            data=body,
            headers=headers,
            verify=self.ca or True,
            timeout=LIMIT_SECONDS,
        )


@contextmanager
def receiving(folder: Path, *, secure: bool = False, **config: Any) -> Iterator[Receiving]:
    """The exporter in mode receive, once it is ready."""
    port, ca = free_port(), ""
    receive: dict[str, Any] = {"listen_addresses": [f"127.0.0.1:{port}"]}
    if secure:
        ca = _secure(folder)
        receive["config_file"] = str(folder / "web.yml")
    with simulator() as (platform, server):
        platform.create_app("shop", COMPONENTS)
        logs = {"mode": "receive", "interval": "1s"}
        settings = simulated(
            server.api_url,
            patterns=PACKS if secure else {"packs": []},
            logs=logs,
            receive=receive | config.pop("receive", {}),
            **config,
        )
        with ExporterProcess(folder, settings, token=server.token) as exporter:
            exporter.wait_until_ready()
            yield Receiving(exporter, platform, server.token, port, ca)


def _secure(folder: Path) -> str:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.crt"))
    own = authority.issue_cert("127.0.0.1")
    own.private_key_pem.write_to_path(str(folder / "server.key"))
    own.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    users = "".join(f"  {user}: '{hashed}'\n" for user in ("do", "datadog", "otlp"))
    (folder / "web.yml").write_text(
        "tls_server_config: {cert_file: server.crt, key_file: server.key}\n"
        f"basic_auth_users:\n{users}"
    )
    return str(folder / "ca.crt")


def document(number: int, component: str = "web", text: str = "order shipped") -> dict[str, str]:
    second, milli = divmod(number, 1000)
    return {
        "@timestamp": f"2026-11-01T00:{second // 60:02}:{second % 60:02}.{milli:03}Z",
        "log": text,
        "do_app_name": "shop",
        "do_component_name": component,
    }


def bulk_body(*documents: dict[str, str]) -> bytes:
    pairs = (f'{{"create":{{"_index":"logs"}}}}\n{json.dumps(each)}\n' for each in documents)
    return "".join(pairs).encode()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiving]:
    """One that takes bodies of a megabyte at the most."""
    folder = tmp_path_factory.mktemp("strict")
    with receiving(folder, receive={"max_body_bytes": 1_000_000}) as site:
        yield site


def test_the_opensearch_client_sends_over_tls_with_a_password(tmp_path: Path) -> None:
    """Lines sent by the client's bulk helper count; a document without a line is told to it."""
    with receiving(tmp_path, secure=True) as site:
        client = OpenSearch(
            [site.url], http_auth=("do", PASSWORD), ca_certs=site.ca, http_compress=True
        )
        assert client.info()["version"]["distribution"] == "opensearch"
        assert client.indices.exists(index="logs")
        actions = [{"_index": "logs", "_source": document(number)} for number in range(1200)]
        sent, errors = bulk(client, actions, chunk_size=500)
        with pytest.raises(BulkIndexError) as refused:
            bulk(client, [{"_index": "logs", "_source": {"other": 1}}, *actions[:1]])
        client.close()
        assert (sent, errors) == (1200, [])
        assert refused.value.errors[0]["index"]["status"] == 400
        assert site.lines("web") == 1201


def test_datadogs_client_sends_over_tls_with_a_key(tmp_path: Path) -> None:
    """Entries count as lines of the component that they name; a wrong key is refused."""
    items = [
        HTTPLogItem(message=f"ERROR no stock {n}", do_app_name="shop", do_component_name="worker")
        for n in range(10)
    ]
    with receiving(tmp_path, secure=True) as site:
        settings = Configuration(
            api_key={"apiKeyAuth": PASSWORD},
            server_operation_index={"v2.submit_log": 1, "submit_log": 1},
            server_operation_variables={
                "submit_log": {"name": f"127.0.0.1:{site.port}", "protocol": "https"}
            },
        )
        settings.ssl_ca_cert = site.ca
        with ApiClient(settings) as client:
            LogsApi(client).submit_log(HTTPLog(items), content_encoding=ContentEncoding.GZIP)
        wrong = site.post("/v1/input/secret", b"[]")
        samples = site.exporter.metrics()
    assert wrong.status_code == 401
    assert samples.value(ERRORS, format="datadog", error="unauthorized") == 1
    assert samples.value(LINES, component="worker", log_type="RUN") == 10
    assert samples.value(MATCHES, component="worker", pattern="system_error") == 10


def test_opentelemetrys_client_sends_over_tls_with_a_token(tmp_path: Path) -> None:
    """Log records count as lines of the component that their resource names."""
    with receiving(tmp_path, secure=True) as site:
        exporter = OTLPLogExporter(
            f"{site.url}/v1/logs",
            certificate_file=site.ca,
            headers={"authorization": f"Bearer {PASSWORD}"},
        )
        names = {"service.namespace": "shop", "service.name": "web"}
        provider = LoggerProvider(resource=Resource.create(names))
        provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        logger = provider.get_logger("orders")
        for number in range(5):
            logger.emit(body=f"ERROR no stock {number}", severity_number=SeverityNumber.ERROR)
        provider.shutdown()
        samples = site.exporter.metrics()
    assert samples.value(LINES, component="web", log_type="RUN") == 5
    assert samples.value(MATCHES, component="web", pattern="system_error") == 5


@pytest.mark.parametrize("durable", [False, True], ids=["memory", "sqlite"])
def test_a_batch_that_comes_again_counts_once(tmp_path: Path, durable: bool) -> None:
    """Also after a kill, where state is durable; an equal line in another batch is another one."""
    state = {"url": f"sqlite://{tmp_path / 'state.db'}"} if durable else {"url": None}
    body = bulk_body(document(1), document(1), document(2, "worker"))
    with receiving(tmp_path, state=state) as site:
        assert [site.post("/_bulk", body).status_code for _ in range(3)] == [200] * 3
        assert site.post("/_bulk", bulk_body(document(1), document(3))).status_code == 200
        assert (site.lines("web"), site.lines("worker")) == (4, 1)
        assert site.exporter.metrics().value(DUPLICATES, format="open_search") == 6
        site.exporter.process.kill()
        site.exporter.wait()
        if not durable:
            return
        config = yaml.safe_load((tmp_path / "config.yml").read_text())
        with ExporterProcess(tmp_path, config, token=site.token) as again:
            again.wait_until_ready()
            assert site.post("/_bulk", body).status_code == 200
            samples = again.metrics()
    assert samples.value(LINES, component="web", log_type="RUN") == 4
    assert samples.value(DUPLICATES, format="open_search") == 3


def test_lines_of_a_component_that_is_discovered_later_count(tmp_path: Path) -> None:
    """They are told as unknown first, and count once the component is known."""
    with receiving(tmp_path) as site:
        body = bulk_body({**document(1), "do_app_name": "blog"})
        assert site.post("/_bulk", body).json()["errors"] is False
        samples = site.exporter.metrics()
        assert samples.value(UNKNOWN, format="open_search") == 1
        site.platform.create_app("blog", COMPONENTS)
        samples = site.exporter.wait_until(
            lambda now: now.total(LINES, app="blog", component="web", log_type="RUN") == 1
        )
    assert samples.total(LINES, app="blog") == 1


def test_no_run_log_is_asked_for_and_crashes_still_count(tmp_path: Path) -> None:
    """RUN_RESTARTED is read for container ends alone: its lines were pushed."""
    with receiving(tmp_path) as site:
        site.post("/_bulk", bulk_body(document(1, text="panic: no stock")))
        site.platform.write("shop", "web", 0, "panic: no stock")
        site.platform.crash("shop", "web", 0)
        samples = site.exporter.wait_until(
            lambda now: (
                now.total("digitalocean_app_restarts_total", component="web") == 1
                and now.total(LINES, component="web") == 1
                and now.value("digitalocean_app_source_up", component="web", log_type="RUN") == 1
            )
        )
    assert samples.value("digitalocean_app_restarts_total", component="web", reason="panic") == 1
    assert samples.total("digitalocean_app_log_gaps_total") == 0


@pytest.mark.parametrize(
    ("path", "body", "headers", "status", "error"),
    [
        ("/_bulk", b"x" * 2_000_000, {}, 413, "too_large"),
        (
            "/_bulk",
            lambda: gzip.compress(bytes(100_000_000)),
            {"Content-Encoding": "gzip"},
            413,
            "too_large",
        ),
        ("/_bulk", b"{}", {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
        ("/_bulk", b"no json\n", {}, 400, "invalid_body"),
        ("/..%2f..%2fetc/_bulk", b"{}\n", {}, 400, "invalid_body"),
        ("/nowhere", b"{}", {}, 404, "not_found"),
    ],
    ids=["large", "bomb", "encoding", "no json", "path", "nowhere"],
)
def test_what_cannot_be_taken_gets_a_clear_answer(
    strict: Receiving,
    path: str,
    body: bytes | Callable[[], bytes],
    headers: dict[str, str],
    status: int,
    error: str,
) -> None:
    """Nothing of it counts, and the next request is answered as ever."""
    before = strict.exporter.metrics()
    refused = strict.post(path, body() if callable(body) else body, **headers)
    number = int(before.total(LINES))
    assert strict.post("/_bulk", bulk_body(document(number))).status_code == 200
    samples = strict.exporter.metrics()
    assert refused.status_code == status
    assert refused.json()["error"]["reason"]
    labels = {"format": "open_search", "error": error}
    assert samples.total(ERRORS, **labels) == before.total(ERRORS, **labels) + 1
    assert samples.total(LINES) == number + 1


@pytest.mark.parametrize("declared", [True, False], ids=["length", "chunked"])
def test_a_body_of_100_mb_is_refused_and_not_held(tmp_path: Path, declared: bool) -> None:
    """Each gets a clear answer, and the exporter's memory grows by less than one of them."""
    pieces = [bytes(1_000_000)] * 100
    with receiving(tmp_path) as site:
        assert site.post("/_bulk", bulk_body(document(1))).status_code == 200
        before = peak_megabytes(site.exporter.process.pid)
        refused = [
            site.post("/_bulk", b"".join(pieces) if declared else iter(pieces)) for _ in range(4)
        ]
        grown = peak_megabytes(site.exporter.process.pid) - before
        samples = site.exporter.metrics()
    assert {answer.status_code for answer in refused} == {413}
    assert all("larger than 33554432 bytes" in answer.text for answer in refused)
    assert samples.value(ERRORS, format="open_search", error="too_large") == 4
    assert samples.total(LINES) == 1
    assert grown < 80


def test_bad_json_in_the_middle_of_a_bulk_is_refused_alone(tmp_path: Path) -> None:
    """Its item says so, and what stands around it counts, once also when all comes again."""
    body = bulk_body(document(1), document(2), document(3)).splitlines(keepends=True)
    body[3] = b'{"log": "cut of\n'
    with receiving(tmp_path) as site:
        answers = [site.post("/_bulk", b"".join(body)).json() for _ in range(2)]
        samples = site.exporter.metrics()
    for answer in answers:
        assert answer["errors"] is True
        assert [item["create"]["status"] for item in answer["items"]] == [201, 400, 201]
    assert samples.value(LINES, component="web", log_type="RUN") == 2


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has taken so far."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    [size] = [line.split()[1] for line in text.splitlines() if line.startswith("VmHWM:")]
    return int(size) / 1000


def test_many_senders_at_once_lose_nothing_and_scrapes_are_answered(tmp_path: Path) -> None:
    """200 senders, some of whom are told to try again, beside one that never ends its body."""
    body = bulk_body(*(document(number) for number in range(50)))
    with receiving(tmp_path) as site, socket.create_connection(("127.0.0.1", site.port)) as slow:
        slow.sendall(b"POST /_bulk HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")

        def send(number: int) -> int:
            own = body.replace(b"order shipped", b"order %d" % number)
            while site.post("/_bulk", own).status_code == 429:
                pass
            return 50

        with ThreadPoolExecutor(200) as senders:
            sent = senders.map(send, range(200))
            scrapes = [site.exporter.metrics() for _ in range(5)]
            total = sum(sent)
        assert len(scrapes) == 5
        assert site.lines("web") == total == 10_000


def test_what_an_unreliable_agent_pushes_counts_once(tmp_path: Path) -> None:
    """Chunks come again, late, out of order, compressed: each line that was written counts once."""
    habits = Habits(chunk_lines=20, late=0.3, gzip=0.5, again=0.3)
    with (
        receiving(tmp_path, secure=True) as site,
        Pusher(
            site.platform,
            f"https://do:{quote(PASSWORD)}@127.0.0.1:{site.port}",
            random.Random(3),
            habits,
            ca_file=site.ca,
        ) as pusher,
    ):
        for number in range(700):
            site.platform.write("shop", ("web", "worker")[number % 2], 0, f"order {number // 7}")
        wait_for(lambda: pusher.forwarder.done)
        samples = site.exporter.metrics()
    assert samples.value(LINES, component="web", log_type="RUN") == 350
    assert samples.value(LINES, component="worker", log_type="RUN") == 350
    assert samples.value(DUPLICATES, format="open_search") > 0
    assert samples.total("digitalocean_app_log_gaps_total") == 0


def test_simulate_pushes_what_its_apps_write(tmp_path: Path) -> None:
    """The command alone is a platform with agents; what they send counts here as unknown lines."""
    with (
        receiving(tmp_path) as site,
        Program("simulate", "--push-to", site.url),
    ):
        site.exporter.wait_until(lambda now: now.value(UNKNOWN, format="open_search") > 0)


def test_nothing_is_taken_before_it_is_known_what_there_is(tmp_path: Path) -> None:
    """A sender that comes before the first discovery is told to try again."""
    port = free_port()
    config = simulated(
        "http://127.0.0.1:9",
        logs={"mode": "receive"},
        receive={"listen_addresses": [f"127.0.0.1:{port}"]},
    )
    with ExporterProcess(tmp_path, config, token="dop_v1_" + 64 * "0"):
        answer = requests.post(
            f"http://127.0.0.1:{port}/_bulk", data=bulk_body(document(1)), timeout=LIMIT_SECONDS
        )
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
