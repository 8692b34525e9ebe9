"""The API client against a mocked session: errors, retries, paging, limits, and the token."""

import threading
import time
import traceback
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import requests_mock
import urllib3
from digitalocean_fixtures import API, SECRET, WALL, Rig
from digitalocean_servers import Respond, dribble, hang, hang_in_body, http_host

from exporter.digitalocean.client import ApiRequest
from exporter.digitalocean.token import FileToken
from exporter.errors import (
    ApiError,
    BadRequest,
    ConnectionFailed,
    Forbidden,
    InvalidResponse,
    NotFound,
    RequestTimeout,
    ServerError,
    Stopping,
    TooManyRequests,
    Unauthorized,
    UnexpectedStatus,
)
from exporter.model import Endpoint

URL = f"{API}/v2/apps"
APPS = Endpoint.APPS


@pytest.fixture
def rig():
    rig = Rig()
    yield rig
    rig.session.close()


@pytest.fixture
def api():
    with requests_mock.Mocker() as mocker:
        yield mocker


def get(rig: Rig) -> dict[str, Any]:
    return rig.client.get(ApiRequest(APPS, "/v2/apps", "t", {"page": 1}), lambda answer: answer)


def pages(rig: Rig) -> list[Any]:
    parse: Callable[[dict[str, Any]], Any] = lambda item: item["id"]  # noqa: E731
    return list(rig.client.pages(ApiRequest(APPS, "/v2/apps", "t", {"page": 1}), "apps", parse))


def test_request_carries_token_agent_and_parameters(rig: Rig, api: requests_mock.Mocker):
    """A request has the bearer token, our User-Agent and its parameters; it succeeds once."""
    api.get(URL, json={"apps": []})
    assert get(rig) == {"apps": []}
    (request,) = api.request_history
    assert request.headers["Authorization"] == f"Bearer {SECRET}"
    assert request.headers["User-Agent"] == "do-app-exporter/9.9"
    assert request.qs == {"page": ["1"]}
    assert "Authorization" not in rig.session.headers
    assert rig.observer.events == [("sent", APPS), ("ok", APPS, "t")]


def test_netrc_does_not_replace_the_token(
    rig: Rig, api: requests_mock.Mocker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A .netrc entry for the API host never takes the token's place."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.example.test login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    api.get(URL, json={})
    get(rig)
    assert api.request_history[0].headers["Authorization"] == f"Bearer {SECRET}"


STATUSES = [
    (401, Unauthorized, "unauthorized", 1),
    (404, NotFound, "not_found", 1),
    (429, TooManyRequests, "too_many_requests", 1),
    (500, ServerError, "server_error", 3),
    (502, UnexpectedStatus, "unexpected", 3),
    (503, UnexpectedStatus, "unexpected", 3),
    (504, UnexpectedStatus, "unexpected", 3),
    (302, UnexpectedStatus, "unexpected", 1),
    (400, BadRequest, "unexpected", 1),
    (403, Forbidden, "forbidden", 1),
    (520, UnexpectedStatus, "unexpected", 3),
    (524, UnexpectedStatus, "unexpected", 3),
    (530, UnexpectedStatus, "unexpected", 3),
    (531, UnexpectedStatus, "unexpected", 1),
    (418, UnexpectedStatus, "unexpected", 1),
]


@pytest.mark.parametrize(("status", "kind", "label", "attempts"), STATUSES)
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"id":"some_id","message":"It is so.","request_id":"r-1"}', "id 'some_id', message"),
        (b"<html><body>Bad gateway</body></html>", "not the API's"),
        (b"", "an empty body"),
        (b'["a"]', "not the API's"),
        (b'{"id": 7}', "status"),
    ],
)
def test_each_status_is_an_error_of_its_own(
    rig: Rig,
    api: requests_mock.Mocker,
    status: int,
    kind: type[ApiError],
    label: str,
    attempts: int,
    body: bytes,
    words: str,
):
    """Each documented status has its exception, whatever the body; the API's words are kept."""
    api.get(URL, status_code=status, content=body)
    with pytest.raises(kind) as caught:
        get(rig)
    assert type(caught.value) is kind
    assert caught.value.endpoint is APPS
    assert f"status {status}" in str(caught.value)
    assert words in str(caught.value)
    assert "Bad gateway" not in str(caught.value)
    assert rig.observer.kinds == ["sent", label] * attempts
    assert len(api.request_history) == attempts
    if isinstance(caught.value, UnexpectedStatus):
        assert caught.value.status == status


