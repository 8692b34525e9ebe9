"""The simulated platform over real sockets: API, log host, limits and scripted faults."""

import gzip
import json
import threading
import time

import pytest
import requests
from waiting import LIMIT_SECONDS
from websockets.exceptions import (
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidMessage,
    InvalidStatus,
)
from websockets.sync.client import connect

from exporter.model import Endpoint, LogType
from exporter.simulator import faults
from exporter.simulator.delivery import AnswerShape, ArchiveEncoding, StreamEnd
from exporter.simulator.faults import BadFrame, Channel, Drop, Hang
from exporter.simulator.platform import Platform
from exporter.simulator.scenario_runner import ScenarioRunner
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec, Health, Kind

TIMEOUT = LIMIT_SECONDS


@pytest.fixture
def platform():
    platform = Platform(time.time, record_lines=True)
    platform.create_app("shop", [ComponentSpec("web", instances=2), ComponentSpec("mail")])
    return platform


@pytest.fixture
def server(platform):
    with SimulatorServer(platform) as server:
        yield server
    assert "simulator" not in [thread.name for thread in threading.enumerate()]


class Client:
    """Asks the API of a server with its token."""

    def __init__(self, server: SimulatorServer) -> None:
        self._server = server
        self._session = requests.Session()

    def get(self, path: str, *, token: str | None = None, **query) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self._server.token}"}
        url = path if path.startswith("http") else self._server.api_url + path
        return self._session.get(url, params=query, headers=headers, timeout=TIMEOUT)

    def logs(self, component: str = "web", **query) -> dict:
        platform = self._server.platform
        app = f"/v2/apps/{platform.app_id('shop')}"
        deployment = query.pop("deployment", platform.active_deployment_id("shop"))
        path = f"{app}/deployments/{deployment}/components/{component}/logs"
        answer = self.get(path, **{"type": "RUN", **query})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def content(self, url: str, **options) -> requests.Response:
        return self._session.get(url, timeout=TIMEOUT, **options)

    def close(self) -> None:
        self._session.close()


@pytest.fixture
def client(server):
    client = Client(server)
    yield client
    client.close()


def websocket(url: str):
    return connect("ws" + url.removeprefix("http"), open_timeout=TIMEOUT, close_timeout=1)


def received(socket) -> str:
    text = ""
    with pytest.raises(ConnectionClosedOK):
        while True:
            text += json.loads(socket.recv(timeout=TIMEOUT))["data"]
    return text


def written(platform: Platform) -> str:
    return b"".join(platform.lines_written("shop", "web")).decode()


def test_apps_are_listed_in_pages(server, client, platform):
    """Following links.pages.next shows every app once; the last page has no next."""
    for index in range(6):
        platform.create_app(f"app-{index}", [ComponentSpec("web")])
    names, url, pages = [], f"{server.api_url}/v2/apps?per_page=3", 0
    while url:
        answer = client.get(url).json()
        assert answer["meta"]["total"] == 7
        names += [app["spec"]["name"] for app in answer["apps"]]
        url = answer["links"].get("pages", {}).get("next")
        assert url is None or url.startswith(server.api_url)
        pages += 1
    assert (pages, len(set(names)), len(names)) == (3, 7, 7)


def test_without_apps_the_key_is_absent(client, platform):
    """An account without apps gets no list at all."""
    platform.remove_app("shop")
    assert client.get("/v2/apps").json() == {"links": {}, "meta": {"total": 0}}


def test_an_app_and_its_deployments(client, platform):
    """An app shows its spec and deployments by role; deployments are newest first."""
    parts = [
        ComponentSpec("web"),
        ComponentSpec("tick", Kind.JOB),
        ComponentSpec("s", Kind.FUNCTION),
    ]
    app_id = platform.create_app("blog", parts, deployed=False)
    app = client.get(f"/v2/apps/{app_id}").json()["app"]
    assert [each["name"] for each in app["spec"]["jobs"]] == ["tick"]
    assert [each["name"] for each in app["spec"]["functions"]] == ["s"]
    assert "active_deployment" not in app
    assert client.get(f"/v2/apps/{app_id}/logs", type="RUN").json() == {}
    first = platform.deploy("blog")
    second = platform.begin_deployment("blog")
    app = client.get(f"/v2/apps/{app_id}").json()["app"]
    assert app["active_deployment"]["id"] == first
    assert app["pending_deployment"]["phase"] == "PENDING_BUILD"
    listed = client.get(f"/v2/apps/{app_id}/deployments").json()["deployments"]
    assert [(each["id"], each["phase"]) for each in listed] == [
        (second, "PENDING_BUILD"),
        (first, "ACTIVE"),
    ]
    one = client.get(f"/v2/apps/{app_id}/deployments/{first}").json()["deployment"]
    assert [each["name"] for each in one["jobs"]] == ["tick"]
    assert client.get(f"/v2/apps/{app_id}/deployments/none").status_code == 404
    assert len(client.get(f"/v2/apps/{app_id}/events").json()["events"]) == 2


