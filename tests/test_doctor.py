"""``doctor`` over the simulated platform: a sound one, each fault, each missing scope."""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from exporter_process import simulated
from simulated_traffic import COMPONENTS, hourly, simulator

from exporter.cli import command_line
from exporter.doctor.witness import MOST_REQUESTS
from exporter.model import Endpoint
from exporter.simulator import faults
from exporter.simulator.faults import Answer, Channel, error
from exporter.simulator.jobs import Jobs
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec, Kind

MESSAGE = "customer 4711 paid with a secret card"
EVERYTHING = {"instances": True, "events": True, "bandwidth": True}
FORBIDDEN = Answer(
    403,
    b'{"id": "forbidden", "message": "You do not have permission to perform this action."}',
)


@pytest.fixture
def sound() -> Iterator[tuple[Platform, SimulatorServer]]:
    """An app of three kinds of component that wrote lines, deployed twice."""
    with simulator() as (platform, server):
        platform.create_app("shop", COMPONENTS)
        platform.deploy("shop")
        for component in ("web", "worker", "nightly"):
            platform.write("shop", component, 0, MESSAGE)
            platform.write("shop", component, 1, '{"level": "info", "msg": "fine"}')
        yield platform, server


class Doctor:
    """Runs the command in this process and reads what it prints."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._folder = folder
        self._capsys = capsys

    def __call__(
        self, config: dict[str, Any], token: str, *arguments: str
    ) -> tuple[int, dict[str, dict[str, str]]]:
        """The exit code, and each check by its name."""
        file = self._folder / "config.yml"
        file.write_text(yaml.safe_dump(config))
        self._capsys.readouterr()
        environ = {"DIGITALOCEAN_TOKEN": token} if token else {}
        flags = [f"--config.file={file}", "--format=json", *arguments]
        code = command_line(["doctor", *flags], environ)
        output = self._capsys.readouterr().out
        assert not token or token not in output
        checks = json.loads(output)["checks"]
        assert all(set(each) == {"name", "verdict", "detail", "remedy"} for each in checks)
        assert all(each["remedy"] for each in checks if each["verdict"] in ("failed", "warning"))
        names = [each["name"] for each in checks]
        assert len(names) == len(set(names)) or code == 2
        return code, {each["name"]: each for each in checks}


@pytest.fixture
def doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(tmp_path, capsys)


def failures(checks: dict[str, dict[str, str]]) -> set[str]:
    return {name for name, each in checks.items() if each["verdict"] == "failed"}


def test_over_a_sound_platform_all_is_well(doctor: Doctor, sound: Any):
    """Every check is made, none fails, and the requests are few."""
    _, server = sound
    code, checks = doctor(simulated(server.api_url), server.token)
    assert (code, failures(checks)) == (0, set())
    verdicts = {name: each["verdict"] for name, each in checks.items()}
    wanted = {
        "configuration", "state", "web configuration", "api", "token", "scope app:read",
        "scope monitoring:read", "apps", "include", "endpoint deployments", "endpoint health",
        "endpoint restart_count", "log RUN", "log RUN_RESTARTED", "log BUILD", "log DEPLOY",
        "live by WebSocket", "live by plain GET", "log of an ended deployment", "lines",
        "rate limit", "clock", "duration", "cost",
    }  # fmt: skip
    assert {name for name in wanted if verdicts.get(name) != "ok"} == set()
    assert "6 lines of 3 components" in checks["log RUN"]["detail"]
    # Of the two lines of each component half are JSON.
    assert checks["lines"]["detail"].startswith("6 lines, 6 with component and time")
    assert "3 JSON" in checks["lines"]["detail"]
    assert checks["clock"]["detail"] == "the same as the platform's, to the second"
    sent = len(server.api_requests.requests) + len(server.log_host_requests.requests)
    assert 20 < sent <= MOST_REQUESTS


@pytest.mark.parametrize(
    ("fault", "name", "words"),
    [
        (error(401), "token", "DIGITALOCEAN_TOKEN"),
        (FORBIDDEN, "scope app:read", "app:read"),
        (faults.html(200), "api", "digitalocean.api_url"),
        (faults.not_json(), "api", "digitalocean.api_url"),
        (faults.wrong_shape(), "api", "digitalocean.api_url"),
        (error(500), "api", "try again later"),
        (error(429, retry_after=3600), "rate limit", "fewer requests"),
        (error(404), "api", "digitalocean.api_url"),
        (Answer(302, headers={"location": "https://x.test/"}), "api", "digitalocean.api_url"),
        (faults.html(407), "api", "HTTPS_PROXY"),
    ],
    ids=[
        "token",
        "scope",
        "html",
        "not_json",
        "wrong_shape",
        "server_error",
        "rate_limit",
        "404",
        "302",
        "407",
    ],
)
def test_what_is_wrong_with_the_list_of_apps_is_named(
    doctor: Doctor, sound: Any, fault: Answer, name: str, words: str
):
    """Token, scope, rate limit and an address that is no API are told apart."""
    _, server = sound
    server.faults.inject(Endpoint.APPS, fault)
    code, checks = doctor(simulated(server.api_url), server.token)
    assert code == 1
    assert failures(checks) == {name}
    assert words in checks[name]["remedy"]


def test_an_api_that_is_not_there_is_named(doctor: Doctor):
    """Nothing listens: the check of the API fails, and those behind it are not made."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        code, checks = doctor(simulated(f"http://127.0.0.1:{port}"), "dop_v1_x")
    assert (code, failures(checks)) == (1, {"api"})
    assert "proxy" in checks["api"]["remedy"]
    assert "log RUN" not in checks


