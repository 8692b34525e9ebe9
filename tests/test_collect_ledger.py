"""The ledger: what is shown is kept first, with its cursors, and goes on after a restart."""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from collect_fixtures import IDENTITY, KEY, LOG, NS, START, WEB, Clock
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from state_files import file_state
from waiting import LIMIT_SECONDS

from exporter.counting.changes import Changes
from exporter.counting.component import Components
from exporter.counting.cursors import REMEMBERED_RELEASES
from exporter.counting.ledger import GRACE_SECONDS, Ledger
from exporter.counting.rule_metrics import RuleMetrics
from exporter.counting.save_health import SaveHealth
from exporter.counting.series import Series, SeriesSettings
from exporter.errors import StateError, StateFenced
from exporter.logs.dedup.continuity import Continuity
from exporter.logs.dedup.snapshot import Snapshot
from exporter.matching.engine import Engine
from exporter.model import ComponentKey, LogType, Rule
from exporter.state.memory import MemoryState
from exporter.state.store import Batch, CursorKey, DocumentKey, Saved, State, ValueKey
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.table import MetricTable

OTHER = ComponentKey("shop", "jobs")
D1, D2 = CursorKey(KEY, "d1"), CursorKey(KEY, "d2")
RULES = (Rule("oops", "oops"),)
LINES = tuple(LOG.values())
TOTAL = "digitalocean_app_log_lines_total"


class RecordingState:
    """Durable until the test's end; ``problem`` lets every save fail."""

    durable = True
    rollbacks = 0

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.problem = ""
        self.closed = False
        self.during: Callable[[], None] = lambda: None

    def load(self) -> Saved:
        return Saved(START)

    def save(self, batch: Batch) -> None:
        self.during()
        if self.problem:
            raise StateError(self.problem)
        self.batches.append(batch)

    def close(self) -> None:
        self.closed = True


@dataclass
class Run:
    """One run of the program on a state, as far as the ledger knows it."""

    state: State
    clock: Clock = field(default_factory=Clock)
    rules: tuple[Rule, ...] = RULES

    def __post_init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.ledger = Ledger(self.metrics, self.state, self.clock)
        rule_metrics = RuleMetrics(self.metrics, self.ledger, Engine(self.rules))
        self.series = Series(
            self.metrics,
            self.ledger,
            Components(),
            self.rules,
            rule_metrics,
            SeriesSettings((LogType.RUN,)),
        )

    def count(self, amount: float = 1, component: ComponentKey = KEY) -> None:
        with self.ledger.transaction():
            self.ledger.add(self.metrics.log_lines, (*component.parts, "RUN"), amount)

    def read(self, key: CursorKey, *raws: bytes) -> int:
        """Read a window of a deployment; return how many lines were new, and count them."""
        with self.ledger.transaction():
            continuity = self.ledger.cursors.continuity(key, begin)
            window = continuity.window(LogType.RUN, 1000)
            fresh = window.feed(list(raws))
            continuity.finish(window)
            labels = (*key.component.parts, "RUN")
            self.ledger.add(self.metrics.log_lines, labels, len(fresh))
            self.ledger.cursors.touch(key)
        return len(fresh)

    def value(self, name: str = TOTAL, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels or LOG)

    def state_metrics(self) -> tuple[float | None, float | None]:
        up = self.registry.get_sample_value("digitalocean_app_exporter_state_up")
        errors = self.registry.get_sample_value("digitalocean_app_exporter_state_errors_total")
        return up, errors


def begin(released_at: int) -> Continuity:
    return Continuity(max(int(START) * NS - 1, released_at), remember=1000)


def raw(second: int, message: str = "hello") -> bytes:
    return f"web 2026-11-01T00:00:{second:02}.000000000Z {message}".encode()


@pytest.fixture
def state() -> RecordingState:
    return RecordingState()