def test_instances_health_and_monitoring(client, platform):
    """Instances have aliases, health is as set, restart counts rise with crashes."""
    app_id = platform.app_id("shop")
    instances = client.get(f"/v2/apps/{app_id}/instances").json()["instances"]
    aliases = [each["instance_alias"] for each in instances]
    assert aliases == ["web-0", "web-1", "mail-0"]
    assert {each["component_type"] for each in instances} == {"SERVICE"}
    platform.set_health("shop", "web", Health("UNHEALTHY", 50, 75, ready=1))
    health = client.get(f"/v2/apps/{app_id}/health").json()["app_health"]["components"][0]
    assert health == {
        "name": "web",
        "cpu_usage_percent": 50,
        "memory_usage_percent": 75,
        "replicas_desired": 2,
        "replicas_ready": 1,
        "state": "UNHEALTHY",
    }
    platform.crash("shop", "web", 1, ["x"])
    platform.crash("shop", "web", 1, ["x"])
    now = time.time()
    query = {"app_id": app_id, "app_component": "web", "start": now - 600, "end": now + 1}
    path = "/v2/monitoring/metrics/apps/"
    data = client.get(f"{path}restart_count", **query).json()["data"]
    newest = {
        series["metric"]["app_component_instance"]: series["values"][-1][1]
        for series in data["result"]
    }
    assert newest == {"web-0": "0", "web-1": "2"}
    assert data["result"][1]["values"][0][1] == "0"
    cpu = client.get(f"{path}cpu_percentage", **query).json()["data"]["result"][0]
    assert cpu["values"][-1][1] == "50"
    assert client.get(f"{path}restart_count", app_id=app_id).status_code == 400


def test_errors_have_the_documented_shape(server, client, platform):
    """401, 404 and 400 carry id, message and request_id."""
    logs = f"/v2/apps/{platform.app_id('shop')}/components/web/logs"
    answers = [
        (client.get("/v2/apps", token="dop_v1_wrong"), 401, "unauthorized"),
        (client.get("/v2/apps/none"), 404, "not_found"),
        (client.get("/v2/elsewhere"), 404, "not_found"),
        (client.get(logs.replace("web", "none"), type="RUN"), 404, "not_found"),
        (client.get(logs), 400, "bad_request"),
        (client.get(logs, type="UNSPECIFIED"), 400, "bad_request"),
        (client.get("/v2/apps", per_page=201), 400, "bad_request"),
    ]
    for answer, status, error_id in answers:
        assert (answer.status_code, answer.json()["id"]) == (status, error_id)
        assert set(answer.json()) == {"id", "message", "request_id"}
        assert "ratelimit-remaining" in answer.headers
    old = server.token
    assert server.rotate_token() != old
    assert client.get("/v2/apps", token=old).status_code == 401
    assert client.get("/v2/apps").status_code == 200


def test_the_rate_limit_slides(platform):
    """The burst limit answers 429 with retry-after, the hourly one without; both pass by."""
    now = [1_800_000_000.0]
    with SimulatorServer(platform, clock=lambda: now[0]) as server:
        client = Client(server)
        server.rate_limit.per_minute, server.rate_limit.per_hour = 2, 3
        assert [client.get("/v2/apps").status_code for _ in range(2)] == [200, 200]
        now[0] += 10
        refused = client.get("/v2/apps")
        assert (refused.status_code, refused.json()["id"]) == (429, "too_many_requests")
        assert refused.headers["retry-after"] == "50"
        now[0] += 50
        passed = client.get("/v2/apps")
        assert passed.status_code == 200
        assert passed.headers["ratelimit-limit"] == "3"
        assert passed.headers["ratelimit-remaining"] == "0"
        assert passed.headers["ratelimit-reset"] == "1800003600"
        refused = client.get("/v2/apps")
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers
        server.rate_limit.enforced = False
        assert client.get("/v2/apps").status_code == 200
        client.close()


