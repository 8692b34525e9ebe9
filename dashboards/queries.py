"""PromQL selectors over the program's own metrics.

Below the dashboards: a name or a label that ``exporter.telemetry.metrics`` does not declare
fails the build.
"""

from exporter.telemetry.metrics import Metrics
from exporter.telemetry.program_metrics import all_declarations

TARGET = ('job=~"$job"', 'instance=~"$instance"')
"""Which exporter: both stand in every selector, as Grafana's dashboard-linter asks."""

PROCESS_METRICS = frozenset(
    {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"}
)
"""What prometheus_client's ProcessCollector adds."""

SCRAPE_METRICS = frozenset({"scrape_duration_seconds", "scrape_samples_scraped"})
"""What Prometheus itself says of each scrape."""

ACCOUNT = 'account=~"$account"'
"""On every metric of an account; where none has a name, it is a label that no series has."""

_OF_ACCOUNTS = frozenset(declaration.name for declaration in Metrics.declarations())
_LABELS = {declaration.name: declaration.labels for declaration in all_declarations()}


def select(metric: str, *matchers: str) -> str:
    """A selector with the matchers of the variables that the metric has labels for.

    Args:
        metric: the full name; of a histogram, with ``_bucket``, ``_sum`` or ``_count``.
        matchers: further label matchers, such as ``level="error"``.

    Raises:
        KeyError: the program has no such metric.
    """
    labels = _labels(metric)
    variables = [f'{label}=~"${label}"' for label in ("app", "component") if label in labels]
    account = [ACCOUNT] if _family(metric) in _OF_ACCOUNTS else []
    return f"{metric}{{{', '.join([*TARGET, *account, *variables, *matchers])}}}"


def _family(metric: str) -> str:
    return metric.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")


def _labels(metric: str) -> tuple[str, ...]:
    family = _family(metric)
    return () if metric in PROCESS_METRICS | SCRAPE_METRICS else _LABELS[family]


def recorded(rule: str) -> str:
    """A selector of what a recording rule about components made: it has no instance."""
    return f'{rule}{{job=~"$job", {ACCOUNT}, app=~"$app", component=~"$component"}}'


def once(metric: str, expression: str) -> str:
    """An expression over a metric, with each app's series once, however many exporters watch it.

    Two exporters that watch the same apps each count every line: the larger one is taken, never
    their sum. What has no app is about an exporter, and stays one series for each.

    Args:
        expression: an instant vector with the labels of the metric.
    """
    labels = _labels(metric)
    if "app" not in labels:
        return expression
    bucket = ("le",) if metric.endswith("_bucket") else ()
    return f"max by ({', '.join(('job', 'account', *labels, *bucket))}) ({expression})"


def shown(metric: str, *matchers: str) -> str:
    """What a gauge stands at, each app's series once."""
    return once(metric, select(metric, *matchers))


def rate(metric: str, *matchers: str) -> str:
    """The rate per second of a counter, over what Grafana takes for the panel's resolution."""
    return once(metric, f"rate({select(metric, *matchers)}[$__rate_interval])")


def increase(metric: str, *matchers: str) -> str:
    """What a counter grew by in the time that the dashboard shows."""
    return once(metric, f"increase({select(metric, *matchers)}[$__range])")


def increase_per_step(metric: str, *matchers: str) -> str:
    """What a counter grew by since the point before: for bars of single events."""
    return once(metric, f"increase({select(metric, *matchers)}[$__rate_interval])")


def increase_at_end(metric: str, *matchers: str) -> str:
    """``increase`` with one value for the whole graph, to choose series by."""
    return once(metric, f"increase({select(metric, *matchers)}[$__range] @ end())")


def largest(shown: str, ranked: str, lines: int = 5) -> str:
    """``shown`` for the series that rank highest at the end of the time shown.

    ``topk`` alone ranks anew at every step, and a graph then has far more lines than it names.

    Args:
        shown: an instant vector.
        ranked: an instant vector with the same labels.
        lines: how many series stay.
    """
    return f"({shown}) and topk({lines}, {ranked})"


def occurring(shown: str, total: str) -> str:
    """``shown`` for the series that grew at all in the time shown, with their zeros."""
    return f"({shown}) and ({total} > 0)"


def grown(metric: str, by: str) -> str:
    """What a counter grew by since the point before, with what a series that is new began with.

    For counters whose label values nobody knows beforehand, so that no series is there at 0.

    Args:
        by: a ``by`` clause with all labels of the counter, such as ``by (app, reason)``.
    """
    now = f"max {by} ({select(metric)})"
    before = f"max {by} ({select(metric)} offset $__rate_interval)"
    return f"{now} - ({before} or 0 * {now})"
