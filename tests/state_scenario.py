"""One start of state, and saves of what a log newly shows, in a process of its own.

Whatever happens to that process, another one without a fault comes after it, and its counts have to
equal the truth.
"""

import json
import os
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import redis
from collect_fixtures import RESTARTED, RUN, Clock, Site, line
from redis_server import RedisServer

from exporter.errors import StateError
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.model import LogType, Rule
from exporter.state.redis import RedisStore
from exporter.state.sqlite import SqliteStore
from exporter.state.store import Store

DUMP = Path(__file__).parent / "testdata/state_2026_11.sql"
BEFORE, DURING, AFTER = 5, 8, 11
"""How many lines RUN shows before, in and after the run with a fault; RUN_RESTARTED shows one."""

SAVES = 4
"""So often the child tries to save, as the exporter does again and again."""

ONCE, TWICE = (DURING,), (DURING - 1, DURING)
"""How many lines RUN shows before each of its first saves."""

Told = dict[str, Any]
"""What a child said of its life; empty where it was killed, ``error`` where it raised one."""


class SqliteFile:
    """State in a file: new, of this version, or of version 2.

    Attributes:
        began: how many lines were counted before any fault.
    """

    def __init__(self, folder: Path, scenario: str) -> None:
        self.scenario = scenario
        self.began = 0 if scenario == "new sqlite" else BEFORE + 1
        self._kept, self._used = folder / f"kept-{scenario}", folder / f"used-{scenario}"
        self._kept.mkdir()
        path = self._kept / "state.db"
        if scenario == "sqlite of version 2":
            with closing(sqlite3.connect(path)) as database:
                database.executescript(DUMP.read_text(encoding="utf-8"))
        elif scenario == "sqlite":
            self.reset()
            live_in_child(self, BEFORE)
            shutil.rmtree(self._kept)
            self._used.rename(self._kept)
        self.reset()

    def reset(self) -> None:
        """Go back to what there was before any fault."""
        shutil.rmtree(self._used, ignore_errors=True)
        shutil.copytree(self._kept, self._used)

    def open(self, clock: Clock) -> Store:
        """Open it."""
        return SqliteStore(self._used / "state.db", clock)

    @property
    def paths(self) -> list[str]:
        """The file, what can stand beside it, and their folder."""
        names = ("", "-wal", "-journal", "-shm", ".version-2", ".version-2.tmp")
        more = (".version-2.tmp-journal", ".version-2.tmp-wal")
        return [*(str(self._used / f"state.db{name}") for name in (*names, *more)), str(self._used)]


class RedisDatabase:
    """State in a running Redis, with what an earlier run has saved; see ``SqliteFile``."""

    scenario = "redis"
    began = BEFORE + 1

    def __init__(self, server: RedisServer) -> None:
        self.url = server.url
        self._kept: list[tuple[bytes, bytes]] = []
        self.reset()
        live_in_child(self, BEFORE)
        with self._client() as client:
            self._kept = [(key, client.dump(key)) for key in client.scan_iter()]

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def reset(self) -> None:
        """Go back to what there was before any fault."""
        with self._client() as client:
            client.flushall()
            for key, data in self._kept:
                client.restore(key, 0, data)

    def open(self, clock: Clock) -> Store:
        """Open it."""
        return RedisStore(self.url, clock)


Database = SqliteFile | RedisDatabase
Opener = Callable[[Clock], Store]


def live(opener: Opener, shows: Sequence[int], limit: int = 0) -> Told:
    """One start and some saves; what they came to.

    Args:
        shows: how many lines RUN shows before each of the first saves.
        limit: the size that no file exceeds until the first save is over; 0 for none.
    """
    clock = Clock()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        store = opener(clock)
        site = Site(state=store.open(""), clock=clock)
    except StateError as error:
        return {"refused": str(error)}
    site.watch()
    began = site.lines()
    site.platform.log("d1", LogType.RUN_RESTARTED).live = line(0.5, "panic: boom")
    saved = []
    for save in range(SAVES):
        if save < len(shows):
            messages = (line(n, f"oops {n}") for n in range(1, shows[save] + 1))
            site.platform.log("d1").live = b"".join(messages)
            for source in (RUN, RESTARTED):
                site.poller.poll(source)
        saved.append(site.ledger.flush())
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    shown = site.lines()
    problem = ""
    try:
        site.ledger.end()
        store.close()
    except StateError as error:
        problem = str(error)
    return {"began": began, "saved": saved, "shown": shown, "problem": problem}


@dataclass(frozen=True)
class Child:
    """A process that lives once ``go`` is called."""

    pid: int
    _go: int
    said: int
    """A descriptor that can be read once it has said all, or has ended."""

    def go(self) -> None:
        """Let it live."""
        os.write(self._go, b"x")
        os.close(self._go)

    def told(self) -> Told:
        """What it came to, once it has ended."""
        with os.fdopen(self.said, "rb") as said:
            text = said.read()
        os.waitpid(self.pid, 0)
        return json.loads(text) if text else {}


def begin_child(run: Callable[[], Told]) -> Child:
    """Make a process that waits until it may run, and then says what came of it."""
    go_read, go_write = os.pipe()
    said_read, said_write = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(go_write)
        os.read(go_read, 1)
        try:
            told = run()
        except BaseException as error:  # noqa: BLE001  # whatever it is, the parent reports it
            told = {"error": f"{type(error).__name__}: {error}"}
        os.write(said_write, json.dumps(told).encode())
        os._exit(0)
    os.close(go_read)
    os.close(said_write)
    return Child(pid, go_write, said_read)


def live_in_child(database: Database, lines: int) -> Told:
    """Live in a process of its own, without a fault."""
    child = begin_child(lambda: live(database.open, (lines,)))
    child.go()
    return child.told()


def problem_of(database: Database, told: Told, *, killed: bool) -> str:
    """Start again after a life with a fault; what is wrong, empty where nothing is.

    Args:
        told: what came of that life.
        killed: whether the fault was to kill its process.
    """
    if "error" in told:
        return f"it ended with {told['error']}"
    if bool(told) is killed:
        return "it died" if not told else "it was not killed"
    refused = str(told.get("refused", ""))
    if len(refused.splitlines()) > 1:
        return f"it refused to start in several lines: {refused}"
    if told and not refused:
        if told["shown"] != DURING + 1:
            return f"it showed {told['shown']} of {DURING + 1} lines"
        if list(told["saved"]).count(False) > 1:
            return f"it could not save again: {told['saved']}"
    after = live_in_child(database, AFTER)
    if "refused" in after or "error" in after:
        return f"the next start failed: {after}"
    saved = (DURING + 1,) if told.get("saved") else (database.began, *(n + 1 for n in TWICE))
    if after["began"] not in saved:
        return f"the next start continued from {after['began']} of {DURING + 1} lines"
    return problem_of_all(after)


def problem_of_all(told: Told) -> str:
    """What is wrong with a life without a fault that has seen all lines."""
    if told["shown"] != AFTER + 1 or not all(told["saved"]):
        return f"the next start came to {told}, of {AFTER + 1} lines"
    return ""


@cache
def engine(rules: Sequence[Rule]) -> Engine:
    """An engine for rules, compiled once: each child inherits it."""
    return Engine(rules, unwrap=Unwrapping())


@contextmanager
def quick_engines() -> Iterator[None]:
    """Compile no rules in a child."""
    quick = patch("exporter.service.counting_parts.Engine", lambda rules, unwrap: engine(rules))
    with quick:
        Site()
        yield
