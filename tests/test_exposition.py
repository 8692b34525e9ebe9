"""The exposition: every byte is what the library writes of the same metrics."""

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Info,
    disable_created_metrics,
    enable_created_metrics,
)
from prometheus_client import Counter as LibraryCounter
from prometheus_client import Gauge as LibraryGauge
from prometheus_client import Histogram as LibraryHistogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from waiting import LIMIT_SECONDS

from exporter.service.application import build_registry
from exporter.telemetry.histogram import Histogram
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.table import Counter, Gauge, MetricTable
from exporter.web.exposition import Exposition

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
ACCEPTS = (
    "",
    "text/plain;version=0.0.4",
    "text/plain;version=1.0.0;escaping=allow-utf-8",
    "text/plain;version=1.0.0;escaping=values",
    "application/openmetrics-text",
    OPENMETRICS,
    f"{OPENMETRICS};escaping=allow-utf-8",
    f"{OPENMETRICS};escaping=underscores",
    f"{OPENMETRICS};escaping=dots",
    "application/openmetrics-text;version=2.0.0",
)
WAIT = LIMIT_SECONDS
"""Seconds that a test waits for an event before it fails."""


@pytest.fixture(autouse=True, scope="module")
def without_created() -> Iterator[None]:
    """The process-wide switch that the command throws at its start."""
    disable_created_metrics()
    yield
    enable_created_metrics()


def check(exposition: Exposition, registry: CollectorRegistry) -> None:
    """Every format, plain and packed, is what the library writes of the registry."""
    for accept in ACCEPTS:
        encoder, content_type = choose_encoder(accept)
        wanted = encoder(registry)
        plain = exposition.answer(accept, "")
        assert plain.body == wanted
        assert plain.headers["Content-Type"] == content_type
        packed = exposition.answer(accept, "gzip")
        assert gzip.decompress(packed.body) == wanted
        assert packed.headers["Content-Encoding"] == "gzip"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ['"', "\\", "\n", "\\n", "é", "日本", "%s", "{}", "{0}", "=", "x" * 200, "\r", "\x85", "\u2028"]
)
NUMBERS = st.floats() | st.integers(-(10**18), 10**18) | st.sampled_from([0, 1, 1e6, 1e21, 1e-9])
POSITIVE = st.floats(min_value=0) | st.integers(0, 10**18)
BUCKETS = (0.5, 1, 1e6)
KINDS = {
    "counter": (Counter, LibraryCounter, lambda series, number: series.inc(number), POSITIVE),
    "gauge": (Gauge, LibraryGauge, lambda series, number: series.set(number), NUMBERS),
    "histogram": (
        partial(Histogram, buckets=BUCKETS),
        partial(LibraryHistogram, buckets=BUCKETS),
        lambda series, number: series.observe(number),
        NUMBERS,
    ),
}
NAMES = {
    "counter": ("a_total", "b_x_total"),
    "gauge": ("c", "_f"),
    "histogram": ("E1", "h_seconds"),
}
STEPS = st.lists(
    st.sampled_from(["set", "set", "set", "remove", "clear", "register", "unregister"]),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_every_byte_is_the_librarys_after_every_change(data: st.DataObject):
    """The library's own metrics, changed alike step by step, give the same text each time."""
    constants = {"account": data.draw(TEXTS)} if data.draw(st.booleans()) else {}
    table, library = MetricTable(constants), CollectorRegistry()
    exposition = Exposition(lambda: [table])
    made: dict[str, tuple[str, list[str], object, object]] = {}
    for step in data.draw(STEPS):
        if step == "register" or not made:
            kind = data.draw(st.sampled_from(sorted(KINDS)))
            name = data.draw(st.sampled_from(NAMES[kind]))
            if name in made:
                continue
            labels = data.draw(st.lists(st.sampled_from(["z", "app", "m"]), unique=True))
            if constants and not labels:
                continue  # the library has no constant labels: its twin gets them as others
            ours, theirs, _, _ = KINDS[kind]
            text = data.draw(TEXTS)
            own = ours(name, text, labels, table)
            twin = theirs(name, text, [*labels, *constants], registry=library)
            made[name] = (kind, labels, own, twin)
        name = data.draw(st.sampled_from(sorted(made)))
        kind, labels, own, twin = made[name]
        values = [data.draw(TEXTS) for _ in labels]
        if step == "set":
            _, _, change, numbers = KINDS[kind]
            number = data.draw(numbers)
            change(own.labels(*values) if labels else own, number + 0.0)
            series = twin.labels(*values, *constants.values()) if labels else twin
            change(series, number + 0.0)
        elif step == "remove" and labels:
            own.labels(*values)
            own.remove(*values)
            twin.labels(*values, *constants.values())
            twin.remove(*values, *constants.values())
        elif step == "clear" and labels:
            own.remove_by_labels({labels[0]: values[0]})
            twin.remove_by_labels({labels[0]: values[0]})
        elif step == "unregister":
            table.unregister(own)
            library.unregister(twin)
            del made[name]
        check(exposition, library)


def test_the_exporters_own_metrics():
    """Every declared metric with a series, counted and removed, is written as the library would."""
    table = MetricTable()
    metrics = Metrics(table)
    exposition = Exposition(lambda: [table])
    for round_ in range(3):
        for declaration in metrics.declarations():
            if declaration.labels:
                for number in range(3):
                    values = [f"{name}-{number}" for name in declaration.labels]
                    series = metrics.metric(declaration).labels(*values)
                    if declaration.type == "histogram":
                        series.observe(round_)
                    else:
                        series.inc(round_)
        check(exposition, table)
    metrics.log_lines.remove_by_labels({"app": "app-1", "component": "component-1"})
    check(exposition, table)
    assert b'app="app-1",component="component-1"' in exposition.answer("", "").body


def test_process_and_python_metrics_are_there():
    """What the library collects by itself stands beside the exporter's own."""
    table, _ = build_registry("abc", lambda: 12.5)
    text = Exposition(lambda: [table]).answer("", "").body.decode()
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"python_info", "process_open_fds", "python_gc_objects_collected"} <= names
    assert 'digitalocean_app_exporter_build_info{python_version="' in text


