"""A quarter of a minute in which everything happens that a dashboard can show.

Lines, errors, a crash, two deployments, a gap, streams that end or are refused, failed requests,
values that a rule cannot take: what a panel shows only when it happens is made to happen.
"""

import time
from pathlib import Path
from typing import Any

import requests
from exporter_process import ExporterProcess, Samples, simulated
from waiting import LIMIT_SECONDS

from exporter.commands.children import free_port
from exporter.logs.canary_line import CanaryLine, run_name
from exporter.model import Endpoint, LogType
from exporter.simulator.faults import Channel, error
from exporter.simulator.job_schedule import JobSchedule
from exporter.simulator.jobs import Jobs
from exporter.simulator.platform import Platform
from exporter.simulator.scaling import Scaling
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import App, ComponentSpec, Kind

TAIL_LINES = 10
FOLLOWED, POLLED, PUSHED, JOB = "web", "worker", "mail", "report"
"""The components: the stream of one is kept, that of the next refused; one pushes; one is a job."""

AMOUNT = {
    "name": "shop_amount_total",
    "type": "counter",
    "help": "What was paid.",
    "labels": {"code": "code"},
    "value": "amount",
    "max_series": 1,
}
RULES = [
    {"name": "paid", "regex": r"paid code=(?P<code>\w+)", "level": "info", "metric": AMOUNT},
    {"name": "checkout_failed", "regex": "checkout failed", "level": "error"},
    {"name": "corrupt", "regex": "database is corrupt", "level": "critical"},
]
LINES = (
    "GET /health 200 in 3 ms",
    "paid code=a amount=1",
    "paid code=b amount=2",
    "paid code=a amount=nothing",
    "ERROR checkout failed: no answer from the gateway",
    "CRITICAL database is corrupt",
)
SHOWN = {
    "digitalocean_app_log_matches_total": 3.0,
    "digitalocean_app_new_error_groups_total": 1.0,
    "digitalocean_app_rule_metric_overflow_total": 1.0,
    "digitalocean_app_rule_value_errors_total": 1.0,
    "digitalocean_app_restarts_total": 1.0,
    "digitalocean_app_log_gaps_total": 1.0,
    "digitalocean_app_stream_reconnects_total": 1.0,
    "digitalocean_app_api_request_errors_total": 1.0,
    "digitalocean_app_deployment_failures_total": 1.0,
    "digitalocean_app_deployment_duration_seconds": 0.0,
    "digitalocean_app_job_invocations_total": 1.0,
    "digitalocean_app_job_running": 1.0,
    "digitalocean_app_autoscaling_events_total": 1.0,
    "digitalocean_app_bandwidth_bytes": 1.0,
    "digitalocean_app_container_exits_total": 1.0,
    "digitalocean_app_received_lines_total": 1.0,
    "digitalocean_app_received_duplicates_total": 1.0,
    "digitalocean_app_received_unknown_lines_total": 1.0,
    "digitalocean_app_receive_errors_total": 1.0,
    "digitalocean_app_notifications_total": 1.0,
}
"""What the metrics come to at least when all has happened and was seen."""


def configuration(server: SimulatorServer, folder: Path) -> dict[str, Any]:
    """What the exporter runs with: streams, rules of its own, state on disk."""
    return simulated(
        server.api_url,
        logs={
            "mode": "follow",
            "types": ["RUN", "RUN_RESTARTED", "BUILD", "DEPLOY"],
            "interval": "1s",
            "tail_lines": TAIL_LINES,
        },
        patterns={"packs": ["canary"], "rules": RULES},
        state={"url": f"sqlite://{folder / 'state.db'}"},
        api_budget={"per_hour": 1_000_000, "per_minute": 100_000},
        collectors={"events": True, "bandwidth": True},
        receive={
            "listen_addresses": [f"127.0.0.1:{free_port()}"],
            "components": [f"shop/{PUSHED}"],
        },
        # It answers 401, which ends a notification; one without an answer is tried for minutes.
        notify={"webhook_urls": [server.api_url], "events": ["job_failed"]},
    )


