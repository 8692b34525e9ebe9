"""The installed exporter follows many components of a platform in another process."""

import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.busy_platform import COMPONENTS_AN_APP, PROBED, BusyPlatform
from benchmarks.exporter_process import Exporter, Scrape, running_exporter
from benchmarks.tables import print_table
from exporter.options import Options
from exporter.service.configuration import configuration_of
from exporter.service.estimate import demand_of

COMPONENTS = 1000
LINES_A_SECOND = 1000

SETTLE_SECONDS = 5.0
IDLE_SECONDS = 40.0
TRAFFIC_SECONDS = 45.0
SCRAPE_INTERVAL = 15.0
"""Between two scrapes while CPU time is measured, as Prometheus has it."""

PROBE_SECONDS = 40.0
PROBE_PAUSE = 0.1
"""Between two scrapes while latencies are measured."""

_LINES = "digitalocean_app_log_lines_total"
_PROBE = 'app="{}",component="{}"'.format(*PROBED)

Row = tuple[str, str]


def run(components: int = COMPONENTS, lines_a_second: int = LINES_A_SECOND) -> None:
    """Measure and print."""
    with BusyPlatform(components) as platform, tempfile.TemporaryDirectory() as folder:
        config, token = Path(folder) / "config.yml", Path(folder) / "token"
        token.write_text(platform.token)
        config.write_text(yaml.safe_dump(_configuration(platform.api_url, token)))
        with running_exporter(config) as exporter:
            scheduled = _scheduled(config, components)
            rows = [
                ("components", f"{components:,}"),
                *_start(exporter, components),
                *_idle(exporter),
                ("scheduled: requests a component and hour", f"{scheduled:.2f}"),
                *_traffic(exporter, platform, lines_a_second),
                *_latencies(exporter, platform, lines_a_second),
            ]
    print_table("The exporter follows a platform in another process", ("", "measured"), rows)


def _configuration(api_url: str, token: Path) -> dict[str, Any]:
    """Logs alone are read, with a budget that is never reached."""
    return {
        "digitalocean": {"api_url": api_url, "token_file": str(token)},
        "logs": {"mode": "follow"},
        "collectors": {"health": False, "restart_count": False, "deployments": False},
        "api_budget": {"per_hour": 1_000_000, "per_minute": 100_000},
        "web": {"listen_addresses": ["127.0.0.1:0"]},
    }


def _scheduled(config: Path, components: int) -> float:
    """Requests to the API a component and hour, as ``check`` tells them."""
    checked = configuration_of(Options(config_file=str(config)), credentials=False)
    apps = -(-components // COMPONENTS_AN_APP)
    return demand_of(checked, apps, components).total / components


def _start(exporter: Exporter, components: int) -> Iterator[Row]:
    yield (
        "all streams connected, all other logs read: after, s",
        f"{exporter.wait_until_ready():.1f}",
    )
    first = exporter.scrape()
    connected = first.total("digitalocean_app_stream_connected")
    yield "streams connected", f"{connected:,.0f}"
    yield "requests to the API until then", f"{_requests(first):,.0f}"
    yield "series", f"{first.series:,}"
    yield "the first scrape, ms", _ms(first.seconds)
    if connected < components:
        raise SystemExit(f"{connected:.0f} of {components} streams are connected")


def _idle(exporter: Exporter) -> Iterator[Row]:
    """Nothing is written, and nobody scrapes.

    What is asked for then comes on top of what is scheduled once an hour or more rarely, of
    which so short a while shows nothing: streams that nothing comes of, RUN_RESTARTED.
    """
    time.sleep(SETTLE_SECONDS)
    before, cpu, began = exporter.scrape(), exporter.cpu_seconds(), time.monotonic()
    time.sleep(IDLE_SECONDS)
    seconds, cpu = time.monotonic() - began, exporter.cpu_seconds() - cpu
    requests = _requests(exporter.scrape()) - _requests(before)
    yield "idle: CPU, % of a core", f"{cpu / seconds * 100:.1f}"
    yield "idle: memory, MB", f"{exporter.megabytes('VmRSS'):.0f}"
    yield f"idle: requests to the API in {seconds:.0f} s", f"{requests:.0f}"


def _traffic(exporter: Exporter, platform: BusyPlatform, lines_a_second: int) -> Iterator[Row]:
    """Lines are written; a scrape comes every 15 seconds."""
    counted, cpu, began = _counted(exporter), exporter.cpu_seconds(), time.monotonic()
    platform.write(TRAFFIC_SECONDS, lines_a_second)
    while time.monotonic() - began < TRAFFIC_SECONDS - SCRAPE_INTERVAL / 2:
        time.sleep(SCRAPE_INTERVAL)
        exporter.scrape()
    written, _ = platform.written()
    seconds, cpu = time.monotonic() - began, exporter.cpu_seconds() - cpu
    yield "traffic: lines a second", f"{written / seconds:,.0f}"
    yield "traffic: CPU, % of a core", f"{cpu / seconds * 100:.1f}"
    yield "traffic: memory, MB", f"{exporter.megabytes('VmRSS'):.0f}"
    yield from _exactness("traffic", exporter, written, counted)


def _latencies(exporter: Exporter, platform: BusyPlatform, lines_a_second: int) -> Iterator[Row]:
    """The same lines, and scrapes one after another, which show when a line is counted."""
    counted = _counted(exporter)
    probed = exporter.scrape().total(_LINES, _PROBE)
    platform.write(PROBE_SECONDS, lines_a_second)
    scrapes, began = list[Scrape](), time.monotonic()
    probes_shown, shown_at = list[float](), list[float]()
    while time.monotonic() - began < PROBE_SECONDS + 2:
        scrape = exporter.scrape()
        scrapes.append(scrape)
        probes_shown.append(scrape.total(_LINES, _PROBE) - probed)
        shown_at.append(scrape.at)
        time.sleep(PROBE_PAUSE)
    written, probes = platform.written()
    waits = [
        shown_at[bisect_left(probes_shown, number)] - at for number, at in enumerate(probes, 1)
    ]
    seconds = [scrape.seconds for scrape in scrapes]
    yield "from a line to a scrape that shows it, ms, p50", _ms(median(waits))
    yield "the same, p99", _ms(_p99(waits))
    between = [later - sooner for sooner, later in pairwise(shown_at)]
    yield "of which scrapes were so far apart, ms, p50", _ms(median(between))
    yield f"a scrape, ms, p50 of {len(seconds)}", _ms(median(seconds))
    yield "a scrape, ms, p99", _ms(_p99(seconds))
    yield "memory at the most, MB", f"{exporter.megabytes('VmHWM'):.0f}"
    yield from _exactness("latencies", exporter, written, counted)


def _exactness(phase: str, exporter: Exporter, written: int, counted: float) -> Iterator[Row]:
    """How many lines were counted, once no more come."""
    time.sleep(2.0)
    after = exporter.scrape()
    gaps = after.total("digitalocean_app_log_gaps_total")
    yield f"{phase}: lines written", f"{written:,}"
    yield f"{phase}: lines counted", f"{after.total(_LINES) - counted:,.0f}"
    yield f"{phase}: gaps", f"{gaps:.0f}"


def _counted(exporter: Exporter) -> float:
    return exporter.scrape().total(_LINES)


def _requests(scrape: Scrape) -> float:
    """All requests to the API; those to log hosts are none of its budget."""
    name = "digitalocean_app_api_requests_total"
    return scrape.total(name) - scrape.total(name, 'endpoint="log_content"')


def _p99(values: Sequence[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 99 // 100) - 1)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
