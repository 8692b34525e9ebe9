"""Signals as events: SIGTERM and SIGINT say to stop, SIGHUP to load the configuration anew."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType


@dataclass(frozen=True, slots=True)
class Signals:
    """What signals have said; ``any`` is set with each of the others."""

    any: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)


@contextmanager
def signals() -> Iterator[Signals]:
    """What SIGTERM, SIGINT and SIGHUP say while the block lasts."""
    said = Signals()

    def on_stop(number: int, frame: FrameType | None) -> None:
        said.stop.set()
        said.any.set()

    def on_reload(number: int, frame: FrameType | None) -> None:
        said.reload.set()
        said.any.set()

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, on_stop),
        signal.SIGINT: signal.signal(signal.SIGINT, on_stop),
        signal.SIGHUP: signal.signal(signal.SIGHUP, on_reload),
    }
    try:
        yield said
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
