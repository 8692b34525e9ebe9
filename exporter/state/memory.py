"""State in memory: it lasts as long as the process, so nothing is kept."""

from collections.abc import Callable

from exporter.state.store import Batch, Saved, State


class MemoryStore:
    """The store of an exporter that starts empty each time; ``clock`` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def open(self, namespace: str) -> State:
        """Open a namespace, which is empty."""
        return MemoryState(self._clock)

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


class MemoryState:
    """A namespace that begins empty; ``clock`` gives Unix seconds."""

    durable = False
    rollbacks = 0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def load(self) -> Saved:
        """Return an empty state that starts now."""
        return Saved(self._clock())

    def save(self, batch: Batch) -> None:
        """Do nothing: what counts is in the caller's memory already."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""