@pytest.mark.parametrize(
    ("endpoint", "names"),
    [
        (Endpoint.HEALTH, {"endpoint health"}),
        (Endpoint.RESTART_COUNT, {"endpoint restart_count", "scope monitoring:read"}),
        (Endpoint.LOGS, {"log RUN", "log RUN_RESTARTED"}),
        (Endpoint.INSTANCES, {"endpoint instances"}),
        (Endpoint.EVENTS, {"endpoint events"}),
        (Endpoint.BANDWIDTH, {"endpoint bandwidth"}),
    ],
)
@pytest.mark.found(
    "doctor called all well while the endpoints of collectors.events and collectors.bandwidth were "
    "refused",
    how="each endpoint was refused in turn, with every collector in use",
)
def test_each_missing_scope_is_named(
    doctor: Doctor, sound: Any, endpoint: Endpoint, names: set[str]
):
    """A 403 of one endpoint names what it needs, and what does not work without."""
    _, server = sound
    server.faults.inject(endpoint, FORBIDDEN)
    code, checks = doctor(simulated(server.api_url, collectors=EVERYTHING), server.token)
    assert code == 1
    assert failures(checks) == names
    assert all("scope" in checks[name]["remedy"] for name in names)


@pytest.mark.parametrize("endpoint", [Endpoint.HEALTH, Endpoint.EVENTS, Endpoint.BANDWIDTH])
def test_an_endpoint_that_the_api_does_not_have_can_be_switched_off(
    doctor: Doctor, sound: Any, endpoint: Endpoint
):
    """The remedy names the key of the configuration."""
    _, server = sound
    server.faults.inject(endpoint, error(404))
    code, checks = doctor(simulated(server.api_url, collectors=EVERYTHING), server.token)
    assert (code, failures(checks)) == (1, {f"endpoint {endpoint}"})
    assert f"collectors.{endpoint}: false" in checks[f"endpoint {endpoint}"]["remedy"]


@pytest.fixture
def with_job(sound: Any) -> tuple[Jobs, SimulatorServer]:
    """The same with an app whose scheduled job has not run yet."""
    platform, server = sound
    platform.create_app("batch", [ComponentSpec("report", Kind.JOB, job=hourly())])
    return Jobs(platform, time.time, seed=1), server