@pytest.mark.parametrize(
    ("endpoint", "scope"),
    [(APPS, "app:read"), (Endpoint.RESTART_COUNT, "monitoring:read")],
)
def test_a_refusal_for_want_of_a_scope_names_it(
    rig: Rig, api: requests_mock.Mocker, endpoint: Endpoint, scope: str
):
    """A 403 says which scope the endpoint needs, beside the API's own words."""
    api.get(URL, status_code=403, json={"id": "forbidden", "message": "No permission."})
    with pytest.raises(Forbidden, match=f"No permission.*needs the scope {scope}"):
        rig.client.get(ApiRequest(endpoint, "/v2/apps", "t", {"page": 1}), dict)


def test_redirects_are_not_followed(rig: Rig, api: requests_mock.Mocker):
    """A redirect is an error: the token goes to no place that an answer names."""
    api.get(URL, status_code=307, headers={"Location": "https://evil.test/"})
    with pytest.raises(UnexpectedStatus):
        get(rig)
    assert [request.hostname for request in api.request_history] == ["api.example.test"]


def test_words_of_the_api_are_bounded_and_printable(rig: Rig, api: requests_mock.Mocker):
    """Control characters and great length in an API message do not reach ours."""
    api.get(URL, status_code=404, json={"id": "x", "message": "a\nb\x1b[31m" + "z" * 5000})
    with pytest.raises(NotFound) as caught:
        get(rig)
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "body", [b"", b"<html></html>", b"[]", b'"text"', b"null", b"{", b"[" * 100_000, b"\xff"]
)
def test_success_that_is_no_json_object(rig: Rig, api: requests_mock.Mocker, body: bytes):
    """Status 200 with anything but a JSON object is an invalid response, not an empty one."""
    api.get(URL, content=body)
    with pytest.raises(InvalidResponse):
        get(rig)
    assert rig.observer.kinds == ["sent", "invalid_response"]


def test_fault_found_while_parsing_is_the_requests_failure(rig: Rig, api: requests_mock.Mocker):
    """What parse refuses is counted as this request's failure."""
    api.get(URL, json={})

    def refuse(_: dict[str, Any]) -> None:
        raise InvalidResponse(APPS, "spec: not an object")

    with pytest.raises(InvalidResponse):
        rig.client.get(ApiRequest(APPS, "/v2/apps", "t"), refuse)
    assert rig.observer.kinds == ["sent", "invalid_response"]


def broken(inner: Exception) -> requests.ConnectionError:
    pool: Any = None
    return requests.ConnectionError(
        urllib3.exceptions.MaxRetryError(pool, f"/v2/apps?token={SECRET}", inner)
    )


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (requests.ConnectTimeout(f"to {SECRET}"), RequestTimeout, "no answer in time"),
        (requests.ReadTimeout(f"to {SECRET}"), RequestTimeout, "no answer in time"),
        (broken(ConnectionRefusedError(111, "Connection refused")), ConnectionFailed, "refused"),
        (requests.exceptions.SSLError(f"{SECRET}"), ConnectionFailed, "SSLError"),
        (requests.exceptions.InvalidHeader(f"{SECRET}"), ConnectionFailed, "InvalidHeader"),
        (OSError(f"bundle {SECRET}"), ConnectionFailed, "OSError"),
    ],
)
def test_broken_connections_are_translated_and_retried(
    rig: Rig, api: requests_mock.Mocker, raised: Exception, kind: type[ApiError], words: str
):
    """Time-outs and broken connections become our errors after three attempts, without URLs."""
    api.get(URL, exc=raised)
    with pytest.raises(kind, match=words) as caught:
        get(rig)
    assert len(api.request_history) == 3
    assert len(rig.time.waits) == 2
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_backoff_grows_with_full_jitter(rig: Rig, api: requests_mock.Mocker):
    """The waits are random between 0 and 1 s, then 0 and 2 s; the third attempt can succeed."""
    api.get(URL, [{"status_code": 500}, {"status_code": 503}, {"json": {"apps": []}}])
    assert get(rig) == {"apps": []}
    first, second = rig.time.waits
    assert 0 < first < 1
    assert 0 < second < 2
    assert rig.observer.kinds == ["sent", "server_error", "sent", "unexpected", "sent", "ok"]


