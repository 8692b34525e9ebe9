"""Work for all cores: Python runs on one at a time, so it is done in processes."""

import gc
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Generic, NoReturn, TypeVar, cast

Result = TypeVar("Result")


def cores() -> int:
    """How many processes may run at a time; 1 where a process cannot be copied."""
    if not hasattr(os, "fork"):
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def beside(task: Callable[[], Result], processes: int) -> Iterator[Callable[[], Result]]:
    """Run a task beside this process; yields what waits for it and returns its result.

    It runs in a copy of this process, which must have one thread. The result of a task, or the
    exception that it ends with, has to be fit for pickling.

    Args:
        processes: how many may run at a time; where that is one, the task runs when waited for.
    """
    if processes == 1:
        yield task
        return
    copy = _Copy(task)
    try:
        yield copy.result
    finally:
        copy.end()


def run_together(tasks: Sequence[Callable[[], Result]]) -> list[Result]:
    """Run all tasks at a time and return what they return, in their order.

    The first runs here, the others ``beside`` it.

    Raises:
        Exception: what the first failing task raised; the others are ended.
        ChildProcessError: a process ended without a result.
    """
    # A process that collects garbage writes to what it looks at, and so no longer shares it.
    gc.freeze()
    with ExitStack() as stack:
        waiting = [stack.enter_context(beside(task, len(tasks))) for task in tasks[1:]]
        results = [task() for task in tasks[:1]]
        return results + [wait() for wait in waiting]


class _Copy(Generic[Result]):
    """A copy of this process that does one task."""

    def __init__(self, task: Callable[[], Result]) -> None:
        readable, writable = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            _work(task, writable)
        os.close(writable)
        self._answer = os.fdopen(readable, "rb")

    def result(self) -> Result:
        """Wait for what the task returns, or raise what it raised."""
        answer = self._answer.read()
        if not answer:
            raise ChildProcessError("a process that read a part of the log ended early")
        result, error = pickle.loads(answer)
        if error is not None:
            raise error
        return cast(Result, result)

    def end(self) -> None:
        self._answer.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _work(task: Callable[[], object], writable: int) -> NoReturn:
    """Do the task, say how it went, and end without what only the first process may do."""
    code = 1
    try:
        answer: tuple[object, Exception | None]
        try:
            answer = (task(), None)
        except Exception as error:  # noqa: BLE001  (it is raised again in the first process)
            answer = (None, error)
        with os.fdopen(writable, "wb") as out:
            pickle.dump(answer, out)
        code = 0
    finally:
        os._exit(code)
