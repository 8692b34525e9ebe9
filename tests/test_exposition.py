"""The exposition: every byte is the library's own, whatever was kept from the scrape before."""

import gzip
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    Summary,
    disable_created_metrics,
    enable_created_metrics,
)
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from exporter.application import build_registry
from exporter.metrics import Metrics
from exporter.web import family_text
from exporter.web.deflate import Piece, gzipped
from exporter.web.exposition import Exposition, LabelledRegistry
from exporter.web.family_text import FamilyText

TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
ACCEPTS = (
    "",
    TEXT,
    "text/plain;version=1.0.0;escaping=allow-utf-8",
    "text/plain;version=1.0.0;escaping=values",
    "application/openmetrics-text",
    OPENMETRICS,
    f"{OPENMETRICS};escaping=allow-utf-8",
    f"{OPENMETRICS};escaping=underscores",
    f"{OPENMETRICS};escaping=dots",
    "application/openmetrics-text;version=2.0.0",
)


@pytest.fixture(autouse=True, scope="module")
def without_created() -> Iterator[None]:
    """The process-wide switch that the command throws at its start."""
    disable_created_metrics()
    yield
    enable_created_metrics()


def exposition_of(*registries: CollectorRegistry) -> Exposition:
    return Exposition([LabelledRegistry(registry, {}) for registry in registries])


def text_of(exposition: Exposition, accept: str = "") -> bytes:
    return b"".join(exposition.answer(accept, "").pieces)


def check(exposition: Exposition, registry: CollectorRegistry) -> None:
    """Every format, plain and packed, is what the library writes of the registry."""
    for accept in ACCEPTS:
        encoder, content_type = choose_encoder(accept)
        wanted = encoder(registry)
        plain = exposition.answer(accept, "")
        assert b"".join(plain.pieces) == wanted
        assert plain.headers["Content-Type"] == content_type
        packed = exposition.answer(accept, "gzip")
        assert gzip.decompress(b"".join(packed.pieces)) == wanted
        assert packed.headers["Content-Encoding"] == "gzip"


# Any metrics, changed in any way.

SHORT_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
TEXTS = SHORT_TEXTS | st.sampled_from(
    ['"', "\\", "\n", "\\n", "é", "日本", "%s", "{}", "=", "x" * 200, "\r", "\x85", "\u2028"]
)
NUMBERS = st.floats() | st.integers(-(10**18), 10**18) | st.sampled_from([0, 1, 1e6, 1e21, 1e-9])
POSITIVE = st.floats(min_value=0) | st.integers(0, 10**18)
KINDS = {
    "counter": (lambda metric, number: metric.inc(number), POSITIVE),
    "gauge": (lambda metric, number: metric.set(number), NUMBERS),
    "histogram": (lambda metric, number: metric.observe(number), NUMBERS),
    "negative": (lambda metric, number: metric.observe(number), NUMBERS),
    "summary": (lambda metric, number: metric.observe(number), NUMBERS),
}
STEPS = st.lists(
    st.sampled_from(
        ["set", "set", "set", "remove", "remove", "register", "unregister", "exemplar"]
    ),
    min_size=1,
    max_size=12,
)


def make_metric(kind: str, name: str, text: str, labels: list[str], registry: CollectorRegistry):
    match kind:
        case "counter":
            return Counter(name, text, labels, registry=registry)
        case "gauge":
            return Gauge(name, text, labels, registry=registry)
        case "summary":
            return Summary(name, text, labels, registry=registry)
        case "negative":
            return Histogram(name, text, labels, registry=registry, buckets=(-1, 0, 2.5))
    return Histogram(name, text, labels, registry=registry, buckets=(0.5, 1, 1e6))


