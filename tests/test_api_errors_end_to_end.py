"""Every error of the API and of log hosts: seen within one interval, gone after, nothing lost."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from exporter_process import ExporterProcess, Samples, simulated
from simulated_traffic import simulator, wait_for_two_more_reads

from exporter.model import Endpoint
from exporter.simulator.faults import (
    BadFrame,
    Channel,
    Drop,
    FaultAction,
    Hang,
    empty,
    error,
    html,
    not_json,
    wrong_shape,
)
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

TIMEOUT_SECONDS = 3.0
"""Long enough for a good answer of a busy machine; the read after a late one clears its error."""

LINES = "digitalocean_app_log_lines_total"

API_FAULTS = {
    "unauthorized": ("unauthorized", error(401)),
    "not-found": ("not_found", error(404)),
    "forbidden": ("forbidden", error(403)),
    "cloudflare": ("unexpected", html(524)),
    "too-many-requests": ("too_many_requests", error(429, retry_after=1)),
    "server-error": ("server_error", error(500)),
    "teapot": ("unexpected", error(418)),
    "unavailable": ("unexpected", error(503)),
    "html-error": ("unexpected", html(502)),
    "html": ("invalid_response", html(200)),
    "empty": ("invalid_response", empty()),
    "not-json": ("invalid_response", not_json()),
    "wrong-shape": ("invalid_response", wrong_shape()),
    "hang": ("timeout", Hang()),
    "hang-in-body": ("timeout", Hang(after_bytes=5)),
    "drop": ("connection", Drop()),
    "drop-in-body": ("connection", Drop(after_bytes=5)),
}
"""The error each fault shows as."""

CONTENT_FAULTS = {
    "unauthorized": ("unauthorized", error(401)),
    "not-found": ("not_found", error(404)),
    "server-error": ("server_error", error(500)),
    "html": ("invalid_response", html(200)),
    "no-frame": ("invalid_response", BadFrame()),
    "binary-frame": ("invalid_response", BadFrame(binary=True)),
    "cut-in-the-middle": ("connection", Drop(after_bytes=100)),
    "hang-in-the-middle": ("timeout", Hang(after_bytes=100)),
    "drop": ("connection", Drop()),
}
"""The same for what a logs answer points at."""


ALONE = "too-many-requests"
"""The one fault that holds up more than its own target: the whole account has to pause."""


@dataclass(frozen=True)
class Setting:
    """One platform and the exporter that reads it; each fault has an app of its own."""

    platform: Platform
    server: SimulatorServer
    exporter: ExporterProcess

    def write(self, *apps: str) -> None:
        """Write three lines in each app."""
        for app in apps:
            for number in range(3):
                self.platform.write(app, "web", 0, f"line {number} of a server that serves {app}")

    def restore(self) -> Samples:
        """Bring every fault to its end; return a scrape from when all is as it was before."""
        self.server.faults.clear()
        return self.exporter.wait_until(no_failures)


def no_failures(samples: Samples) -> bool:
    """Whether no target fails and every log can be read."""
    return samples.total("digitalocean_app_api_errors") == 0 and all(
        value == 1 for _, value in samples.series("digitalocean_app_source_up")
    )


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    """One process for all faults."""
    with simulator() as (platform, server):
        for app in {**API_FAULTS, **CONTENT_FAULTS}:
            platform.create_app(app, [ComponentSpec("web")])
        config = simulated(
            server.api_url,
            logs={"timeout": f"{TIMEOUT_SECONDS:.0f}s", "types": ["RUN"], "workers": 24},
            collectors={"health": False, "restart_count": False, "deployments": False},
        )
        folder = tmp_path_factory.mktemp("exporter")
        with ExporterProcess(folder, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            yield Setting(platform, server, exporter)
            assert exporter.terminate() == 0


def failing(samples: Samples, endpoint: Endpoint) -> dict[str, float]:
    """The errors that the targets of an endpoint have now, and how many each."""
    series = samples.series("digitalocean_app_api_errors", endpoint=endpoint)
    return {labels["error"]: value for labels, value in series if value}


def by_app(samples: Samples, metric: str) -> dict[str, float]:
    """The values of a metric that each app has one series of."""
    return {labels["app"]: value for labels, value in samples.series(f"digitalocean_app_{metric}")}


def provoke(
    setting: Setting, endpoint: Endpoint, faults: Mapping[str, tuple[str, FaultAction]]
) -> None:
    """Let each fault befall its app; see all of them, and all lines counted once they are over."""
    before = setting.restore()
    lines_before = by_app(before, "log_lines_total")
    for app, (_, action) in faults.items():
        setting.server.faults.inject(endpoint, action, app=app)
    kinds = Counter(kind for kind, _ in faults.values())
    samples = setting.exporter.wait_until(lambda samples: failing(samples, endpoint) == kinds)
    for kind, count in kinds.items():
        labels = {"endpoint": endpoint, "error": kind}
        name = "digitalocean_app_api_request_errors_total"
        assert samples.value(name, **labels) - before.value(name, **labels) >= count
    setting.write(*faults)
    setting.exporter.wait_until(
        lambda samples: all(
            up == (app not in faults) for app, up in by_app(samples, "source_up").items()
        )
    )
    setting.restore()
    samples = wait_for_two_more_reads(setting.exporter)
    lines = by_app(samples, "log_lines_total")
    assert lines == {app: count + 3 * (app in faults) for app, count in lines_before.items()}
    assert samples.total("digitalocean_app_log_gaps_total") == 0


def test_errors_of_the_logs_request_show_and_clear(setting: Setting):
    """Each error is told within an interval, for its targets alone, and leaves no line out."""
    faults = {name: fault for name, fault in API_FAULTS.items() if name != ALONE}
    provoke(setting, Endpoint.LOGS, faults)


def test_the_rate_limit_shows_and_clears(setting: Setting):
    """A 429 that asks for a second's pause is an error of its own, and is over with the pause."""
    provoke(setting, Endpoint.LOGS, {ALONE: API_FAULTS[ALONE]})
    throttled = setting.exporter.metrics().value("digitalocean_app_api_throttled_seconds_total")
    assert throttled >= 0.5


