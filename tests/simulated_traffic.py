"""What whole-program tests let happen on the simulated platform, and how they compare the counts.

``Traffic`` writes in real time, as programs do; ``assert_counts_are_true`` holds every counter of
an exporter against what the platform knows it wrote.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from exporter_process import ExporterProcess, Samples

from exporter.simulator.job_schedule import JobSchedule
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec, Kind

COMPONENTS = (
    ComponentSpec("web", Kind.SERVICE, 2),
    ComponentSpec("worker", Kind.WORKER, 2),
    ComponentSpec("nightly", Kind.JOB, 2),
)
"""An app of three components with two instances each."""

DECLINED = "payment declined: card ending in 4242"
"""A line for a rule of the tests' own."""

RULE = {"name": "payment_declined", "regex": "payment declined", "level": "warning"}

EVERYDAY = (
    "GET /health 200 in 3 ms",
    "order 4711 shipped",
    "cache warm, 812 entries",
    "naïve façade → ✓",
)
LAST_WORDS = (
    'Traceback (most recent call last):\n  File "main.py", line 3, in <module>\nValueError: no',
    "panic: runtime error: index out of range [5] with length 3",
)

NANOSECONDS = 1_000_000_000
_STEP_SECONDS = 0.05
_CRASH_SECONDS = 1.0


@contextmanager
def simulator(
    *, retention_lines: int = 10_000, run_archives: bool = False
) -> Iterator[tuple[Platform, SimulatorServer]]:
    """A platform without apps, served without a rate limit."""
    platform = Platform(time.time, retention_lines=retention_lines, run_archives=run_archives)
    with SimulatorServer(platform) as server:
        server.rate_limit.per_hour = server.rate_limit.per_minute = 1_000_000
        yield platform, server


def hourly() -> JobSchedule:
    """Once an hour, and next in half an hour: no run falls due while a test of minutes lasts."""
    return JobSchedule(f"{(int(time.time()) // 60 + 30) % 60} * * * *")


class Traffic:
    """Writes everyday lines and declined payments from random instances, and crashes some.

    Each instance crashes once at the most, so that none ends twice unread on a slow machine.

    Args:
        apps: the apps, each made of ``components``.
        lines_per_second: of all instances together.
    """

    def __init__(
        self,
        platform: Platform,
        apps: tuple[str, ...],
        lines_per_second: float,
        components: tuple[ComponentSpec, ...] = COMPONENTS,
    ) -> None:
        self._platform = platform
        self._rate = lines_per_second
        self._rng = random.Random(7)
        self._instances = [
            (app, component.name, index)
            for app in apps
            for component in components
            for index in range(component.instances)
        ]
        self._crash_order = self._rng.sample(self._instances, len(self._instances))
        self.declined: Counter[tuple[str, str]] = Counter()
        self.crashes = 0

    def write_for(self, seconds: float) -> None:
        """Write for so long, and return; on a slow machine as much in a longer time."""
        next_crash, written = _CRASH_SECONDS, 0
        for step in range(round(seconds / _STEP_SECONDS)):
            passed = step * _STEP_SECONDS
            while written < passed * self._rate:
                self._write()
                written += 1
            if passed >= next_crash and self.crashes < len(self._instances):
                self.crash()
                next_crash += _CRASH_SECONDS
            time.sleep(_STEP_SECONDS)

    def write_lines(self, count: int) -> None:
        """Write so many lines now."""
        for _ in range(count):
            self._write()

    def _write(self) -> None:
        app, component, index = self._rng.choice(self._instances)
        if self._rng.random() < 0.05:
            self.declined[app, component] += 1
            self._platform.write(app, component, index, DECLINED)
        else:
            self._platform.write(app, component, index, self._rng.choice(EVERYDAY))

    def crash(self) -> None:
        """Let the next instance in turn end with an error and start again."""
        app, component, index = self._crash_order[self.crashes % len(self._crash_order)]
        self.crashes += 1
        self._platform.crash(app, component, index, [self._rng.choice(LAST_WORDS)])
        self._platform.write(app, component, index, "listening on 0.0.0.0:8080")


def all_lines_counted(platform: Platform, samples: Samples) -> bool:
    """Whether every component's lines and container ends have reached the truth."""
    return all(
        samples.total("digitalocean_app_log_lines_total", app=key.app, component=key.component)
        >= truth.lines
        and samples.total("digitalocean_app_restarts_total", app=key.app, component=key.component)
        >= truth.container_ends
        for (key, log_type), truth in platform.truth().logs.items()
        if log_type == "RUN"
    )


def wait_for_two_more_reads(exporter: ExporterProcess) -> Samples:
    """Return a scrape from after two whole reads of every log that began from now on."""
    samples = exporter.metrics()
    for _ in range(2):
        now = time.time()
        samples = exporter.wait_until(
            lambda samples, now=now: all(
                value >= now
                for _, value in samples.series(
                    "digitalocean_app_source_last_success_timestamp_seconds"
                )
            )
        )
    return samples


def settled(exporter: ExporterProcess, platform: Platform) -> Samples:
    """A scrape from after everything written was counted, and read twice more."""
    exporter.wait_until(lambda samples: all_lines_counted(platform, samples))
    return wait_for_two_more_reads(exporter)


def assert_counts_are_true(samples: Samples, platform: Platform) -> None:
    """Every counter about lines and container ends equals the truth, where nothing was lost."""
    assert samples.total("digitalocean_app_exporter_internal_errors_total") == 0
    expected, counted = {}, {}
    for (key, log_type), truth in platform.truth().logs.items():
        if log_type != "RUN":
            continue
        assert truth.lost_lines == truth.lost_container_ends == 0
        expected[str(key)] = (truth.lines, truth.bytes, truth.container_ends, 0)
        identity = {"app": key.app, "component": key.component}
        counted[str(key)] = (
            samples.value("digitalocean_app_log_lines_total", **identity),
            samples.value("digitalocean_app_log_bytes_total", **identity),
            samples.total("digitalocean_app_restarts_total", **identity),
            samples.total("digitalocean_app_log_gaps_total", **identity),
        )
        newest = samples.value("digitalocean_app_log_last_line_timestamp_seconds", **identity)
        assert newest == (truth.last_timestamp_ns or 0) / NANOSECONDS
    assert counted == expected


def matches(samples: Samples, pattern: str) -> Mapping[tuple[str, str], float]:
    """What a rule has counted so far, by app and component, without the zeros."""
    series = samples.series("digitalocean_app_log_matches_total", pattern=pattern)
    return {(labels["app"], labels["component"]): value for labels, value in series if value}
