"""What an account of a random life counts into: the program's own parts, cheap to make anew."""

from collections.abc import Callable, Iterable
from functools import cache

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.counting.component import Components
from exporter.counting.ledger import Ledger
from exporter.service.environment import Records
from exporter.state.store import State
from exporter.telemetry.api_metrics import ApiMetrics
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.table import MetricTable


class PlainTable(MetricTable):
    """A table that does not ask its metrics for their names, which costs most of making it."""

    def register(self, collector: Collector) -> None:
        """Show a collector's metrics."""
        self._order[collector] = collector if hasattr(collector, "label_names") else None

    def unregister(self, collector: Collector) -> None:
        """Show them no longer."""
        del self._order[collector]

    def collect(self) -> Iterable[Metric]:
        """All metrics."""
        for collector in list(self._order):
            yield from collector.collect()


@cache
def _api_metrics() -> ApiMetrics:
    """One for all lives: no request is sent, and its series take longest to make."""
    return ApiMetrics(Metrics(PlainTable()))


def records_of(
    table: PlainTable,
    state: State,
    clock: Callable[[], float],
    fenced: Callable[[], None] | None = None,
) -> Records:
    """The records of an account, continued from its state; raises StateError."""
    metrics = Metrics(table)
    ledger = Ledger(metrics, state, clock, fenced=fenced)
    return Records(metrics, _api_metrics(), ledger, Components(clock()))
