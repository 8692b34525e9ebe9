"""A quarter of a minute in which everything happens that a dashboard can show.

Lines, errors, a crash, two deployments, a gap, streams that end or are refused, failed requests,
values that a rule cannot take: what a panel shows only when it happens is made to happen.
"""

import time
from pathlib import Path
from typing import Any

from exporter_process import ExporterProcess, Samples, simulated

from exporter.logs.canary_line import CanaryLine, run_name
from exporter.model import Endpoint, LogType
from exporter.simulator.faults import Channel, error
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

TAIL_LINES = 10
FOLLOWED, POLLED = "web", "worker"
"""The components: the stream of one is kept, that of the other is refused."""

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
    )


def begin(platform: Platform, server: SimulatorServer) -> None:
    """Make the app; the stream of one component is refused from the start."""
    server.rate_limit.per_hour = 1_000_000
    platform.create_app("shop", [ComponentSpec(FOLLOWED), ComponentSpec(POLLED)])
    websocket = frozenset({Channel.WEBSOCKET})
    server.faults.inject(Endpoint.LOG_CONTENT, error(403), component=POLLED, channels=websocket)


def live(platform: Platform, server: SimulatorServer, exporter: ExporterProcess) -> Samples:
    """Let everything happen; return a scrape from after it was seen."""
    exporter.wait_until(lambda s: s.total("digitalocean_app_stream_connected") == 1)
    for text in LINES:
        platform.write("shop", FOLLOWED, 0, text)
    _sing(platform)
    lines = {"app": "shop", "component": FOLLOWED}
    exporter.wait_until(lambda s: s.total("digitalocean_app_log_lines_total", **lines) >= 8)
    platform.crash("shop", FOLLOWED, 0, ["panic: index out of range"])
    exporter.wait_until(lambda s: s.total("digitalocean_app_restarts_total") == 1)
    server.end_streams()
    _miss_lines(platform, server, exporter)
    _deploy(platform, exporter)
    return exporter.wait_until(
        lambda s: all(s.series(name) and s.total(name) >= least for name, least in SHOWN.items())
    )


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