def test_shutdown_ends_the_retries(rig: Rig, api: requests_mock.Mocker):
    """At shutdown there is no second attempt."""

    def fail(*_: object) -> str:
        rig.time.set()
        raise requests.ConnectionError

    api.get(URL, text=fail)
    with pytest.raises(Stopping):
        get(rig)
    assert len(api.request_history) == 1


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry-After": "30"}, 30),
        ({"RETRY-AFTER": "30.5"}, 30.5),
        ({"retry-after": formatdate(WALL + 90, usegmt=True)}, 90),
        ({"retry-after": "999999999"}, 3600),
        ({"retry-after": "soon"}, 10),
        ({}, 10),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": str(int(WALL) + 20)}, 20),
        ({"ratelimit-remaining": "0", "ratelimit-reset": str(int(WALL) + 2000)}, 60),
        ({"ratelimit-remaining": "3", "ratelimit-reset": str(int(WALL) + 20)}, 10),
    ],
)
def test_long_pause_stops_every_request_of_the_account(
    rig: Rig, api: requests_mock.Mocker, headers: dict[str, str], pause: float
):
    """After a 429 with a long pause nothing more is sent until it has passed."""
    api.get(URL, [{"status_code": 429, "headers": headers}, {"json": {}}])
    with pytest.raises(TooManyRequests) as caught:
        get(rig)
    assert caught.value.retry_after == pytest.approx(pause)
    for _ in range(3):
        with pytest.raises(TooManyRequests, match="nothing sent"):
            get(rig)
    assert len(api.request_history) == 1
    assert rig.observer.kinds == ["sent", "too_many_requests"]
    assert rig.time.waits == []
    rig.time.now += pause
    assert get(rig) == {}
    assert rig.observer.kinds == ["sent", "too_many_requests", "sent", "ok"]


def test_short_pause_is_waited_for_once(rig: Rig, api: requests_mock.Mocker):
    """A pause of 3 s is waited for and the request sent again; the wait is told as throttling."""
    api.get(URL, [{"status_code": 429, "headers": {"retry-after": "3"}}, {"json": {}}])
    assert get(rig) == {}
    assert sum(rig.time.waits) == pytest.approx(3)
    assert rig.observer.only("throttled") == [(pytest.approx(3),)]
    assert rig.observer.kinds == ["sent", "too_many_requests", "sent", "ok"]


def test_second_short_pause_fails(rig: Rig, api: requests_mock.Mocker):
    """A second 429 in a row is raised."""
    api.get(URL, status_code=429, headers={"retry-after": "1"})
    with pytest.raises(TooManyRequests):
        get(rig)
    assert len(api.request_history) == 2


def test_budget_of_the_client_is_used_by_every_attempt(rig: Rig, api: requests_mock.Mocker):
    """The 251st request of a minute waits: retries count as requests."""
    api.get(URL, json={})
    for _ in range(251):
        get(rig)
    assert rig.time.waits == [pytest.approx(60)]


@pytest.mark.parametrize("style", [str.lower, str.upper, str.title])
def test_rate_limit_headers_in_any_case(
    rig: Rig, api: requests_mock.Mocker, style: Callable[[str], str]
):
    """Limit, remaining and reset are told to the observer, on errors too, in any case."""
    headers = {
        style("ratelimit-limit"): "5000",
        style("ratelimit-remaining"): "4999",
        style("ratelimit-reset"): "1800000000",
    }
    api.get(URL, status_code=404, headers=headers)
    with pytest.raises(NotFound):
        get(rig)
    assert rig.observer.only("rate") == [(5000, 4999, 1_800_000_000)]


def test_odd_rate_limit_headers(rig: Rig, api: requests_mock.Mocker):
    """A header that is no number is None; without any of them nothing is told."""
    api.get(URL, json={}, headers={"ratelimit-limit": "many", "ratelimit-remaining": "7"})
    get(rig)
    api.get(URL, json={})
    get(rig)
    assert rig.observer.only("rate") == [(None, 7, None)]


def test_rotated_token_is_used_after_a_401(api: requests_mock.Mocker, tmp_path: Path):
    """A 401 after the file changed unseen is tried again once, with the new token."""
    path = tmp_path / "token"
    path.write_text("dop_v1_old")
    rig = Rig(token=FileToken(path))

    def answer(request: Any, context: Any) -> dict[str, Any]:
        if request.headers["Authorization"] == "Bearer dop_v1_new":
            return {"apps": []}
        path.write_text("dop_v1_new")
        context.status_code = 401
        return {"id": "unauthorized", "message": "Unable to authenticate you"}

    api.get(URL, json=answer)
    assert get(rig) == {"apps": []}
    assert rig.observer.kinds == ["sent", "unauthorized", "sent", "ok"]


def test_token_that_keeps_changing_is_tried_once_more(api: requests_mock.Mocker, tmp_path: Path):
    """A second 401 in a row is final, even if there is yet another token."""
    path = tmp_path / "token"
    path.write_text("dop_v1_0")
    rig = Rig(token=FileToken(path))

    def refuse(_: Any, context: Any) -> str:
        path.write_text(f"dop_v1_{len(api.request_history)}")
        context.status_code = 401
        return ""

    api.get(URL, text=refuse)
    with pytest.raises(Unauthorized):
        get(rig)
    assert len(api.request_history) == 2


def test_unchanged_token_is_not_tried_again(rig: Rig, api: requests_mock.Mocker):
    """A 401 with a token that stays the same is final."""
    api.get(URL, status_code=401)
    with pytest.raises(Unauthorized):
        get(rig)
    assert len(api.request_history) == 1