def test_the_log_of_the_latest_run_of_a_job_is_read(
    doctor: Doctor, with_job: tuple[Jobs, SimulatorServer]
):
    """Where no run has ended, or jobs are not watched, that is said and nothing fails."""
    jobs, server = with_job
    code, checks = doctor(simulated(server.api_url), server.token)
    assert (code, checks["log JOB_INVOCATION"]["verdict"]) == (0, "skipped")
    jobs.run("batch", "report", "begins", "is done")
    jobs.begin("batch", "report")
    code, checks = doctor(simulated(server.api_url), server.token)
    assert (code, checks["log JOB_INVOCATION"]["verdict"]) == (0, "ok")
    assert "2 lines" in checks["log JOB_INVOCATION"]["detail"]
    assert checks["keys of answers"]["verdict"] == "ok"
    off = simulated(server.api_url, collectors={"jobs": False})
    assert doctor(off, server.token)[1]["log JOB_INVOCATION"]["verdict"] == "skipped"


def test_a_run_whose_log_is_refused_is_named(
    doctor: Doctor, with_job: tuple[Jobs, SimulatorServer]
):
    """With the job, and the scope that is missing."""
    jobs, server = with_job
    jobs.run("batch", "report", "is done")
    server.faults.inject(Endpoint.LOGS, FORBIDDEN, app="batch")
    code, checks = doctor(simulated(server.api_url), server.token)
    assert code == 1
    assert "log JOB_INVOCATION" in failures(checks)
    assert "batch/report" in checks["log JOB_INVOCATION"]["detail"]
    assert "app:read" in checks["log JOB_INVOCATION"]["remedy"]


def test_a_proxy_that_refuses_the_logs_is_no_missing_scope(doctor: Doctor, sound: Any):
    """No token goes to the hosts of logs, so none can help."""
    _, server = sound
    server.faults.inject(Endpoint.LOG_CONTENT, error(403))
    _, checks = doctor(simulated(server.api_url), server.token)
    assert "proxy" in checks["log RUN"]["remedy"]
    assert "scope" not in checks["log RUN"]["remedy"]
    # Three components meet one error: it is said once.
    assert checks["log RUN"]["detail"].count("403") == 1


@pytest.mark.parametrize("endpoint", [Endpoint.LOGS, Endpoint.LOG_CONTENT, Endpoint.HEALTH])
def test_retries_keep_within_the_requests_that_it_allows_itself(
    doctor: Doctor, sound: Any, endpoint: Endpoint
):
    """A failing server is asked again, but never more often than doctor may ask in all."""
    _, server = sound
    server.faults.inject(endpoint, error(500))
    code, _ = doctor(simulated(server.api_url), server.token)
    assert code == 1
    sent = len(server.api_requests.requests) + len(server.log_host_requests.requests)
    assert sent <= MOST_REQUESTS


def test_each_account_has_its_checks(doctor: Doctor, sound: Any, tmp_path: Path):
    """With several tokens every check says whose it is; the report does not."""
    _, server = sound
    for name, token in (("good", server.token), ("bad", "dop_v1_revoked")):
        (tmp_path / name).write_text(token)
    accounts = [{"name": each, "token_file": str(tmp_path / each)} for each in ("good", "bad")]
    config = simulated(server.api_url)
    config |= {"accounts": accounts}
    report = tmp_path / "report.json"
    code, checks = doctor(config, "", f"--report={report}")
    assert (code, failures(checks)) == (1, {"token (bad)"})
    assert checks["token (good)"]["verdict"] == "ok"
    assert [each["checks"]["token"] for each in json.loads(report.read_text())["accounts"]] == [
        "ok",
        "failed",
    ]
    assert "good" not in report.read_text()


