"""Rules on fields over a log of JSON messages, beside the same rules as regexes."""

import json
import time
from collections.abc import Callable, Sequence
from random import Random

from prometheus_client import CollectorRegistry

from benchmarks.tables import print_table
from benchmarks.timing import Case, Run, median_seconds
from exporter.counting.ledger import Ledger
from exporter.counting.rule_metrics import Found, RuleMetrics
from exporter.matching.engine import Engine
from exporter.model import ComponentKey, FieldCondition, LogLine, MetricType, Rule, RuleMetric
from exporter.state.memory import MemoryState
from exporter.telemetry.metrics import Metrics

LINES = 100_000
FAILING = 0.02
ROUNDS = 5
COMPONENT = ComponentKey("shop", "web")

LEVEL = FieldCondition("level", ("error", "fatal"))
STATUS = FieldCondition("status", ("^5..$",), "^5..$")
DURATION = FieldCondition("duration", ("",), "")
REQUESTS = RuleMetric(
    "shop_request_duration_seconds",
    MetricType.HISTOGRAM,
    "How long requests took.",
    (("status", "status"),),
    "duration",
    (0.01, 0.1, 1.0),
)


def run() -> None:
    """Measure and print."""
    messages = _messages()
    size = sum(len(message) + 1 for message in messages)
    twenty = [
        Rule(f"r{number}", fields=(LEVEL, FieldCondition("msg", (f"no {number}",))))
        for number in range(19)
    ]
    cases = [
        _case('a regex: `"level":"error"`', _scan, messages, Rule("r", '"level": ?"error"')),
        _case("`level: [error, fatal]`", _scan, messages, Rule("r", fields=(LEVEL,))),
        _case("`status: '^5..$'`", _scan, messages, Rule("r", fields=(STATUS,))),
        _case("20 rules, each on `level` and `msg`", _scan, messages, *twenty, _failed()),
        _case("`duration: ''`, which every line has", _scan, messages, _every_line()),
        _case("the same, into a histogram by `status`", _count, messages, _every_line()),
    ]
    seconds = median_seconds(cases, ROUNDS, time.thread_time)
    first = seconds[cases[0].name]
    print_table(
        f"Rules on fields: {LINES:,} JSON messages of {size / LINES:.0f} bytes, {FAILING:.0%} of "
        "them of level error; one thread, CPU time",
        ("", "µs a line", "MB/s", "times the regex"),
        [
            (
                name,
                f"{taken / LINES * 1e6:.2f}",
                f"{size / taken / 1e6:,.0f}",
                f"{taken / first:.1f}",
            )
            for name, taken in seconds.items()
        ],
    )


def _messages() -> list[bytes]:
    random = Random(5)
    return [_message(random, failing=random.random() < FAILING) for _ in range(LINES)]


def _message(random: Random, *, failing: bool) -> bytes:
    fields = {
        "time": f"2026-11-24T06:57:24.{random.randrange(1000):03}Z",
        "level": "error" if failing else "info",
        "msg": "payment declined" if failing else "request completed",
        "req": {"method": "GET", "url": f"/api/items/{random.randrange(10_000)}"},
        "status": 500 if failing else 200,
        "duration": f"{random.randrange(200)}ms",
    }
    return json.dumps(fields).encode()


def _failed() -> Rule:
    return Rule("failed", fields=(LEVEL, FieldCondition("msg", ("declined",), "declined")))


def _every_line() -> Rule:
    return Rule("request", fields=(DURATION,), metric=REQUESTS)


def _case(
    name: str,
    work: Callable[[Engine, Sequence[bytes]], Run],
    messages: Sequence[bytes],
    *rules: Rule,
) -> Case:
    engine = Engine(rules)
    return Case(name, lambda: work(engine, messages))


def _scan(engine: Engine, messages: Sequence[bytes]) -> Run:
    return lambda: engine.scan(messages)


def _count(engine: Engine, messages: Sequence[bytes]) -> Run:
    """What the exporter does with the matches of rules that feed metrics."""
    metrics = Metrics(CollectorRegistry())
    rule_metrics = RuleMetrics(metrics, Ledger(metrics, MemoryState(time.time), time.time), engine)
    rule_metrics.open(COMPONENT)
    lines = [LogLine(message, len(message) + 1, None, message) for message in messages]

    def count() -> None:
        found = engine.scan(messages)
        rule_metrics.count(COMPONENT, (Found(match.rule, lines[match.message]) for match in found))

    return count
