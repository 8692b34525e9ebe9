"""Series of rules over any course of lines, saves, kills and components that come and go."""

from collections import Counter
from copy import deepcopy

from collect_fixtures import KEY, START
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
)
from rule_fixtures import JOBS_KEY, Life, histogram
from rule_fixtures import rule as rule_with_metric

from exporter.model import ComponentKey
from exporter.state.store import Batch, Saved, ValueKey

KEYS = (KEY, JOBS_KEY)
MAX_SERIES = 3
RULES = (
    rule_with_metric(regex=r"order (?P<id>\w+)", max_series=MAX_SERIES, id="id"),
    histogram(rule_name="h"),
)


class KeptState:
    """Durable as long as the object: what a killed process leaves behind."""

    durable = True
    rollbacks = 0

    def __init__(self) -> None:
        self.values: dict[ValueKey, float] = {}

    def load(self) -> Saved:
        return Saved(START, values=dict(self.values))

    def save(self, batch: Batch) -> None:
        for key in batch.dropped_values:
            self.values.pop(key, None)
        self.values |= batch.values

    def close(self) -> None:
        pass


class RuleMetricsOverTime(RuleBasedStateMachine):
    """The exporter's series, against counts that are kept by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.state = KeptState()
        self.counted: dict[ComponentKey, Counter[str]] = {key: Counter() for key in KEYS}
        self.kept = deepcopy(self.counted)
        self.shown: dict[ComponentKey, Counter[str]] = {}
        self.life = Life(*RULES, state=self.state)
        for key in KEYS:
            self.open(key)

    def open(self, key: ComponentKey) -> None:
        self.life.open(key)
        self.shown[key] = Counter(self.counted[key])

    def admitted(self, key: ComponentKey, label: str) -> str:
        known = [series for key in self.shown for series in self.counted[key]]
        full = len([series for series in known if series != "other"]) >= MAX_SERIES
        return "other" if full and label not in self.counted[key] else label

    @precondition(lambda self: self.shown)
    @rule(data=st.data(), labels=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4))
    def lines_come(self, data: st.DataObject, labels: list[str]) -> None:
        key = data.draw(st.sampled_from(list(self.shown)))
        self.life.read(*(f"order {label} took=1".encode() for label in labels), key=key)
        for label in labels:
            self.counted[key][self.admitted(key, label)] += 1

    @rule()
    def a_save(self) -> None:
        assert self.life.ledger.flush()
        self.kept = deepcopy(self.counted)
        for key in self.shown:
            self.shown[key] = Counter(self.counted[key])

    @rule()
    def a_kill(self) -> None:
        self.counted = deepcopy(self.kept)
        self.life = Life(*RULES, state=self.state)
        for key in self.shown:
            self.open(key)

    @precondition(lambda self: self.shown)
    @rule(data=st.data())
    def a_component_goes(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(list(self.shown)))
        self.life.close(key)
        del self.shown[key]

    @precondition(lambda self: len(self.shown) < len(KEYS))
    @rule()
    def components_come_back(self) -> None:
        for key in KEYS:
            if key not in self.shown:
                self.open(key)

    @invariant()
    def scrapes_see_what_was_kept(self) -> None:
        samples = self.life.samples()
        for key in KEYS:
            names = "" if key == KEY else f" {key.component}"
            series = {
                name.rpartition("=")[2]: value
                for name, value in samples.items()
                if name.startswith(f"orders_total{names} id=")
            }
            assert series == self.shown.get(key, {})
            count = samples.get(f"took_seconds_count{names}")
            assert count == (self.shown[key].total() if key in self.shown else None)
            assert samples.get(f"took_seconds_sum{names}") == count


RuleMetricsOverTime.TestCase.settings = settings(
    deadline=None, max_examples=60, stateful_step_count=30
)
TestRuleMetricsOverTime = RuleMetricsOverTime.TestCase
