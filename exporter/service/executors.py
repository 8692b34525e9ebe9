"""The scheduler of one account, with a pool of threads for each kind of work."""

from collections.abc import Callable

from apscheduler.executors.pool import ThreadPoolExecutor

from exporter.scheduling import schedule as scheduling
from exporter.scheduling.steady import SteadyScheduler
from exporter.service import supervisor as supervising

SOON_WORKERS = 2


def build_scheduler(workers: int, steady: Callable[[], float]) -> SteadyScheduler:
    """A pool for logs by turns, one for logs asked for, and a thread each for everything else.

    No daemon, since its workers inherit that: the interpreter waits for them at the end either
    way, so ``shut_down`` has to see them.
    """
    return SteadyScheduler(
        steady,
        daemon=False,
        executors={
            scheduling.EXECUTOR: ThreadPoolExecutor(workers),
            scheduling.SOON_EXECUTOR: ThreadPoolExecutor(SOON_WORKERS),
            supervising.PLATFORM_EXECUTOR: ThreadPoolExecutor(1),
            supervising.HEARTBEAT_EXECUTOR: ThreadPoolExecutor(1),
            supervising.LEDGER_EXECUTOR: ThreadPoolExecutor(1),
        },
        timezone="UTC",
    )