@pytest.mark.parametrize("frame_chars", [1, 7, 4096])
def test_websocket_and_get_serve_the_same_text(server, client, platform, frame_chars):
    """Both ways to the live log show every line, however frames cut it."""
    for index in range(20):
        platform.write("shop", "web", 0, f"line {index} ü é")
    server.delivery.frame_chars = frame_chars
    url = client.logs()["live_url"]
    with websocket(url) as socket:
        assert received(socket) == written(platform)
    answer = client.content(url)
    assert answer.content.decode() == written(platform)
    with websocket(client.logs(tail_lines=3)["live_url"]) as socket:
        assert received(socket).count("\n") == 3


def test_the_four_logs_paths(client, platform):
    """Every path leads to a log; without a component it is the log of all of them."""
    platform.write("shop", "web", 0, "w")
    platform.write("shop", "mail", 0, "m")
    app, deployment = platform.app_id("shop"), platform.active_deployment_id("shop")
    counts = {
        f"/v2/apps/{app}/logs": 2,
        f"/v2/apps/{app}/components/web/logs": 1,
        f"/v2/apps/{app}/deployments/{deployment}/logs": 2,
        f"/v2/apps/{app}/deployments/{deployment}/components/mail/logs": 1,
    }
    for path, count in counts.items():
        url = client.get(path, type="RUN").json()["live_url"]
        assert client.content(url).text.count("\n") == count
    every = client.get(f"/v2/apps/{app}/logs?type=RUN&component_name=").json()
    assert client.content(every["live_url"]).text.count("\n") == 2
    one = client.get(f"/v2/apps/{app}/logs", type="RUN", component_name="mail").json()
    assert client.content(one["live_url"]).text.split()[0] == "mail"


def test_both_shapes_of_the_answer(server, client, platform):
    """The answer is the spec's or the documentation example's."""
    server.delivery.shape = AnswerShape.VALUE
    value = client.logs()["value"]
    assert value["live_url"].startswith("http")
    assert (value["url"], value["historic_logs"]) == ("", [])
    old = platform.active_deployment_id("shop")
    for index in range(4):
        platform.write("shop", "web", 0, str(index))
    platform.run_archives = True
    platform.deploy("shop")
    value = client.logs(deployment=old)["value"]
    texts = [client.content(url).text for url in (*value["historic_logs"], value["url"])]
    assert "".join(texts) == written(platform)
    assert (value["live_url"], len(texts)) == ("", 2)
    server.delivery.websocket_urls = True
    assert client.logs()["value"]["live_url"].startswith("ws://")


@pytest.mark.parametrize("encoding", ArchiveEncoding)
def test_archives_together_are_the_whole_log(server, client, platform, encoding):
    """A past deployment's archives, in order, hold every line, gzip or not."""
    platform.run_archives = True
    old = platform.active_deployment_id("shop")
    for index in range(7):
        platform.write("shop", "web", 0, str(index))
    platform.deploy("shop")
    server.delivery.archive_encoding = encoding
    server.reader.archives_per_log = 3
    urls = client.logs(deployment=old, tail_lines=1)["historic_urls"]
    assert len(urls) == 3
    answers = [client.content(url) for url in urls]
    parts = [answer.content for answer in answers]
    if encoding is ArchiveEncoding.GZ_FILE:
        parts = [gzip.decompress(part) for part in parts]
        assert ".gz?" in urls[0]
        assert "content-encoding" not in answers[0].headers
    if encoding is ArchiveEncoding.CONTENT_ENCODING:
        assert answers[0].headers["content-encoding"] == "gzip"
    assert b"".join(parts).decode() == written(platform)


def test_build_logs_are_live_then_archives(client, platform):
    """A build log is live while the deployment is under way, and an archive after it."""
    platform.begin_deployment("shop")
    platform.write_deployment_log("shop", "web", LogType.BUILD, "=> building")
    new = client.get(f"/v2/apps/{platform.app_id('shop')}/deployments").json()
    new_id = new["deployments"][0]["id"]
    live = client.logs(type="BUILD", deployment=new_id)
    assert client.content(live["live_url"]).text == "=> building\n"
    while platform.advance_deployment("shop") != "ACTIVE":
        pass
    (url,) = client.logs(type="BUILD")["historic_urls"]
    assert client.content(url).text == "=> building\n"


