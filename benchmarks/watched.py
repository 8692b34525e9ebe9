"""A pipeline as ``run`` builds it, and reads of its components' logs without a platform."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from benchmarks.log_texts import messages, served_lines
from exporter.collect.activity import Activity
from exporter.collect.canary import Canary
from exporter.collect.crashes import Crashes
from exporter.collect.error_counts import ErrorCounts
from exporter.collect.findings import Findings
from exporter.collect.ledger import Ledger
from exporter.collect.pipeline import Pipeline, ReadingLimits
from exporter.collect.reading import Reading
from exporter.collect.restart_counts import RestartCounts
from exporter.collect.rule_metrics import RuleMetrics
from exporter.collect.series import Series
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.matching.packs import load_packs
from exporter.matching.traces import HEADS
from exporter.metrics import Metrics
from exporter.model import (
    LIVE_PART,
    Component,
    ComponentKey,
    ComponentKind,
    LogChunk,
    LogType,
    Rule,
    Source,
)
from exporter.state.store import State

MAX_LINE_BYTES = 16384
CHUNK_BYTES = 64 << 10
"""How much of a log is fed at once, about what a connection gives."""

LOG_TYPES = (LogType.RUN, LogType.RUN_RESTARTED)
MATCHING = 0.02
"""How many of the lines match a rule."""


def default_rules() -> tuple[Rule, ...]:
    """The rules of the default pack."""
    return load_packs(["default"])


def build_pipeline(
    state: State, tail_lines: int, registry: CollectorRegistry | None = None
) -> Pipeline:
    """A pipeline with the default pack, and a registry of its own where none is given."""
    metrics = Metrics(registry or CollectorRegistry())
    ledger = Ledger(metrics, state, time.time)
    rules = default_rules()
    limits = ReadingLimits(tail_lines, MAX_LINE_BYTES, start=0, restarts_watched=True)
    engine = Engine((*rules, *HEADS), unwrap=Unwrapping())
    series = Series(metrics, ledger, rules, LOG_TYPES, RuleMetrics(metrics, ledger, engine))
    findings = Findings(ledger, rules, ErrorCounts(metrics, ledger, time.time), time.time)
    activity, crashes = Activity(time.time), Crashes(ledger, excerpts=True)
    canary = Canary(metrics, ledger, rules, start=0.0, interval=60.0, clock=time.time)
    parts = (RestartCounts(), findings, activity, crashes, canary)
    return Pipeline(metrics, series, ledger, engine, rules, limits, *parts)


@dataclass(slots=True)
class WatchedComponent:
    """A discovered component of one instance; its log grows when it is told to."""

    pipeline: Pipeline
    key: ComponentKey
    component: Component
    log: Iterator[bytes]
    window: list[bytes]

    def grow(self, lines: int) -> None:
        """Write some lines; the window moves on by as many once it has ``tail_lines``."""
        self.window += [next(self.log) for _ in range(lines)]
        del self.window[: -self.pipeline.limits.tail_lines]

    def text(self) -> bytes:
        """What the platform would serve now."""
        return b"".join(self.window)

    def read(
        self,
        frames: Iterable[bytes],
        log_type: LogType = LogType.RUN,
        deployment: str = "d1",
    ) -> None:
        """Read one log whole, in frames as the platform cuts it."""
        source = Source("app-id", self.key, log_type)
        reading = Reading(
            self.pipeline,
            source,
            self.component,
            deployment,
            tail_lines=self.pipeline.limits.tail_lines,
            from_first_line=True,
        )
        for frame in frames:
            reading.feed(LogChunk(frame, LIVE_PART))
        reading.feed(LogChunk(b"", LIVE_PART, last=True))
        reading.end()

    def poll(self) -> None:
        """Read RUN as it stands now, and a RUN_RESTARTED in which there is nothing."""
        self.read([self.text()])
        self.read((), LogType.RUN_RESTARTED)


def watch(pipeline: Pipeline, name: str, seed: int) -> WatchedComponent:
    """Discover a component of the app ``shop``; its log is empty."""
    key = ComponentKey("shop", name)
    component = Component(name, ComponentKind.SERVICE, "small", 1)
    with pipeline.lock:
        pipeline.series.open_component(key, component)
    log = served_lines("web", messages(seed, pipeline.rules, MATCHING))
    return WatchedComponent(pipeline, key, component, log, [])


def chunks(text: bytes) -> Iterator[bytes]:
    """A text as it comes over a connection, cut anywhere."""
    return (text[start : start + CHUNK_BYTES] for start in range(0, len(text), CHUNK_BYTES))
