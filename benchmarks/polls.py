"""A poll of a 10,000-line window: nothing new in it, 1 % new, or all of it."""

import time
from itertools import count, islice

from benchmarks.log_texts import messages, served_lines
from benchmarks.tables import print_table
from benchmarks.timing import Case, Run, median_seconds
from benchmarks.watched import (
    MATCHING,
    MAX_LINE_BYTES,
    build_pipeline,
    chunks,
    default_rules,
    watch,
)
from exporter.logs.dedup.continuity import Continuity
from exporter.logs.lines import LineSplitter
from exporter.model import LogType
from exporter.state.memory import MemoryState

WINDOW_LINES = 10_000
NEW_LINES = WINDOW_LINES // 100
ROUNDS = 15

SPLIT = "bytes.split alone"


def run() -> None:
    """Measure and print."""
    length = WINDOW_LINES + NEW_LINES * (ROUNDS + 1)
    log = list(islice(served_lines("web", messages(1, default_rules(), MATCHING)), length))
    first = b"".join(log[:WINDOW_LINES])
    seconds = median_seconds(
        [
            Case(SPLIT, lambda: lambda: first.split(b"\n")),
            Case("a set of whole lines, nothing new", SetOfLines(log, 0).prepare),
            Case("a set of whole lines, 1 % new", SetOfLines(log, NEW_LINES).prepare),
            Case("exporter.logs, nothing new", _Logs(log, 0).prepare),
            Case("exporter.logs, 1 % new", _Logs(log, NEW_LINES).prepare),
            Case("exporter.logs, all new", lambda: _Logs(log, 0, begun=False).prepare()),
            *pipeline_cases(),
        ],
        ROUNDS,
        time.thread_time,
    )
    rows = [_row(name, taken, len(first), seconds[SPLIT]) for name, taken in seconds.items()]
    size = len(first) / WINDOW_LINES
    print_table(
        f"A poll of {WINDOW_LINES:,} lines of {size:.0f} bytes on average, "
        f"{len(default_rules())} rules, {MATCHING:.0%} of the lines match",
        ("", "CPU ms", "µs a line", "lines/s", "MB/s", "times bytes.split"),
        rows,
    )


class SetOfLines:
    """The naive way: no copies, no order, no gaps, and nothing is ever forgotten."""

    def __init__(self, log: list[bytes], step: int) -> None:
        self._log, self._step, self._start = log, step, 0
        self._known: set[bytes] = set(b"".join(log[:WINDOW_LINES]).split(b"\n"))

    def prepare(self) -> Run:
        self._start += self._step
        text = b"".join(self._log[self._start : self._start + WINDOW_LINES])
        return lambda: self._read(text)

    def _read(self, text: bytes) -> list[bytes]:
        new = [line for line in text.split(b"\n") if line not in self._known]
        self._known.update(new)
        return new


class _Logs:
    """Text in, new lines out: no matching, no metrics."""

    def __init__(self, log: list[bytes], step: int, *, begun: bool = True) -> None:
        self._log, self._step = log, step
        self._start = -step
        self._continuity = Continuity(0, remember=WINDOW_LINES, instances=1)
        if begun:
            self.prepare()()

    def prepare(self) -> Run:
        self._start += self._step
        text = b"".join(self._log[self._start : self._start + WINDOW_LINES])
        return lambda: self._read(text)

    def _read(self, text: bytes) -> None:
        window = self._continuity.window(LogType.RUN, WINDOW_LINES)
        splitter = LineSplitter(MAX_LINE_BYTES)
        for chunk in chunks(text):
            window.feed(splitter.feed(chunk))
        window.feed(splitter.end())
        window.rest()
        self._continuity.finish(window)


def pipeline_cases() -> list[Case]:
    """The same through everything between the connection and the metrics."""
    pipeline = build_pipeline(MemoryState(time.time), WINDOW_LINES)
    silent, talking = watch(pipeline, "silent", 1), watch(pipeline, "talking", 1)
    for component in (silent, talking):
        component.grow(WINDOW_LINES)
        component.poll()

    def poll(new: int) -> Run:
        component = talking if new else silent
        component.grow(new)
        text = component.text()
        return lambda: component.read(chunks(text))

    def poll_in_frames() -> Run:
        frames = list(silent.window)
        return lambda: silent.read(frames)

    deployments = count()

    def first_poll() -> Run:
        text, deployment = silent.text(), f"first {next(deployments)}"
        return lambda: silent.read(chunks(text), deployment=deployment)

    return [
        Case("whole pipeline, nothing new", lambda: poll(0)),
        Case("whole pipeline, nothing new, a frame a line", poll_in_frames),
        Case("whole pipeline, 1 % new", lambda: poll(NEW_LINES)),
        Case("whole pipeline, all new", first_poll),
    ]


def _row(name: str, seconds: float, size: int, split: float) -> tuple[str, ...]:
    return (
        name,
        f"{seconds * 1e3:.2f}",
        f"{seconds / WINDOW_LINES * 1e6:.2f}",
        f"{WINDOW_LINES / seconds:,.0f}",
        f"{size / seconds / 1e6:.0f}",
        f"{seconds / split:.1f}",
    )
