"""State in memory: nothing outlives the process, and nobody is told that it does."""

from exporter.model import ComponentKey
from exporter.state.memory import MemoryStore
from exporter.state.store import Batch, CursorKey, Saved, ValueKey


def test_every_namespace_begins_empty_at_the_time_of_its_loading():
    """Whatever was saved before; what is counted may be shown at once."""
    now = 1000.0
    store = MemoryStore(lambda: now)
    state = store.open("eu")
    state.save(
        Batch(
            values={ValueKey("lines_total", ("shop",)): 1.0},
            cursors={CursorKey(ComponentKey("shop", "web"), "d1"): b"1"},
        )
    )
    assert state.load() == Saved(1000.0)
    now = 1001.0
    assert store.open("").load() == state.load() == Saved(1001.0)
    assert (state.durable, state.rollbacks) == (False, 0)
    state.close()
    store.close()
