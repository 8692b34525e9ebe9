"""Rules that feed metrics, and one run of the program as far as these metrics know it."""

from collect_fixtures import KEY, NS, START, Clock

from exporter.counting.ledger import Ledger
from exporter.counting.rule_metrics import Found, RuleMetrics
from exporter.matching.engine import Engine
from exporter.model import ComponentKey, LogLine, MetricType, Rule, RuleMetric
from exporter.state.memory import MemoryState
from exporter.state.store import State
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.table import MetricTable

JOBS_KEY = ComponentKey("shop", "jobs")


class Life:
    """One run of the program, as far as the metrics of rules know it."""

    def __init__(self, *rules: Rule, state: State | None = None, clock: Clock | None = None):
        clock = clock or Clock()
        self.registry = MetricTable()
        self.metrics = Metrics(self.registry)
        self.ledger = Ledger(self.metrics, state or MemoryState(clock), clock)
        self.engine = Engine(rules)
        self.rule_metrics = RuleMetrics(self.metrics, self.ledger, self.engine)
        self.rule_metrics.publish()

    def open(self, *keys: ComponentKey) -> "Life":
        for key in keys or (KEY,):
            self.ledger.open(*key.parts)
            self.rule_metrics.open(key)
        return self

    def close(self, key: ComponentKey = KEY) -> None:
        self.ledger.close(*key.parts)
        self.rule_metrics.close(key)

    def read(self, *messages: bytes, key: ComponentKey = KEY, second: int | None = 1) -> None:
        time = None if second is None else int(START + second) * NS
        lines = [LogLine(message, len(message) + 1, time, message) for message in messages]
        found = self.engine.scan(messages)
        with self.ledger.transaction():
            self.rule_metrics.count(key, [Found(m.rule, lines[m.message]) for m in found])

    def samples(self) -> dict[str, float]:
        """What scrapes see of the metrics of rules: name and own labels of shop/web, or all."""
        return {
            series_name(sample.name, sample.labels): sample.value
            for family in self.rule_metrics.collect()
            for sample in family.samples
        }

    def about(self, name: str, metric: str) -> float | None:
        return self.registry.get_sample_value(f"digitalocean_app_{name}_total", {"metric": metric})


def series_name(name: str, labels: dict[str, str]) -> str:
    component = labels["component"]
    own = [f"{k}={v}" for k, v in labels.items() if k not in ("app", "component")]
    return " ".join([name, *([] if component == "web" else [component]), *own])


def rule(
    name: str = "orders_total",
    kind: MetricType = MetricType.COUNTER,
    value: str | None = None,
    regex: str = "order",
    rule_name: str = "r",
    components: tuple[str, ...] = (),
    buckets: tuple[float, ...] = (),
    max_series: int = 100,
    **labels: str,
) -> Rule:
    own = tuple(sorted(labels.items()))
    metric = RuleMetric(name, kind, "Help.", own, value, buckets, max_series)
    return Rule(rule_name, regex, components=components, metric=metric)


def gauge(**options) -> Rule:
    return rule("queue_length", MetricType.GAUGE, "n", **options)


def histogram(**options) -> Rule:
    return rule("took_seconds", MetricType.HISTOGRAM, "took", buckets=(0.1, 1.0), **options)
