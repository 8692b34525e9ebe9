"""The schedule of everything that asks the platform, and how it stands.

Discovery and what the platform says of components run on one thread of their own, so that slow
logs cannot hold them up and no two of them race; logs are read by a pool of workers.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from apscheduler.schedulers.background import BackgroundScheduler

from exporter.counting.ledger import Ledger
from exporter.errors import Stopping
from exporter.model import App, LogType, SourceStatus
from exporter.reading.reader import Reader
from exporter.scheduling.pacing import Fleet, Pacing
from exporter.scheduling.schedule import shut_down
from exporter.scheduling.timer import Timer
from exporter.watching.discovery import Discovery
from exporter.watching.inventory import Known
from exporter.watching.platform_reads import PlatformReads

PLATFORM_EXECUTOR = "platform"
HEARTBEAT_EXECUTOR = "heartbeat"
LEDGER_EXECUTOR = "ledger"
HEARTBEAT_SECONDS = 2.0
FLUSH_SECONDS = 0.25
"""How often what was counted is saved and published, where state is durable."""

PACING_SECONDS = 10.0
"""How often intervals are compared with the budget."""

STALLED_SECONDS = 30.0
RETRY_SECONDS = 10.0
"""How soon a discovery that failed is tried again, at the latest."""


class RunningScheduler:
    """Starts and stops a scheduler, and tells whether it still runs its jobs.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, scheduler: BackgroundScheduler, clock: Callable[[], float]) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._beat = clock()

    def start(self) -> None:
        """Run the jobs that were added, and those that will be."""
        self._beat = self._clock()
        self.every(HEARTBEAT_SECONDS, self._heartbeat, HEARTBEAT_EXECUTOR)
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no more jobs; those under way end by themselves."""
        if self._scheduler.running:
            shut_down(self._scheduler)

    def every(self, seconds: float, run: Callable[[], object], executor: str, **more: str) -> None:
        """Run a job at an interval, on one of the scheduler's executors."""
        self._scheduler.add_job(run, "interval", seconds=seconds, executor=executor, **more)

    def healthy(self) -> tuple[bool, str]:
        """Return whether jobs are run, and if not, what is wrong."""
        if not self._scheduler.running:
            return False, "the schedule is not running"
        late = self._clock() - self._beat
        if late > STALLED_SECONDS:
            return False, f"the schedule has not moved for {late:.0f} s"
        return True, ""

    def _heartbeat(self) -> None:
        self._beat = self._clock()


class Supervisor:
    """Starts and stops what reads an account, and brings reads in line with each discovery.

    Args:
        timer: of the discovery.
    """

    def __init__(
        self,
        scheduler: RunningScheduler,
        discovery: Discovery,
        timer: Timer,
        reader: Reader,
        platform_reads: PlatformReads,
        ledger: Ledger,
        pacing: Pacing,
    ) -> None:
        self._scheduler = scheduler
        self._discovery = discovery
        self._timer = timer
        self._reader = reader
        self._platform_reads = platform_reads
        self._ledger = ledger
        self._pacing = pacing
        self._ready = False

    def start(self) -> None:
        """Discover at once, and at intervals from then on."""
        self._scheduler.every(FLUSH_SECONDS, self._ledger.flush, LEDGER_EXECUTOR)
        self._scheduler.every(PACING_SECONDS, self._pace, PLATFORM_EXECUTOR, id="pacing")
        self._timer.start(self._discover)
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no more reads; those under way end by themselves."""
        self._scheduler.stop()

    def known(self) -> Known:
        """Return what is known of the account, for the supervisor after a reload."""
        known = self._discovery.known()
        return replace(known, all_read=self._ready, last_run=self._timer.last_run)

    def resume(self, known: Known) -> None:
        """Continue from what the supervisor before a reload knew."""
        self._ready, self._timer.last_run = known.all_read, known.last_run
        self._discovery.resume(known)

    def healthy(self) -> tuple[bool, str]:
        """Return whether the schedule lives, and if not, what is wrong."""
        return self._scheduler.healthy()

    def ready(self) -> tuple[bool, str]:
        """Whether every source was tried once, and if not, what is missing."""
        if not self._discovery.done:
            return False, self._discovery.problem
        waiting = self._reader.waiting()
        if waiting and not self._ready:
            return False, f"{waiting} logs have not been read for the first time"
        self._ready = True  # and stays so: a component that comes later is no reason to wait
        return True, ""

    def sources(self) -> Sequence[SourceStatus]:
        """How the reading of each log stands."""
        return self._reader.statuses()

    def _pace(self) -> None:
        """Bring the intervals in line with what the budget has left."""
        longer = self._pacing.update(self._fleet())
        if longer != 1:
            self._reader.repace(longer, self._pacing.stretch)
            self._platform_reads.repace(longer)

    def _fleet(self) -> Fleet:
        """What there is to ask for now."""
        inventory, polled = self._discovery.inventory, self._reader.polled()
        return Fleet(
            apps=len(inventory.apps),
            components=len(inventory.keys()),
            run=polled[LogType.RUN],
            restarted=polled[LogType.RUN_RESTARTED],
            with_jobs=sum(any(c.scheduled for c in app.components) for app in inventory.apps),
        )

    def _discover(self) -> None:
        try:
            worked = self._discovery.run()
        except Stopping:
            return
        apps = self._discovery.inventory.apps
        under_way = any(app.under_way for app in apps)
        interval = self._pacing.discovery_interval(len(apps), under_way=under_way)
        retry = min(interval, max(self._pacing.settings.poll_interval, 1.0), RETRY_SECONDS)
        self._timer.run_in(interval if worked else retry)
        if worked:  # no answer is no sign that a component is gone
            with self._ledger.transaction():
                self._ledger.expire()
            self._platform_reads.watch(apps)
            self._read_what_rolls_out(apps)
            self._pace()

    def _read_what_rolls_out(self, apps: Sequence[App]) -> None:
        """Read logs often that will be refused soon: those whose deployment is being replaced."""
        rolling_out = [app for app in apps if app.rolls_out]
        components = sum(len(app.components) for app in rolling_out)
        for app_id in self._pacing.roll_out({app.id for app in rolling_out}, components):
            self._reader.hand_over_nears(app_id)
