"""What the platform itself says: health, instances, its restart counts, deployments."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from exporter.counting.component import Components, ReportedRestarts
from exporter.counting.ledger import Ledger
from exporter.counting.series import remove
from exporter.digitalocean.apps import AppPlatform
from exporter.errors import ApiError, BadRequest
from exporter.model import App, ComponentHealth, ComponentKey, InstanceRestarts, LogType, Source
from exporter.scheduling.schedule import Schedule
from exporter.telemetry.metrics import Metrics
from exporter.watching.deployments import Deployments
from exporter.watching.dormancy import Dormancy, with_zeros
from exporter.watching.failures import Failures

RESTART_COUNTS = "restart_count"
"""The name of these reads in log messages."""

RESTART_COUNT_WINDOW = 600.0
"""Seconds of the restart counts asked for; only their latest values are used."""


class PlatformMetrics:
    """Reads what the platform says of one app at a time.

    A gauge whose reading failed is removed: what cannot be known is absent, never stale.

    Args:
        clock: Unix seconds.
        schedule: of the logs; RUN_RESTARTED is read at once where a container may have ended: the
            health fell, fewer instances are ready, or a restart count rose.
    """

    def __init__(
        self,
        platform: AppPlatform,
        metrics: Metrics,
        ledger: Ledger,
        deployments: Deployments,
        components: Components,
        clock: Callable[[], float],
        schedule: Schedule[Source],
    ) -> None:
        self._platform = platform
        self._ledger = ledger
        self._deployments = deployments
        self._components = components
        self._metrics = metrics
        self._clock = clock
        self._schedule = schedule
        self._failures = Failures()
        self._dormancy = Dormancy(metrics)
        self._one_by_one: set[str] = set()  # apps whose restart counts come by component
        self._tried_one: dict[str, str] = {}  # app → deployment in which that was tried

    def health_of(self, key: ComponentKey) -> ComponentHealth | None:
        """Return what the platform last said of a component; None if not asked or not answered."""
        component = self._components.get(key)
        return component.health if component else None

    def unhealthy_since(self, key: ComponentKey) -> float | None:
        """Since when a component is unhealthy or has no ready instance, as far as was seen."""
        component = self._components.get(key)
        return component.down_since if component else None

    def read_health(self, app: App) -> None:
        """Health of every component of an app: one request."""
        try:
            health = self._platform.health(app.id)
        except ApiError as error:
            self._failures.failed(app.name, "health", error)
            self.lose_health(app)
            return
        self._failures.worked(app.name, "health")
        told = {component.component: component for component in health}
        for component in app.components:
            now = told.get(component.name, _untold(component.name))
            now = with_zeros(now, component.quiet, named=component.name in told)
            self._set_health(app.name, now)
            self._hint_where_it_fell(app, now)

    def read_instances(self, app: App) -> None:
        """Instances of an app, counted by component, where health is not read: one request."""
        try:
            instances = self._platform.instances(app.id)
        except ApiError as error:
            self._failures.failed(app.name, "instances", error)
            self.lose_instances(app)
            return
        self._failures.worked(app.name, "instances")
        for component in app.components:
            running = sum(instance.component == component.name for instance in instances)
            self._metrics.component_replicas_desired.labels(app.name, component.name).set(running)
            self._dormancy.note(ComponentKey(app.name, component.name), running)

    def read_restart_counts(self, app: App) -> None:
        """Restart counts of every instance of an app: one request.

        An older form of the answer is for one component only; from then on the components of that
        app are asked for one by one.
        """
        now = self._clock()
        if app.id not in self._one_by_one:
            try:
                counts = self._counts(app, None, now)
            except BadRequest:
                counts = None  # the component is required, as in the older form
            except ApiError as error:
                self._failures.failed(app.name, RESTART_COUNTS, error)
                self.lose_restart_counts(app)
                return
            self._failures.worked(app.name, RESTART_COUNTS)
            if counts is not None and self._tells_all(app, counts, now):
                for component in app.components:
                    own = [count for count in counts if count.component == component.name]
                    self._set_restart_counts(app, component.name, own, now)
                return
            self._one_by_one.add(app.id)
        for component in app.components:
            what = f"{RESTART_COUNTS}/{component.name}"
            try:
                of_it = self._counts(app, component.name, now)
            except ApiError as error:
                self._failures.failed(app.name, what, error)
                labels = {"app": app.name, "component": component.name}
                remove(labels, self._metrics.instance_restarts)
                continue
            self._failures.worked(app.name, what)
            self._set_restart_counts(app, component.name, of_it, now)

    def _counts(self, app: App, component: str | None, now: float) -> Sequence[InstanceRestarts]:
        start = now - RESTART_COUNT_WINDOW
        return self._platform.restart_counts(app.id, component, start, now)

    def _tells_all(self, app: App, counts: Sequence[InstanceRestarts], now: float) -> bool:
        """Whether an answer for an app is about all of its components.

        One that names a single component of several may be of the older form. Then another
        component is asked for by itself, once for each deployment: if it has counts, it is.
        """
        if len(app.components) == 1:
            return True
        told = {count.component for count in counts}
        if "" in told:
            return False
        deployment = app.active_deployment.id if app.active_deployment else ""
        if len(told) != 1 or self._tried_one.get(app.id) == deployment:
            return True
        other = next(each.name for each in app.components if each.name not in told)
        try:
            older = bool(self._counts(app, other, now))
        except ApiError as error:
            self._failures.failed(app.name, f"{RESTART_COUNTS}/{other}", error)
            return True
        self._failures.worked(app.name, f"{RESTART_COUNTS}/{other}")
        self._tried_one[app.id] = deployment
        return not older

    def _set_restart_counts(
        self, app: App, component: str, counts: Sequence[InstanceRestarts], now: float
    ) -> None:
        if not self._note_restarts(app, component, counts, now):
            return
        remove({"app": app.name, "component": component}, self._metrics.instance_restarts)
        self._hint_where_they_rose(app, component, sum(count.count for count in counts))
        for count in counts:
            self._metrics.instance_restarts.labels(
                app.name, component, count.component_instance
            ).set(count.count)

    def _note_restarts(
        self, app: App, component: str, counts: Sequence[InstanceRestarts], now: float
    ) -> bool:
        """Leave the counts for whoever reads RUN_RESTARTED of the component next.

        Returns:
            False if later ones are known: these were asked for before a reload, and came late.
        """
        by_instance: Counter[str] = Counter()
        for count in counts:
            by_instance[count.component_instance] += int(count.count)
        with self._ledger.transaction():
            watched = self._components.get(ComponentKey(app.name, component))
            if watched is None or app.active_deployment is None:
                return True
            if watched.restarts is not None and watched.restarts.read_at > now:
                return False
            watched.restarts = ReportedRestarts(app.active_deployment.id, by_instance, now)
        return True

    def lose_health(self, app: App) -> None:
        """The health of an app's components is not known any more."""
        for component in app.components:
            key = ComponentKey(app.name, component.name)
            if watched := self._components.get(key):
                watched.health = watched.down_since = None
            self._dormancy.note(key, None)
        remove(
            {"app": app.name},
            self._metrics.component_replicas_desired,
            self._metrics.component_replicas_ready,
            self._metrics.component_healthy,
            self._metrics.component_cpu_usage,
            self._metrics.component_memory_usage,
        )

    def lose_instances(self, app: App) -> None:
        """The instances of an app, read without health, are not known any more."""
        for component in app.components:
            self._dormancy.note(ComponentKey(app.name, component.name), None)
        remove({"app": app.name}, self._metrics.component_replicas_desired)

    def lose_restart_counts(self, app: App) -> None:
        """The restart counts of an app's instances are not known any more."""
        remove({"app": app.name}, self._metrics.instance_restarts)

    def _hint_where_it_fell(self, app: App, health: ComponentHealth) -> None:
        key = ComponentKey(app.name, health.component)
        ready, desired = health.replicas_ready, health.replicas_desired
        missing = ready is not None and desired is not None and ready < desired
        watched = self._components.get(key)
        if watched is None:
            return
        before, watched.ailing = watched.ailing, health.healthy is False or missing
        if watched.ailing and not before:
            self._read_last_words(app, key)

    def _hint_where_they_rose(self, app: App, component: str, restarts: float) -> None:
        key = ComponentKey(app.name, component)
        watched = self._components.get(key)
        if watched is None:
            return
        before, watched.restart_total = watched.restart_total, restarts
        if before is not None and restarts > before:
            self._read_last_words(app, key)

    def _read_last_words(self, app: App, key: ComponentKey) -> None:
        """Read RUN_RESTARTED before the next container of the component ends."""
        self._schedule.soon(Source(app.id, key, LogType.RUN_RESTARTED))

    def keep(self, apps: Iterable[App]) -> None:
        """Forget the failures of all apps and components but these."""
        apps = list(apps)
        self._dormancy.keep(apps)
        self._failures.keep_apps({app.name for app in apps})
        self._failures.keep_questions(
            RESTART_COUNTS, {(app.name, c.name) for app in apps for c in app.components}
        )

    def read_deployments(self, app: App) -> None:
        """The latest deployments of an app: one request."""
        try:
            self._deployments.read(app)
        except ApiError as error:
            self._failures.failed(app.name, "deployments", error)
        else:
            self._failures.worked(app.name, "deployments")

    def _set_health(self, app: str, health: ComponentHealth) -> None:
        key = ComponentKey(app, health.component)
        if watched := self._components.get(key):
            watched.health = health
            since = watched.down_since
            watched.down_since = (since or self._clock()) if health.is_down else None
        self._dormancy.note(key, health.replicas_desired)
        for gauge, value in (
            (self._metrics.component_replicas_desired, health.replicas_desired),
            (self._metrics.component_replicas_ready, health.replicas_ready),
            (self._metrics.component_healthy, health.healthy),
            (self._metrics.component_cpu_usage, health.cpu_usage_ratio),
            (self._metrics.component_memory_usage, health.memory_usage_ratio),
        ):
            if value is None:
                remove({"app": app, "component": health.component}, gauge)
            else:
                gauge.labels(app, health.component).set(value)


def _untold(component: str) -> ComponentHealth:
    """The health of a component of which the platform says nothing."""
    return ComponentHealth(component, None, None, None, None, None)