def test_follow_goes_on_and_ends_with_the_container(client, platform):
    """A followed stream shows new lines at once, and the last words before it ends."""
    platform.write("shop", "web", 0, "first")
    with websocket(client.logs(follow="true")["live_url"]) as socket:
        assert "first" in socket.recv(timeout=TIMEOUT)
        platform.write("shop", "web", 1, "second")
        assert "second" in socket.recv(timeout=TIMEOUT)
        platform.crash("shop", "web", 0, ["bye"])
        platform.write("shop", "web", 0, "reborn")
        assert received(socket).endswith("bye\n")


def test_follow_over_plain_get(server, client, platform):
    """Plain GET follows too; cut streams end in good order."""
    server.delivery.stream_end = StreamEnd.NEVER
    platform.write("shop", "web", 0, "first")
    answer = client.content(client.logs(follow="true")["live_url"], stream=True)
    lines = answer.iter_lines(chunk_size=1)
    assert next(lines).endswith(b"first")
    platform.crash("shop", "web", 0, ["bye"])
    assert next(lines).endswith(b"bye")
    server.end_streams()
    assert list(lines) == []


def test_streams_end_after_their_time(server, client):
    """A followed stream ends by itself when the platform says so."""
    server.delivery.stream_seconds = 0.05
    with websocket(client.logs(follow="true")["live_url"]) as socket:
        assert received(socket) == ""


def test_links_are_credentials_of_their_own(server, client):
    """Each answer has another link, unknown and expired ones get 401, no API token comes."""
    urls = {client.logs()["live_url"] for _ in range(3)}
    assert len(urls) == 3
    url = urls.pop()
    assert client.content(url).status_code == 200
    assert client.content(url[:-1] + "!").status_code == 401
    server.expire_links()
    assert client.content(url).status_code == 401
    with pytest.raises(InvalidStatus) as refusal, websocket(url):
        pass
    assert refusal.value.response.status_code == 401
    assert server.log_host_url != server.api_url
    assert server.token not in url
    assert server.log_host_requests.count(Endpoint.LOG_CONTENT) == 4
    assert "authorization" not in server.log_host_requests.header_names
    assert "authorization" in server.api_requests.header_names


@pytest.mark.parametrize(
    ("fault", "status", "start"),
    [
        (faults.error(401), 401, b'{"id": "unauthorized"'),
        (faults.error(429, retry_after=7), 429, b'{"id": "too_many_requests"'),
        (faults.error(500), 500, b'{"id": "server_error"'),
        (faults.error(418), 418, b'{"id": "unexpected"'),
        (faults.html(502), 502, b"<!DOCTYPE html>"),
        (faults.html(200), 200, b"<!DOCTYPE html>"),
        (faults.not_json(), 200, b'{"apps": [{"id": '),
        (faults.wrong_shape(), 200, b'["unexpected"]'),
    ],
)
def test_faults_last_as_long_as_asked(server, client, fault, status, start):
    """A fault answers the next requests of its endpoint only, then the truth is back."""
    server.faults.inject(Endpoint.APPS, fault, times=2)
    for _ in range(2):
        answer = client.get("/v2/apps")
        assert answer.status_code == status
        assert answer.content.startswith(start)
        assert answer.headers.get("retry-after") == ("7" if status == 429 else None)
    assert client.get("/v2/apps").json()["meta"] == {"total": 1}


def test_faults_for_one_component_until_cleared(server, client, platform):
    """A fault of one component leaves the others alone and ends when cleared."""
    server.faults.inject(Endpoint.LOGS, faults.empty(404), app="shop", component="web")
    app = f"/v2/apps/{platform.app_id('shop')}/components"
    for _ in range(3):
        assert client.get(f"{app}/web/logs", type="RUN").status_code == 404
        assert client.get(f"{app}/mail/logs", type="RUN").status_code == 200
    server.faults.clear(Endpoint.APPS)
    assert client.get(f"{app}/web/logs", type="RUN").status_code == 404
    server.faults.clear(Endpoint.LOGS)
    assert client.get(f"{app}/web/logs", type="RUN").status_code == 200


@pytest.mark.parametrize("after_bytes", [None, 0, 10])
def test_dropped_connections(server, client, after_bytes):
    """The API drops the connection before its answer or in the middle of it."""
    server.faults.inject(Endpoint.APPS, Drop(after_bytes), times=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.get("/v2/apps")
    assert client.get("/v2/apps").status_code == 200


def test_hanging_requests_go_on_when_cleared(server, client):
    """A hang runs into the client's time-out, or ends with its time or when cleared."""
    server.faults.inject(Endpoint.APPS, Hang(), times=1)
    with pytest.raises(requests.ReadTimeout):
        requests.get(
            f"{server.api_url}/v2/apps",
            headers={"Authorization": f"Bearer {server.token}"},
            timeout=0.1,
        )
    server.faults.inject(Endpoint.APPS, Hang(seconds=0.05), times=1)
    assert client.get("/v2/apps").status_code == 200
    server.faults.inject(Endpoint.APPS, Hang())
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(client.get("/v2/apps")))
    waiting.start()
    server.api_requests.wait_for(Endpoint.APPS, 3)
    assert answers == []
    server.faults.clear()
    waiting.join()
    assert answers[0].status_code == 200


