"""What signals say: SIGTERM and SIGINT to stop, SIGHUP to reload the configuration.

A handler runs in the midst of whatever the main thread does, so it may take no lock that is taken
there: of what ``threading`` and ``queue`` have, only a SimpleQueue can be put to from one.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from queue import Empty, SimpleQueue
from types import FrameType

_LOOK_SECONDS = 1.0
"""A signal may come to another thread, which wakes nobody; handlers run once the main one does."""


class Said(Enum):
    """What a signal says."""

    STOP = auto()
    RELOAD = auto()


class Signals:
    """What signals have said, in the order in which they came."""

    def __init__(self) -> None:
        self._said: SimpleQueue[Said] = SimpleQueue()

    def say(self, said: Said) -> None:
        """Note what a signal says; may interrupt everything, itself too."""
        self._said.put(said)

    def next(self) -> Said:
        """Wait for the next signals: STOP if one of them is that, else one RELOAD for all."""
        waiting: list[Said] = []
        while not waiting:
            with suppress(Empty):
                waiting.append(self._said.get(timeout=_LOOK_SECONDS))
        while not self._said.empty():
            waiting.append(self._said.get())
        return Said.STOP if Said.STOP in waiting else Said.RELOAD

    def wait_for_stop(self) -> None:
        """Wait for the signal to stop."""
        while self.next() is not Said.STOP:
            pass


@contextmanager
def signals() -> Iterator[Signals]:
    """What SIGTERM, SIGINT and SIGHUP say while the block lasts."""
    heard = Signals()

    def on_stop(number: int, frame: FrameType | None) -> None:
        heard.say(Said.STOP)

    def on_reload(number: int, frame: FrameType | None) -> None:
        heard.say(Said.RELOAD)

    before = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, on_stop),
        signal.SIGINT: signal.signal(signal.SIGINT, on_stop),
        signal.SIGHUP: signal.signal(signal.SIGHUP, on_reload),
    }
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