def test_metrics_of_other_kinds():
    """What the table has no kind of is rendered by the library, in its place."""
    table = MetricTable()
    Counter("a_total", "A.", (), table).inc()
    Info("b", "B.", registry=table).info({"version": "1"})
    LibraryGauge("c", "C.", registry=table).set_function(lambda: 3.0)
    Gauge("d", "D.", (), table).set(2)
    check(Exposition(lambda: [table]), table)


def test_tables_with_labels_of_their_own_stand_together():
    """One HELP and TYPE of each metric, then the series of every table, each with its labels."""
    tables = [MetricTable({"account": name}) for name in ("shop", "blog")]
    for number, table in enumerate(tables, 1):
        Counter("lines_total", "Lines.", ("app",), table).labels("x").inc(number)
        Histogram("took_seconds", "Took.", ("app",), table, (1,)).labels("x")
    text = Exposition(lambda: tables).answer("", "").body.decode()
    assert text.count("# TYPE lines_total counter") == 1
    assert 'lines_total{account="shop",app="x"} 1.0\n' in text
    assert 'lines_total{account="blog",app="x"} 2.0\n' in text
    assert text.count("# TYPE took_seconds histogram") == 1
    assert 'took_seconds_count{account="blog",app="x"} 0.0\n' in text


def test_tables_may_come_and_go():
    """The sequence is looked at with each scrape."""
    tables: list[MetricTable] = []
    exposition = Exposition(lambda: tables)
    assert exposition.answer("", "").body == b""
    tables.append(MetricTable())
    Gauge("a", "A.", (), tables[0]).set(1)
    assert b"a 1.0\n" in exposition.answer("", "").body
    tables.clear()
    assert exposition.answer("", "").body == b""


def test_a_series_needs_a_value_of_every_label():
    """One too many or too few is a fault of the caller, and leaves no series."""
    table = MetricTable()
    family = Counter("a_total", "A.", ("x", "y"), table)
    for values in ((), ("1",), ("1", "2", "3")):
        with pytest.raises(ValueError, match="a_total"):
            family.labels(*values)
    assert family.series() == []


def test_scrapes_at_one_time_while_series_come_change_and_go():
    """No scrape fails, is torn, or shows less than was counted before it began."""
    table = MetricTable()
    total = Counter("all_total", "All.", (), table)
    family = Counter("one_total", "One.", ("app",), table)
    exposition = Exposition(lambda: [table])
    stop = threading.Event()

    def count() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            family.labels(f"app-{number % 600}").inc()
            family.remove(f"app-{(number * 31) % 600}")
            total.inc()

    def scrape(number: int) -> None:
        for _ in range(30):
            before = total.labels().value
            packed = exposition.answer("", "gzip" if number % 2 else "").body
            text = (gzip.decompress(packed) if number % 2 else packed).decode()
            families = {family.name: family for family in text_string_to_metric_families(text)}
            assert families["all"].samples[0].value >= before

    counting = threading.Thread(target=count)
    counting.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(scrape, number) for number in range(4)]:
                done.result(WAIT)
    finally:
        stop.set()
        counting.join()


class _CountsMeanwhile(Collector):
    """Lets another thread count a line and its match while a scrape reads the table."""

    def __init__(self, table: MetricTable, *counters: Counter) -> None:
        self._table = table
        self._counters = counters
        table.register(self)

    def collect(self) -> Iterator[Metric]:
        other = threading.Thread(target=self._count)
        other.start()
        other.join(WAIT)
        return iter(())

    def _count(self) -> None:
        if self._table.lock.acquire(blocking=False):
            for counter in self._counters:
                counter.inc()
            self._table.lock.release()


@pytest.mark.found(
    "A scrape could show a line and not yet its match.",
    how="a test of reload on a busy machine read 7 lines and the matches of 3",
)
@pytest.mark.parametrize("accept", ["", "text/plain;version=1.0.0;escaping=values"])
def test_a_scrape_shows_a_table_as_of_one_moment(accept: str):
    """Counts that belong together are all in an answer, or none of them is."""
    table = MetricTable()
    lines = Counter("lines_total", "Lines.", (), table)
    matches = Counter("matches_total", "Matches.", (), table)
    table.unregister(matches)
    _CountsMeanwhile(table, lines, matches)
    table.register(matches)
    text = Exposition(lambda: [table]).answer(accept, "").body.decode()
    assert ("lines_total 0.0\n" in text) == ("matches_total 0.0\n" in text)
    assert "lines_total 0.0\n" in text


def test_counts_from_many_threads_are_all_there():
    """No two additions are lost to each other."""
    counter = Counter("a_total", "A.", ("app",), MetricTable())

    def count(_: int) -> None:
        for _ in range(20_000):
            counter.labels("x").inc()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert counter.labels("x").value == 80_000


def test_what_is_withdrawn_while_it_is_rendered_is_in_no_answer():
    """A replica may lose a share between the first line of an answer and the last."""
    kept, lost = MetricTable(), MetricTable()
    Gauge("kept", "", (), kept).set(1)
    Gauge("lost", "", (), lost).set(1)
    asked: list[None] = []

    def tables() -> list[MetricTable]:
        asked.append(None)
        return [kept, lost] if len(asked) == 1 else [kept]

    text = Exposition(tables).answer("", "").body.decode()
    assert "kept 1" in text
    assert "lost" not in text
