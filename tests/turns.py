"""Threads that take turns, by a seed: real ones, of which one runs at a time, in virtual time.

Within ``Turns.patched`` the locks, conditions, events, futures and threads that a managed thread
makes are built on ``TurnLock``. Each lock that is taken or released, each wait and each start of a
thread is a turn: there the seed decides which thread continues. When no thread can continue, time
jumps to the next one that is due; when none is due either, it is a deadlock and reported as one.
"""

import _thread
import asyncio
import selectors
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from random import Random
from types import FrameType, SimpleNamespace
from typing import Any
from unittest.mock import patch

_REAL_LOCKS = (_thread.allocate_lock, threading.RLock)
_REAL_THREAD = threading.Thread
HOLD_SECONDS = (0.001, 0.02, 0.3, 2.0)
MOST_TURNS = 500_000
PATCHED = ("exporter", "prometheus_client", "concurrent.futures")
"""Modules whose own names for locks are replaced as well."""


class Killed(BaseException):
    """Ends a thread at its next turn, as SIGKILL would: it is no ``Exception``."""


class Stuck(Exception):
    """No thread can continue, and none ever will; or all do without getting anywhere."""


class Task:
    """One managed thread."""

    def __init__(self, name: str, group: object) -> None:
        self.name = name
        self.group = group
        self.baton = _thread.allocate_lock()
        self.baton.acquire()
        self.ready = True
        self.due: float | None = None  # of a wait with an end
        self.blocked_at: float | None = None  # since when it waits for a lock without an end
        self.doomed = False
        self.ended = False
        self.ident = 0
        self.joiners: list[Task] = []


