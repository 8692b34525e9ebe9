"""Faults at each system call of one start and one save of state, and at each message to Redis.

``make faults`` tries them all, at the messages of a replica too. ``faults.py few calls``, and so
``few messages`` and ``few leases``, tries one of each kind.
"""

import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import lease_faults
import message_faults
import system_call_faults
from redis_server import RedisServer
from state_scenario import RedisDatabase, SqliteFile, quick_engines

SQLITE = ("sqlite", "new sqlite", "sqlite of version 2")
WHERE = ("calls", "messages", "leases")


@contextmanager
def running_redis() -> Iterator[list[RedisDatabase]]:
    """A database of Redis; none where no server is installed."""
    if shutil.which("redis-server") is None:
        yield []
        return
    server = RedisServer()
    server.start()
    try:
        yield [RedisDatabase(server)]
    finally:
        server.stop()


def try_calls(folder: Path, *, few: bool) -> Iterator[str]:
    """Let faults happen at system calls; yields what is wrong after each, empty where nothing is.

    Args:
        few: whether to try one of each kind instead of all.
    """
    with running_redis() as databases:
        for database in (*(SqliteFile(folder, name) for name in SQLITE), *databases):
            faults = system_call_faults.faults_of(database, folder)
            for fault in system_call_faults.one_of_each(faults) if few else faults:
                problem = system_call_faults.problem_at(database, fault)
                yield f"{fault}: {problem}" if problem else ""


def try_messages(kind: ModuleType, *, few: bool) -> Iterator[str]:
    """The same at messages between the exporter and Redis."""
    with running_redis() as databases:
        for database in databases:
            faults = kind.faults_of(database)
            for fault in message_faults.one_of_each(faults) if few else faults:
                problem = kind.problem_at(database, fault)
                yield f"{fault}: {problem}" if problem else ""


def tried(where: str, folder: Path, *, few: bool) -> Iterator[str]:
    """The faults of one kind of place."""
    if where == "calls":
        return try_calls(folder, few=few)
    return try_messages(lease_faults if where == "leases" else message_faults, few=few)


def why_not(where: str) -> str:
    """Why no fault can be tried there; empty where one can."""
    if where == "calls":
        return system_call_faults.cannot_trace()
    missing = shutil.which("redis-server") is None
    return "redis-server is not installed (Debian package redis-server)" if missing else ""


def main() -> None:
    """Try faults and say how many went well; fail if one did not, or could not be tried."""
    logging.disable(logging.CRITICAL)
    few = "few" in sys.argv[1:]
    failed = False
    for where in [name for name in WHERE if name in sys.argv[1:]] or WHERE:
        if why := why_not(where):
            print(f"no faults at {where}: {why}")
            failed = True
            continue
        with tempfile.TemporaryDirectory() as folder, quick_engines():
            told = list(tried(where, Path(folder), few=few))
        problems = [problem for problem in told if problem]
        print(*problems, sep="\n", end="\n" if problems else "")
        print(f"{len(told) - len(problems)} of {len(told)} faults at {where} did no harm")
        failed = failed or bool(problems)
    sys.exit(failed)


if __name__ == "__main__":
    main()
