"""An account's schedule and thread pools on threads that take turns."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

from apscheduler.jobstores.base import JobLookupError
from turn_parts import TurnRLock
from turns import Killed, Task, Turns


class TurnPool:
    """A pool of threads, as ``concurrent.futures`` has it.

    Args:
        workers: how many threads; each is started at its first use.
    """

    def __init__(self, turns: Turns, workers: int, name: str) -> None:
        self._turns = turns
        self._most = workers
        self._name = name
        self._workers = 0
        self._idle: list[Task] = []
        self._work: list[tuple[Future[Any], Callable[[], Any]]] = []
        self._closed = False

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Have a thread call a function."""
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        self._work.append((future, lambda: function(*arguments)))
        if self._idle:
            self._turns.wake(self._idle.pop(0))
        elif self._workers < self._most:
            self._workers += 1
            self._turns.spawn(self._serve, f"{self._name}-{self._workers}")
        self._turns.turn()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing new; what waits is still done unless it is cancelled."""
        self._closed = True
        if cancel_futures:
            work, self._work = self._work, []
            for future, _ in work:
                future.cancel()
        idle, self._idle = self._idle, []
        for task in idle:
            self._turns.wake(task)

    def _serve(self) -> None:
        while True:
            self._turns.turn()
            if self._work:
                future, run = self._work.pop(0)
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    result = run()
                except Killed:
                    raise
                except BaseException as error:  # noqa: BLE001  # as a real pool: whoever waits gets it
                    future.set_exception(error)
                else:
                    future.set_result(result)
                continue
            if self._closed:
                return
            self._idle.append(self._turns.running)
            self._turns.wait()


@dataclass
class _Job:
    due: float
    order: int
    run: Callable[[], object]
    executor: str
    every: float | None
    under_way: bool = False


class TurnScheduler:
    """Hands jobs to pools when they are due, as APScheduler does, each hand-out under its lock.

    Args:
        start: Unix seconds at the beginning of virtual time.
        workers: the threads of each executor.
        failed: takes what a job ended with.
    """

    def __init__(
        self,
        turns: Turns,
        start: float,
        workers: dict[str, int],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._turns = turns
        self._start = start
        self._failed = failed
        self._lock = TurnRLock(turns)
        self._pools = {name: TurnPool(turns, most, name) for name, most in workers.items()}
        self._jobs: dict[str, _Job] = {}
        self._numbers = count()
        self._thread: Task | None = None
        self._paused = False
        self._listeners: list[Callable[[Any], None]] = []
        self.running = False

    def add_job(
        self,
        function: Callable[..., object],
        trigger: str,
        *,
        run_date: datetime | None = None,
        seconds: float = 0.0,
        args: Any = (),
        id: str = "",
        executor: str,
        **options: object,
    ) -> None:
        """Run a function once, or every so many seconds."""
        number = next(self._numbers)
        now = self._turns.now
        due = now + seconds if run_date is None else run_date.timestamp() - self._start
        every = seconds if trigger == "interval" else None
        job = _Job(due, number, lambda: function(*args), executor, every)
        with self._lock:
            self._jobs[id or f"job {number}"] = job
        self._wake()

    def remove_job(self, name: str) -> None:
        """Forget a job; raises JobLookupError where there is none."""
        with self._lock:
            if self._jobs.pop(name, None) is None:
                raise JobLookupError(name)

    def remove_all_jobs(self) -> None:
        """Forget all jobs."""
        with self._lock:
            self._jobs.clear()

    def start(self) -> None:
        """Hand out jobs from now on."""
        self.running = True
        self._thread = self._turns.spawn(self._serve, "scheduler")

    def pause(self) -> None:
        """Hand out nothing more."""
        self._paused = True

    def shutdown(self, wait: bool = True) -> None:
        """End; jobs under way end by themselves."""
        self.running = False
        self._wake()
        for pool in self._pools.values():
            pool.shutdown()

    def add_listener(self, listener: Callable[[Any], None], mask: int) -> None:
        """Tell of jobs that ended in an exception."""
        self._listeners.append(listener)

    def _wake(self) -> None:
        if self._thread is not None:
            self._turns.wake(self._thread)

    def _serve(self) -> None:
        while self.running:
            self._turns.turn()
            with self._lock:
                self._hand_out()
                dues = [] if self._paused else [job.due for job in self._jobs.values()]
            if self.running:
                self._turns.wait(min(dues, default=None))

    def _hand_out(self) -> None:
        now = self._turns.now
        due = [] if self._paused else [(n, j) for n, j in self._jobs.items() if j.due <= now]
        for name, job in sorted(due, key=lambda each: (each[1].due, each[1].order)):
            if job.every is None:
                del self._jobs[name]
            else:
                job.due = now + job.every
            if not (job.every is not None and job.under_way):
                job.under_way = True
                self._pools[job.executor].submit(self._run, job)

    def _run(self, job: _Job) -> None:
        try:
            job.run()
        except Exception as error:  # noqa: BLE001  # as APScheduler: a job ends alone
            self._failed(error)
            for listener in self._listeners:
                listener(SimpleNamespace(exception=error))
        finally:
            job.under_way = False
