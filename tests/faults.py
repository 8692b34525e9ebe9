"""Each system call of one start and one save fails once, and the process is killed before it.

A child process opens the state, counts what is new in a log, and saves; ``strace`` traces its calls
on the state's file or socket. First a run without faults lists the calls. Then there is one run for
each call and fault, and another without faults behind it: its counts have to equal the truth. That
a process is killed right after a call is the same as right before the next one.
"""

import json
import logging
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
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

FILE_CALLS = {
    "openat": ("EIO", "ENOSPC", "EINTR"),
    "newfstatat": ("EIO",),
    "fstat": ("EIO",),
    "read": ("EIO", "EINTR"),
    "pread64": ("EIO", "EINTR"),
    "write": ("EIO", "ENOSPC", "EINTR"),
    "pwrite64": ("EIO", "ENOSPC", "EINTR"),
    "ftruncate": ("EIO", "EINTR"),
    "fsync": ("EIO", "ENOSPC"),
    "fdatasync": ("EIO", "ENOSPC"),
    "fcntl": ("EIO", "ENOLCK"),
    "unlink": ("EIO",),
    "rename": ("EIO", "ENOSPC"),
    "close": ("EIO",),
}
SOCKET_CALLS = {
    "socket": ("EMFILE",),
    "connect": ("ECONNREFUSED", "ETIMEDOUT"),
    "sendto": ("ECONNRESET", "EPIPE"),
    "recvfrom": ("ECONNRESET", "ETIMEDOUT"),
    "setsockopt": ("ENOMEM",),
}
KILL = "SIGKILL"
SHORT = "short write"
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += +(-?\d+)")


@dataclass(frozen=True)
class Fault:
    """What happens to one call: ``number`` counts the calls of that name from 1."""

    scenario: str
    call: str
    number: int
    fault: str
    limit: int = 0  # the size that no file exceeds, for a short write

    def __str__(self) -> str:
        return f"{self.scenario}: {self.fault} at {self.call} number {self.number}"


class SqliteFile:
    """State in a file: new, of this version, or of version 2."""

    calls = FILE_CALLS

    def __init__(self, folder: Path, scenario: str) -> None:
        self.scenario = scenario
        self._kept, self._used = folder / f"kept-{scenario}", folder / f"used-{scenario}"
        self._kept.mkdir()
        path = self._kept / "state.db"
        if scenario == "sqlite of version 2":
            with closing(sqlite3.connect(path)) as database:
                database.executescript(DUMP.read_text(encoding="utf-8"))
        elif scenario == "sqlite":
            self.reset()
            in_child(self, BEFORE)
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

    def filters(self) -> list[str]:
        """Which calls strace looks at: those on the file, and on what stands beside it."""
        names = ("", "-wal", "-journal", "-shm", ".version-2", ".version-2.tmp")
        more = (".version-2.tmp-journal", ".version-2.tmp-wal")
        paths = [str(self._used / f"state.db{name}") for name in (*names, *more)]
        return [part for path in (*paths, str(self._used)) for part in ("-P", path)]


class RedisDatabase:
    """State in a running Redis, with what an earlier run has saved."""

    calls = SOCKET_CALLS

    def __init__(self, server: RedisServer, scenario: str = "redis") -> None:
        self.scenario = scenario
        self._url = server.url
        self._kept: list[tuple[bytes, bytes]] = []
        self.reset()
        in_child(self, BEFORE)
        with self._client() as client:
            self._kept = [(key, client.dump(key)) for key in client.scan_iter()]

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self._url)

    def reset(self) -> None:
        """Go back to what there was before any fault."""
        with self._client() as client:
            client.flushall()
            for key, data in self._kept:
                client.restore(key, 0, data)

    def open(self, clock: Clock) -> Store:
        """Open it."""
        return RedisStore(self._url, clock)

    def filters(self) -> list[str]:
        """Every socket is the database's."""
        return []


Database = SqliteFile | RedisDatabase


def live(database: Database, lines: int, limit: int = 0) -> dict[str, object]:
    """One start and save; what it came to."""
    clock = Clock()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        store = database.open(clock)
        site = Site(state=store.open(""), clock=clock)
    except StateError as error:
        return {"refused": str(error)}
    site.watch()
    began = site.lines()
    log = site.platform.log("d1")
    log.live = b"".join(line(n, f"oops {n}") for n in range(1, lines + 1))
    site.platform.log("d1", LogType.RUN_RESTARTED).live = line(0.5, "panic: boom")
    for source in (RUN, RESTARTED):
        site.poller.poll(source)
    saved = []
    for _ in range(SAVES):
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


def in_child(
    database: Database, lines: int, trace: list[str] | None = None, limit: int = 0
) -> dict[str, object]:
    """Live in a process of its own, traced from its beginning if wanted.

    Returns:
        what it came to; empty where it was killed, ``error`` where it ended in an exception.
    """
    go_read, go_write = os.pipe()
    said_read, said_write = os.pipe()
    child = os.fork()
    if not child:
        os.close(go_write)
        os.read(go_read, 1)
        try:
            told: dict[str, object] = live(database, lines, limit)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the parent reports it
            told = {"error": f"{type(error).__name__}: {error}"}
        os.write(said_write, json.dumps(told).encode())
        os._exit(0)
    os.close(go_read)
    os.close(said_write)
    tracer = None
    if trace is not None:
        tracer = subprocess.Popen(
            ["strace", "-qq", "-p", str(child), *trace], stderr=subprocess.DEVNULL
        )
        wait_for_tracer(child, tracer)
    os.write(go_write, b"x")
    os.close(go_write)
    with os.fdopen(said_read, "rb") as said:
        text = said.read()
    os.waitpid(child, 0)
    if tracer is not None:
        tracer.wait()
    return json.loads(text) if text else {}


