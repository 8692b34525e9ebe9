"""The metrics that rules feed, on the registry beside the program's own.

They come from the configuration, so ``metrics`` does not declare them: ``publish`` puts them on its
registry and ``withdraw`` takes them off again, with everything that belongs to them.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import NamedTuple

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from exporter.counting.ledger import Ledger
from exporter.counting.rule_series import Labels, RuleSeries
from exporter.logs.redaction import redact
from exporter.matching.engine import Engine
from exporter.matching.extract import Extraction, extractions_of
from exporter.matching.fields import Scalar
from exporter.matching.selection import applies
from exporter.model import ComponentKey, LogLine, Rule, RuleMetric
from exporter.state.store import ValueKey
from exporter.telemetry.declarations import IDENTITY
from exporter.telemetry.metrics import Metrics

LOG = logging.getLogger(__name__)

UNREADABLE = (
    "a value is no number that the metric of a rule takes, and is left out; correct the rule; "
    "digitalocean_app_rule_value_errors_total counts all that are like it"
)
FOLDED = (
    "the metric of a rule has all the series that it may have: further label values count as "
    "'other'; raise max_series or choose labels with fewer values"
)

_NOTHING: Mapping[str, Scalar] = {}


class Found(NamedTuple):
    """A rule, by its index, that matched a line; ``known`` is more about it by name."""

    rule: int
    line: LogLine
    known: Mapping[str, Scalar] = _NOTHING


class _Feed(NamedTuple):
    """Where the matches of a rule go."""

    series: RuleSeries
    extraction: Extraction


class RuleMetrics(Collector):
    """All of them; made, opened, closed and counted into under the ledger's lock.

    What the ledger has of other metrics of rules, and of these by another meaning, it drops.

    Args:
        engine: has the rules, and reads their groups and fields.
    """

    def __init__(self, metrics: Metrics, ledger: Ledger, engine: Engine) -> None:
        self._metrics = metrics
        self._ledger = ledger
        self._rules = engine.rules
        feeding = [rule for rule in engine.rules if rule.metric is not None]
        self._series = {series.metric.name: series for series in _all_series(feeding)}
        self._feeds = {
            index: _Feed(self._series[extraction.metric.name], extraction)
            for index, extraction in extractions_of(engine, redact).items()
        }
        self._by_kept_name = {
            name: series for series in self._series.values() for name in series.names_kept
        }
        self._drop_what_is_past()
        self._kept = self._kept_by_component()
        self._closed: set[ComponentKey] = set()
        self._said: set[tuple[str, str]] = set()

    def publish(self) -> None:
        """Show the metrics, and those about them, from 0."""
        self._metrics.register(self)
        for name in self._series:
            self._metrics.rule_metric_overflow.labels(name)
            self._metrics.rule_value_errors.labels(name)

    def withdraw(self) -> None:
        """Show nothing of this any longer."""
        self._metrics.unregister(self)
        for name in self._series:
            self._metrics.rule_metric_overflow.remove(name)
            self._metrics.rule_value_errors.remove(name)

    def open(self, key: ComponentKey) -> None:
        """Make the series of a component; they continue from the values in the ledger."""
        if key in self._closed:
            self._closed.remove(key)
            self._kept |= self._kept_by_component(key)
        kept = self._kept.pop(key, {})
        for name, series in self._series.items():
            begin = any(
                feed.series is series and applies(self._rules[index], key)
                for index, feed in self._feeds.items()
            )
            series.open(key, kept.get(name, ()), begin)

    def close(self, key: ComponentKey) -> None:
        """Remove the series of a component that is gone."""
        self._closed.add(key)
        for series in self._series.values():
            series.close(key)

    def count(self, key: ComponentKey, found: Iterable[Found]) -> None:
        """Count what rules found in lines of an open component."""
        if not self._feeds:
            return
        changed: dict[tuple[RuleSeries, Labels], None] = {}
        for match in found:
            feed = self._feeds.get(match.rule)
            if feed is None:
                continue
            series, name = feed.series, feed.series.metric.name
            sample = feed.extraction.sample(match.line.message, match.known)
            if sample.value is None:
                self._metrics.rule_value_errors.labels(name).inc()
                pattern = self._rules[match.rule].name
                self._say_once(series.metric, UNREADABLE, source=key, pattern=pattern)
                continue
            labels = series.admitted(key, sample.labels)
            if labels is not sample.labels:
                self._metrics.rule_metric_overflow.labels(name).inc()
                most = series.metric.max_series
                self._say_once(series.metric, FOLDED, source=key, max_series=most)
            series.take(key, labels, sample.value, match.line.timestamp)
            changed[series, labels] = None
        for series, labels in changed:
            numbers = series.numbers(key, labels)
            show = partial(series.show, key, labels, tuple(numbers.values()))
            self._ledger.put_all(numbers, show)

    def describe(self) -> Iterator[Metric]:
        """The metrics without series, for the registry to know their names."""
        return (series.describe() for series in self._series.values())

    def collect(self) -> Iterator[Metric]:
        """The metrics with their series."""
        return (series.collect() for series in self._series.values())

    def _kept_by_component(
        self, only: ComponentKey | None = None
    ) -> dict[ComponentKey, dict[str, list[tuple[ValueKey, float]]]]:
        """What the ledger has of these metrics, by component and metric."""
        kept: dict[ComponentKey, dict[str, list[tuple[ValueKey, float]]]] = {}
        for value_key, value in self._ledger.values_of_rules().items():
            component = ComponentKey(*value_key.labels[: len(IDENTITY)])
            if only in (None, component):
                name = self._by_kept_name[value_key.metric].metric.name
                kept.setdefault(component, {}).setdefault(name, []).append((value_key, value))
        return kept

    def _drop_what_is_past(self) -> None:
        """Forget numbers of other metrics and meanings: taken up again, they would be a leap."""
        self._ledger.drop(
            [
                key
                for key in self._ledger.values_of_rules()
                if key.metric not in self._by_kept_name
                or key.meaning != self._by_kept_name[key.metric].meaning
            ]
        )

    def _say_once(self, metric: RuleMetric, text: str, **fields: object) -> None:
        """Log what is wrong with what a metric is fed, the first time that it is."""
        if (metric.name, text) not in self._said:
            self._said.add((metric.name, text))
            LOG.warning(text, extra={"fields": {"metric": metric.name, **fields}})


def _all_series(rules: Sequence[Rule]) -> Iterator[RuleSeries]:
    """The series of each metric; rules may share one, whose bound is then the largest of theirs."""
    shared: dict[str, list[tuple[Rule, RuleMetric]]] = {}
    for rule in rules:
        if rule.metric is not None:
            shared.setdefault(rule.metric.name, []).append((rule, rule.metric))
    for feeding in shared.values():
        first = feeding[0][1]
        bound = max(metric.max_series for _, metric in feeding)
        yield RuleSeries(replace(first, max_series=bound), _meaning(first, feeding))


def _meaning(first: RuleMetric, feeding: Sequence[tuple[Rule, RuleMetric]]) -> str:
    """What the numbers of a metric stand for: the same while it is fed in the same way."""
    sources = sorted((rule.meaning, metric.labels, metric.value or "") for rule, metric in feeding)
    parts = (first.type.value, first.buckets, sources)
    return blake2b(repr(parts).encode(), digest_size=8).hexdigest()
