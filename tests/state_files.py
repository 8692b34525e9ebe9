"""A state that is the only one of its file, and closes the file with itself; files in memory."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.state.sqlite import SqliteStore
from exporter.state.store import State

IN_MEMORY = Path("/dev/shm")


def file_state(path: Path, clock: Callable[[], float], namespace: str = "") -> State:
    """Open a file and one namespace of it."""
    store = SqliteStore(path, clock)
    state = store.open(namespace)
    state.close = store.close
    return state


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder for what need not outlive the test: no disk has to be waited for."""
    within = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with TemporaryDirectory(dir=within) as folder:
        yield Path(folder)


def make_file(path: Path) -> Path:
    """A file with empty tables where there is none: a copy of one that the program made."""
    if not path.exists():
        path.write_bytes(_empty())
    return path


@cache
def _empty() -> bytes:
    with folder_in_memory() as folder:
        path = folder / "state.db"
        SqliteStore(path, float).close()
        return path.read_bytes()
