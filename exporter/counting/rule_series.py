"""The series of one metric that rules feed: how many there may be, and what they stand at.

What is counted is ahead of what is shown by what the ledger has not kept yet.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from threading import Lock

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from exporter.matching.numbers import OTHER, Numbers, no_values, take
from exporter.model import ComponentKey, MetricType, RuleMetric
from exporter.state.store import ValueKey
from exporter.telemetry.declarations import IDENTITY

Labels = tuple[str, ...]
"""The values of a rule's own labels, in the order of their names."""


class RuleSeries:
    """The series of one metric; calls but for ``show`` and ``collect`` are made under a lock.

    Args:
        metric: the metric; its ``max_series`` is the largest of the rules that feed it.
        meaning: what its numbers stand for: kept ones are continued where it is the same.
    """

    def __init__(self, metric: RuleMetric, meaning: str) -> None:
        self.metric = metric
        self.meaning = meaning
        self._parts = _parts(metric)
        self._slots = {part: slot for slot, part in enumerate(self._parts)}
        self._counted: dict[ComponentKey, dict[Labels, Numbers]] = {}
        self._shown: dict[ComponentKey, dict[Labels, Sequence[float]]] = {}
        self._shown_lock = Lock()
        self._size = 0

    @property
    def names_kept(self) -> set[str]:
        """The names under which its numbers are kept."""
        return {name for name, _ in self._parts}

    def open(self, key: ComponentKey, kept: Iterable[tuple[ValueKey, float]], begin: bool) -> None:
        """Make the series of a component.

        Args:
            kept: numbers of the component that are kept under ``names_kept`` and mean the same.
            begin: whether a rule that feeds the metric looks at the component.
        """
        series: dict[Labels, Numbers] = {}
        for value_key, value in kept:
            labels, slot = self._place(value_key)
            series.setdefault(labels, no_values(self.metric))[slot] = value
        # What a gauge shows was measured, so it has no series before the first value.
        if begin and not self.metric.labels and self.metric.type is not MetricType.GAUGE:
            series.setdefault((), no_values(self.metric))
        self._counted[key] = series
        self._size += sum(map(self._bounded, series))
        with self._shown_lock:
            self._shown[key] = {labels: tuple(numbers) for labels, numbers in series.items()}

    def close(self, key: ComponentKey) -> None:
        """Remove the series of a component."""
        self._size -= sum(map(self._bounded, self._counted.pop(key, {})))
        with self._shown_lock:
            self._shown.pop(key, None)

    def admitted(self, key: ComponentKey, labels: Labels) -> Labels:
        """The labels under which a match counts: its own, or ``OTHER`` where there is no room."""
        full = self._size >= self.metric.max_series
        if full and labels not in self._counted[key] and self._bounded(labels):
            return (OTHER,) * len(labels)
        return labels

    def take(self, key: ComponentKey, labels: Labels, value: float, time: int | None) -> None:
        """Add, set or observe a value.

        Args:
            time: the line's own time in nanoseconds, as far as it has one; a gauge shows the value
                of the newest line.
        """
        series = self._counted[key]
        if labels not in series:
            series[labels] = no_values(self.metric)
            self._size += self._bounded(labels)
        take(self.metric, series[labels], value, time)

    def numbers(self, key: ComponentKey, labels: Labels) -> Mapping[ValueKey, float]:
        """What a series stands at, as it is kept."""
        return {
            ValueKey(name, (*key.parts, *labels, *more), self.meaning): number
            for (name, more), number in zip(self._parts, self._counted[key][labels], strict=True)
        }

    def show(self, key: ComponentKey, labels: Labels, numbers: Sequence[float]) -> None:
        """Let scrapes see what a series stands at, unless its component is gone."""
        with self._shown_lock:
            if key in self._shown:
                self._shown[key][labels] = numbers

    def describe(self) -> Metric:
        """The metric without its series."""
        metric, names = self.metric, (*IDENTITY, *(name for name, _ in self.metric.labels))
        match metric.type:
            case MetricType.COUNTER:
                return CounterMetricFamily(metric.name, metric.help, labels=names)
            case MetricType.GAUGE:
                return GaugeMetricFamily(metric.name, metric.help, labels=names)
            case MetricType.HISTOGRAM:
                return HistogramMetricFamily(metric.name, metric.help, labels=names)

    def collect(self) -> Metric:
        """The metric with what its series show."""
        family = self.describe()
        with self._shown_lock:
            shown = [
                ((*key.parts, *labels), numbers)
                for key, series in self._shown.items()
                for labels, numbers in series.items()
            ]
        for labels, numbers in shown:
            match family:
                case CounterMetricFamily() | GaugeMetricFamily():
                    family.add_metric(labels, numbers[0])
                case HistogramMetricFamily():
                    family.add_metric(labels, list(self._buckets(numbers)), numbers[-1])
        return family

    def _buckets(self, numbers: Sequence[float]) -> Iterator[tuple[str, float]]:
        count = 0.0
        for (_, (bound,)), number in zip(self._parts[:-1], numbers[:-1], strict=True):
            count += number
            yield bound, count

    def _bounded(self, labels: Labels) -> bool:
        """Whether a series counts against ``max_series``."""
        return labels != (OTHER,) * len(labels)

    def _place(self, key: ValueKey) -> tuple[Labels, int]:
        labels = key.labels[len(IDENTITY) :]
        own = len(self.metric.labels)
        return labels[:own], self._slots[key.metric, labels[own:]]


def _parts(metric: RuleMetric) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """How its numbers are kept, one by one: names, each with what stands behind the labels."""
    match metric.type:
        case MetricType.COUNTER:
            return ((metric.name, ()),)
        case MetricType.GAUGE:
            # No metric of a rule has a colon in its name.
            return ((metric.name, ()), (f"{metric.name}:time", ()))
        case MetricType.HISTOGRAM:
            bounds = (*(repr(float(bound)) for bound in metric.buckets), "+Inf")
            buckets = tuple((f"{metric.name}_bucket", (bound,)) for bound in bounds)
            return (*buckets, (f"{metric.name}_sum", ()))
