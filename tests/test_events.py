"""A stack trace is one event: what real programs printed, however it was cut, mixed or resumed."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from collect_fixtures import IDENTITY, KEY, LOG, RESTARTED, RUN, START, WEB, Site, line
from hypothesis import given, settings
from hypothesis import strategies as st
from ordinary_lines import ordinary_lines
from state_files import file_state

from exporter.matching.engine import Engine
from exporter.matching.packs import load_packs
from exporter.matching.traces import events as bounds
from exporter.matching.traces.events import Event, OpenEvents
from exporter.matching.traces.grammar import HEADS
from exporter.model import LIVE_PART, LogChunk, LogLine, MetricType, Rule, RuleMetric, Source
from exporter.reading.reading import Reading

TRACES = Path(__file__).parent / "testdata" / "traces"
RULES = tuple(rule for rule in load_packs(["default"]) if rule.per_event)
NS = 1_000_000_000
MILLISECOND = 1_000_000


@cache
def heads_engine() -> Engine:
    return Engine(HEADS)


class Told(NamedTuple):
    """What an event says of itself, and how many lines it has."""

    exception: str
    lines: int
    first_line: str
    last_line: str


def logged(texts: Sequence[str], start: int = 10**18, step: int = MILLISECOND) -> list[LogLine]:
    lines = []
    for index, text in enumerate(texts):
        message = text.encode()
        lines.append(LogLine(message, len(message) + 1, start + index * step, message))
    return lines


def heads(lines: Sequence[LogLine]) -> set[int]:
    return {match.message for match in heads_engine().scan([line.message for line in lines])}


def taken(texts: Sequence[str], step: int = MILLISECOND) -> list[Event]:
    """The events of some lines, which come a millisecond apart."""
    lines, events = logged(texts, step=step), OpenEvents()
    events.take(lines, heads(lines), START)
    return events.events


def told(event: Event) -> Told:
    fields = event.fields
    return Told(fields["exception"], event.lines, fields["first_line"], fields["last_line"])


@cache
def trace(name: str) -> tuple[str, ...]:
    return tuple((TRACES / f"{name}.txt").read_text().splitlines())


EXPECTED = {
    "bun_missing": [("error", 3), ("error", 2)],
    "bun_thrown": [("CardError", 17), ("TypeError", 6), ("error", 10), ("TypeError", 12)],
    "cpp_terminated": [("std::runtime_error", 3), ("", 20)],
    "dart_uncaught": [("", 6), ("", 7), ("FormatException", 6)],
    "deno_logged": [("TypeError", 2), ("AggregateError", 9)],
    "deno_uncaught": [
        ("CardError", 8),
        ("TypeError", 4),
        ("AddrInUse", 7),
        ("ConnectionRefused", 5),
    ],
    "dotnet_async": [("System.TimeoutException", 7), ("System.InvalidOperationException", 4)],
    "dotnet_inner": [("System.InvalidOperationException", 8)],
    "dotnet_logged": [("System.NullReferenceException", 3), ("System.TimeoutException", 3)],
    "elixir_processes": [
        ("ArgumentError", 8),
        ("KeyError", 19),
        ("RuntimeError", 7),
        ("ArithmeticError", 4),
    ],
    "elixir_scripts": [("RuntimeError", 4), ("System.EnvError", 3), ("EXIT", 2), ("EXIT", 3)],
    "erlang_reports": [("", 9), ("", 20), ("", 3)],
    "erlang_started": [("error", 7), ("", 4)],
    "go_all": [("fatal error", 68), ("panic", 79), ("panic", 10), ("SIGQUIT", 92)],
    "go_deadlock": [("fatal error", 15)],
    "go_goroutines": [("runtime error", 13)],
    "go_http": [("runtime error", 16), ("runtime error", 16)],
    "go_overflow": [("fatal error", 85)],
    "go_panic": [("runtime error", 7)],
    "go_repanic": [("panic", 10)],
    "java_chained": [("java.lang.IllegalStateException", 9), ("java.lang.NullPointerException", 2)],
    "java_nested": [
        ("org.springframework.mail.MailSendException", 12),
        ("java.rmi.ServerException", 4),
    ],
    "kotlin_scala": [("kotlinx.coroutines.CoroutinesInternalError", 8), ("scala.MatchError", 4)],
    "node_logged": [("TypeError", 8), ("TypeError", 8), ("AggregateError", 27)],
    "node_missing": [("Error", 20)],
    "node_reason": [("UnhandledPromiseRejection", 12)],
    "node_rejection": [("RangeError", 11)],
    "node_thrown": [("", 7)],
    "node_uncaught": [("TypeError", 23)],
    "perl_died": [("", 3), ("", 2), ("", 2), ("", 1), ("", 1)],
    "php_chained": [("RuntimeException", 11)],
    "php_lines": [("RuntimeException", 11), ("Exception", 3)],
    "php_old": [("RuntimeException", 9), ("PDOException", 4)],
    "python_chained": [("psycopg2.OperationalError", 24)],
    "python_group": [("ExceptionGroup", 36)],
    "python_logged": [("ZeroDivisionError", 7), ("KeyError", 7)],
    "python_recursion": [("RecursionError", 14)],
    "python_syntax": [("SyntaxError", 8)],
    "rails_blank": [
        ("ActionController::RoutingError", 4),
        ("ActiveRecord::ConnectionNotEstablished", 4),
    ],
    "ruby_cause": [("RuntimeError", 9)],
    "ruby_nomethod": [("NoMethodError", 6)],
    "ruby_rails": [("ActiveRecord::RecordNotFound", 4)],
    "ruby_reversed": [("RuntimeError", 7)],
    "rust_aborted": [("panic", 3), ("panic", 2)],
    "rust_backtrace": [("panic", 20), ("panic", 10)],
    "rust_errors": [("Error", 6), ("Error", 4), ("Error", 8)],
    "rust_older": [("panic", 2), ("panic", 6), ("panic", 6), ("Error", 8)],
    "rust_plain": [("panic", 3), ("panic", 5), ("panic", 3), ("panic", 12)],
    "v8_eval": [("", 5), ("EvalError", 3)],
}
"""Of each text its events in order: the exception, and the lines, blank ones within among them."""

ENDS = {
    "dotnet_inner": ("Unhandled exception. System.Inv", "at Shop.Program.Main(String[] args) in"),
    "java_chained": ("java.lang.IllegalStateException: cannot load orders", "... 3 more"),
    "node_uncaught": ("/app/uncaught.js:4", "Node.js v20.20.2"),
    "php_chained": (
        "PHP Fatal error:  Uncaught PDOException: ",
        "thrown in /app/chained.php on",
    ),
    "python_chained": ("Traceback (most recent call last):", "Is the server running on that host"),
    "ruby_cause": ("cause.rb:7:in `rescue in load': cannot load 7 (Ru", "from cause.rb:12:in `<ma"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_programs_print_is_one_event_each(name: str):
    """Chained, grouped and nested exceptions are part of what they belong to."""
    events = taken(trace(name))
    assert [(told(event).exception, event.lines) for event in events] == EXPECTED[name]
    if name in ENDS:
        first, last = ENDS[name]
        assert told(events[0]).first_line.startswith(first)
        assert told(events[0]).last_line.startswith(last)


def test_every_text_is_expected_to_be_something():
    """No file is there that no test reads."""
    assert {path.stem for path in TRACES.iterdir()} == EXPECTED.keys()


@pytest.mark.parametrize(
    "texts",
    [
        ["ValueError: one", "ValueError: two"],
        ["ValueError: one", "listening on port 80"],
        ["panic: one", "GET / 200", "panic: two"],
        ["Traceback (most recent call last):", "Traceback (most recent call last):"],
        ["java.lang.IllegalStateException: a", "java.lang.IllegalStateException: b"],
        ["t.rb:1:in `a': one (KeyError)", "t.rb:1:in `a': two (KeyError)"],
    ],
)
def test_unrelated_lines_are_not_joined(texts: list[str]):
    """Single lines that say something went wrong are an event each."""
    assert [event.lines for event in taken(texts)] == [1] * len(heads(logged(texts)))
    assert heads(logged(texts))


def test_what_only_looks_like_the_rest_of_a_trace_is_a_line():
    """Frames, causes and indented text without a head belong to nothing."""
    texts = [
        "\tat java.lang.Thread.run(Thread.java:1)",
        "    at main (/app/x.js:1:1)",
        "\tfrom t.rb:1:in `a'",
        "During handling of the above exception, another exception occurred:",
        "#0 {main}",
        "goroutine 1 [running]:",
    ]
    assert taken(texts) == []


def test_ordinary_lines_hardly_begin_an_event():
    """What services write all day is not looked at twice: less than one line in 300."""
    lines = ordinary_lines()
    assert len({match.message for match in heads_engine().scan(lines)}) < len(lines) / 300


def test_lines_that_come_later_by_their_own_time_are_another_event():
    """Two seconds without a line end an event, whatever follows."""
    frames = ["Error: one", "    at a (/x.js:1:1)", "    at b (/x.js:2:1)"]
    assert [event.lines for event in taken(frames, step=2 * NS)] == [3]
    assert [event.lines for event in taken(frames, step=2 * NS + 1)] == [1]


def test_an_event_is_bounded_in_lines_bytes_and_time(monkeypatch):
    """Beyond the bounds lines are just lines; the event stays what it was."""
    frame = "    at f (/app/x.js:1:1)"
    texts = ["Error: deep", *[frame] * 3000]
    assert [event.lines for event in taken(texts)] == [bounds.MAX_LINES]
    assert [event.lines for event in taken(texts, step=NS)] == [31]
    monkeypatch.setattr(bounds, "MAX_BYTES", 12 + 10 * (len(frame) + 1))
    assert [event.lines for event in taken(texts)] == [11]


def test_what_is_remembered_is_bounded():
    """A flood of exceptions leaves the newest few; each keeps the beginning of a line."""
    events = taken([f"ValueError: {number} {'x' * 5000}" for number in range(1000)])
    assert len(events) == bounds.MAX_EVENTS
    assert max(len(event.first_line) for event in events) == bounds.KEPT_BYTES


ONE_PROGRAM = [
    [name for name in EXPECTED if name.startswith("python")],
    [name for name in EXPECTED if name.startswith("go")],
    ["kotlin_scala", "java_chained"],
    ["java_chained", "dotnet_inner"],
    ["node_logged"],
    ["php_chained"],
]


@given(data=st.data(), program=st.sampled_from(ONE_PROGRAM), rng=st.randoms())
def test_traces_of_several_instances_are_told_apart(
    data: st.DataObject, program: list[str], rng: Random
):
    """They write at a time, a line each in any order: each of their traces is an event."""
    names = data.draw(st.lists(st.sampled_from(program), min_size=2, max_size=3))
    rest = [list(trace(name)) for name in names]
    mixed: list[str] = []
    while any(rest):
        for texts in rng.sample(rest, len(rest)):
            mixed += texts[:1]
            del texts[:1]
    assert len(taken(mixed)) == sum(len(EXPECTED[name]) for name in names)


def opened(**options) -> Site:
    site = Site(**{"rules": RULES, **options})
    site.series.open_component(KEY, WEB)
    return site


def counts(site: Site) -> dict[str, float]:
    """What each rule has counted, of those that have."""
    (family,) = site.metrics.log_matches.collect()
    return {
        sample.labels["pattern"]: sample.value
        for sample in family.samples
        if sample.value and sample.name.endswith("_total")
    }


def served(texts: Sequence[str], start: float = 0.0) -> list[bytes]:
    return [line(start + index / 1000, text) for index, text in enumerate(texts)]


def read(site: Site, frames: Sequence[bytes], source: Source = RUN) -> None:
    reading = Reading(site.pipeline, source, WEB, "d1", tail_lines=1000, from_first_line=False)
    for frame in frames:
        reading.feed(LogChunk(frame, LIVE_PART))
        reading.feed(LogChunk(b"", LIVE_PART, last=False))
    reading.feed(LogChunk(b"", LIVE_PART, last=True))
    reading.end()


NEWER = ("rust", "elixir", "erlang", "deno", "bun", "perl", "cpp", "dart", "kotlin", "rails", "v8")
NEWER += ("dotnet_async", "java_nested", "php_lines", "php_old", "ruby_reversed")
LONG = ("go_all", "go_overflow")
NAMES = sorted(EXPECTED.keys() - LONG, key=lambda name: (name.startswith(NEWER), name))
ALL = [text for name in NAMES for text in (*trace(name), "listening on port 8080")]
"""The traces one after another, but for some that a read of a thousand lines does not hold."""

TOTALS = {
    "dotnet_unhandled_exception": 2,
    "go_panic": 3,
    "go_panic_recovered": 2,
    "go_runtime_fatal": 1,
    "java_exception": 6,
    "node_error": 6,
    "node_module_not_found": 2,
    "node_uncaught_exception": 11,
    "node_unhandled_rejection": 1,
    "php_fatal_error": 3,
    "python_exception": 6,
    "ruby_exception": 3,
    "ruby_rails_exception": 2,
}


def test_rules_for_exceptions_count_each_trace_once():
    """Headers that are printed twice, causes and the runtime's own line count with the trace."""
    site = opened()
    read(site, [b"".join(served(ALL))])
    found = counts(site)
    assert {name: found.get(name) for name in TOTALS} == TOTALS


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_borders_of_polls_and_frames_change_no_count(data: st.DataObject):
    """Any cut of one text into reads, and of these into frames, gives the same counts."""
    lines = served(ALL)
    site = opened()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(lines)), max_size=6)))
    for cut in (*cuts, len(lines)):
        text = b"".join(lines[:cut])
        at = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=4)))
        frames = [text[a:b] for a, b in zip((0, *at), (*at, len(text)), strict=True)]
        site.clock.now += 60
        read(site, frames)
    assert {name: counts(site).get(name) for name in TOTALS} == TOTALS
    assert site.lines() == len(lines)


