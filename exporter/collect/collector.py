"""The schedule of everything that asks the platform, and how it stands.

Discovery and what the platform says of components run on one thread of their own, so that slow
logs cannot hold them up and no two of them race; logs are read by a pool of workers.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from exporter.collect.discovery import Discovery
from exporter.collect.internal_errors import InternalErrors, Part
from exporter.collect.ledger import Ledger
from exporter.collect.pacing import CollectorSettings, Pacing
from exporter.collect.platform_reads import PlatformReads
from exporter.collect.reader import Reader
from exporter.collect.schedule import shut_down
from exporter.errors import InternalError, Stopping
from exporter.model import SourceStatus

PLATFORM_EXECUTOR = "platform"
HEARTBEAT_EXECUTOR = "heartbeat"
LEDGER_EXECUTOR = "ledger"
HEARTBEAT_SECONDS = 2.0
FLUSH_SECONDS = 0.25
"""How often what was counted is kept and shown, where state is durable."""

PACING_SECONDS = 10.0
"""How often intervals are held against the budget."""

STALLED_SECONDS = 30.0
RETRY_SECONDS = 10.0
"""How soon a discovery that failed is tried again, at the latest."""

_MOST_INSTANCES = 2  # of one job: with one only, what came due while it runs would be dropped


class Collector:
    """Starts and stops the schedule, and says whether it lives and has seen everything once.

    Args:
        on_pace: called with the factor by which intervals became longer, or shorter, and with
            how many times as long as configured they are.
    """

    def __init__(
        self,
        scheduler: BackgroundScheduler,
        discovery: Discovery,
        reader: Reader,
        platform_reads: PlatformReads,
        ledger: Ledger,
        pacing: Pacing,
        on_pace: Callable[[float, float], None],
        settings: CollectorSettings,
        clock: Callable[[], float],
        internal_errors: InternalErrors,
    ) -> None:
        self._scheduler = scheduler
        self._discovery = discovery
        self._reader = reader
        self._platform_reads = platform_reads
        self._ledger = ledger
        self._pacing = pacing
        self._on_pace = on_pace
        self._settings = settings
        self._clock = clock
        self._internal_errors = internal_errors
        internal_errors.watch_jobs(scheduler)
        self._beat = clock()
        self._discovered_at = self._discovery_due = 0.0
        self._ready = False

    def start(self) -> None:
        """Discover at once, and go on by the intervals."""
        self._beat = self._clock()
        self._scheduler.add_job(
            self._heartbeat, "interval", seconds=HEARTBEAT_SECONDS, executor=HEARTBEAT_EXECUTOR
        )
        self._scheduler.add_job(
            self._ledger.flush, "interval", seconds=FLUSH_SECONDS, executor=LEDGER_EXECUTOR
        )
        self._scheduler.add_job(
            self._pace, "interval", seconds=PACING_SECONDS, executor=PLATFORM_EXECUTOR, id="pacing"
        )
        self._schedule_discovery(0.0)
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no more reads; those under way end by themselves."""
        if self._scheduler.running:
            shut_down(self._scheduler)

    def take_over(self, before: "Collector") -> None:
        """Stand where another collector stood."""
        self._ready, self._discovered_at = before._ready, before._discovered_at

    def discover_soon(self) -> None:
        """Look for another active deployment now, or a bit later where that was just done."""
        now = self._clock()
        wait = min(self._settings.poll_interval, RETRY_SECONDS) - (now - self._discovered_at)
        if not now < self._discovery_due <= now + wait:  # no later than it comes anyway
            self._schedule_discovery(max(0.0, wait))

    def healthy(self) -> tuple[bool, str]:
        """Whether the schedule lives, and if not, what is wrong."""
        if not self._scheduler.running:
            return False, "the schedule is not running"
        late = self._clock() - self._beat
        if late > STALLED_SECONDS:
            return False, f"the schedule has not moved for {late:.0f} s"
        return True, ""

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
        longer = self._pacing.update()
        if longer != 1:
            self._on_pace(longer, self._pacing.stretch)
            self._platform_reads.repace(longer)

    def _heartbeat(self) -> None:
        self._beat = self._clock()

    def _discover(self) -> None:
        worked = False
        try:
            with self._internal_errors.translated(Part.DISCOVERY):
                worked = self._discovery.run()
        except Stopping:
            return
        except InternalError as error:
            self._discovery.problem = str(error)
        self._discovered_at = self._clock()
        interval = self._pacing.discovery_interval()
        retry = min(interval, max(self._settings.poll_interval, 1.0), RETRY_SECONDS)
        self._schedule_discovery(interval if worked else retry)
        if worked:  # no answer is no sign that a component is gone
            with self._ledger.lock:
                self._ledger.expire()
            self._platform_reads.watch(self._discovery.inventory.apps)
            self._pace()

    def _schedule_discovery(self, delay: float) -> None:
        self._discovery_due = self._clock() + delay
        self._scheduler.add_job(
            self._discover,
            "date",
            run_date=datetime.fromtimestamp(self._discovery_due, UTC),
            id="discovery",
            executor=PLATFORM_EXECUTOR,
            replace_existing=True,
            misfire_grace_time=None,
            max_instances=_MOST_INSTANCES,
        )