def test_pages_are_followed_until_next_is_absent(rig: Rig, api: requests_mock.Mocker):
    """Every page is read; only the query of the next link is used, never its host."""
    api.get(
        f"{URL}?page=1",
        json={
            "apps": [{"id": "a"}, {"id": "b"}],
            "links": {"pages": {"next": "http://evil.test:99/v2/other?page=2&per_page=200"}},
        },
    )
    api.get(f"{URL}?page=2&per_page=200", json={"apps": [{"id": "c"}], "links": {"pages": {}}})
    assert pages(rig) == ["a", "b", "c"]
    assert {request.hostname for request in api.request_history} == {"api.example.test"}
    assert rig.observer.kinds == ["sent", "ok"] * 2


@pytest.mark.parametrize("links", [{}, None, {"pages": None}, {"pages": {"next": None}}])
def test_last_page_in_every_form(rig: Rig, api: requests_mock.Mocker, links: Any):
    """No app at all: the key is absent; so is the next page, in whatever form."""
    api.get(URL, json={"links": links, "meta": {"total": 0}})
    assert pages(rig) == []


def test_pages_in_a_circle(rig: Rig, api: requests_mock.Mocker):
    """A next link that was there before ends the paging with an error."""
    api.get(f"{URL}?page=1", json={"links": {"pages": {"next": f"{URL}?page=2"}}})
    api.get(f"{URL}?page=2", json={"links": {"pages": {"next": f"{URL}?page=1"}}})
    with pytest.raises(InvalidResponse, match="circle"):
        pages(rig)
    assert len(api.request_history) == 2
    assert rig.observer.kinds == ["sent", "ok", "sent", "invalid_response"]


@pytest.mark.parametrize(
    "body",
    [
        {"apps": {}},
        {"apps": [1]},
        {"links": []},
        {"links": {"pages": "x"}},
        {"links": {"pages": {"next": 7}}},
        {"links": {"pages": {"next": "http://[bad"}}},
    ],
)
def test_pages_of_another_shape(rig: Rig, api: requests_mock.Mocker, body: dict[str, Any]):
    """A list that is none, or a next link that is none, is an invalid response."""
    api.get(URL, json=body)
    with pytest.raises(InvalidResponse):
        pages(rig)


@pytest.mark.parametrize("respond", [dribble, hang_in_body, hang])
def test_time_out_holds_over_real_sockets(respond: Respond):
    """A body that dribbles or stops is given up when the time is up, on each of three attempts."""
    with http_host(**{"v2/apps": respond}) as host:
        rig = Rig(api_url=host.url, timeout=0.3)
        started = time.monotonic()
        with pytest.raises(RequestTimeout):  # nothing else ends it before the test does
            get(rig)
        took = time.monotonic() - started
        rig.session.close()
    assert took > 0.85
    assert rig.observer.kinds == ["sent", "timeout"] * 3


def test_connections_are_kept_and_cookies_are_not():
    """Requests one after the other share a connection; a cookie that the API sets is dropped."""
    connections = 0

    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def setup(self) -> None:
            nonlocal connections
            connections += 1
            super().setup()

        def do_GET(self) -> None:
            assert "Cookie" not in self.headers
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.send_header("Set-Cookie", "id=7")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        rig = Rig(api_url=f"http://127.0.0.1:{server.server_address[1]}")
        try:
            assert [get(rig) for _ in range(5)] == [{}] * 5
        finally:
            rig.session.close()
            server.shutdown()
            thread.join()
    assert connections == 1


def test_token_is_in_no_exception(rig: Rig, api: requests_mock.Mocker):
    """Whatever fails, even when the API quotes the token, no text of the exception holds it."""
    quoting = {"id": "x", "message": f"bad token {SECRET}", "request_id": SECRET}
    answers: list[dict[str, Any]] = [
        *({"status_code": status, "json": quoting} for status, *_ in STATUSES),
        {"text": f"<html>{SECRET}</html>"},
        {"json": {"apps": SECRET, "links": SECRET}},
        {"exc": requests.ConnectionError(f"Bearer {SECRET}")},
        {"exc": requests.ReadTimeout(f"Bearer {SECRET}")},
        {"exc": requests.exceptions.InvalidHeader(f"Bearer {SECRET}")},
    ]
    kinds = set()
    for answer in answers:
        api.get(URL, **answer)
        with pytest.raises(ApiError) as caught:
            pages(rig)
        rig.time.now += 4000
        kinds.add(type(caught.value).kind)
        error = caught.value
        texts = [*traceback.format_exception(error), str(error), repr(error), error.detail]
        assert SECRET not in "".join(texts)
    assert kinds == {
        "unauthorized",
        "not_found",
        "forbidden",
        "too_many_requests",
        "server_error",
        "unexpected",
        "timeout",
        "connection",
        "invalid_response",
    }