def begin(platform: Platform, server: SimulatorServer) -> None:
    """Make the app; the stream of one component is refused from the start."""
    server.rate_limit.per_hour = 1_000_000
    job = ComponentSpec(JOB, Kind.JOB, job=JobSchedule("0 0 1 1 *"))
    components = [ComponentSpec(name) for name in (FOLLOWED, POLLED, PUSHED)]
    platform.create_app("shop", [*components, job])
    platform.view(_use_bandwidth)
    websocket = frozenset({Channel.WEBSOCKET})
    server.faults.inject(Endpoint.LOG_CONTENT, error(403), component=POLLED, channels=websocket)


def live(platform: Platform, server: SimulatorServer, exporter: ExporterProcess) -> Samples:
    """Let everything happen; return a scrape from after it was seen."""
    exporter.wait_until(lambda s: s.total("digitalocean_app_stream_connected") == 1)
    jobs = Jobs(platform, time.time, seed=1)
    jobs.run("shop", JOB, "begins", phase="FAILED")
    jobs.run("shop", JOB, "begins")
    jobs.begin("shop", JOB)
    platform.view(_scale)
    _push(exporter)
    for text in LINES:
        platform.write("shop", FOLLOWED, 0, text)
    _sing(platform)
    lines = {"app": "shop", "component": FOLLOWED}
    exporter.wait_until(lambda s: s.total("digitalocean_app_log_lines_total", **lines) >= 8)
    platform.crash("shop", FOLLOWED, 0, ["panic: index out of range"], exit_code=1)
    exporter.wait_until(lambda s: s.total("digitalocean_app_restarts_total") == 1)
    server.end_streams()
    _miss_lines(platform, server, exporter)
    _deploy(platform, exporter)
    return exporter.wait_until(
        lambda s: all(s.series(name) and s.total(name) >= least for name, least in SHOWN.items())
    )


def _use_bandwidth(apps: dict[str, App]) -> None:
    for app in apps.values():
        app.bandwidth_bytes = 4711


def _scale(apps: dict[str, App]) -> None:
    for app in apps.values():
        app.scalings.append(Scaling("1", time.time() + 1, FOLLOWED, 1, 2, "cpu"))


def _push(exporter: ExporterProcess) -> None:
    """Push a line, the same again, one of a component that nobody knows, and what is none."""
    [address] = exporter.config["receive"]["listen_addresses"]
    for name in (PUSHED, PUSHED, "nobody"):
        entries = [{"message": "pushed", "do_app_name": "shop", "do_component_name": name}]
        requests.post(
            f"http://{address}/api/v2/logs", json=entries, timeout=LIMIT_SECONDS
        ).raise_for_status()
    requests.post(f"http://{address}/api/v2/logs", data=b"none", timeout=LIMIT_SECONDS)


def _sing(platform: Platform) -> None:
    """Write a line of the canary twice."""
    began = time.time()
    canary = CanaryLine(run_name(began, 1), int(began), 1, 0, began)
    for _ in range(2):
        platform.write("shop", FOLLOWED, 0, str(canary))


def _miss_lines(platform: Platform, server: SimulatorServer, exporter: ExporterProcess) -> None:
    """Write more than is asked for while the log cannot be read."""
    platform.write("shop", POLLED, 0, "ready")
    component = {"component": POLLED}
    exporter.wait_until(lambda s: s.total("digitalocean_app_log_lines_total", **component) == 1)
    server.faults.inject(Endpoint.LOGS, error(500), component=POLLED)
    exporter.wait_until(
        lambda s: s.value("digitalocean_app_source_up", log_type="RUN", **component) == 0
    )
    for number in range(20 * TAIL_LINES):
        platform.write("shop", POLLED, 0, f"order {number} shipped")
    server.faults.clear(Endpoint.LOGS)
    exporter.wait_until(lambda s: s.total("digitalocean_app_log_gaps_total", **component) > 0)


def _deploy(platform: Platform, exporter: ExporterProcess) -> None:
    """One deployment that fails in its build, and one that gets through."""
    platform.begin_deployment("shop")
    platform.advance_deployment("shop")
    platform.write_deployment_log("shop", FOLLOWED, LogType.BUILD, "failed to build")
    platform.end_deployment("shop", "ERROR")
    exporter.wait_until(lambda s: s.total("digitalocean_app_deployments_total", phase="ERROR") == 1)
    platform.deploy("shop")
    exporter.wait_until(
        lambda s: s.total("digitalocean_app_deployments_total", phase="ACTIVE") == 1
    )