def wait_for_tracer(child: int, tracer: "subprocess.Popen[bytes]") -> None:
    """Wait until a process is traced; raises RuntimeError if it cannot be."""
    status = Path(f"/proc/{child}/status")
    while "TracerPid:\t0\n" in status.read_text():
        if tracer.poll() is not None:
            os.kill(child, 9)
            os.waitpid(child, 0)
            raise RuntimeError("strace may trace no process here")
        time.sleep(0.002)


def calls_of(database: Database, log: Path) -> Iterator[tuple[str, str]]:
    """The calls of a run without faults, in order, each with its arguments."""
    database.reset()
    names = ",".join(f"?{name}" for name in database.calls)
    told = in_child(database, DURING, [*database.filters(), "-o", str(log), "-e", f"trace={names}"])
    assert told.get("shown") == DURING + 1, told
    for text in log.read_text().splitlines():
        if call := _CALL.match(text):
            yield call[1], call[2]


def faults_of(database: Database, log: Path) -> list[Fault]:
    """Every fault of every call of one start and save."""
    seen: Counter[str] = Counter()
    faults: list[Fault] = []
    for name, arguments in calls_of(database, log):
        seen[name] += 1
        kinds = (*database.calls[name], KILL)
        faults += [Fault(database.scenario, name, seen[name], kind) for kind in kinds]
        if name == "pwrite64":
            size, offset = (int(number) for number in arguments.rsplit(", ", 2)[1:])
            limit = offset + max(1, size // 2)
            faults.append(Fault(database.scenario, name, seen[name], SHORT, limit))
    return faults


def problem_of(database: Database, fault: Fault) -> str:
    """Let a fault happen, then start again; what is wrong, empty where nothing is."""
    database.reset()
    trace = None
    if fault.fault != SHORT:
        what = "signal=KILL" if fault.fault == KILL else f"error={fault.fault}"
        inject = f"inject={fault.call}:{what}:when={fault.number}"
        names = f"trace={fault.call}"
        trace = [*database.filters(), "-o", "/dev/null", "-e", names, "-e", inject]
    told = in_child(database, DURING, trace, fault.limit)
    if "error" in told:
        return f"it ended with {told['error']}"
    if not told and fault.fault != KILL:
        return "it died"
    if told and "refused" not in told:
        if told["shown"] != DURING + 1:
            return f"it showed {told['shown']} of {DURING + 1} lines"
        if not any(list(told["saved"])[1:]):  # type: ignore[call-overload]
            return "it could not save again"
    after = in_child(database, AFTER)
    if "refused" in after or "error" in after:
        return f"the next start failed: {after}"
    if told.get("saved") and after["began"] != DURING + 1:
        return f"the next start continued from {after['began']} of {DURING + 1} lines"
    if after["shown"] != AFTER + 1 or not all(list(after["saved"])):  # type: ignore[call-overload]
        return f"the next start came to {after}, of {AFTER + 1} lines"
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


@contextmanager
def databases(folder: Path) -> Iterator[list[Database]]:
    """Every kind of state that is tried."""
    scenarios = ["sqlite", "new sqlite", "sqlite of version 2"]
    found: list[Database] = [SqliteFile(folder, scenario) for scenario in scenarios]
    if shutil.which("redis-server") is None:
        yield found
        return
    server = RedisServer()
    server.start()
    try:
        yield [*found, RedisDatabase(server)]
    finally:
        server.stop()


def try_all(folder: Path, choose: Callable[[list[Fault]], list[Fault]]) -> tuple[int, list[str]]:
    """Let faults happen; how many did, and what went wrong."""
    tried, problems = 0, []
    with quick_engines(), databases(folder) as found:
        for database in found:
            for fault in choose(faults_of(database, folder / "calls")):
                tried += 1
                if problem := problem_of(database, fault):
                    problems.append(f"{fault}: {problem}")
    return tried, problems


def cannot_trace() -> str:
    """Why faults cannot be injected here; empty where they can."""
    if shutil.which("strace") is None:
        return "strace is not installed (Debian package strace)"
    probe = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=none", "true"]
    traced = subprocess.run(probe, capture_output=True, check=False)
    return "" if traced.returncode == 0 else "strace may trace no process here"


def few(faults: list[Fault]) -> list[Fault]:
    """One of each call and fault: that in the middle."""
    kinds: dict[tuple[str, str], list[Fault]] = {}
    for fault in faults:
        kinds.setdefault((fault.call, fault.fault), []).append(fault)
    return [alike[len(alike) // 2] for alike in kinds.values()]


def main() -> None:
    """Try all, or with ``few`` one of each kind, and say how many went well."""
    logging.disable(logging.CRITICAL)
    if why := cannot_trace():
        sys.exit(why)
    with tempfile.TemporaryDirectory() as folder:
        choose = few if sys.argv[1:] == ["few"] else list
        tried, problems = try_all(Path(folder), choose)
    for problem in problems:
        print(problem)
    print(f"{tried - len(problems)} of {tried} faults left the counts true")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
