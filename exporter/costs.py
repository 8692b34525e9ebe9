"""What a configuration costs: requests that the API grants, and series that Prometheus keeps."""

from collections.abc import Sequence

from exporter.config.schema import Config
from exporter.model import RUN_TIME_LOGS, MetricType, RestartReason, Rule

HOUR = 3600.0

_LOG_SERIES = 5
"""Lines, bytes, repeated lines, gaps and the newest line's time."""

_SOURCE_SERIES = 3
"""Up, last success and interval, for each log that is read."""

_HEALTH_SERIES = 5
"""Instances, ready ones, healthy, CPU and memory."""


_HISTOGRAM_SERIES = 3
"""The infinite bucket, sum and count, beside the buckets that have a bound."""


def requests_per_hour(config: Config, apps: int, components: int) -> float:
    """API requests an hour in a quiet state, for so many apps and components in all.

    Logs themselves come from other hosts and are not counted against the token.
    """
    wanted, discoveries = config.collectors, HOUR / config.discovery.interval
    reads = HOUR / config.logs.interval
    pages = -(-apps // 200) or 1
    run_time = [log_type for log_type in config.logs.types if log_type in RUN_TIME_LOGS]
    hourly = discoveries * pages + components * len(run_time) * reads
    hourly += apps * reads * wanted.health
    hourly += apps * discoveries * (wanted.deployments + (wanted.instances and not wanted.health))
    return hourly + components * discoveries * wanted.restart_count


def series_per_component(config: Config, rules: Sequence[Rule]) -> int:
    """The most series that one component can have, one instance's restart count included."""
    line_types = {log_type in RUN_TIME_LOGS or log_type for log_type in config.logs.types}
    series = 1 + len(line_types) * (_LOG_SERIES + len(rules)) + len(RestartReason) + 1
    series += _SOURCE_SERIES * len(config.logs.types)
    wanted = config.collectors
    series += _HEALTH_SERIES if wanted.health else int(wanted.instances)
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