@pytest.mark.parametrize(
    ("granted", "names"),
    [
        (("monitoring:read",), {"scope app:read"}),
        (("app:read",), {"scope monitoring:read", "endpoint restart_count"}),
        ((), {"scope app:read"}),
    ],
)
def test_scopes_that_the_token_does_not_have_are_named(
    doctor: Doctor, sound: Any, granted: tuple[str, ...], names: set[str]
):
    """A token of custom scopes: what it lacks is said by name."""
    _, server = sound
    server.grant(*granted)
    code, checks = doctor(simulated(server.api_url), server.token)
    assert (code, failures(checks)) == (1, names)


def test_what_is_off_needs_no_scope(doctor: Doctor, sound: Any):
    """Without restart counts `monitoring:read` is not asked for."""
    _, server = sound
    server.faults.inject(Endpoint.RESTART_COUNT, FORBIDDEN)
    config = simulated(server.api_url, collectors={"restart_count": False})
    code, checks = doctor(config, server.token)
    assert code == 0
    assert checks["endpoint restart_count"]["verdict"] == "skipped"


@pytest.mark.parametrize(("mode", "verdict"), [("poll", "warning"), ("follow", "failed")])
def test_websockets_that_are_refused_are_named(doctor: Doctor, sound: Any, mode: str, verdict: str):
    """A proxy that lets no WebSocket through matters where logs are followed."""
    _, server = sound
    websocket = frozenset({Channel.WEBSOCKET})
    server.faults.inject(Endpoint.LOG_CONTENT, error(403), channels=websocket)
    code, checks = doctor(simulated(server.api_url, logs={"mode": mode}), server.token)
    assert checks["live by WebSocket"]["verdict"] == verdict
    assert checks["live by plain GET"]["verdict"] == "ok"
    assert code == int(verdict == "failed")


def test_patterns_that_match_nothing_are_named_with_what_there_is(doctor: Doctor, sound: Any):
    """One dead pattern beside a good one is a warning; nothing watched is a failure."""
    platform, server = sound
    platform.create_app("blog", COMPONENTS)
    patterns = {"include": ["shop-prod", "shop/web"]}
    code, checks = doctor(simulated(server.api_url, discovery=patterns), server.token)
    assert code == 0
    assert checks["include"]["verdict"] == "warning"
    assert checks["include"]["detail"] == "`shop-prod` matches none of: blog, shop"
    patterns = {"include": ["shop-prod"]}
    code, checks = doctor(simulated(server.api_url, discovery=patterns), server.token)
    assert (code, failures(checks)) == (1, {"include"})


def test_one_app_alone_can_be_looked_at(doctor: Doctor, sound: Any):
    """`--app` narrows the checks; a name that does not exist is said with those that do."""
    platform, server = sound
    platform.create_app("blog", COMPONENTS)
    code, _ = doctor(simulated(server.api_url), server.token, "--app=blog")
    assert code == 0
    blog = platform.app_id("blog")
    asked = {r.path for r in server.api_requests.requests if "/logs" in r.path}
    assert asked and all(blog in path for path in asked)
    code, checks = doctor(simulated(server.api_url), server.token, "--app=bolg")
    assert code == 1
    assert checks["app"]["detail"] == "no watched app is called 'bolg'; there are: blog, shop"


def test_a_rate_limit_that_is_nearly_used_up_is_named(doctor: Doctor, sound: Any):
    """What others sent with the token shows in the headers."""
    _, server = sound
    server.rate_limit.per_hour = 200
    code, checks = doctor(simulated(server.api_url), server.token)
    assert re.search(r"\d+ of 200 requests of this hour are left", checks["rate limit"]["detail"])
    assert code == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:///no/such/folder/state.db", "does not exist"),
        ("redis://127.0.0.1:1/0", "does not answer|is not installed"),
        ("postgresql://127.0.0.1:1/x", "does not answer|is not installed"),
    ],
)
def test_a_state_that_cannot_be_used_is_named(doctor: Doctor, sound: Any, url: str, words: str):
    """The folder or the database is missing: said before anything runs."""
    _, server = sound
    code, checks = doctor(simulated(server.api_url, state={"url": url}), server.token)
    assert (code, failures(checks)) == (1, {"state"})
    assert re.search(words, checks["state"]["detail"])


