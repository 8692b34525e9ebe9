"""What one component holds in memory, as tracemalloc sees it."""

import gc
import time
import tracemalloc
from collections.abc import Sequence
from functools import partial

from benchmarks.tables import print_table
from benchmarks.watched import WatchedComponent, build_pipeline, watch
from exporter.counting.pipeline import Pipeline
from exporter.logs.dedup.continuity import Continuity
from exporter.state.memory import MemoryState
from exporter.state.store import CursorKey

COMPONENTS = 10
TAIL_LINES = 1000
STEPS = (
    ("its first window counted", TAIL_LINES, 1),
    ("10 more polls with 1 % new", TAIL_LINES // 100, 10),
    ("39 more polls with 10 % new", TAIL_LINES // 10, 39),
    ("2 more polls with 10 % new", TAIL_LINES // 10, 2),
)
"""What happens, new lines in each poll, polls."""


def run() -> None:
    """Measure and print."""
    pipeline = build_pipeline(MemoryState(time.time), TAIL_LINES)
    _poll([watch(pipeline, "warm-up", 0)], TAIL_LINES, 1)
    tracemalloc.start()
    before = _held()
    watched = [watch(pipeline, f"web-{number}", number) for number in range(COMPONENTS)]
    rows = [_row("discovered: its series, all at 0", before, 0)]
    for name, new, polls in STEPS:
        _poll(watched, new, polls)
        rows.append(_row(name, before, _remembered(pipeline, watched[0])))
    tracemalloc.stop()
    print_table(
        f"Memory of one component with windows of {TAIL_LINES:,} lines "
        f"and {len(pipeline.rules)} rules, step by step",
        ("", "lines remembered", "kB"),
        rows,
    )


def _poll(watched: Sequence[WatchedComponent], new: int, times: int) -> None:
    for _ in range(times):
        for component in watched:
            component.grow(new)
            component.poll()


def _remembered(pipeline: Pipeline, component: WatchedComponent) -> int:
    cursor = CursorKey(component.key, "d1")
    snapshot = pipeline.ledger.cursors.continuity(
        cursor, partial(Continuity, remember=1000)
    ).snapshot()
    return len(snapshot.counted) + len(snapshot.older)


def _row(name: str, before: int, remembered: int) -> tuple[str, ...]:
    kilobytes = (_held() - before) / COMPONENTS / 1e3
    return name, f"{remembered:,}", f"{kilobytes:.0f}"


def _held() -> int:
    """Bytes in use; the benchmark's own copies of the logs do not count."""
    gc.collect()
    own = tracemalloc.Filter(inclusive=False, filename_pattern="*/benchmarks/*")
    traces = tracemalloc.take_snapshot().filter_traces([own])
    return sum(statistic.size for statistic in traces.statistics("filename"))
