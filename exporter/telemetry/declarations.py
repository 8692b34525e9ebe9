"""What a metric is as a record, and a set of metrics that is made from such records."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Any, Generic, Self, TypeVar, overload

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from exporter.telemetry.histogram import Histogram
from exporter.telemetry.table import Counter, Gauge, MetricTable

PREFIX = "digitalocean_app_"  # of every name here, and of none that a rule chooses

APP = ("app",)
IDENTITY = (*APP, "component")
DURATION_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


M = TypeVar("M", Counter, Gauge, Histogram)


class Owner(StrEnum):
    """What a series belongs to: it goes when that goes."""

    COMPONENT = "component"
    APP = "app"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True, eq=False)
class Declaration(Generic[M]):
    """One metric; as an attribute of a set of metrics it gives the metric itself.

    Args:
        kind: the class of the metric.
        name: the name in full, a counter's with ``_total``.
        help: one sentence for the reader of a scrape.
        labels: the names of the labels, those of the owner first.
        buckets: the upper bounds of a histogram's buckets.
    """

    kind: type[M]
    name: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = DURATION_BUCKETS

    @property
    def type(self) -> str:
        """The type as the text format names it."""
        return self.kind.__name__.lower()

    @property
    def owner(self) -> Owner:
        """What the series of the metric belong to."""
        if self.labels[: len(IDENTITY)] == IDENTITY:
            return Owner.COMPONENT
        return Owner.APP if self.labels[: len(APP)] == APP else Owner.ACCOUNT

    def build(self, registry: CollectorRegistry) -> M:
        """Make the metric on a registry."""
        options: dict[str, Any] = {"buckets": self.buckets} if self.kind is Histogram else {}
        return self.kind(self.name, self.help, self.labels, registry=registry, **options)

    @overload
    def __get__(self, metrics: None, owner: object) -> Self: ...
    @overload
    def __get__(self, metrics: "DeclaredMetrics", owner: object) -> M: ...
    def __get__(self, metrics: "DeclaredMetrics | None", owner: object) -> "Self | M":
        return self if metrics is None else metrics.metric(self)


def counter(name: str, help: str, labels: tuple[str, ...] = ()) -> Declaration[Counter]:
    """Declare a counter."""
    return Declaration(Counter, name, help, labels)


def gauge(name: str, help: str, labels: tuple[str, ...] = ()) -> Declaration[Gauge]:
    """Declare a gauge."""
    return Declaration(Gauge, name, help, labels)


def histogram(
    name: str,
    help: str,
    labels: tuple[str, ...] = (),
    buckets: tuple[float, ...] = DURATION_BUCKETS,
) -> Declaration[Histogram]:
    """Declare a histogram of durations."""
    return Declaration(Histogram, name, help, labels, buckets)


class DeclaredMetrics:
    """A set of metrics on a registry: one for each declaration in the class.

    Args:
        registry: shows the metrics.
        of_account: shows those that belong to no app in its place, if given.

    Attributes:
        lock: of the table that shows the metrics, see ``MetricTable``.
    """

    def __init__(
        self, registry: CollectorRegistry, of_account: CollectorRegistry | None = None
    ) -> None:
        self._registry = registry
        self.lock: Lock = registry.lock if isinstance(registry, MetricTable) else Lock()
        self._metrics: dict[Declaration[Any], Any] = {
            declaration: declaration.build(
                of_account if of_account and declaration.owner is Owner.ACCOUNT else registry
            )
            for declaration in self.declarations()
        }
        self._by_name = {declaration.name: declaration for declaration in self._metrics}

    @classmethod
    def declarations(cls) -> Iterator[Declaration[Any]]:
        """The declarations of the class, in the order of the reference."""
        return (each for each in vars(cls).values() if isinstance(each, Declaration))

    def metric(self, declaration: Declaration[M]) -> M:
        """The metric of a declaration."""
        metric: M = self._metrics[declaration]
        return metric

    def register(self, collector: Collector) -> None:
        """Show metrics that are declared elsewhere: those that rules feed."""
        self._registry.register(collector)

    def unregister(self, collector: Collector) -> None:
        """Show them no longer."""
        self._registry.unregister(collector)

    def declaration(self, name: str) -> Declaration[Any] | None:
        """The declaration of a name; None if there is none."""
        return self._by_name.get(name)

    def close(self, owner: Owner, *labels: str) -> None:
        """Remove every series of one component, ``(app, component)``, or of one app, ``(app,)``."""
        values = dict(zip(IDENTITY, labels, strict=False))
        for declaration, metric in self._metrics.items():
            if declaration.owner is owner:
                metric.remove_by_labels(values)