def test_nothing_is_written(doctor: Doctor, sound: Any, tmp_path: Path):
    """Neither a state file nor anything else is there after it."""
    _, server = sound
    state = tmp_path / "state"
    state.mkdir()
    config = simulated(server.api_url, state={"url": f"sqlite://{state}/state.db"})
    code, _ = doctor(config, server.token)
    assert code == 0
    assert list(state.iterdir()) == []


def test_a_configuration_that_is_no_good_cannot_be_tried(doctor: Doctor):
    """Exit code 2: without configuration or token there is nothing to ask with."""
    code, checks = doctor({"logs": {"intervall": "1s"}}, "dop_v1_x")
    assert code == 2
    assert "intervall" in checks["configuration"]["detail"]
    code, checks = doctor({}, "")
    assert code == 2
    assert "token" in checks["configuration"]["detail"].lower()


def test_the_report_holds_figures_and_no_name_token_url_or_text(
    doctor: Doctor, sound: Any, tmp_path: Path
):
    """Nothing that belongs to the user is in it, also where things fail."""
    platform, server = sound
    platform.create_app("acme-private", COMPONENTS, region="zzz")
    file = tmp_path / "report.json"
    for fault in (None, FORBIDDEN, faults.html(502)):
        if fault is not None:
            server.faults.inject(Endpoint.HEALTH, fault)
        doctor(simulated(server.api_url), server.token, f"--report={file}")
        text = file.read_text()
        private = [
            "shop", "acme-private", "nightly", "zzz", "4711", "customer", "127.0.0.1", "http",
            "dop_v1", server.token, str(tmp_path), platform.app_id("shop"),
            platform.active_deployment_id("shop"),
        ]  # fmt: skip
        assert [each for each in private if str(each) in text] == []
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-f]{24}", text)
        (account,) = json.loads(text)["accounts"]
        assert account["apps"] == 2
        assert account["lines"]["lines"] == 6
        assert account["checks"]["log RUN"] == "ok"


def test_keys_that_are_new_are_named_unless_they_are_a_users(
    doctor: Doctor, sound: Any, tmp_path: Path
):
    """A key that the API has added is in the report; one that is an app's name is not."""
    _, server = sound
    body = json.dumps({"app_health": {}, "weather": 1, "shop": 2, "Acme Inc 17": 3}).encode()
    server.faults.inject(Endpoint.HEALTH, Answer(200, body))
    file = tmp_path / "report.json"
    code, checks = doctor(simulated(server.api_url), server.token, f"--report={file}")
    assert code == 0
    assert "weather" in checks["keys of answers"]["detail"]
    (account,) = json.loads(file.read_text())["accounts"]
    assert account["keys"]["health"]["new"] == ["weather"]
    assert account["keys"]["health"]["new_unnamed"] == 2


def test_the_table_names_each_check_with_its_remedy(
    sound: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    """Without --format a person reads one line a check, and what to do below it."""
    _, server = sound
    server.faults.inject(Endpoint.RESTART_COUNT, FORBIDDEN)
    file = tmp_path / "config.yml"
    file.write_text(yaml.safe_dump(simulated(server.api_url)))
    code = command_line(["doctor", f"--config.file={file}"], {"DIGITALOCEAN_TOKEN": server.token})
    output = capsys.readouterr().out
    assert code == 1
    assert re.search(r"^ok +log RUN +6 lines of 3 components", output, re.MULTILINE)
    assert re.search(r"^FAILED +scope monitoring:read +403", output, re.MULTILINE)
    assert re.search(r"^ +→ give the token the scope monitoring:read", output, re.MULTILINE)
