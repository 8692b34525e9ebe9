"""What the platform says of each app, read by turns: no app waits for the others."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from exporter.errors import InternalError, Stopping
from exporter.model import App
from exporter.scheduling.pacing import CollectorSettings, Pacing
from exporter.scheduling.schedule import Schedule
from exporter.telemetry.internal_errors import InternalErrors, Part
from exporter.watching import bandwidth
from exporter.watching.autoscaling import Autoscaling
from exporter.watching.bandwidth import Bandwidth
from exporter.watching.jobs import Jobs
from exporter.watching.platform_metrics import PlatformMetrics

HEALTH, INSTANCES = "health", "instances"
DEPLOYMENTS, RESTART_COUNT = "deployments", "restart_count"


class AppReader(Protocol):
    """Reads one thing of each app; ``what`` names it."""

    what: str

    def wants(self, app: App) -> bool:
        """Whether there is anything to read of an app."""
        ...

    def read(self, app: App) -> None:
        """Read it once; raises Stopping at shutdown, and nothing else that is foreseen."""
        ...

    def lose(self, app: App) -> None:
        """It is not known any more."""
        ...

    def forget(self, app: App) -> None:
        """The app is gone."""
        ...


@dataclass(frozen=True, slots=True)
class PlatformRead:
    """One thing that is asked of one app."""

    what: str
    app_id: str

    def __str__(self) -> str:
        return f"{self.what} {self.app_id}"


_BANDWIDTH = PlatformRead(Bandwidth.what, "")


def wanted_reads(settings: CollectorSettings) -> tuple[str, ...]:
    """What is asked of every app; health has the number of instances already."""
    wanted = {
        HEALTH: settings.health,
        INSTANCES: settings.instances and not settings.health,
        DEPLOYMENTS: settings.deployments,
        RESTART_COUNT: settings.restart_count,
    }
    return tuple(what for what, on in wanted.items() if on)


class PlatformIntervals:
    """Returns the seconds between two reads of the same, as the budget allows now."""

    def __init__(self, pacing: Pacing) -> None:
        self._by_name = {
            HEALTH: pacing.health_interval,
            INSTANCES: pacing.instances_interval,
            DEPLOYMENTS: pacing.sweep_interval,
            RESTART_COUNT: pacing.sweep_interval,
            Jobs.what: pacing.health_interval,
            Autoscaling.what: pacing.instances_interval,
            Bandwidth.what: _bandwidth_interval,
        }

    def __call__(self, read: PlatformRead) -> float:
        return self._by_name[read.what]()


class PlatformReads:
    """Keeps the schedule in line with the apps that there are.

    Args:
        schedule: runs the reads on one thread, discovery's, so that none races with it.
        wanted: what ``metrics`` is asked of every app.
        readers: read more of the apps that have it.
        bandwidth: reads that of all apps together.
    """

    def __init__(
        self,
        schedule: Schedule[PlatformRead],
        metrics: PlatformMetrics,
        wanted: Iterable[str],
        internal_errors: InternalErrors,
        *,
        readers: Sequence[AppReader] = (),
        bandwidth: Bandwidth | None = None,
    ) -> None:
        self._schedule = schedule
        self._metrics = metrics
        self._wanted = tuple(wanted)
        self._readers = tuple(readers)
        self._bandwidth = bandwidth
        self._internal_errors = internal_errors
        self._apps: Mapping[str, App] = {}
        self._by_name: dict[str, Callable[[App], None]] = {
            HEALTH: metrics.read_health,
            INSTANCES: metrics.read_instances,
            DEPLOYMENTS: metrics.read_deployments,
            RESTART_COUNT: metrics.read_restart_counts,
        }
        self._lose: dict[str, Callable[[App], None]] = {
            HEALTH: metrics.lose_health,
            INSTANCES: metrics.lose_instances,
            RESTART_COUNT: metrics.lose_restart_counts,
        }  # of deployments nothing is lost: what was seen of them stays true
        for reader in self._readers:
            self._by_name[reader.what], self._lose[reader.what] = reader.read, reader.lose

    def watch(self, apps: Iterable[App]) -> None:
        """Read what is wanted of these apps, and of no others.

        Where another deployment runs or has begun, or one advanced, the list of an app's
        deployments is read at once: its own interval is for what went by between two looks.
        """
        before, self._apps = self._apps, {app.id: app for app in apps}
        self._metrics.keep(self._apps.values())
        for gone in before.keys() - self._apps.keys():
            for reader in self._readers:
                reader.forget(before[gone])
            for what in self._wanted_of(before[gone]):
                self._schedule.remove(PlatformRead(what, gone))
        for app in self._apps.values():
            former = before.get(app.id)
            now, then = self._wanted_of(app), self._wanted_of(former) if former else ()
            for what in then:
                if what not in now:
                    self._schedule.remove(PlatformRead(what, app.id))
            for what in now:
                if what not in then:
                    read = PlatformRead(what, app.id)
                    self._schedule.add(read, partial(self._read, read))
            if former is not None and _phases(former) != _phases(app):
                self._schedule.soon(PlatformRead(DEPLOYMENTS, app.id))
        if self._bandwidth is not None and not before and self._apps:
            self._schedule.add(_BANDWIDTH, self._read_bandwidth)

    def _wanted_of(self, app: App) -> tuple[str, ...]:
        more = (reader.what for reader in self._readers if reader.wants(app))
        return (*self._wanted, *more)

    def repace(self, factor: float) -> None:
        """Intervals became longer by ``factor``, or shorter where that is below 1."""
        if factor < 1:
            self._schedule.hasten(factor)

    def _read(self, read: PlatformRead, urgent: bool) -> bool:
        app = self._apps.get(read.app_id)
        if app is None:
            return False
        try:
            with self._internal_errors.translated(
                Part.PLATFORM_READS, app=app.name, what=read.what
            ):
                self._by_name[read.what](app)
        except Stopping:
            return False
        except InternalError:
            if (lose := self._lose.get(read.what)) is not None:
                lose(app)
        return True

    def _read_bandwidth(self, urgent: bool) -> bool:
        if self._bandwidth is None:
            return False
        try:
            with self._internal_errors.translated(Part.PLATFORM_READS, what=_BANDWIDTH.what):
                self._bandwidth.read(list(self._apps.values()))
        except Stopping:
            return False
        except InternalError:
            return True
        return True


def _bandwidth_interval() -> float:
    return bandwidth.INTERVAL


def _phases(app: App) -> list[tuple[str, str]]:
    """The deployments that the list of apps shows of one, each with its phase."""
    shown = (app.active_deployment, app.newest_deployment)
    return [(deployment.id, deployment.phase) for deployment in shown if deployment is not None]
