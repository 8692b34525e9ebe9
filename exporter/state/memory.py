"""State in memory: it lasts as long as the process, so there is nothing to keep."""

from collections.abc import Callable

from exporter.state.store import Batch, Saved


class MemoryState:
    """The state of an exporter that starts anew each time; ``clock`` gives Unix seconds."""

    durable = False
    rollbacks = 0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock

    def load(self) -> Saved:
        """Nothing, from now on."""
        return Saved(self._clock())

    def save(self, batch: Batch) -> None:
        """Nothing to do: what counts is in the caller's memory already."""

    def close(self) -> None:
        """Nothing to let go of."""
