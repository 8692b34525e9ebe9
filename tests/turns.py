"""Threads that take turns, by a seed, in virtual time: greenlets, of which one runs at a time.

A greenlet has a stack of its own, as a thread has; to continue another one costs a hundredth of
what it costs between threads. Each lock that is taken or given back, each wait and each start of a
thread is a turn: there the seed decides which thread continues. When no thread can continue, time
jumps to the next one that is due; when none is due either, it is a deadlock and reported as one.
What the program makes of threads and locks is in ``turn_parts``.
"""

import asyncio
import traceback
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from math import log
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

HOLD_SECONDS = (0.001, 0.02, 0.3, 2.0)
MOST_TURNS = 500_000
OWN_FILES = ("tests/turns.py", "tests/turn_parts.py")


class Killed(BaseException):
    """Ends a thread at its next turn, as SIGKILL would: it is no ``Exception``."""


class Stuck(Exception):
    """No thread can continue, and none ever will; or all do without getting anywhere."""


class Task:
    """One managed thread."""

    def __init__(self, name: str, group: object, strand: greenlet, ident: int) -> None:
        self.name = name
        self.group = group
        self.strand = strand
        self.ident = ident
        self.ready = True
        self.due: float | None = None  # of a wait with an end
        self.blocked_at: float | None = None  # since when it waits for a lock without an end
        self.doomed = False
        self.ended = False
        self.joiners: list[Task] = []


