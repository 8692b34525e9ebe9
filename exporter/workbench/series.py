"""The series that rules would make of a log, as a scrape would show them for one component."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from exporter.matching.extract import Sample
from exporter.matching.numbers import OTHER, Numbers, join, no_values, take
from exporter.model import MetricType, Rule, RuleMetric

Labels = tuple[str, ...]


@dataclass(slots=True)
class SeriesTally:
    """What matches gave to one metric.

    Args:
        metric: the metric, as the first of its rules has it.
        numbers: what each series stands at, in the order in which they came; a match's place
            among all stands for its time.
        taken: matches whose value was taken.
        unreadable: matches whose value was none.
    """

    metric: RuleMetric
    numbers: dict[Labels, Numbers] = field(default_factory=dict)
    taken: int = 0
    unreadable: int = 0

    def take(self, sample: Sample) -> None:
        """Take one match; of a gauge the latest counts."""
        if sample.value is None:
            self.unreadable += 1
        else:
            self.taken += 1
            take(self.metric, self._series(sample.labels), sample.value, self.taken)

    def add(self, later: "SeriesTally") -> None:
        """Add what was found in lines that come after."""
        for labels, numbers in later.numbers.items():
            if self.metric.type is MetricType.GAUGE:
                numbers = [numbers[0], numbers[1] + self.taken]
            join(self.metric, self._series(labels), numbers)
        self.taken += later.taken
        self.unreadable += later.unreadable

    def shown(self, max_series: int) -> Iterator[tuple[str, float]]:
        """Each sample with its name and own labels; past the bound, label values are ``other``."""
        admitted: dict[Labels, Numbers] = {}
        if not self.metric.labels and self.metric.type is not MetricType.GAUGE:
            admitted[()] = no_values(self.metric)
        for labels, numbers in self.numbers.items():
            rest = (OTHER,) * len(labels)
            size = len(admitted) - (rest in admitted)
            own = labels if not labels or labels == rest or size < max_series else rest
            join(self.metric, admitted.setdefault(own, no_values(self.metric)), numbers)
        for labels, numbers in admitted.items():
            yield from _samples(self.metric, labels, numbers)

    def _series(self, labels: Labels) -> Numbers:
        if labels not in self.numbers:
            self.numbers[labels] = no_values(self.metric)
        return self.numbers[labels]


def series_of(
    rules: Sequence[Rule], tallies: Mapping[str, SeriesTally]
) -> Iterator[tuple[str, float]]:
    """All samples of all metrics that rules feed, also of those without a match.

    Args:
        tallies: what was found, by the metric's name.
    """
    bounds: dict[str, int] = {}
    metrics: dict[str, RuleMetric] = {}
    for metric in (rule.metric for rule in rules if rule.metric is not None):
        metrics.setdefault(metric.name, metric)
        bounds[metric.name] = max(bounds.get(metric.name, 0), metric.max_series)
    for name, metric in metrics.items():
        yield from tallies.get(name, SeriesTally(metric)).shown(bounds[name])


def _samples(metric: RuleMetric, labels: Labels, numbers: Numbers) -> Iterator[tuple[str, float]]:
    named = {name: value for (name, _), value in zip(metric.labels, labels, strict=True)}
    if metric.type is not MetricType.HISTOGRAM:
        yield _series_name(metric.name, named), numbers[0]
        return
    bounds = (*map(repr, map(float, metric.buckets)), "+Inf")
    counts = list(accumulate(numbers[:-1]))
    for bound, count in zip(bounds, counts, strict=True):
        yield _series_name(f"{metric.name}_bucket", named | {"le": bound}), count
    yield _series_name(f"{metric.name}_sum", named), numbers[-1]
    yield _series_name(f"{metric.name}_count", named), counts[-1]


def _series_name(name: str, labels: Mapping[str, str]) -> str:
    """The series as PromQL and the text format write it."""
    escapes = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
    pairs = [f'{label}="{value.translate(escapes)}"' for label, value in labels.items()]
    return f"{name}{{{','.join(pairs)}}}" if pairs else name