def test_faults_of_websockets(server, client, platform):
    """A handshake is refused, frames are broken, a stream is cut; plain GET still works."""
    platform.write("shop", "web", 0, "0123456789")
    live = frozenset({Channel.WEBSOCKET})
    server.faults.inject(Endpoint.LOG_CONTENT, faults.empty(403), times=1, channels=live)
    url = client.logs()["live_url"]
    with pytest.raises(InvalidStatus) as refusal, websocket(url):
        pass
    assert refusal.value.response.status_code == 403
    server.faults.inject(Endpoint.LOG_CONTENT, BadFrame(), times=1)
    assert client.content(url).text == written(platform)
    with websocket(url) as socket, pytest.raises(json.JSONDecodeError):
        json.loads(socket.recv(timeout=TIMEOUT))
    server.faults.inject(Endpoint.LOG_CONTENT, BadFrame(binary=True), times=1)
    with websocket(url) as socket:
        assert isinstance(socket.recv(timeout=TIMEOUT), bytes)
    server.faults.inject(Endpoint.LOG_CONTENT, Drop(after_bytes=5), times=1)
    with websocket(url) as socket:
        assert json.loads(socket.recv(timeout=TIMEOUT))["data"] == "web 2"
        with pytest.raises(ConnectionClosedError):
            socket.recv(timeout=TIMEOUT)
    server.faults.inject(Endpoint.LOG_CONTENT, Drop(), times=1)
    with pytest.raises(InvalidMessage), websocket(url):
        pass


def test_faults_of_archives_and_plain_get(server, client, platform):
    """The n-th archive is missing; a plain stream breaks off in the middle."""
    platform.run_archives = True
    old = platform.active_deployment_id("shop")
    for index in range(4):
        platform.write("shop", "web", 0, str(index))
    platform.deploy("shop")
    server.faults.inject(Endpoint.LOG_CONTENT, faults.error(404), archive=1)
    urls = client.logs(deployment=old)["historic_urls"]
    assert [client.content(url).status_code for url in urls] == [200, 404]
    server.faults.clear()
    platform.write("shop", "web", 0, "x" * 100)
    server.faults.inject(Endpoint.LOG_CONTENT, Drop(after_bytes=50), times=2)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.content(client.logs()["live_url"])
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.content(urls[0])


def test_it_stops_with_streams_open_and_starts_again(platform):
    """Stop ends open streams and hangs promptly; the next start has the same addresses."""
    server = SimulatorServer(platform)
    begun = time.monotonic()
    server.start()
    address = server.api_url, server.log_host_url
    client = Client(server)
    with websocket(client.logs(follow="true")["live_url"]) as socket:
        server.faults.inject(Endpoint.APPS, Hang())
        hanging = threading.Thread(target=lambda: client.get("/v2/apps"))
        hanging.start()
        server.api_requests.wait_for(Endpoint.APPS, 1)
        server.stop()
        with pytest.raises((ConnectionClosedOK, ConnectionClosedError)):
            socket.recv(timeout=TIMEOUT)
        hanging.join()
    client.close()
    with pytest.raises(requests.ConnectionError):
        requests.get(address[0], timeout=TIMEOUT)
    server.faults.clear()
    with server:
        assert (server.api_url, server.log_host_url) == address
        again = Client(server)
        assert again.get("/v2/apps").status_code == 200
        again.close()
    assert time.monotonic() - begun < 60  # a request that hangs does so for minutes


def test_a_runner_plays_until_it_is_stopped():
    """The runner steps its scenario with the clock's time and leaves no thread."""
    stepped = threading.Event()
    times = []

    class Recorder:
        def step(self, now: float) -> None:
            times.append(now)
            stepped.set()

    with ScenarioRunner(Recorder(), clock=lambda: 42.0):
        assert stepped.wait(TIMEOUT)
    assert set(times) == {42.0}
    assert "scenario" not in [thread.name for thread in threading.enumerate()]
