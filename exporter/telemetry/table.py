"""The table of series: the value of each with the text in front of it, ready to be rendered.

Its metrics are collectors of ``prometheus_client`` as well, so its registries and its text
formats take them as they are. They have nothing that the exporter does not use, which makes a whole
table of them some 50 times faster to render than the library's own.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, Generic, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Series:
    """One series: ``prefix`` is its line up to the value."""

    __slots__ = ("_lock", "prefix", "value")

    def __init__(self, prefix: str, lock: Lock) -> None:
        self.prefix = prefix
        self.value = 0.0
        self._lock = lock

    def inc(self, amount: float = 1.0) -> None:
        """Add to the value."""
        with self._lock:
            self.value += amount

    def set(self, value: float) -> None:
        """Replace the value."""
        self.value = value + 0.0  # a float, and no negative zero


S = TypeVar("S")


class Family(Collector, Generic[S]):
    """All series of one metric; one without labels has its only series from the start.

    Args:
        name: the name in full, a counter's with ``_total``.
        help: one sentence for the reader of a scrape.
        labels: the names of the labels, plain ones: letters, digits and underscores.
        registry: shows the metric.
    """

    def __init__(
        self, name: str, help: str, labels: Sequence[str], registry: CollectorRegistry
    ) -> None:
        self.name = name
        self.help = help
        self.label_names = tuple(labels)
        self._lock = Lock()
        self._series: dict[tuple[str, ...], S] = {}
        self._constants: Mapping[str, str] = getattr(registry, "constants", {})
        if not self.label_names:
            self.labels()
        registry.register(self)

    def labels(self, *values: str) -> S:
        """The series with these values of the labels, made at 0 at its first use."""
        return self._series.get(values) or self._made(values)

    def remove(self, *values: str) -> None:
        """Remove a series, if there is one with these values."""
        with self._lock:
            self._series.pop(values, None)

    def remove_by_labels(self, labels: Mapping[str, str]) -> None:
        """Remove every series with these labels; others may have any value."""
        wanted = [(self.label_names.index(name), value) for name, value in labels.items()]
        with self._lock:
            for values in [
                values
                for values in self._series
                if all(values[at] == value for at, value in wanted)
            ]:
                del self._series[values]

    def clear(self) -> None:
        """Remove every series."""
        with self._lock:
            self._series.clear()

    def series(self) -> list[S]:
        """Every series, in the order in which they were made."""
        with self._lock:
            return list(self._series.values())

    def line_format(self, suffix: str = "", *more: str) -> str:
        """A format of a line up to its value.

        Args:
            suffix: stands behind the name of the metric.
            more: labels that only this line has; the format takes their values last.
        """
        names = (*self.label_names, *more)
        parts = [(label, f'{label}="{{{at}}}"') for at, label in enumerate(names)]
        for label, text in self._constants.items():  # a part of a format: its braces are doubled
            value = _escaped(text).replace("{", "{{").replace("}", "}}")
            parts.append((label, f'{label}="{value}"'))
        inside = ",".join(part for _, part in sorted(parts))
        return f"{self.name}{suffix}{{{{{inside}}}}}" if inside else f"{self.name}{suffix}"

    @abstractmethod
    def samples(self) -> list[tuple[str, float]]:
        """Every line of every series up to its value, and the value, as they are now."""

    @staticmethod
    @abstractmethod
    def library_metric(name: str, help: str, labels: Sequence[str] = ()) -> Metric:
        """A metric without series, as the library's formats take it."""

    def describe(self) -> Iterator[Metric]:
        """The metric without series, for a registry to know its name."""
        yield self.library_metric(self.name, self.help, self.label_names)

    def _made(self, values: tuple[str, ...]) -> S:
        if len(values) != len(self.label_names):
            raise ValueError(f"{self.name}: {values} for the labels {self.label_names}")
        series = self._new([_escaped(value) for value in values])
        with self._lock:
            return self._series.setdefault(values, series)

    @abstractmethod
    def _new(self, values: Sequence[str]) -> S:
        """A series with these values of the labels, which are escaped."""


class _Numbers(Family[Series]):
    """A metric of which each series is one number."""

    _format = ""

    def samples(self) -> list[tuple[str, float]]:
        """The line of every series up to its value, and the value, as they are now."""
        if not self._series:  # as of most metrics most of the time
            return []
        with self._lock:
            return [(series.prefix, series.value) for series in self._series.values()]

    def collect(self) -> Iterator[Metric]:
        """The metric with its series, as the library's formats take it; constants left out."""
        family = self.library_metric(self.name, self.help, self.label_names)
        with self._lock:
            series = [(values, each.value) for values, each in self._series.items()]
        for values, value in series:
            family.add_metric(list(map(str, values)), value)  # type: ignore[attr-defined]
        yield family

    def _new(self, values: Sequence[str]) -> Series:
        self._format = self._format or self.line_format()
        return Series(self._format.format(*values), self._lock)


class Counter(_Numbers):
    """A metric that only grows."""

    @staticmethod
    def library_metric(name: str, help: str, labels: Sequence[str] = ()) -> CounterMetricFamily:
        """A counter without series."""
        return CounterMetricFamily(name, help, labels=labels)

    def inc(self, amount: float = 1.0) -> None:
        """Add to the only series."""
        self.labels().inc(amount)


class Gauge(_Numbers):
    """A metric that goes up and down."""

    @staticmethod
    def library_metric(name: str, help: str, labels: Sequence[str] = ()) -> GaugeMetricFamily:
        """A gauge without series."""
        return GaugeMetricFamily(name, help, labels=labels)

    def set(self, value: float) -> None:
        """Set the only series."""
        self.labels().set(value)


class MetricTable(CollectorRegistry):
    """A registry that lists its collectors, and labels that all of its series carry.

    Args:
        constants: the labels, which no metric has itself.

    Attributes:
        lock: held while metrics that belong together change, and while a scrape reads the table:
            so a scrape shows a line with its matches, or neither.
    """

    def __init__(self, constants: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.lock = Lock()
        self.constants = dict(constants or {})
        self._order: dict[Collector, Family[Any] | None] = {}
        self._order_lock = Lock()

    def register(self, collector: Collector) -> None:
        """Show a collector's metrics; raises ValueError where one of that name is shown."""
        super().register(collector)
        own = collector if isinstance(collector, Family) else None  # of a protocol: takes 1 µs
        with self._order_lock:
            self._order[collector] = own

    def unregister(self, collector: Collector) -> None:
        """Show a collector's metrics no longer."""
        super().unregister(collector)
        with self._order_lock:
            del self._order[collector]

    def collectors(self) -> list[tuple[Collector, Family[Any] | None]]:
        """Every collector, and it again if it is a family, in the order of registration."""
        with self._order_lock:
            return list(self._order.items())


@lru_cache(maxsize=8192)  # the same few values stand in all series of a component
def _escaped(text: str) -> str:
    return str(text).translate(_ESCAPES)
