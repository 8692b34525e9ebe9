"""A commit of 1,000 components to an SQLite file: all of them changed, or 1 %."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from threading import Lock
from time import thread_time

from benchmarks.tables import print_table
from benchmarks.timing import Case, Run, median_seconds
from benchmarks.watched import WatchedComponent, build_pipeline, watch
from exporter.state.sqlite import SqliteStore
from exporter.state.store import Batch, Saved

SOURCES = 1000
TAIL_LINES = 1000
NEW_LINES = 10
EARLIER_POLLS = 4
ROUNDS = 7


class TimedLock:
    """A lock that notes for how much of its thread's time it was held, all times together."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken_at = 0.0
        self.held = 0.0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._taken_at = thread_time()

    def __exit__(self, *failure: object) -> None:
        self.held += thread_time() - self._taken_at
        self._lock.release()


class ObservedState:
    """An SQLite state that notes with which cursors it was last called."""

    durable = True
    rollbacks = 0

    def __init__(self, path: Path) -> None:
        self._store = SqliteStore(path, time.time)
        self._state = self._store.open("")
        self.cursors = b""

    def load(self) -> Saved:
        return self._state.load()

    def save(self, batch: Batch) -> None:
        self._state.save(batch)
        self.cursors = b"".join(batch.cursors.values())

    def close(self) -> None:
        self._store.close()


def run() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        state = ObservedState(Path(folder) / "state.db")
        pipeline = build_pipeline(state, TAIL_LINES)
        watched = [watch(pipeline, f"web-{number}", number) for number in range(SOURCES)]
        for component in watched:
            component.grow(TAIL_LINES)
        for _ in range(EARLIER_POLLS):
            _poll(watched)
        pipeline.ledger.flush()
        commits = [
            _Commit("all changed", state, watched),
            _Commit("1 % changed", state, watched[:: SOURCES // 100][: SOURCES // 100]),
        ]
        copy = _Copy(state, Path(folder) / "copy")
        cases = [
            Case("the same bytes of all to a plain file", copy.prepare),
            *(Case(commit.name, commit.prepare) for commit in commits),
        ]
        copy.take(commits[0])
        seconds = median_seconds(cases, ROUNDS)
        rows: list[tuple[str, ...]] = [
            (cases[0].name, "", f"{seconds[cases[0].name] * 1e3:.1f}", "", f"{len(copy.data):,}")
        ]
        rows += [commit.row(seconds[commit.name]) for commit in commits]
        size = sum(file.stat().st_size for file in Path(folder).glob("state.db*"))
        pipeline.ledger.end()
    print_table(
        f"A commit; {SOURCES:,} components, {TAIL_LINES:,} lines in each window, {NEW_LINES} new "
        f"ones in each poll; the state's files take {size / 1e6:.0f} MB",
        ("", "components", "ms", "of it counting waits", "bytes of cursors"),
        rows,
    )


def _poll(watched: Sequence[WatchedComponent]) -> None:
    for component in watched:
        component.grow(NEW_LINES)
        component.poll()


class _Commit:
    """A flush of the ledger after a poll of some components."""

    def __init__(
        self, name: str, state: ObservedState, watched: Sequence[WatchedComponent]
    ) -> None:
        self.name = name
        self._state = state
        self._watched = watched
        self._waits: list[float] = []
        self._size = 0

    def prepare(self) -> Run:
        _poll(self._watched)
        return self.flush

    def flush(self) -> None:
        """Save; counting waits as long as the ledger's lock is held."""
        ledger = self._watched[0].pipeline.ledger
        usual, lock = ledger._lock, TimedLock()
        ledger._lock = lock  # type: ignore[assignment]
        ledger.flush()
        ledger._lock = usual
        self._waits.append(lock.held)
        self._size = len(self._state.cursors)

    def row(self, seconds: float) -> tuple[str, ...]:
        return (
            self.name,
            f"{len(self._watched):,}",
            f"{seconds * 1e3:.1f}",
            f"{median(self._waits[1:]) * 1e3:.1f}",
            f"{self._size:,}",
        )


class _Copy:
    """What writing costs without a database, and without any promise."""

    def __init__(self, state: ObservedState, path: Path) -> None:
        self._state = state
        self._path = path
        self.data = b""

    def take(self, commit: _Commit) -> None:
        """Keep the cursors that a commit saves."""
        commit.prepare()()
        self.data = self._state.cursors

    def prepare(self) -> Run:
        return lambda: self._path.write_bytes(self.data)