@pytest.fixture
def run(state: RecordingState) -> Run:
    run = Run(state)
    run.series.open_component(KEY, WEB)
    run.series.open_component(OTHER, WEB)
    return run


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Begins another run on one file; the one before is ended as ``kill -9`` does, unflushed."""
    states: list[State] = []

    def start(**options: Any) -> Run:
        clock = options.pop("clock", Clock())
        for earlier in states:
            earlier.close()
        states.append(file_state(tmp_path / "state.db", clock))
        return Run(states[-1], clock, **options)

    yield start
    for state in states:
        state.close()


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    ours = (Ledger.__module__, SaveHealth.__module__)
    return [record.getMessage() for record in caplog.records if record.name in ours]


def test_nothing_is_shown_before_it_is_kept(run: Run, state: RecordingState):
    """A count appears with the flush that kept it, and not while that is still under way."""
    run.count(3)
    with run.ledger.transaction():
        run.ledger.put(run.metrics.log_last_line_timestamp, LINES, 7.0)
    time = "digitalocean_app_log_last_line_timestamp_seconds"
    shown: list[float | None] = []
    state.during = lambda: shown.extend([run.value(), run.value(time)])
    assert run.value() == 0
    assert run.ledger.flush()
    assert shown == [0, 0]
    assert (run.value(), run.value(time)) == (3, 7)


RELOADS = pytest.mark.found(
    "A line that was counted just before a reload counted twice in `log_matches_total`, or its "
    "pattern's series came back after it was removed.",
    how="Threads in every order, by a seed",
)


@RELOADS
def test_a_series_that_is_made_again_shows_what_is_kept_and_the_rest_once(run: Run):
    """A component that went and came back before a flush: not what is not saved, nor it twice."""
    run.count(3)
    assert run.ledger.flush()
    run.count(2)
    with run.ledger.transaction():
        run.series.close_component(KEY)
        run.series.open_component(KEY, WEB)
    assert run.value() == 3
    assert run.ledger.flush()
    assert run.value() == 5


@RELOADS
def test_a_series_that_was_removed_does_not_come_back_with_a_flush(run: Run, state: RecordingState):
    """Neither with what was counted before it went, nor with a flush that was under way then."""
    run.count(3)
    state.during = lambda: run.series.close_component(KEY)
    assert run.ledger.flush()
    assert run.value() is None
    run.series.open_component(KEY, WEB)
    assert run.value() == 3
    run.count(1)
    with run.ledger.transaction():
        run.series.close_component(KEY)
    state.during = lambda: None
    assert run.ledger.flush()
    assert run.value() is None


@RELOADS
def test_a_pattern_of_another_regex_does_not_continue_what_is_not_shown_yet(
    run: Run, state: RecordingState
):
    """A reload changes what a name stands for before the count by the former regex is shown."""
    matches, labels = run.metrics.log_matches, (*LINES, "oops", "error")
    name = "digitalocean_app_log_matches_total"
    shown = {**LOG, "pattern": "oops", "level": "error"}
    (former,) = RULES
    with run.ledger.transaction():
        run.ledger.add(matches, labels, 4, former.meaning)
    rules = (Rule("oops", "another"),)
    other = Series(
        run.metrics,
        run.ledger,
        run.series.components,
        rules,
        RuleMetrics(run.metrics, run.ledger, Engine(rules)),
        SeriesSettings((LogType.RUN,)),
    )
    with run.ledger.transaction():
        run.series.rule_metrics.publish()
        other.replace(run.series)
    assert run.value(name, **shown) == 0
    assert run.ledger.flush()
    assert run.value(name, **shown) == 0
    with run.ledger.transaction():
        run.ledger.add(matches, labels, 1, rules[0].meaning)
    assert run.ledger.flush()
    assert run.value(name, **shown) == 1


def test_state_in_memory_shows_at_once():
    """Where nothing outlives the process there is nothing to wait for."""
    run = Run(MemoryState(Clock()))
    run.series.open_component(KEY, WEB)
    run.count(3)
    assert run.value() == 3
    assert run.ledger.flush()
    assert run.value() == 3
    assert run.state_metrics() == (1, 0)


def test_a_flush_is_one_batch_of_all_sources(run: Run, state: RecordingState):
    """Values and cursors of every component that changed go together, others not again."""
    elsewhere = CursorKey(OTHER, "d1")
    run.read(D1, raw(1), raw(2))
    run.read(elsewhere, raw(1))
    run.read(elsewhere, raw(1), raw(2))
    assert run.ledger.flush()
    (batch,) = state.batches
    assert batch.values == {
        ValueKey(TOTAL, LINES): 2,
        ValueKey(TOTAL, (*OTHER.parts, "RUN")): 2,
    }
    assert batch.cursors.keys() == {D1, elsewhere}
    run.count(1, OTHER)
    assert run.ledger.flush()
    assert run.ledger.flush()
    assert len(state.batches) == 2, "without changes nothing is kept"
    assert state.batches[1] == Batch(values={ValueKey(TOTAL, (*OTHER.parts, "RUN")): 3})


def test_what_cannot_be_kept_is_shown_said_once_and_kept_later(
    run: Run, state: RecordingState, caplog: pytest.LogCaptureFixture
):
    """Counting goes on in memory; each failure counts, the first is said, and so is its end."""
    caplog.set_level(logging.INFO)
    assert run.state_metrics() == (1, 0)
    state.problem = "the disk is full"
    for failures in (1, 2, 3):
        run.read(D1, *(raw(second) for second in range(failures)))
        assert not run.ledger.flush()
        assert run.value() == failures
        assert run.state_metrics() == (0, failures)
    (said,) = caplog.records
    assert said.levelname == "ERROR"
    assert "the disk is full" in str(said.__dict__["fields"]["problem"])
    state.problem = ""
    run.count(1, OTHER)
    assert run.ledger.flush()
    assert run.state_metrics() == (1, 3)
    (batch,) = state.batches
    assert batch.values[ValueKey(TOTAL, LINES)] == 3
    assert batch.values[ValueKey(TOTAL, (*OTHER.parts, "RUN"))] == 1
    assert batch.cursors.keys() == {D1}
    assert run.value() == 3, "nothing is shown twice"
    assert run.ledger.flush()
    assert messages(caplog) == [
        "state cannot be saved: counting continues in memory, saving is tried again",
        "state can be saved again; nothing is missing from it",
    ]


def test_a_failure_alone_is_tried_again(run: Run, state: RecordingState):
    """Without anything new the next flush still keeps what the last could not."""
    state.problem = "busy"
    run.count()
    run.ledger.flush()
    state.problem = ""
    assert run.ledger.flush()
    assert run.state_metrics() == (1, 1)
    assert [batch.values for batch in state.batches] == [{ValueKey(TOTAL, LINES): 1}]


def test_an_error_that_nobody_foresaw_loses_nothing(run: Run, state: RecordingState):
    """It is raised, for the schedule to count; what changed is shown, and kept with the next."""
    run.count(2)

    def fail() -> None:
        raise ZeroDivisionError

    state.during = fail
    with pytest.raises(ZeroDivisionError):
        run.ledger.flush()
    assert (run.value(), run.state_metrics()) == (2, (0, 1))
    state.during = lambda: None
    run.count(3)
    assert run.ledger.flush()
    [batch] = state.batches
    assert batch.values[ValueKey(TOTAL, LINES)] == 5
    assert (run.value(), run.state_metrics()) == (5, (1, 1))


def test_the_end_keeps_once_and_closes(run: Run, state: RecordingState):
    """What comes after the end is not kept, not shown and no error; it is for the next run."""
    run.count()
    run.ledger.end()
    assert state.closed
    run.count(5)
    assert run.ledger.flush()
    run.ledger.end()
    assert len(state.batches) == 1
    assert run.value() == 1
    assert run.state_metrics() == (1, 0)


def test_a_restart_goes_on_where_values_and_cursors_stood(restarted):
    """Series begin at what was kept; lines counted before do not count again."""
    run = restarted()
    assert (run.ledger.first_start, run.ledger.saved_at) == (START, None)
    run.series.open_component(KEY, WEB)
    assert run.read(D1, raw(1), raw(2)) == 2
    with run.ledger.transaction():
        run.ledger.put(run.metrics.last_restart_timestamp, KEY.parts, START + 1)
    assert run.ledger.flush()
    run.count(100)  # and is killed before the next flush

    run = restarted(clock=Clock(START + 50))
    assert (run.ledger.first_start, run.ledger.saved_at) == (START, START)
    assert run.value() is None, "not before the component is discovered"
    run.series.open_component(KEY, WEB)
    assert run.value() == 2
    assert run.value("digitalocean_app_last_restart_timestamp_seconds", **IDENTITY) == START + 1
    assert run.ledger.cursors.deployments(KEY) == ["d1"]
    assert run.read(D1, raw(1), raw(2), raw(3)) == 1
    assert run.ledger.flush()
    assert run.value() == 3


def test_a_rule_that_changed_begins_at_zero(restarted):
    """Rules of the same meaning go on, also in another place; another regex is another rule."""
    same, old = Rule("same", "oops"), Rule("changed", "oops")
    run = restarted(rules=(same, old))
    run.series.open_component(KEY, WEB)
    for rule in run.rules:
        labels = (*LINES, rule.name, rule.level)
        run.ledger.add(run.metrics.log_matches, labels, 4, rule.meaning)
    assert run.ledger.flush()

    run = restarted(rules=(Rule("changed", "uh-oh"), same))
    run.series.open_component(KEY, WEB)
    found = {
        name: run.value("digitalocean_app_log_matches_total", **LOG, pattern=name, level="error")
        for name in ("same", "changed")
    }
    assert found == {"same": 4, "changed": 0}

    run = restarted(rules=(old, same))
    run.series.open_component(KEY, WEB)
    labels = LOG | {"pattern": "changed", "level": "error"}
    assert run.value("digitalocean_app_log_matches_total", **labels) == 4


def test_a_note_is_kept_and_not_shown(restarted):
    """A number beside a counter comes back after a restart; no series is made of it."""
    run = restarted()
    run.ledger.note(run.metrics.deployments, ("shop",), 12.5, "note")
    assert run.ledger.flush()
    run = restarted()
    assert run.ledger.value(run.metrics.deployments, ("shop",), "note") == 12.5
    (family,) = run.metrics.deployments.collect()
    assert family.samples == []


def test_a_release_is_known_after_a_restart(restarted):
    """Of a deployment read to its end its newest time is left: only what is newer counts."""
    run = restarted()
    run.series.open_component(KEY, WEB)
    run.read(D1, raw(1), raw(2))
    run.read(D2, raw(3))
    assert run.ledger.flush()
    run.ledger.cursors.release(D1)
    assert run.ledger.cursors.deployments(KEY) == ["d2"]
    assert run.ledger.flush()
    run = restarted()
    run.series.open_component(KEY, WEB)
    assert run.ledger.cursors.deployments(KEY) == ["d2"]
    assert run.read(D1, raw(1), raw(2), raw(4)) == 1


def test_a_stored_deployment_that_was_not_read_again_is_released_whole(restarted):
    """A cursor that only the file knew leaves its newest time too."""
    run = restarted()
    run.series.open_component(KEY, WEB)
    run.read(D1, raw(1), raw(9))
    assert run.ledger.flush()
    run = restarted()
    run.series.open_component(KEY, WEB)
    run.ledger.cursors.release(D1)
    assert run.read(D1, raw(1), raw(9)) == 0


def test_a_deployment_taken_up_again_before_its_release_was_kept(restarted):
    """Rolled back to at once, its cursor is in the file after the next flush, not the release."""
    run = restarted()
    run.series.open_component(KEY, WEB)
    run.read(D1, raw(1))
    run.ledger.cursors.release(D1)
    assert run.read(D1, raw(1), raw(2)) == 1
    assert run.ledger.flush()
    run = restarted()
    run.series.open_component(KEY, WEB)
    assert run.ledger.cursors.deployments(KEY) == ["d1"]
    assert run.read(D1, raw(1), raw(2)) == 0


def test_releases_are_bounded(restarted):
    """Of each component the newest ones are known, in the file as well."""
    run = restarted()
    run.series.open_component(KEY, WEB)
    run.read(CursorKey(OTHER, "d"), raw(1))
    run.ledger.cursors.release(CursorKey(OTHER, "d"))
    for number in range(REMEMBERED_RELEASES + 5):
        key = CursorKey(KEY, f"d{number}")
        run.read(key, raw(number + 1))
        run.ledger.cursors.release(key)
        assert run.ledger.flush()
    expected = {f"d{number}" for number in range(5, REMEMBERED_RELEASES + 5)} | {"d"}
    assert {key.deployment_id for key in run.ledger.cursors.released} == expected
    assert {key.deployment_id for key in run.state.load().released} == expected


def test_what_is_gone_for_the_grace_period_is_dropped(restarted):
    """From memory and file: values, cursors, releases; a component that is there keeps all."""
    clock = Clock()
    run = restarted(clock=clock)
    for component in (KEY, OTHER):
        run.series.open_component(component, WEB)
        for deployment in ("d1", "d2"):
            run.read(CursorKey(component, deployment), raw(1))
        run.ledger.cursors.release(CursorKey(component, "d1"))
    run.ledger.open("shop")
    run.ledger.add(run.metrics.deployments, ("shop", "ERROR", "other"), 1)
    assert run.ledger.flush()
    run.series.close_component(KEY)
    clock.now += GRACE_SECONDS
    run.ledger.expire()
    assert run.ledger.cursors.deployments(KEY) == ["d2"]
    clock.now += 1
    run.ledger.expire()
    assert run.ledger.cursors.deployments(KEY) == []
    assert run.ledger.flush()
    saved = run.state.load()
    assert {key.component for key in (*saved.cursors, *saved.released)} == {OTHER}
    assert {key.labels for key in saved.values} == {
        (*OTHER.parts, "RUN"),
        ("shop", "ERROR", "other"),
    }
    assert run.ledger.value(run.metrics.log_lines, LINES) == 0
    assert run.read(D1, raw(1)) == 1
    run.ledger.close("shop")
    clock.now += GRACE_SECONDS + 1
    run.ledger.expire()
    assert run.ledger.value(run.metrics.deployments, ("shop", "ERROR", "other")) == 0


def test_what_nobody_watches_after_a_restart_is_dropped_in_time(restarted):
    """Also what left only values or releases; what is discovered meanwhile stays."""
    run = restarted()
    run.series.open_component(KEY, WEB)
    run.read(D1, raw(1))
    run.ledger.cursors.release(D1)
    run.count(1, OTHER)
    run.ledger.add(run.metrics.deployments, ("gone", "ERROR", "other"), 1)
    assert run.ledger.flush()
    clock = Clock()
    run = restarted(clock=clock)
    run.series.open_component(OTHER, WEB)
    clock.now += GRACE_SECONDS + 1
    run.ledger.expire()
    assert run.ledger.flush()
    saved = run.state.load()
    assert saved.values == {ValueKey(TOTAL, (*OTHER.parts, "RUN")): 1}
    assert saved.released == {}


def test_a_component_that_is_back_in_time_keeps_all(restarted):
    """Being away shorter than the grace period changes nothing, however often."""
    clock = Clock()
    run = restarted(clock=clock)
    run.series.open_component(KEY, WEB)
    run.read(D1, raw(1))
    for _ in range(3):
        run.series.close_component(KEY)
        clock.now += GRACE_SECONDS - 1
        run.ledger.expire()
        run.series.open_component(KEY, WEB)
        run.ledger.expire()
    assert run.read(D1, raw(1), raw(2)) == 1
    assert run.ledger.flush()
    assert run.value() == 2


def test_a_component_that_is_back_before_its_end_was_kept(restarted, monkeypatch):
    """Dropped and begun anew while saving fails: the file has the new cursor and values alone."""
    clock = Clock()
    run = restarted(clock=clock)
    run.series.open_component(KEY, WEB)
    run.read(D1, raw(1))
    run.read(D2, raw(1))
    assert run.ledger.flush()

    def refuse(batch: Batch) -> None:
        raise StateError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(run.state, "save", refuse)
        run.ledger.cursors.release(D2)
        assert not run.ledger.flush()
        run.series.close_component(KEY)
        clock.now += GRACE_SECONDS + 1
        run.ledger.expire()
        assert not run.ledger.flush()
        run.series.open_component(KEY, WEB)
        assert run.read(D1, raw(1)) == 1
        assert not run.ledger.flush()
    assert run.ledger.flush()
    saved = run.state.load()
    assert saved.values == {ValueKey(TOTAL, LINES): 1}
    assert (saved.cursors.keys(), saved.released) == ({D1}, {})


def test_a_cursor_that_cannot_be_read_names_its_component(restarted, tmp_path: Path):
    """At the start, not when it is first used."""
    run = restarted()
    run.read(D1, raw(1))
    assert run.ledger.flush()
    run.state.close()
    with sqlite3.connect(tmp_path / "state.db") as file:
        file.execute("UPDATE cursors SET cursor = substr(cursor, 1, length(cursor) - 1)")
    file.close()
    with pytest.raises(StateError, match="state of shop/web: a cursor cannot be read"):
        restarted()


def test_later_changes_win_over_what_could_not_be_kept():
    """Joined in any order of adding and dropping, the batch says what was last so."""
    value, other = ValueKey(TOTAL, LINES), ValueKey(TOTAL, (*OTHER.parts, "RUN"))
    earlier, later = Changes(), Changes()
    earlier.change_value(value)
    earlier.drop_values([other])
    earlier.released[D1] = 1
    later.drop_values([value])
    later.change_value(other)
    later.released[D1] = 2
    later.join(earlier)
    assert (later.values, later.dropped_values) == ({other}, {value})
    assert later.released == {D1: 2}
    last = Changes()
    last.forget_release(D1)
    last.join(later)
    assert (last.released, last.dropped_releases) == ({}, {D1})
    gone = Changes()
    gone.drop_component(KEY)
    gone.join(later)
    assert (gone.released, gone.dropped_components) == ({}, {KEY})
    first, second = DocumentKey("event", KEY.parts), DocumentKey("event", KEY.parts, "a")
    earlier, later = Changes(), Changes()
    earlier.change_document(first)
    earlier.drop_document(second)
    later.join(earlier)
    assert (later.documents, later.dropped_documents) == ({first}, {second})
    last = Changes()
    last.drop_document(first)
    last.change_document(second)
    last.join(later)
    assert (last.documents, last.dropped_documents) == ({second}, {first})
    assert not Changes()
    assert last


def test_nothing_is_lost_between_threads(restarted):
    """Counts and cursors from several threads while flushes go on are all kept and shown."""
    run = restarted()
    components = [ComponentKey("shop", f"web-{number}") for number in range(4)]
    for component in components:
        run.series.open_component(component, WEB)
    rounds, over = 300, threading.Event()

    def work(component: ComponentKey) -> None:
        key = CursorKey(component, "d1")
        for number in range(rounds):
            run.count(1, component)
            with run.ledger.transaction():
                reached = Snapshot(floor=0, start=0, newest=number)
                run.ledger.cursors.continuity(key, begin).restore(reached)
                run.ledger.cursors.touch(key)

    def flush() -> None:
        while not over.is_set():
            assert run.ledger.flush()

    workers = [threading.Thread(target=work, args=(component,)) for component in components]
    flushers = [threading.Thread(target=flush) for _ in range(2)]
    for thread in (*workers, *flushers):
        thread.start()
    for thread in workers:
        thread.join(LIMIT_SECONDS)
    over.set()
    for thread in flushers:
        thread.join(LIMIT_SECONDS)
    assert run.ledger.flush()
    labels = [{"app": "shop", "component": key.component, "log_type": "RUN"} for key in components]
    assert [run.value(**each) for each in labels] == [rounds] * 4
    again = restarted()
    for component in components:
        again.series.open_component(component, WEB)
        cursor = again.ledger.cursors.continuity(CursorKey(component, "d1"), begin)
        assert cursor.newest == rounds - 1
    assert [again.value(**each) for each in labels] == [rounds] * 4


COMPONENTS = st.sampled_from((KEY, OTHER))
DOCUMENTS = st.builds(
    DocumentKey,
    st.sampled_from(("event", "words")),
    COMPONENTS.map(lambda component: component.parts),
    st.sampled_from(("", "a")),
)
STEPS = st.one_of(
    st.tuples(st.just("keep"), DOCUMENTS, st.binary(max_size=3)),
    st.tuples(st.just("discard"), DOCUMENTS),
    st.tuples(st.just("expire"), COMPONENTS),
    st.tuples(st.just("flush")),
    st.tuples(st.just("fail")),
    st.tuples(st.just("kill")),
)


@given(steps=st.lists(STEPS, max_size=25))
def test_documents_change_with_the_counts_beside_them(steps: list[tuple[Any, ...]]):
    """Over failing saves, kills and the grace period they are what one flush left as a whole."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        run = Run(file_state(path, Clock()))
        documents: dict[DocumentKey, bytes] = {}
        counts = dict.fromkeys((KEY, OTHER), 0)
        flushed = (documents, counts)
        for step, *arguments in steps:
            documents, counts = dict(documents), dict(counts)
            if step == "kill":
                run.state.close()
                run = Run(file_state(path, Clock()))
                documents, counts = flushed
            elif step == "fail":
                with patch.object(run.state, "save", side_effect=StateError("busy")):
                    run.ledger.flush()
            elif step == "flush":
                assert run.ledger.flush()
                flushed = (documents, counts)
            elif step == "expire":
                (gone,) = arguments
                for component in (KEY, OTHER):
                    run.series.open_component(component, WEB)
                run.series.close_component(gone)
                run.clock.now += GRACE_SECONDS + 1
                run.ledger.expire()
                documents = {key: documents[key] for key in documents if key.owner != gone.parts}
                counts[gone] = 0
            else:
                key, *data = arguments
                getattr(run.ledger.documents, step)(*key, *data)
                run.count(1, ComponentKey(*key.owner))
                documents |= {key: data[0]} if data else {}
                if not data:
                    documents.pop(key, None)
                counts[ComponentKey(*key.owner)] += 1
            assert {
                DocumentKey(kind, component.parts, name): data
                for kind in ("event", "words")
                for component in counts
                for name, data in run.ledger.documents.kept(kind, component.parts).items()
            } == documents
            assert {
                component: run.ledger.value(run.metrics.log_lines, (*component.parts, "RUN"))
                for component in counts
            } == counts
        run.state.close()