class Turns:
    """Decides which thread continues.

    Args:
        rng: decides.
        switching: how likely a turn is to be given to another thread.

    Attributes:
        holding: how likely a thread is held up for a while at a turn; at most ``switching``.
        preempting: how likely a thread is to be interrupted at a line, see ``turn_lines``.
        running: the thread that runs.
        before: turns that come before the next one that is decided.
    """

    def __init__(self, rng: Random, switching: float) -> None:
        self.rng = rng
        self.switching = switching
        self._spacing = log(1.0 - switching) if switching < 1 else 0.0
        self.now = 0.0
        self.turns = 0
        self.switches = 0
        self.holding = 0.0
        self.preempting = 0.0
        self.failure: BaseException | None = None
        self.errors: list[str] = []
        self.loops: list[Any] = []
        self.main = Task("main", None, getcurrent(), 0)
        self.running = self.main
        self.before = 0
        self._tasks: list[Task] = [self.main]
        self._ready: list[Task] = [self.main]
        self._lines = 0
        self._dying = 0
        self._unwell = False  # a thread is to end, or the life has failed
        self._idents = count(1)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now

    # --- turns

    def turn(self) -> None:
        """Let another thread continue here, or not."""
        if self.before:
            self.before -= 1
        else:
            self.decide()

    def decide(self) -> None:
        """Let another thread continue if one can, and draw when that is decided again."""
        task = self.running
        if self._unwell:
            self._check(task)
        if self._spacing and not self._dying:
            self.before = int(log(1.0 - self.rng.random()) / self._spacing)
        self.turns += 1 + self.before
        if self.turns > MOST_TURNS:
            self._fail("turns without an end")
        if self.holding and self.rng.random() * self.switching < self.holding:
            self.interrupt(hold=True)
        elif len(self._ready) > 1:
            self._give(task)
        if self._unwell:
            self._check(task)

    def distance(self, chance: float) -> int:
        """How many times in a row something does not happen that has this chance each time."""
        return int(log(1.0 - self.rng.random()) / log(1.0 - chance))

    def interrupt(self, *, hold: bool) -> None:
        """Let others continue: those that can, or for a while those that are due as well."""
        task = self.running
        if hold:
            self._pause(task, self.now + self.rng.choice(HOLD_SECONDS))
        self._give(task)
        task.due = None

    def at_line(self) -> None:
        """Hold the thread up before a line of the program, or not."""
        if self._lines:
            self._lines -= 1
            return
        self._lines = self.distance(self.preempting)
        if not self.running.doomed and self.failure is None:
            self.interrupt(hold=self.rng.random() < 0.25)

    def sleep(self, seconds: float) -> None:
        """Wait in virtual time."""
        self.wait(self.now + seconds)

    def wait(self, due: float | None = None) -> None:
        """Wait until ``wake``, or until a time."""
        task = self.running
        if self._unwell:
            self._check(task)
        self._pause(task, due)
        self._give(task)
        task.due = None
        if self._unwell:
            self._check(task)

    def wake(self, task: Task) -> None:
        """Let a thread that waits continue when its turn comes."""
        if not task.ready and not task.ended:
            task.ready = True
            self._ready.append(task)

    def _pause(self, task: Task, due: float | None) -> None:
        if task.ready:
            self._ready.remove(task)
        task.ready, task.due = False, due

    def _check(self, task: Task) -> None:
        if task.doomed:
            raise Killed
        if self.failure is not None and task is self.main:
            failure, self.failure = self.failure, None
            self._unwell = self._dying > 0
            raise failure

    def _give(self, task: Task) -> None:
        ready = self._ready
        if not ready:
            self._jump()
        chosen = ready[0] if len(ready) == 1 else ready[int(self.rng.random() * len(ready))]
        if chosen is task:
            return
        self.switches += 1
        self.running = chosen
        if task.ended:
            task.strand.parent = chosen.strand  # which continues when a greenlet has ended
            return
        loop = asyncio._get_running_loop()
        chosen.strand.switch()
        asyncio._set_running_loop(loop)

    def _jump(self) -> None:
        """Let time pass until a thread is due."""
        dues = [each.due for each in self._tasks if each.due is not None]
        if not dues:
            self._fail("deadlock")
            return
        self.now = max(self.now, min(dues))
        for each in self._tasks:
            if each.due is not None and each.due <= self.now:
                each.due = None
                self.wake(each)

    def _fail(self, what: str) -> None:
        """Let the main thread raise what is wrong."""
        self.failure = Stuck(f"{what}\n{self.stacks()}")
        self.main.due = None
        self.before, self._unwell = 0, True
        self.wake(self.main)

    def stuck(self, seconds: float) -> list[str]:
        """The threads that have waited for a lock for so long, without an end to that."""
        return [
            task.name
            for task in self._tasks
            if task.blocked_at is not None and self.now - task.blocked_at >= seconds
        ]

    def stacks(self) -> str:
        """Where each thread stands."""
        parts = []
        for task in self._tasks:
            own = task.strand is getcurrent()
            stack = traceback.format_stack(None if own else task.strand.gr_frame or None)
            calls = [line for line in stack if not any(file in line for file in OWN_FILES)]
            begun = own or task.strand.gr_frame is not None
            parts.append(f"{task.name}:\n{''.join(calls[-6:]) if begun else ''}")
        return "\n".join(parts)

    # --- threads

    def spawn(self, run: Callable[[], object], name: str, group: object = None) -> Task:
        """Start a managed thread."""

        def body(*_: object) -> None:
            asyncio._set_running_loop(None)
            try:
                if not task.doomed:
                    run()
            except Killed:
                pass
            except BaseException:  # noqa: BLE001  # the life reports it
                if not task.doomed:  # or else it is of what came apart while it ended
                    self.errors.append(f"thread {name} ended:\n{traceback.format_exc()}")
            finally:
                self._finish(task)

        within = self.running.group if group is None else group
        task = Task(name, within, greenlet(body, self.main.strand), next(self._idents))
        self._tasks.append(task)
        self._ready.append(task)
        self.turn()
        return task

    def _finish(self, task: Task) -> None:
        if task.ready:
            self._ready.remove(task)
        task.ended, task.ready, task.due = True, False, None
        if task.doomed:
            self._dying -= 1
            self._unwell = self._dying > 0 or self.failure is not None
        self._tasks.remove(task)
        for joiner in task.joiners:
            self.wake(joiner)
        self._give(task)

    def join(self, task: Task, timeout: float | None = None) -> None:
        """Wait until a thread has ended."""
        due = None if timeout is None else self.now + timeout
        self.turn()
        while not task.ended and (due is None or self.now < due):
            task.joiners.append(self.running)
            self.wait(due)

    def kill(self, group: object) -> None:
        """End all threads of a group at their next turn, and wait for that."""
        while left := self._of(group):
            for task in left:  # among them what these have started at the last moment
                self._doom(task)
            self.join(left[0])
        loops, self.loops = self.loops, []
        for loop in loops:  # what their tasks still had to say is said here, to nobody
            for each in asyncio.all_tasks(loop):
                with suppress(BaseException):
                    each.get_coro().close()  # type: ignore[union-attr]
            loop.close()

    def _doom(self, task: Task) -> None:
        if not task.doomed:
            task.doomed, task.due = True, None
            self.wake(task)
            self._dying, self._unwell = self._dying + 1, True
            self.before = 0  # one that ends is seen at each turn

    def alive(self, group: object) -> list[str]:
        """The names of the threads of a group that have not ended."""
        return [task.name for task in self._of(group)]

    def _of(self, group: object) -> list[Task]:
        return [task for task in self._tasks if task.group is group and task is not self.main]