class Turns:
    """Decides which thread continues.

    Args:
        rng: decides.
        switching: how likely a turn is to be given to another thread.

    Attributes:
        holding: how likely a thread is held up for a while at a turn.
        preempting: how likely a thread is to be interrupted at a line of ``TRACED`` modules.
    """

    def __init__(self, rng: Random, switching: float) -> None:
        self.rng = rng
        self.switching = switching
        self.now = 0.0
        self.turns = 0
        self.switches = 0
        self.holding = 0.0
        self.preempting = 0.0
        self.failure: BaseException | None = None
        self.errors: list[str] = []
        self.loops: list[TurnLoop] = []
        self.main = Task("main", None)
        self.main.ident = _thread.get_ident()
        self._tasks: list[Task] = [self.main]
        self._running = self.main
        self._by_ident: dict[int, Task] = {self.main.ident: self.main}

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    def task(self) -> Task | None:
        """The managed thread that calls; None for any other."""
        return self._by_ident.get(_thread.get_ident())

    # --- turns

    def turn(self) -> None:
        """Let another thread continue here, or not."""
        task = self._by_ident.get(_thread.get_ident())
        if task is None:
            return
        if task.doomed or self.failure is not None:
            self._check(task)
        self.turns += 1
        if self.turns > MOST_TURNS:
            self._fail("turns without an end")
        chance = self.rng.random()
        if chance < self.switching:
            self._interrupt(task, hold=chance < self.holding)
            self._check(task)

    def _interrupt(self, task: Task, *, hold: bool) -> None:
        """Let others continue: those that can, or for a while those that are due as well."""
        if hold:
            task.ready, task.due = False, self.now + self.rng.choice(HOLD_SECONDS)
        self._give(task)
        task.due = None

    def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        self.wait(self.now + seconds)

    def wait(self, due: float | None = None) -> None:
        """Wait until ``wake``, or until a time."""
        task = self._running
        self._check(task)
        task.ready, task.due = False, due
        self._give(task)
        task.due = None
        self._check(task)

    def wake(self, task: Task) -> None:
        """Let a thread that waits continue when its turn comes."""
        if not task.ready and not task.ended:
            task.ready = True

    def _check(self, task: Task) -> None:
        if task.doomed:
            raise Killed
        if self.failure is not None and task is self.main:
            failure, self.failure = self.failure, None
            raise failure

    def _give(self, task: Task) -> None:
        chosen = self._choose(task)
        if chosen is task:
            return
        self.switches += 1
        self._running = chosen
        chosen.baton.release()
        if not task.ended:
            task.baton.acquire()

    def _choose(self, task: Task) -> Task:
        while True:
            ready = [each for each in self._tasks if each.ready]
            if ready:
                return ready[0] if len(ready) == 1 else self.rng.choice(ready)
            waiting = [each for each in self._tasks if each.due is not None]
            if not waiting:
                self._fail("deadlock")
                return self.main
            due = min(each.due for each in waiting if each.due is not None)
            self.now = max(self.now, due)
            for each in waiting:
                if each.due is not None and each.due <= self.now:
                    each.ready, each.due = True, None

    def _fail(self, what: str) -> None:
        """Let the main thread raise what is wrong."""
        self.failure = Stuck(f"{what}\n{self.stacks()}")
        self.main.ready, self.main.due = True, None

    def stuck(self, seconds: float) -> list[str]:
        """The threads that have waited for a lock for so long, without an end to that."""
        return [
            task.name
            for task in self._tasks
            if task.blocked_at is not None and self.now - task.blocked_at >= seconds
        ]

    def stacks(self) -> str:
        """Where each thread stands."""
        frames = sys._current_frames()
        parts = []
        for task in self._tasks:
            stack = traceback.format_stack(frames[task.ident]) if task.ident in frames else []
            calls = [line for line in stack if "tests/turns.py" not in line]
            parts.append(f"{task.name}:\n{''.join(calls[-6:])}")
        return "\n".join(parts)

    # --- threads

    def spawn(self, run: Callable[[], object], name: str, group: object = None) -> Task:
        """Start a managed thread."""
        parent = self.task()
        task = Task(name, parent.group if parent and group is None else group)

        def body() -> None:
            task.ident = _thread.get_ident()
            self._by_ident[task.ident] = task
            task.baton.acquire()
            if self.preempting:
                sys.settrace(self._trace)
            try:
                if not task.doomed:
                    run()
            except Killed:
                pass
            except BaseException:  # noqa: BLE001  # the life reports it
                if task.doomed:
                    return  # of what came apart while it ended
                self.errors.append(f"thread {name} ended:\n{traceback.format_exc()}")
            finally:
                sys.settrace(None)
                self._finish(task)

        self._tasks.append(task)
        started = _thread.allocate_lock()
        started.acquire()

        def outer() -> None:
            task.ident = _thread.get_ident()
            started.release()
            body()

        _thread.start_new_thread(outer, ())
        started.acquire()
        self.turn()
        return task

    def _finish(self, task: Task) -> None:
        task.ended, task.ready, task.due = True, False, None
        self._tasks.remove(task)
        del self._by_ident[task.ident]
        for joiner in task.joiners:
            self.wake(joiner)
        self._give(task)

    def join(self, task: Task, timeout: float | None = None) -> None:
        """Wait until a thread has ended."""
        due = None if timeout is None else self.now + timeout
        self.turn()
        while not task.ended and (due is None or self.now < due):
            task.joiners.append(self._running)
            self.wait(due)

    def kill(self, group: object) -> None:
        """End all threads of a group at their next turn, and wait for that."""
        doomed = [task for task in self._tasks if task.group is group and task is not self.main]
        for task in doomed:
            task.doomed = True
            task.ready, task.due = True, None
        for task in doomed:
            self.join(task)
        loops, self.loops = self.loops, []
        for loop in loops:  # what their tasks still had to say is said here, to nobody
            for each in asyncio.all_tasks(loop):
                with suppress(BaseException):
                    each.get_coro().close()  # type: ignore[union-attr]
            loop.close()

    def alive(self, group: object) -> list[str]:
        """The names of the threads of a group that have not ended."""
        return [task.name for task in self._tasks if task.group is group and task is not self.main]

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_globals.get("__name__", "")
        return self._trace_line if name.startswith(TRACED) else None

    def _trace_line(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line" and (chance := self.rng.random()) < self.preempting:
            task = self.task()
            if task is not None and not task.doomed:
                self._interrupt(task, hold=chance < self.preempting / 4)
        return self._trace_line

    # --- what the program makes

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Have managed threads make locks and threads that take turns."""
        real_allocate, real_rlock = _REAL_LOCKS
        new_loop, all_tasks = asyncio.new_event_loop, asyncio.all_tasks

        def lock() -> Any:
            return real_allocate() if self.task() is None else TurnLock(self)

        def rlock() -> Any:
            return real_rlock() if self.task() is None else TurnRLock(self)

        turns, current = self, threading.current_thread

        class Thread(_REAL_THREAD):
            """One that takes turns where a managed thread makes it."""

            def __new__(cls, *arguments: Any, **options: Any) -> Any:
                managed = cls is Thread and turns.task() is not None
                return TurnThread(turns, **options) if managed else super().__new__(cls)

        def current_thread() -> Any:
            task = self.task()
            return current() if task is None else SimpleNamespace(name=task.name, ident=task.ident)

        def event_loop() -> Any:
            return new_loop() if self.task() is None else TurnLoop(self)

        def tasks_in_order(loop: Any = None) -> list[Any]:
            return sorted(all_tasks(loop), key=lambda task: int(task.get_name().split("-")[1]))

        with ExitStack() as stack:
            replace = {id(real_allocate): lock, id(real_rlock): rlock}
            for module in list(sys.modules.values()):
                name = getattr(module, "__name__", "")
                if not (name.startswith(PATCHED) or name == "threading"):
                    continue
                for attribute, value in list(vars(module).items()):
                    if id(value) in replace:
                        stack.enter_context(patch.object(module, attribute, replace[id(value)]))
            stack.enter_context(patch.object(threading, "Thread", Thread))
            stack.enter_context(patch.object(threading, "current_thread", current_thread))
            stack.enter_context(patch.object(asyncio, "new_event_loop", event_loop))
            stack.enter_context(patch.object(asyncio, "all_tasks", tasks_in_order))
            yield


TRACED = (
    "exporter.counting",
    "exporter.reading",
    "exporter.scheduling",
    "exporter.service.account",
    "exporter.telemetry.table",
    "exporter.telemetry.api_metrics",
    "exporter.watching",
    "exporter.web.exposition",
)
"""Modules in which a thread can be held up at any line."""


class TurnLock:
    """A lock whose every use is a turn."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._owner: Task | None = None
        self._waiting: list[Task] = []

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it, or wait in virtual time."""
        turns = self._turns
        task = turns.task()
        if task is None:  # the life is over, or has not begun: nobody contends
            self._owner = turns.main
            return True
        turns.turn()
        due = turns.now + timeout if blocking and timeout >= 0 else None
        while self._owner is not None:
            if not blocking or (due is not None and turns.now >= due):
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
        task = self._turns.task()
        if self._owner is None and not (task and task.doomed):
            raise RuntimeError("release unlocked lock")
        self._owner = None
        turns, waiting, self._waiting = self._turns, self._waiting, []
        for each in waiting:
            turns.wake(each)
        if task is not None and not task.doomed and turns.failure is None:
            turns.turn()

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *raised: object) -> None:
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
        mine = self._owner is not None and self._owner is (self._turns.task() or self._turns.main)
        if mine or super().acquire(blocking, timeout):
            self._count += 1
            return True
        return False

    def release(self) -> None:
        """Give it back once."""
        self._count -= 1
        if not self._count:
            super().release()

    def _is_owned(self) -> bool:
        return self._owner is not None and self._owner is self._turns.task()

    def _release_save(self) -> int:
        count, self._count = self._count, 0
        super().release()
        return count

    def _acquire_restore(self, count: int) -> None:
        super().acquire()
        self._count = count


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
            loop.owner = turns.task()
            try:
                turns.wait(due)
            finally:
                loop.owner = None
        loop.woken = False
        return []
