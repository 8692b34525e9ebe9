"""What a configuration costs: requests that the API grants, series, time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from exporter.config.reading import LogMode, LogScope
from exporter.config.schema import Config
from exporter.digitalocean.budget import steady_pace
from exporter.logs.lines import message_of
from exporter.logs.platform_lines import TYPICAL_EXIT_CODES
from exporter.matching.engine import Engine
from exporter.matching.packs import CANARY_RULE
from exporter.model import RUN_TIME_LOGS, GapReason, LogType, MetricType, RestartReason, Rule
from exporter.scheduling.pacing import HOUR, HOURS_A_DAY, Demand, Fleet, demand
from exporter.service.intervals import collector_settings
from exporter.telemetry.metrics import DELAY_BUCKETS

SILENT_STREAMS = 0.5
"""Reconnects an hour of a stream in which nothing comes."""

_LOG_SERIES = 4 + len(GapReason)
"""Lines, bytes, repeated lines, the newest line's time, and gaps by reason."""

_HISTOGRAM_SERIES = 3
"""The infinite bucket, sum and count, beside the buckets that have a bound."""

_ERROR_SERIES = 2
"""Error groups, and new ones."""

_CANARY_SERIES = 3 + len(DELAY_BUCKETS) + _HISTOGRAM_SERIES
"""Missing, announced and repeated lines, and the histogram of delays."""

_SOURCE_SERIES = 3
"""Up, last success and interval, for each log that is read."""

_STREAM_SERIES = 2
"""Whether a stream is connected, and how often it was opened again; where logs are followed."""

_HEALTH_SERIES = 5
"""Instances, ready ones, healthy, CPU and memory."""

_AUTOSCALING_SERIES = 8
"""Each direction with the triggers that lead there."""


def demand_of(config: Config, apps: int, components: int) -> Demand:
    """API requests an hour in a quiet state at the configured intervals, for so many in all."""
    each = apps if config.logs.scope is LogScope.APP else components
    read = dict.fromkeys(config.logs.types, each)
    run, restarted = read.get(LogType.RUN, 0), read.get(LogType.RUN_RESTARTED, 0)
    if config.logs.mode in (LogMode.POLL, LogMode.AUTO):  # at worst nothing can be followed
        return demand(collector_settings(config), Fleet(apps, components, run, restarted))
    polled = demand(collector_settings(config), Fleet(apps, components, 0, restarted))
    if config.logs.mode is LogMode.RECEIVE:
        return polled
    streams = components if LogType.RUN in config.logs.types else 0
    return replace(polled, steady=polled.steady + streams * SILENT_STREAMS)


def available_requests_per_hour(config: Config) -> float:
    """Requests an hour that the budget has for all but urgent ones."""
    limits = config.api_budget
    return HOUR * steady_pace(limits.per_hour, limits.per_minute, limits.share)


def restarted_interval(config: Config) -> float:
    """Seconds between two reads of RUN_RESTARTED that nothing hints at, before any stretching."""
    return collector_settings(config).restarted_interval or config.logs.interval


def features(config: Config) -> Iterator[tuple[str, float]]:
    """What each feature costs: its name with what it is paid for, and requests an hour."""
    polls, discoveries = HOUR / config.logs.interval, HOUR / config.discovery.interval
    wanted = config.collectors
    restarted = HOUR / restarted_interval(config)
    run = {
        LogMode.POLL: polls,
        LogMode.AUTO: polls,
        LogMode.FOLLOW: SILENT_STREAMS,
        LogMode.RECEIVE: 0.0,
    }
    reads = {LogType.RUN: run[config.logs.mode], LogType.RUN_RESTARTED: restarted}
    yield "list of apps, for 200 of them", discoveries
    for log_type in config.logs.types:
        if log_type in RUN_TIME_LOGS:
            polled = config.logs.mode in (LogMode.POLL, LogMode.AUTO)
            streamed = not polled and log_type is LogType.RUN
            by_app = config.logs.scope is LogScope.APP and not streamed
            yield f"{log_type}, for each {'app' if by_app else 'component'}", reads[log_type]
    if wanted.health:
        yield "health, for each app", polls
    elif wanted.instances:
        yield "instances, for each app", discoveries
    if wanted.deployments:
        yield "deployments, for each app", discoveries
    if wanted.jobs:
        yield "runs of jobs, for each app that has them", polls
        yield "log of a job's run, for each run", 1
    if wanted.events:
        yield "autoscaling events, for each app", discoveries
    if wanted.bandwidth:
        yield "bandwidth, for all apps", 1 / HOURS_A_DAY
    if wanted.restart_count:
        yield "restart counts, for each app", discoveries


def series_per_component(config: Config, rules: Sequence[Rule]) -> int:
    """The most series that one component can have, one instance's restart count included."""
    line_types = {log_type in RUN_TIME_LOGS or log_type for log_type in config.logs.types}
    series = 1 + len(line_types) * (_LOG_SERIES + len(rules)) + len(RestartReason) + 1
    if any(rule.name == CANARY_RULE for rule in rules):
        series += _CANARY_SERIES
    series += len(TYPICAL_EXIT_CODES)
    series += _ERROR_SERIES + _SOURCE_SERIES * len(config.logs.types)
    streamed = config.logs.mode in (LogMode.FOLLOW, LogMode.AUTO)
    series += _STREAM_SERIES if streamed else 0
    wanted = config.collectors
    series += _HEALTH_SERIES if wanted.health else int(wanted.instances)
    series += _AUTOSCALING_SERIES if wanted.events else 0
    return series + wanted.restart_count + _rule_series(rules)


def _rule_series(rules: Sequence[Rule]) -> int:
    """The most series that one component can have of the metrics that rules feed."""
    most: dict[str, int] = {}
    for metric in (rule.metric for rule in rules if rule.metric is not None):
        # The one beside them holds what did not become a series of its own.
        combinations = metric.max_series + 1 if metric.labels else 1
        histogram = metric.type is MetricType.HISTOGRAM
        each = len(metric.buckets) + _HISTOGRAM_SERIES if histogram else 1
        most[metric.name] = max(most.get(metric.name, 0), combinations * each)
    return sum(most.values())


_ORDINARY_LINES = b"".join(
    b"web 2026-11-01T00:00:00.%06d000Z %b\n" % (number, message)
    for number in range(100)
    for message in (
        b'10.0.0.7 - - "GET /api/v1/items/7 HTTP/1.1" 200 812 "-" "Mozilla/5.0 (X11; Linux)"',
        b'level=info msg="request done" method=GET path=/cart status=200 duration=12ms',
        b'{"level":"info","msg":"order accepted","order":1234,"items":3,"total":18.50}',
        b"INFO  [worker-3] processed job 1234 of queue mail in 45 ms",
    )
)


def seconds_per_line(rule: Rule, clock: Callable[[], float]) -> float:
    """What it takes to try a rule on each line by itself, measured on ordinary lines.

    Args:
        rule: one for which Hyperscan cannot propose lines.
        clock: CPU seconds.
    """
    engine, rounds = Engine([rule]), []
    for _ in range(3):
        started = clock()
        for _ in engine.scan_text(_ORDINARY_LINES, message_of=message_of):
            pass
        rounds.append(clock() - started)
    return min(rounds) / _ORDINARY_LINES.count(b"\n")