def test_errors_of_the_log_itself_show_and_clear(setting: Setting):
    """A log host that fails is told apart from the API, and no line is lost or repeated."""
    before = by_app(setting.exporter.metrics(), "log_lines_total")
    setting.write(*CONTENT_FAULTS)
    setting.exporter.wait_until(
        lambda samples: all(
            by_app(samples, "log_lines_total")[app] == before[app] + 3 for app in CONTENT_FAULTS
        )
    )
    provoke(setting, Endpoint.LOG_CONTENT, CONTENT_FAULTS)


@pytest.mark.parametrize("name", ["unauthorized", "server-error", "html", "hang"])
def test_an_error_of_discovery_shows_and_clears_while_reading_goes_on(setting: Setting, name: str):
    """Apps that cannot be listed keep their series, and their logs are read on."""
    kind, action = API_FAULTS[name]
    before = by_app(setting.restore(), "log_lines_total")
    setting.server.faults.inject(Endpoint.APPS, action)
    setting.exporter.wait_until(lambda samples: failing(samples, Endpoint.APPS) == {kind: 1})
    setting.write(name)
    setting.exporter.wait_until(
        lambda samples: (
            by_app(samples, "log_lines_total")[name] == before[name] + 3
            and set(by_app(samples, "source_up").values()) == {1.0}
            and failing(samples, Endpoint.APPS) == {kind: 1}
        )
    )
    setting.restore()


def test_a_refused_handshake_falls_back_to_a_plain_get(tmp_path: Path):
    """A log host that refuses WebSockets is read by GET: the lines count and no log is down."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        server.faults.inject(
            Endpoint.LOG_CONTENT, error(403), channels=frozenset({Channel.WEBSOCKET})
        )
        config = simulated(server.api_url)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, "read by a plain GET")
            refused = {"endpoint": "log_content", "error": "forbidden"}
            exporter.wait_until(
                lambda samples: (
                    samples.total(LINES) == 1
                    and samples.value("digitalocean_app_source_up", log_type="RUN") == 1
                    and failing(samples, Endpoint.LOG_CONTENT) == {}
                    and samples.value("digitalocean_app_api_request_errors_total", **refused) >= 1
                    and samples.value("digitalocean_app_log_plain_get_reads_total") >= 1
                )
            )


def test_an_archive_that_fails_is_read_again(tmp_path: Path):
    """The rest of a past deployment is not lost to a 404 and a cut archive, and counts once."""
    with simulator(run_archives=True) as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url, logs={"types": ["RUN"]})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            server.faults.inject(Endpoint.LOG_CONTENT, error(500), times=1, archive=0)
            server.faults.inject(Endpoint.LOG_CONTENT, Drop(after_bytes=60), times=1, archive=1)
            for number in range(10):
                platform.write("shop", "web", 0, f"line {number} of the old deployment")
            platform.deploy("shop")
            exporter.wait_until(lambda samples: samples.total(LINES) == 10)
            samples = wait_for_two_more_reads(exporter)
    assert samples.total(LINES) == 10
    assert samples.total("digitalocean_app_log_gaps_total") == 0
    failed = {"endpoint": "log_content"}
    for kind in ("server_error", "connection"):
        assert samples.value("digitalocean_app_api_request_errors_total", **failed, error=kind) == 1
    assert failing(samples, Endpoint.LOG_CONTENT) == {}


def test_an_archive_that_is_gone_is_a_gap(tmp_path: Path):
    """Where the rest of a past deployment is not to be had any more, the gap is counted, once."""
    with simulator(run_archives=True) as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url, logs={"types": ["RUN"]})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            server.faults.inject(Endpoint.LOG_CONTENT, error(404), archive=0)
            # So that no poll falls between the line and the deployment.
            server.faults.inject(Endpoint.LOGS, error(500))
            exporter.wait_until(lambda samples: samples.total("digitalocean_app_source_up") == 0)
            platform.write("shop", "web", 0, "a line that nobody will read")
            platform.deploy("shop")
            server.faults.clear(Endpoint.LOGS)
            exporter.wait_until(
                lambda samples: samples.total("digitalocean_app_log_gaps_total") > 0
            )
            platform.write("shop", "web", 0, "a line of the new deployment")
            exporter.wait_until(lambda samples: samples.total(LINES) > 0)
            wait_for_two_more_reads(exporter)
            samples = exporter.wait_until(no_failures)
    assert samples.total("digitalocean_app_log_gaps_total") == 1
    assert samples.total(LINES) == 1