@settings(deadline=None, max_examples=250)
@given(st.data())
def test_every_byte_is_the_librarys_after_every_change(data: st.DataObject):
    """Random metrics of all kinds, changed step by step: each time every format is as it writes."""
    registry = CollectorRegistry()
    exposition = exposition_of(registry)
    metrics: dict[str, tuple[str, list[str], object]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(family_text, "BLOCK", data.draw(st.integers(1, 3)))
        for step in data.draw(STEPS):
            if step == "register" or not metrics:
                kind = data.draw(st.sampled_from(sorted(KINDS)))
                name = data.draw(st.sampled_from(["a", "b_x", "c:d", "E1", "_f"]))
                if name in metrics:
                    continue
                labels = data.draw(st.lists(st.sampled_from(["z", "app", "m"]), unique=True))
                made = make_metric(kind, name, data.draw(TEXTS), labels, registry)
                metrics[name] = (kind, labels, made)
            name = data.draw(st.sampled_from(sorted(metrics)))
            kind, labels, metric = metrics[name]
            known = sorted(metric._metrics) if labels else []
            if known and data.draw(st.booleans()):
                values = data.draw(st.sampled_from(known))
            else:
                values = [data.draw(TEXTS) for _ in labels]
            if step == "unregister":
                registry.unregister(metric)
                del metrics[name]
            elif step == "remove":
                if labels:
                    metric.remove(*values)
            else:
                child = metric.labels(*values) if labels else metric
                change, numbers = KINDS[kind]
                change(child, data.draw(numbers))
                if step == "exemplar" and kind == "counter":
                    child.inc(1, {"trace": data.draw(SHORT_TEXTS)})
            check(exposition, registry)


# The metrics that there are.


def test_the_exporters_own_registry_but_for_the_process():
    """Every metric that is declared, with series, is as the library writes it."""
    registry, _ = build_registry("", lambda: 1.5)
    metrics = Metrics(registry)
    for collector in list(registry._collector_to_names):
        if isinstance(collector, ProcessCollector | GCCollector):
            registry.unregister(collector)  # They change while the two are compared.
    exposition = exposition_of(registry)
    check(exposition, registry)
    for number in range(1100):
        metrics.log_lines.labels("shop", f"web-{number}", "RUN").inc(number)
        metrics.source_up.labels("shop", f"web-{number}", "RUN").set(1)
    metrics.api_request_duration.labels("apps").observe(0.3)
    check(exposition, registry)
    metrics.log_lines.labels("shop", "web-700", "RUN").inc(0.5)
    metrics.api_request_duration.labels("apps").observe(3)
    check(exposition, registry)
    metrics.log_lines.remove_by_labels({"app": "shop", "component": "web-3"})
    check(exposition, registry)
    metrics.log_lines.clear()
    check(exposition, registry)


def test_process_and_python_metrics_are_there_and_fresh():
    """What a collector of another kind finds is asked for at each scrape."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    exposition = exposition_of(registry)
    for accept in (TEXT, OPENMETRICS):
        text = text_of(exposition, accept).decode()
        for name in ("process_cpu_seconds", "python_info", "python_gc_collections"):
            assert f"# HELP {name}" in text
    names = [f.name for f in text_string_to_metric_families(text_of(exposition).decode())]
    wanted = [f.name for f in text_string_to_metric_families(generate_latest(registry).decode())]
    assert names == wanted


def test_metrics_of_other_kinds():
    """Info, enumerations, computed gauges, collectors of one's own and odd names: all the same."""

    class Own(Collector):
        def describe(self) -> Iterator[Metric]:
            yield from ()

        def collect(self) -> Iterator[Metric]:
            family = GaugeMetricFamily("own", 'Own "help" \\ of\ntwo lines.', labels=["x"])
            family.add_metric(["1"], 1, timestamp=1.5)
            yield family

    registry = CollectorRegistry()
    Info("build", "Build.", registry=registry).info({"version": '1"2'})
    Enum("state", "State.", ["app"], states=["up", "down"], registry=registry).labels("x")
    gauge = Gauge("computed", "Computed.", ["app"], registry=registry)
    numbers = iter(range(1000))
    gauge.labels("a").set_function(lambda: 7)
    gauge.labels("b").set(next(numbers))
    Gauge("unit", "Unit.", unit="seconds", registry=registry).set(1)
    Counter("größe", "UTF-8 name.", ["für"], registry=registry).labels("x").inc()
    registry.register(Own())
    exposition = exposition_of(registry)
    check(exposition, registry)
    gauge.labels("b").set(next(numbers))
    check(exposition, registry)


def test_a_registry_with_target_information():
    """What the library adds to such a registry is there."""
    registry = CollectorRegistry(target_info={"env": "test"})
    Counter("lines", "Lines.", registry=registry).inc()
    check(exposition_of(registry), registry)


def test_created_series_where_they_are_on():
    """The switch of the library is heeded at each scrape."""
    registry = CollectorRegistry()
    exposition = exposition_of(registry)
    Counter("lines", "Lines.", registry=registry).inc()
    check(exposition, registry)
    enable_created_metrics()
    try:
        check(exposition, registry)
        assert b"lines_created" in text_of(exposition)
    finally:
        disable_created_metrics()
    check(exposition, registry)


# Several registries.


def test_registries_with_labels_of_their_own_stand_together():
    """Metrics of one name are one metric, each series with the label of its registry."""
    registries = []
    for account in ("a", 'b"'):
        registry = CollectorRegistry()
        counter = Counter("lines", "Lines.", ["app"], registry=registry)
        counter.labels("shop").inc(2)
        Histogram("wait", "Wait.", registry=registry, buckets=(1,)).observe(0.5)
        Info("build", "Build.", registry=registry).info({"version": "1"})
        registries.append(LabelledRegistry(registry, {"account": account}))
    own = CollectorRegistry()
    Gauge("up", "Up.", registry=own).set(1)
    exposition = Exposition([LabelledRegistry(own, {}), *registries])
    wanted = (
        "# HELP up Up.\n# TYPE up gauge\nup 1.0\n"
        "# HELP lines_total Lines.\n# TYPE lines_total counter\n"
        'lines_total{account="a",app="shop"} 2.0\n'
        'lines_total{account="b\\"",app="shop"} 2.0\n'
        "# HELP wait Wait.\n# TYPE wait histogram\n"
        'wait_bucket{account="a",le="1.0"} 1.0\nwait_bucket{account="a",le="+Inf"} 1.0\n'
        'wait_count{account="a"} 1.0\nwait_sum{account="a"} 0.5\n'
        'wait_bucket{account="b\\"",le="1.0"} 1.0\nwait_bucket{account="b\\"",le="+Inf"} 1.0\n'
        'wait_count{account="b\\""} 1.0\nwait_sum{account="b\\""} 0.5\n'
        "# HELP build_info Build.\n# TYPE build_info gauge\n"
        'build_info{account="a",version="1"} 1.0\nbuild_info{account="b\\"",version="1"} 1.0\n'
    )
    assert text_of(exposition).decode() == wanted
    enable_created_metrics()  # so the library renders all of it
    try:
        assert b'lines_total{account="b\\"",app="shop"} 2.0' in text_of(exposition)
    finally:
        disable_created_metrics()
    counter.labels("shop").inc(1, {"trace": "7"})
    openmetrics = text_of(exposition, OPENMETRICS).decode()
    assert 'lines_total{account="a",app="shop"} 2.0\n' in openmetrics
    assert 'lines_total{account="b\\"",app="shop"} 3.0 # {trace="7"} 1.0' in openmetrics


def test_registries_may_come_and_go():
    """The sequence of registries is looked at with each scrape."""
    registries = []
    exposition = Exposition(registries)
    assert text_of(exposition) == b""
    registry = CollectorRegistry()
    Gauge("up", "Up.", registry=registry)
    registries.append(LabelledRegistry(registry, {"account": "a"}))
    assert text_of(exposition).endswith(b'up{account="a"} 0.0\n')
    registries.clear()
    assert text_of(exposition, OPENMETRICS) == b"# EOF\n"


# What is kept, and what is done anew.


def test_what_has_not_changed_is_not_rendered_again(monkeypatch: pytest.MonkeyPatch):
    """Of 2,000 series one changes: one line is made, one block is packed, the rest is the same."""
    registry = CollectorRegistry()
    gauge = Gauge("lines", "Lines.", ["number"], registry=registry)
    for number in range(2000):
        gauge.labels(str(number))
    exposition = exposition_of(registry)
    before = exposition.answer("", "gzip").pieces
    assert exposition.answer("", "gzip").pieces == before
    made = []
    original = FamilyText.ends
    monkeypatch.setattr(
        FamilyText, "ends", lambda self, *rest: made.append(rest) or original(self, *rest)
    )
    gauge.labels("700").set(5)
    after = exposition.answer("", "gzip").pieces
    assert len(made) == 1
    assert len(set(before) & set(after)) >= len(before) - 3
    assert b'lines{number="700"} 5.0\n' in gzip.decompress(b"".join(after))


def test_new_series_leave_the_blocks_before_them_as_they_were(monkeypatch: pytest.MonkeyPatch):
    """Series that come at the end are rendered, and those of the last block."""
    monkeypatch.setattr(family_text, "BLOCK", 10)
    registry = CollectorRegistry()
    gauge = Gauge("lines", "Lines.", ["number"], registry=registry)
    exposition = exposition_of(registry)
    made = []
    original = FamilyText.lines
    monkeypatch.setattr(
        FamilyText, "lines", lambda self, *rest: made.append(rest) or original(self, *rest)
    )
    for number in range(95):
        gauge.labels(str(number))
    text_of(exposition)
    gauge.labels("new")
    assert text_of(exposition) == generate_latest(registry)
    assert len(made) == 95 + 6


def test_what_is_gone_is_not_held():
    """A metric that was unregistered is let go of with the next scrape."""
    registry = CollectorRegistry()
    gauge = Gauge("lines", "Lines.", registry=registry)
    exposition = exposition_of(registry)
    text_of(exposition)
    assert len(exposition._kept) == 1
    registry.unregister(gauge)
    assert text_of(exposition) == b""
    assert len(exposition._kept) == 0


@given(st.lists(st.binary(max_size=300), max_size=8))
def test_pieces_make_one_gzip_member(texts: list[bytes]):
    """Pieces that were compressed one by one are one gzip file with one member."""
    whole = b"".join(gzipped([Piece(text) for text in texts]))
    assert gzip.decompress(whole) == b"".join(texts)
    reader = zlib.decompressobj(wbits=31)
    reader.decompress(whole)
    assert (reader.eof, reader.unused_data) == (True, b"")


def test_scrapes_at_one_time_while_series_come_change_and_go():
    """Each is whole, its counters never go back, and in the end all is as the library says."""
    registry = CollectorRegistry()
    counter = Counter("lines", "Lines.", ["app"], registry=registry)
    steady = counter.labels("steady")
    exposition = exposition_of(registry)
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            steady.inc()
            counter.labels(f"app-{number % 600}").inc()
            if number % 7 == 0:
                counter.remove(f"app-{(number * 31) % 600}")
            number += 1

    def scrape(accept_encoding: str) -> list[float]:
        totals = []
        for _ in range(10):
            body = b"".join(exposition.answer("", accept_encoding).pieces)
            text = (gzip.decompress(body) if accept_encoding else body).decode()
            (family,) = text_string_to_metric_families(text)
            labels = [sample.labels["app"] for sample in family.samples]
            assert len(labels) == len(set(labels))
            totals += [s.value for s in family.samples if s.labels["app"] == "steady"]
        return totals

    writer = threading.Thread(target=change)
    writer.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(scrape, ["", "gzip", "", "gzip"]))
    finally:
        stop.set()
        writer.join()
    for totals in runs:
        assert len(totals) == 10
        assert totals == sorted(totals)
    check(exposition, registry)
