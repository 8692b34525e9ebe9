"""A scrape of many series, of which none, some or all have changed since the one before."""

import gzip
import random
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from prometheus_client import disable_created_metrics
from prometheus_client.openmetrics.exposition import generate_latest

from benchmarks.tables import print_table
from benchmarks.timing import Case, Run, median_seconds
from benchmarks.watched import build_pipeline
from exporter.model import Component, ComponentKey, ComponentKind
from exporter.state.memory import MemoryState
from exporter.telemetry.table import MetricTable
from exporter.web.exposition import Exposition

FLEETS = (115, 1000)
"""Components with the default pack: about 10,000 and 87,000 series."""

LIBRARY, LIBRARY_GZIP = "the library", "the library, gzip"
CHANGED = (0.0, 0.01, 1.0)
ACCEPT = "application/openmetrics-text;version=1.0.0"
ROUNDS = 5
TAIL_LINES = 1000
SCRAPERS = 4
CONCURRENT_SECONDS = 5.0
LINES_PER_SECOND = 1000


class Fleet:
    """The series of so many components, as discovery makes them."""

    def __init__(self, components: int) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's has no types
        self.registry = MetricTable()
        pipeline = build_pipeline(MemoryState(time.time), TAIL_LINES, self.registry)
        metrics = pipeline.metrics
        for number in range(components):
            key = ComponentKey(f"app-{number // 5}", f"component-{number}")
            kind, size = ComponentKind.SERVICE, "apps-s-1vcpu-1gb"
            pipeline.series.open_component(key, Component(key.component, kind, size, 1))
        families = (metrics.log_lines, metrics.log_bytes, metrics.log_matches, metrics.restarts)
        self.counters = [series for family in families for series in family.series()]
        self.size = sum(len(metric.samples) for metric in self.registry.collect())
        self.exposition = Exposition(lambda: [self.registry])

    def change(self, share: float) -> None:
        """Count something in a share of the series."""
        for counter in random.sample(self.counters, int(len(self.counters) * share)):
            counter.inc(2)


def run() -> None:
    """Measure and print."""
    for components in FLEETS:
        fleet = Fleet(components)
        _print_scrapes(fleet, components)
        _print_concurrent(fleet)


def _print_scrapes(fleet: Fleet, components: int) -> None:
    cases = [
        Case("first", lambda: _first(fleet, "")),
        Case("first, gzip", lambda: _first(fleet, "gzip")),
    ]
    for encoding in ("", "gzip"):
        for share in CHANGED:
            name = f"{share:.0%} changed{', gzip' if encoding else ''}"
            cases.append(Case(name, _scrape(fleet, share, encoding)))
    cases.append(Case(LIBRARY, lambda: lambda: generate_latest(fleet.registry)))  # type: ignore[no-untyped-call]
    cases.append(Case(LIBRARY_GZIP, lambda: lambda: _library_gzip(fleet)))
    seconds = median_seconds(cases, ROUNDS, time.thread_time)
    sizes = {e: len(fleet.exposition.answer(ACCEPT, e).body) for e in ("", "gzip")}
    print_table(
        f"Exposition: {fleet.size:,} series of {components:,} components in OpenMetrics, "
        f"{sizes['']:,} bytes, {sizes['gzip']:,} with gzip; CPU time of one thread",
        ("", "ms", "µs a series", "times faster than the library"),
        [
            (
                name,
                f"{taken * 1e3:.1f}",
                f"{taken * 1e6 / fleet.size:.2f}",
                f"{seconds[LIBRARY_GZIP if 'gzip' in name else LIBRARY] / taken:.0f}",
            )
            for name, taken in seconds.items()
        ],
    )


def _first(fleet: Fleet, encoding: str) -> Run:
    exposition = Exposition(lambda: [fleet.registry])
    return lambda: exposition.answer(ACCEPT, encoding)


def _scrape(fleet: Fleet, share: float, encoding: str) -> Callable[[], Run]:
    def prepare() -> Run:
        fleet.exposition.answer(ACCEPT, encoding)
        fleet.change(share)
        return lambda: fleet.exposition.answer(ACCEPT, encoding)

    return prepare


def _library_gzip(fleet: Fleet) -> bytes:
    return gzip.compress(generate_latest(fleet.registry), 6)  # type: ignore[no-untyped-call]


def _print_concurrent(fleet: Fleet) -> None:
    """Wall time of scrapes that compete with each other, and with counting."""
    stop = threading.Event()

    def count() -> None:
        while not stop.wait(0.01):
            for counter in random.choices(fleet.counters, k=LINES_PER_SECOND // 100):
                counter.inc()

    def scrape(_: int) -> list[float]:
        taken, end = [], time.perf_counter() + CONCURRENT_SECONDS
        while (start := time.perf_counter()) < end:
            fleet.exposition.answer(ACCEPT, "gzip")
            taken.append(time.perf_counter() - start)
            time.sleep(0.1)
        return taken

    counting = threading.Thread(target=count)
    counting.start()
    try:
        with ThreadPoolExecutor(SCRAPERS) as pool:
            taken = sorted(t for run in pool.map(scrape, range(SCRAPERS)) for t in run)
    finally:
        stop.set()
        counting.join()
    print_table(
        f"Exposition: {SCRAPERS} scrapers at one time, 10 scrapes a second each, gzip, while "
        f"{LINES_PER_SECOND:,} counts a second go on; wall time",
        ("", "scrapes", "p50 ms", "p99 ms"),
        [
            (
                f"{fleet.size:,} series",
                f"{len(taken):,}",
                f"{statistics.median(taken) * 1e3:.1f}",
                f"{taken[int(len(taken) * 0.99)] * 1e3:.1f}",
            )
        ],
    )