def test_with_other_replicas_nothing_is_shown_before_it_is_kept():
    """Another replica may continue from what is kept: it must not show less than was shown."""
    state, registry, fenced = RecordingState(), CollectorRegistry(), []
    metrics = Metrics(registry)
    ledger = Ledger(metrics, state, Clock(), fenced=lambda: fenced.append(None))
    ledger.add(metrics.log_lines, LINES, 3)
    state.problem = "away"
    assert not ledger.flush()
    assert not registry.get_sample_value(TOTAL, LOG)
    ledger.add(metrics.log_lines, LINES, 2)
    state.problem = ""
    assert ledger.flush()
    assert registry.get_sample_value(TOTAL, LOG) == 5
    assert not fenced


def test_what_was_kept_together_is_shown_under_the_lock_of_a_scrape(state: RecordingState):
    """A scrape shows all counts of a save, or none of them."""
    table, held = MetricTable(), []
    metrics = Metrics(table)
    ledger = Ledger(metrics, state, Clock())
    with table.lock:
        ledger.add(metrics.log_lines, LINES, 3)
        ledger.after_commit(partial(lambda: held.append(table.lock.locked())))
    assert ledger.flush()
    assert held == [True]
    assert not table.lock.locked()


def test_a_refused_save_is_told_once_and_never_shown():
    """The state has another owner: what was counted since is counted there."""
    state, registry, fenced = RecordingState(), CollectorRegistry(), []
    metrics = Metrics(registry)
    ledger = Ledger(metrics, state, Clock(), fenced=lambda: fenced.append(None))
    ledger.add(metrics.log_lines, LINES, 3)
    assert ledger.flush()
    ledger.add(metrics.log_lines, LINES, 1)

    def refuse() -> None:
        raise StateFenced("taken")

    state.during = refuse
    assert not ledger.flush()
    ledger.add(metrics.log_lines, LINES, 1)
    ledger.flush()
    ledger.end()
    assert registry.get_sample_value(TOTAL, LOG) == 3
    assert len(fenced) == 1
    assert len(state.batches) == 1


