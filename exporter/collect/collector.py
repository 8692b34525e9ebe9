"""The schedule of everything that asks the platform, and how it stands.

Discovery and what the platform says of components run on one thread of their own, so that slow
logs cannot hold them up and no two of them race; logs are read by a pool of workers.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from exporter.collect.discovery import Discovery
from exporter.collect.ledger import Ledger
from exporter.collect.platform_metrics import PlatformMetrics
from exporter.collect.reader import Reader
from exporter.errors import Stopping
from exporter.model import App, SourceStatus

LOG = logging.getLogger(__name__)

PLATFORM_EXECUTOR = "platform"
HEARTBEAT_EXECUTOR = "heartbeat"
LEDGER_EXECUTOR = "ledger"
HEARTBEAT_SECONDS = 2.0
FLUSH_SECONDS = 0.25
"""How often what was counted is kept and shown, where state is durable."""

STALLED_SECONDS = 30.0
RETRY_SECONDS = 10.0
"""How soon a discovery that failed is tried again, at the latest."""

_MOST_INSTANCES = 2  # of one job: with one only, what came due while it runs would be dropped


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """Intervals in seconds, and which of the platform's own numbers are read."""

    discovery_interval: float
    poll_interval: float
    health: bool
    instances: bool
    restart_count: bool
    deployments: bool


class Collector:
    """Starts and stops the schedule, and says whether it lives and has seen everything once."""

    def __init__(
        self,
        scheduler: BackgroundScheduler,
        discovery: Discovery,
        reader: Reader,
        platform_metrics: PlatformMetrics,
        ledger: Ledger,
        settings: CollectorSettings,
        clock: Callable[[], float],
    ) -> None:
        self._scheduler = scheduler
        self._discovery = discovery
        self._reader = reader
        self._platform_metrics = platform_metrics
        self._ledger = ledger
        self._settings = settings
        self._clock = clock
        self._beat = clock()
        self._discovered_at = 0.0
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
        self._schedule("discovery", self._discover, 0.0)
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no more reads; those under way end by themselves."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def take_over(self, before: "Collector") -> None:
        """Stand where another collector stood."""
        self._ready, self._discovered_at = before._ready, before._discovered_at

    def discover_soon(self) -> None:
        """Look for another active deployment now, unless that was just done."""
        since = self._clock() - self._discovered_at
        wait = min(self._settings.poll_interval, RETRY_SECONDS) - since
        self._schedule("discovery", self._discover, max(0.0, wait))

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

    def _heartbeat(self) -> None:
        self._beat = self._clock()

    def _discover(self) -> None:
        worked = False
        try:
            worked = self._discovery.run()
        except Stopping:
            return
        except Exception:  # the outermost boundary of a job: the next one must still come
            LOG.exception("discovery failed unexpectedly")
        self._discovered_at = self._clock()
        interval = self._settings.discovery_interval
        retry = min(interval, max(self._settings.poll_interval, 1.0), RETRY_SECONDS)
        self._schedule("discovery", self._discover, interval if worked else retry)
        if worked:  # no answer is no sign that a component is gone
            with self._ledger.lock:
                self._ledger.expire()
            self._follow_up(self._discovery.inventory.apps)

    def _follow_up(self, apps: Sequence[App]) -> None:
        """After a discovery: what needs no shorter interval; health has one of its own."""
        if self._settings.health and self._scheduler.get_job("health") is None:
            self._schedule("health", self._read_health, 0.0)
        if self._settings.deployments:
            self._each(apps, self._platform_metrics.read_deployments)
        if self._settings.restart_count:
            self._each(apps, self._platform_metrics.read_restart_counts)
        if self._settings.instances and not self._settings.health:
            self._each(apps, self._platform_metrics.read_instances)

    def _read_health(self) -> None:
        self._each(self._discovery.inventory.apps, self._platform_metrics.read_health)
        self._schedule("health", self._read_health, self._settings.poll_interval)

    def _each(self, apps: Sequence[App], read: Callable[[App], None]) -> None:
        for app in apps:
            if not self._scheduler.running:
                return
            try:
                read(app)
            except Stopping:
                return
            except Exception:  # the outermost boundary: other apps must still be read
                LOG.exception("platform metrics failed unexpectedly")

    def _schedule(self, name: str, job: Callable[[], None], delay: float) -> None:
        self._scheduler.add_job(
            job,
            "date",
            run_date=datetime.fromtimestamp(self._clock() + delay, UTC),
            id=name,
            executor=PLATFORM_EXECUTOR,
            replace_existing=True,
            misfire_grace_time=None,
            max_instances=_MOST_INSTANCES,
        )