@pytest.mark.parametrize("flushed", [True, False])
def test_a_kill_in_the_middle_of_a_trace_counts_it_once(tmp_path: Path, flushed: bool):
    """What was kept goes on as the same event; what was not is read again."""
    lines = served(trace("python_chained"))
    state = file_state(tmp_path / "state.db", lambda: START)
    site = opened(state=state)
    read(site, [b"".join(lines[:3])])
    if flushed:
        site.ledger.flush()
    state.close()
    state = file_state(tmp_path / "state.db", lambda: START)
    site = opened(state=state)
    site.ledger.flush()
    assert counts(site) == ({"python_exception": 1} if flushed else {})
    read(site, [b"".join(lines)])
    site.ledger.flush()
    assert counts(site)["python_exception"] == 1
    state.close()


@pytest.mark.parametrize("cut", [204, 213, 218, 370])
def test_a_kill_in_the_middle_of_a_trace_changes_no_count(tmp_path: Path, cut: int):
    """A trace that no rule had counted yet goes on too, and no older one is taken up again."""
    lines = served(ALL)
    for read_to in (cut, len(lines)):
        state = file_state(tmp_path / "state.db", lambda: START)
        site = opened(state=state)
        read(site, [b"".join(lines[:read_to])])
        assert site.ledger.flush()
        state.close()
    assert {name: counts(site).get(name) for name in TOTALS} == TOTALS


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_kills_between_any_two_reads_change_no_count(data: st.DataObject):
    """Whatever was saved before each kill, every trace counts once in the end."""
    lines = served(ALL)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(lines)), min_size=1, max_size=4)))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.db"
        for cut in (*cuts, len(lines)):
            state = file_state(path, lambda: START)
            site = opened(state=state)
            read(site, [b"".join(lines[:cut])])
            if cut == len(lines) or data.draw(st.booleans()):
                assert site.ledger.flush()
            state.close()
    assert {name: counts(site).get(name) for name in TOTALS} == TOTALS
    assert site.lines() == len(lines)


