"""A state that is the only one of its file, and closes the file with itself."""

from collections.abc import Callable
from pathlib import Path

from exporter.state.sqlite import SqliteStore
from exporter.state.store import State


def file_state(path: Path, clock: Callable[[], float], namespace: str = "") -> State:
    """Open a file and one namespace of it."""
    store = SqliteStore(path, clock)
    state = store.open(namespace)
    state.close = store.close
    return state
