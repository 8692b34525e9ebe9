"""A histogram in the table of series: the number of values up to each bound, and their sum."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf
from threading import Lock

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import CollectorRegistry
from prometheus_client.utils import floatToGoString

from exporter.telemetry.table import Family


class HistogramSeries:
    """The series of one set of values of the labels.

    Args:
        prefixes: the line of each bucket up to its value, then those of the count and the sum.
        bounds: the upper bounds of the buckets, in order; the last is infinite.
    """

    __slots__ = ("_bounds", "_counts", "_lock", "_sum", "prefixes")

    def __init__(self, prefixes: Sequence[str], bounds: Sequence[float], lock: Lock) -> None:
        self.prefixes = prefixes
        self._bounds = bounds
        self._counts = [0.0] * len(bounds)
        self._sum = 0.0
        self._lock = lock

    def observe(self, value: float) -> None:
        """Add a value; what is no number is in no bucket."""
        with self._lock:
            self._sum += value
            if value == value:
                self._counts[bisect_left(self._bounds, value)] += 1

    def numbers(self) -> tuple[list[float], float]:
        """How many values are up to each bound, and the sum of all; called under the lock."""
        return list(accumulate(self._counts)), self._sum


class Histogram(Family[HistogramSeries]):
    """A metric of how its values are spread.

    Args:
        name: the name in full.
        help: one sentence for the reader of a scrape.
        labels: the names of the labels, plain ones and not ``le``.
        registry: shows the metric.
        buckets: the upper bounds of the buckets, in order, not negative and without the infinite.
    """

    def __init__(
        self,
        name: str,
        help: str,
        labels: Sequence[str],
        registry: CollectorRegistry,
        buckets: Sequence[float],
    ) -> None:
        self._bounds = (*map(float, buckets), inf)
        self._names = [floatToGoString(bound) for bound in self._bounds]  # type: ignore[no-untyped-call]
        super().__init__(name, help, labels, registry)

    @staticmethod
    def library_metric(name: str, help: str, labels: Sequence[str] = ()) -> HistogramMetricFamily:
        """A histogram without series."""
        return HistogramMetricFamily(name, help, labels=labels)

    def observe(self, value: float) -> None:
        """Add a value to the only series."""
        self.labels().observe(value)

    def samples(self) -> list[tuple[str, float]]:
        """The line of every number up to its value, and the value, as they are now."""
        found: list[tuple[str, float]] = []
        if not self._series:
            return found
        with self._lock:
            for series in self._series.values():
                counts, total = series.numbers()
                found += zip(series.prefixes, (*counts, counts[-1], total), strict=True)
        return found

    def collect(self) -> Iterator[Metric]:
        """The metric with its series, as the library's formats take it; constants left out."""
        family = self.library_metric(self.name, self.help, self.label_names)
        with self._lock:
            found = [(values, each.numbers()) for values, each in self._series.items()]
        for values, (counts, total) in found:
            family.add_metric(
                list(map(str, values)), list(zip(self._names, counts, strict=True)), total
            )
        yield family

    def _new(self, values: Sequence[str]) -> HistogramSeries:
        bucket = self.line_format("_bucket", "le")
        prefixes = [bucket.format(*values, name) for name in self._names]
        prefixes += [self.line_format(suffix).format(*values) for suffix in ("_count", "_sum")]
        return HistogramSeries(prefixes, self._bounds, self._lock)
