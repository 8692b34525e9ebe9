"""What the program makes of threads, locks and event loops, as parts that take turns.

Within ``patched`` the locks, conditions, events, futures and threads that the program makes are
built on ``TurnLock``.
"""

import _thread
import asyncio
import selectors
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from turns import Task, Turns

_REAL_LOCK, _REAL_RLOCK = _thread.allocate_lock, threading.RLock
_REAL_THREAD = threading.Thread
PATCHED = ("exporter", "prometheus_client", "concurrent.futures", "threading")
"""Modules whose own names for locks are replaced."""
VALUES = "prometheus_client.values"


class TurnLock:
    """A lock whose every use is a turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._owner: Task | None = None
        self._waiting: list[Task] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, or wait in virtual time."""
        turns = self._turns
        if turns.before:
            turns.before -= 1
        else:
            turns.decide()
        if self._owner is None:
            self._owner = turns.running
            return True
        return blocking and self._wait(turns.now + timeout if timeout >= 0 else None)

    __enter__ = acquire

    def _wait(self, due: float | None) -> bool:
        turns = self._turns
        task = turns.running
        while self._owner is not None:
            if due is not None and turns.now >= due:
                return False
            self._waiting.append(task)
            task.blocked_at = turns.now if due is None else None
            try:
                turns.wait(due)
            finally:
                task.blocked_at = None
                if task in self._waiting:
                    self._waiting.remove(task)
        self._owner = task
        return True

    def release(self) -> None:
        """Give it back; not only by who took it, as with the real one."""
        turns = self._turns
        doomed = turns.running.doomed
        if self._owner is None and not doomed:
            raise RuntimeError("release unlocked lock")
        self._owner = None
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                turns.wake(each)
        if turns.before:
            turns.before -= 1
        elif not doomed and turns.failure is None:
            turns.decide()

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._owner is not None

    def __exit__(self, *raised: object) -> None:
        turns = self._turns
        if turns.before and self._owner is not None and not self._waiting:
            self._owner = None  # as most of the time
            turns.before -= 1
        else:
            self.release()

    def _is_owned(self) -> bool:
        return self._owner is not None


class TurnRLock(TurnLock):
    """The same for a lock that its owner may take again."""

    def __init__(self, turns: Turns) -> None:
        super().__init__(turns)
        self._count = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it once more."""
        if self._owner is self._turns.running or super().acquire(blocking, timeout):
            self._count += 1
            return True
        return False

    __enter__ = acquire

    def release(self) -> None:
        """Give it back once."""
        self._count -= 1
        if not self._count:
            super().release()

    def __exit__(self, *raised: object) -> None:
        self.release()

    def _is_owned(self) -> bool:
        return self._owner is self._turns.running

    def _release_save(self) -> int:
        count, self._count = self._count, 0
        super().release()
        return count

    def _acquire_restore(self, count: int) -> None:
        super().acquire()
        self._count = count


class TurnOnly:
    """The lock of a single number of the library's: nobody takes a turn within, so nobody waits."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def __enter__(self) -> None:
        turns = self._turns
        if turns.before:
            turns.before -= 1
        else:
            turns.decide()

    def __exit__(self, *raised: object) -> None:
        pass


class TurnThread:
    """What the program uses of ``threading.Thread``."""

    def __init__(
        self,
        turns: Turns,
        *,
        target: Callable[..., object],
        name: str = "",
        args: tuple[Any, ...] = (),
        daemon: bool | None = None,
    ) -> None:
        self._turns = turns
        self._run = lambda: target(*args)
        self.name = name
        self._task: Task | None = None

    def start(self) -> None:
        """Begin."""
        self._task = self._turns.spawn(self._run, self.name)

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        if self._task is not None:
            self._turns.join(self._task, timeout)

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._task is not None and not self._task.ended


class TurnLoop(asyncio.SelectorEventLoop):
    """An event loop whose waits are turns, without a socket."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.owner: Task | None = None
        self.woken = False
        turns.loops.append(self)
        super().__init__(_TurnSelector(self))

    def time(self) -> float:
        """Virtual seconds."""
        return self.turns.now

    def _make_self_pipe(self) -> None:
        pass

    def _close_self_pipe(self) -> None:
        pass

    def _write_to_self(self) -> None:
        self.woken = True
        if self.owner is not None:
            self.turns.wake(self.owner)


class _TurnSelector(selectors.SelectSelector):
    def __init__(self, loop: TurnLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        loop, turns = self._loop, self._loop.turns
        turns.turn()
        due = None if timeout is None else turns.now + max(0.0, timeout)
        while not loop.woken and (due is None or turns.now < due):
            loop.owner = turns.running
            try:
                turns.wait(due)
            finally:
                loop.owner = None
        loop.woken = False
        return []


@lru_cache(1)
def lock_names(modules: int) -> list[tuple[Any, str, str]]:
    """Each module and name that stands for a lock, and what it is replaced by."""
    kinds = {id(_REAL_LOCK): "lock", id(_REAL_RLOCK): "rlock"}
    return [
        (module, name, "value" if module.__name__ == VALUES else kinds[id(value)])
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith(PATCHED)
        for name, value in list(vars(module).items())
        if id(value) in kinds
    ]


@contextmanager
def patched(turns: Turns) -> Iterator[None]:
    """Have the program make locks and threads that take turns, in this system thread alone."""
    own = _thread.get_ident()
    new_loop, all_tasks, current = (
        asyncio.new_event_loop,
        asyncio.all_tasks,
        threading.current_thread,
    )

    def made(part: Callable[[Turns], Any], real: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: part(turns) if _thread.get_ident() == own else real()

    class Thread(_REAL_THREAD):
        """One that takes turns where this thread of the system makes it."""

        def __new__(cls, *arguments: Any, **options: Any) -> Any:
            managed = cls is Thread and _thread.get_ident() == own
            return TurnThread(turns, **options) if managed else super().__new__(cls)

    def current_thread() -> Any:
        task = turns.running
        managed = _thread.get_ident() == own
        return SimpleNamespace(name=task.name, ident=task.ident) if managed else current()

    def tasks_in_order(loop: Any = None) -> list[Any]:
        return sorted(all_tasks(loop), key=lambda task: int(task.get_name().split("-")[1]))

    parts = {
        "lock": made(TurnLock, _REAL_LOCK),
        "rlock": made(TurnRLock, _REAL_RLOCK),
        "value": made(TurnOnly, _REAL_LOCK),
    }
    names = [(module, name, parts[kind]) for module, name, kind in lock_names(len(sys.modules))]
    names += [
        (threading, "Thread", Thread),
        (threading, "current_thread", current_thread),
        (asyncio, "new_event_loop", made(TurnLoop, new_loop)),
        (asyncio, "all_tasks", tasks_in_order),
    ]
    before = [(module, name, getattr(module, name)) for module, name, _ in names]
    try:
        for module, name, part in names:
            setattr(module, name, part)
        yield
    finally:
        for module, name, real in before:
            setattr(module, name, real)
