"""Metrics that rules feed: what they count, which series there are, and what outlives a restart."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from collect_fixtures import IDENTITY, KEY, Clock
from hypothesis import event, given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics_families,
)
from prometheus_client.parser import text_string_to_metric_families
from rule_fixtures import JOBS_KEY, Life, gauge, histogram, rule
from state_files import file_state

from exporter.config.document import parse_document
from exporter.config.load import check_document
from exporter.counting.ledger import GRACE_SECONDS
from exporter.counting.rule_metrics import RuleMetrics
from exporter.errors import ConfigError, StateError
from exporter.matching.decision import matcher_of
from exporter.matching.engine import Engine
from exporter.model import MetricType
from exporter.state.store import Batch, State
from exporter.web.exposition import Exposition

# What is counted.


def test_a_counter_counts_matches_or_adds_values():
    """Without a value each match is one; with one it is what the value says."""
    life = Life(rule(), rule("amount_total", value="amount", rule_name="s")).open()
    life.read(b"order amount=2.5", b"order amount=1KB", b"nothing")
    assert life.samples() == {"orders_total": 2, "amount_total": 1002.5}


def test_a_gauge_shows_the_value_of_the_newest_line():
    """Lines of past deployments may be read after newer ones; a line without time is the newest."""
    life = Life(gauge()).open()
    life.read(b"order n=5", second=10)
    life.read(b"order n=3", second=9)
    assert life.samples() == {"queue_length": 5}
    life.read(b"order n=-2", second=10)
    assert life.samples() == {"queue_length": -2}
    life.read(b"order n=7", second=None)
    life.read(b"order n=8", second=9)
    assert life.samples() == {"queue_length": 7}


def test_a_histogram_observes_values_in_base_units():
    """A value counts in each bucket whose bound it does not exceed."""
    life = Life(histogram()).open()
    life.read(b"order took=100ms", b"order took=101ms", b"order took=1m", b"order took=0")
    assert life.samples() == {
        "took_seconds_bucket le=0.1": 2,
        "took_seconds_bucket le=1.0": 3,
        "took_seconds_bucket le=+Inf": 4,
        "took_seconds_count": 4,
        "took_seconds_sum": 60.201,
    }


def test_labels_come_from_groups_and_fields():
    """Each combination of values is a series of its own."""
    life = Life(rule(regex=r"order (?P<kind>\w+)", kind_of="kind", code="error.code")).open()
    life.read(b'order big {"error":{"code":51}}', b"order small", b"order small")
    assert life.samples() == {
        "orders_total code=51 kind_of=big": 1,
        "orders_total code= kind_of=small": 2,
    }


def test_no_secret_becomes_a_label():
    """What an excerpt would not show is no label value either; it has one series then."""
    life = Life(rule(user="user")).open()
    life.read(b"order user=ann@example.com", b"order user=bob@example.com")
    assert life.samples() == {"orders_total user=[e-mail]": 2}


def test_rules_may_share_a_metric():
    """Two rules of one declaration count into the same series, each from its own sources."""
    first = rule(regex=r"sold (?P<what>\w+)", item="what")
    second = rule(regex=r"bought (?P<thing>\w+)", rule_name="s", item="thing")
    life = Life(first, second).open()
    life.read(b"sold tea", b"bought tea", b"bought milk")
    assert life.samples() == {"orders_total item=tea": 2, "orders_total item=milk": 1}


@pytest.mark.parametrize("text", [b"-1", b"NaN", b"many", b"", b"1e999"])
def test_a_value_that_is_none_is_counted_and_said_once(text: bytes, caplog):
    """Nothing is added and no series made; the metric about it tells how often."""
    life = Life(rule("amount_total", value="amount", code="code")).open()
    assert life.about("rule_value_errors", "amount_total") == 0
    with caplog.at_level(logging.WARNING):
        life.read(b"order amount=" + text, b"order amount=" + text, b"order")
    assert life.samples() == {}
    assert life.about("rule_value_errors", "amount_total") == 3
    assert [record.fields["metric"] for record in caplog.records] == ["amount_total"]


# Which series there are.


def test_what_has_no_labels_exists_at_0_but_for_gauges():
    """A counter and a histogram can be 0 before the first event; nothing was measured yet."""
    life = Life(rule(), gauge(rule_name="g"), histogram(rule_name="h")).open()
    assert life.samples() == {
        "orders_total": 0,
        "took_seconds_bucket le=0.1": 0,
        "took_seconds_bucket le=1.0": 0,
        "took_seconds_bucket le=+Inf": 0,
        "took_seconds_count": 0,
        "took_seconds_sum": 0,
    }
    labelled = Life(rule(code="code")).open()
    assert labelled.samples() == {}


def test_a_component_has_series_of_the_rules_that_look_at_it():
    """One rule that does is enough; the series go with the component."""
    rules = (
        rule(components=("shop/web",)),
        rule("sent_total", rule_name="s", components=("shop/jobs",)),
        rule("sent_total", rule_name="t", components=("site",)),
    )
    life = Life(*rules).open(KEY, JOBS_KEY)
    assert life.samples() == {"orders_total": 0, "sent_total jobs": 0}
    life.close(JOBS_KEY)
    assert life.samples() == {"orders_total": 0}


def test_label_values_past_the_bound_become_other(caplog):
    """Totals stay right, each fold is counted, and known series go on."""
    life = Life(rule(max_series=2, regex=r"order (?P<id>\w+)", id="id")).open()
    assert life.about("rule_metric_overflow", "orders_total") == 0
    with caplog.at_level(logging.WARNING):
        life.read(b"order a", b"order b", b"order c", b"order a", b"order d", b"order c")
    assert life.samples() == {
        "orders_total id=a": 2,
        "orders_total id=b": 1,
        "orders_total id=other": 3,
    }
    assert life.about("rule_metric_overflow", "orders_total") == 3
    assert [record.fields["max_series"] for record in caplog.records] == [2]


def test_the_bound_is_of_all_components_together():
    """A component that is gone makes room; each has its own series for the rest."""
    life = Life(rule(max_series=2, regex=r"order (?P<id>\w+)", id="id")).open(KEY, JOBS_KEY)
    life.read(b"order a", b"order b")
    life.read(b"order a", b"order other", key=JOBS_KEY)
    assert life.samples() == {
        "orders_total id=a": 1,
        "orders_total id=b": 1,
        "orders_total jobs id=other": 2,
    }
    life.close()
    life.read(b"order a", key=JOBS_KEY)
    assert life.samples() == {"orders_total jobs id=other": 2, "orders_total jobs id=a": 1}


def test_a_component_that_returns_goes_on_and_one_that_was_forgotten_does_not():
    """Within the grace period of the ledger its series come back as they were."""
    clock = Clock()
    life = Life(rule(code="code"), histogram(rule_name="h"), clock=clock).open()
    life.read(b"order code=5 took=1")
    before = life.samples()
    life.close()
    assert life.samples() == {}
    assert life.open().samples() == before
    life.close()
    clock.now += GRACE_SECONDS + 1
    life.ledger.expire()
    assert life.open().samples() == {name: 0 for name in before if "code" not in name}


def test_metrics_that_are_withdrawn_leave_nothing_behind():
    """Others of the same name can take their place on the registry."""
    life = Life(rule(), gauge(rule_name="g")).open()
    life.read(b"order n=1")
    life.rule_metrics.withdraw()
    assert (
        life.registry.get_sample_value("orders_total", {"app": "shop", "component": "web"}) is None
    )
    assert life.about("rule_metric_overflow", "orders_total") is None
    assert life.about("rule_value_errors", "queue_length") is None
    anew = RuleMetrics(life.metrics, life.ledger, Engine([rule()]))
    anew.publish()
    anew.open(KEY)
    assert life.registry.get_sample_value("orders_total", IDENTITY) == 1


# What outlives the process.

EVERYTHING = (
    rule(max_series=2, code="code"),
    gauge(rule_name="g", code="code"),
    histogram(rule_name="h", code="code"),
)
LOG = tuple(
    f"order code={code} n={n} took={took}".encode()
    for code, n, took in [("a", 1, "50ms"), ("b", -2, "0.3"), ("a", 3, "2s"), ("c", 4, "1ms")]
)


def test_everything_goes_on_after_a_restart(tmp_path: Path):
    """Counters, gauges with their times, histograms and which series are known are kept."""
    path = tmp_path / "state.db"
    life = Life(*EVERYTHING, state=file_state(path, Clock())).open()
    life.read(*LOG, second=5)
    assert life.samples() == {}  # Nothing is shown before it is kept.
    life.ledger.end()
    shown = life.samples()
    assert shown["orders_total code=other"] == 1
    again = Life(*EVERYTHING, state=file_state(path, Clock())).open()
    assert again.samples() == shown
    again.read(b"order code=a n=9 took=1", second=4)
    again.read(b"order code=d n=9 took=1", second=4)
    again.ledger.end()
    now = again.samples()
    assert now["orders_total code=a"] == shown["orders_total code=a"] + 1
    assert now["orders_total code=other"] == 2
    assert now["queue_length code=a"] == 3
    assert now["took_seconds_count code=a"] == 3
    assert now["took_seconds_sum code=a"] == pytest.approx(3.05)


def test_another_meaning_begins_anew(tmp_path: Path):
    """A count goes on only while all rules that feed its metric look for the same."""
    path = tmp_path / "state.db"
    life = Life(rule(), rule("b_total", rule_name="s"), state=file_state(path, Clock())).open()
    life.read(b"order")
    life.ledger.end()
    changed = (rule(regex="orders?"), rule("b_total", rule_name="s", max_series=7))
    again = Life(*changed, state=file_state(path, Clock())).open()
    assert again.samples() == {"orders_total": 0, "b_total": 1}
    again.ledger.end()
    # What it was once is no part of it when it is changed back.
    back = Life(rule(), state=file_state(path, Clock())).open()
    assert back.samples() == {"orders_total": 0}
    back.ledger.end()
    state = file_state(path, Clock())
    assert state.load().values == {}
    state.close()


class Failing:
    """A state that loses a batch where a crash would: nothing of it is kept or shown."""

    durable = True
    rollbacks = 0

    def __init__(self, state: State) -> None:
        self.load, self.close = state.load, state.close
        self._save = state.save
        self.fails = False

    def save(self, batch: Batch) -> None:
        if self.fails:
            raise StateError("no")
        self._save(batch)


def test_what_a_crash_takes_back_was_not_shown(tmp_path: Path):
    """After a kill the series are those of the last batch, whole histograms among them."""
    path = tmp_path / "state.db"
    sqlite = file_state(path, Clock())
    life = Life(*EVERYTHING, state=Failing(sqlite)).open()
    life.read(*LOG)
    life.ledger.flush()
    shown = life.samples()
    life.read(*LOG)
    assert life.samples() == shown
    sqlite.close()  # As a kill does, without the rest being saved.
    again = Life(*EVERYTHING, state=file_state(path, Clock())).open()
    assert again.samples() == shown
    again.ledger.end()


# Whatever is configured and whatever is read, scrapes are valid.

NAMES = st.sampled_from(["a", "b", "c", "shop_x", "shop_x_count", "shop_x_info"])
HELPS = st.sampled_from(["Help.", "Two\nlines", 'A "quote" \\ and \t', "\N{SNOWMAN}"])
SOURCES = st.sampled_from(["g", "h", "f", "f.x", "missing"])


@st.composite
def metrics_of_rules(draw: st.DrawFn) -> dict[str, object]:
    kind = draw(st.sampled_from(list(MetricType)))
    metric: dict[str, object] = {
        "name": draw(NAMES) + ("_total" if kind is MetricType.COUNTER else ""),
        "type": kind.value,
        "help": draw(HELPS),
        "labels": draw(st.dictionaries(st.sampled_from(["x", "y", "metric"]), SOURCES)),
        "max_series": draw(st.integers(1, 3)),
    }
    if kind is not MetricType.COUNTER or draw(st.booleans()):
        metric["value"] = "f"
    if kind is MetricType.HISTOGRAM and draw(st.booleans()):
        bounds = st.floats(0, 1e200) | st.integers(0, 9)
        metric["buckets"] = sorted(set(draw(st.lists(bounds, min_size=1, max_size=4))))
    return metric


LOOKED_FOR: list[dict[str, object]] = [
    {"regex": r"(?s)(?P<g>\S*)(?P<h>.*)"},
    {"regex": "="},
    {"json": {"f": ""}},
    {"json": {"f": "[a-z1-9]"}, "exclude_regex": "ms"},
]


@st.composite
def configurations(draw: st.DrawFn) -> str:
    rules = [
        {"name": f"r{index}", **draw(st.sampled_from(LOOKED_FOR)), "metric": metric}
        for index, metric in enumerate(draw(st.lists(metrics_of_rules(), min_size=1, max_size=3)))
    ]
    config = {"patterns": {"packs": [], "rules": rules}}
    return yaml.safe_dump(config, allow_unicode=True)


VALUES = st.one_of(st.floats().map(repr), st.sampled_from(["1ms", "x", "5%", "1e308", "-1", "0"]))
MESSAGES = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=12).map(lambda text: text.encode("utf-8", "replace")),
    st.builds(lambda v, w: f"f={v} f.x={w}".encode(), VALUES, st.text(max_size=3)),
    st.builds(lambda v, w: json.dumps({"f": v, "g": w}).encode(), st.floats(), st.text()),
    st.sampled_from([b'{"f":1,"g":"\\ud800\\n\\"\\\\"}', b'{"f":{"x":1}}', b'f=2 g="\xff" h=\r']),
)


def samples_of(families: Iterator) -> dict[tuple[str, frozenset], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def exposed(life: Life, accept: str) -> str:
    """What a scrape of this format is answered."""
    exposition = Exposition(lambda: [life.registry])
    return exposition.answer(accept, "").body.decode()


@settings(max_examples=300, deadline=None)
@given(configurations(), st.lists(MESSAGES, min_size=2, max_size=10))
def test_any_configuration_and_any_lines_give_a_valid_exposition(text, messages):
    """What is accepted is read back by Prometheus' own parsers, value for value."""
    try:
        config = check_document(parse_document("config.yml", text), {}, matcher_of, None)
    except ConfigError:
        event("refused")
        return
    life = Life(*config.patterns.user_rules()).open(KEY, JOBS_KEY)
    life.read(*messages)
    life.read(*messages, key=JOBS_KEY)
    event("some series" if life.samples() else "no series")
    shown = samples_of(life.registry.collect())
    shown = {key: value for key, value in shown.items() if not key[0].endswith("_created")}
    for accept, families in (
        ("text/plain", text_string_to_metric_families),
        ("application/openmetrics-text", openmetrics_families),
    ):
        seen = samples_of(families(exposed(life, accept)))
        assert {key: seen[key] for key in shown} == shown