def test_the_rest_of_a_trace_that_comes_with_the_crashed_container_is_part_of_it():
    """RUN showed its beginning; RUN_RESTARTED shows the rest after the next container began."""
    lines = served(trace("python_chained"))
    site = opened()
    read(site, [b"".join(lines[:4])])
    site.clock.now += 60
    read(site, served([f"container 2 says {number}" for number in range(50)], 30))
    read(site, [b"".join(lines)], RESTARTED)
    assert counts(site)["python_exception"] == 1


def test_a_rule_per_event_counts_what_no_language_knows():
    """A line that it matches is an event of its own, with the frames behind it."""
    rule = Rule("failed", "job .* failed|at work", per_event=True)
    site = Site(rules=(rule,))
    site.series.open_component(KEY, WEB)
    read(site, [b"".join(served(["job 7 failed", "    at work (/app/x.js:1:1)", "job 8 failed"]))])
    assert site.value("log_matches_total", **LOG, pattern="failed", level="error") == 2


def test_an_event_is_over_when_a_later_read_shows_no_more():
    """Its metric takes values of the event then: not before its log had ten seconds for more."""
    labels = (("exception", "exception"), ("at", "at"))
    metric = RuleMetric("shop_failures_total", MetricType.COUNTER, "Failures.", labels)
    rule = Rule("failed", r"Traceback|Error: (?P<at>\S+)", per_event=True, metric=metric)
    site = opened(rules=(rule,))
    lines = served(trace("python_chained"))
    labels = {**IDENTITY, "exception": "psycopg2.OperationalError", "at": ""}

    def failures() -> float | None:
        return site.registry.get_sample_value("shop_failures_total", labels)

    read(site, [b"".join(lines[:4])])
    assert site.value("log_matches_total", **LOG, pattern="failed", level="error") == 1
    site.clock.now += 9
    read(site, [b"".join(lines)])
    assert failures() is None
    site.clock.now += 9
    read(site, [b"".join(lines)])
    assert failures() == 1
    site.clock.now += 9
    read(site, [b"".join(lines)])
    assert failures() == 1


def test_what_is_over_is_forgotten():
    """After a quarter of an hour neither memory nor state know of it."""
    site = opened()
    read(site, [b"".join(served(trace("go_panic")))])
    assert list(site.ledger.documents.kept("events", KEY.parts)) == [""]
    component = site.series.watched(KEY)
    site.pipeline.findings.settle(component, START + 60)
    site.pipeline.findings.settle(component, START + 1000)
    assert site.ledger.documents.kept("events", KEY.parts) == {}
