"""A pipeline as ``run`` builds it, and reads of its components' logs without a platform."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from benchmarks.log_texts import messages, served_lines
from exporter.config.schema import Config
from exporter.counting.pipeline import Pipeline
from exporter.digitalocean.budget import Budget
from exporter.matching.packs import load_packs
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
from exporter.reading.reading import Reading
from exporter.service.assembly import build_account
from exporter.service.environment import Environment, Records
from exporter.state.store import State
from exporter.telemetry.table import MetricTable

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
    state: State,
    tail_lines: int,
    registry: MetricTable | None = None,
    *,
    rules: Sequence[Rule] | None = None,
    unwrap: bool = True,
) -> Pipeline:
    """A pipeline with some rules or the default pack, and a registry of its own if none is given.

    Args:
        unwrap: the setting ``logs.unwrap``.
    """
    logs = {"tail_lines": tail_lines, "max_line_bytes": MAX_LINE_BYTES, "lookback": "10y"}
    config = Config.model_validate({"logs": {**logs, "unwrap": unwrap}})
    platform: Any = None  # nothing is read from one
    environment = Environment(
        time.time,
        random.Random(),
        BackgroundScheduler(),
        platform,
        platform,
        None,
        Budget(10**9, 10**9, 1.0, clock=time.monotonic, stop=Event()),
        Records.open(registry or MetricTable(), state, time.time),
    )
    rules = default_rules() if rules is None else tuple(rules)
    return build_account(config, rules, environment).counting.pipeline


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
    with pipeline.transaction():
        pipeline.series.open_component(key, component)
    log = served_lines("web", messages(seed, pipeline.rules, MATCHING))
    return WatchedComponent(pipeline, key, component, log, [])


def chunks(text: bytes) -> Iterator[bytes]:
    """A text as it comes over a connection, cut anywhere."""
    return (text[start : start + CHUNK_BYTES] for start in range(0, len(text), CHUNK_BYTES))