def test_the_first_start_is_kept_by_the_clock_of_the_platform(state: RecordingState):
    """Its difference is saved with the next batch, again once it is known better, else not."""
    ahead = [0.0]
    ledger = Ledger(
        Metrics(MetricTable()), state, Clock(), start_error=partial(ahead.__getitem__, 0)
    )
    for error in (0.0, -600.0, -600.0, -599.5):
        ahead[0] = error
        with ledger.transaction():
            ledger.documents.keep("note", KEY.parts, "", b"1")
        assert ledger.flush()
        assert ledger.first_start == START + error
    assert [batch.first_start for batch in state.batches] == [
        None,
        START - 600,
        None,
        START - 599.5,
    ]


def test_a_first_start_that_saved_nothing_is_not_taken_for_later_than_now(restarted):
    """A process whose clock was ahead was killed at once: the next one is the first."""
    restarted(clock=Clock(START + 600))
    run = restarted(clock=Clock(START + 1))
    assert (run.ledger.first_start, run.ledger.saved_at) == (START + 1, None)
    run.series.open_component(KEY, WEB)
    assert run.ledger.flush()
    assert run.read(D1, raw(2)) == 1
    assert run.ledger.flush()
    run = restarted(clock=Clock(START + 50))
    assert run.ledger.first_start == START + 1
