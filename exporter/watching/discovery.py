"""What there is to read and what is gone: the apps of the account, held against those before."""

import logging
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from exporter.counting.pipeline import Pipeline
from exporter.digitalocean.apps import AppPlatform
from exporter.errors import ApiError, InternalError
from exporter.model import App, Component, ComponentKey, Deployment, Endpoint, LogType, Source
from exporter.reading.reader import Reader
from exporter.replicas.layout import Share
from exporter.telemetry.api_metrics import ApiMetrics
from exporter.telemetry.internal_errors import InternalErrors, Part
from exporter.watching.deployments import Deployments
from exporter.watching.inventory import Inventory, Known, Selection, gone, nothing_matched

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DiscoverySettings:
    """Which apps and components to watch, and which of their logs.

    Args:
        jobs: whether scheduled jobs are read by their runs.
        share: the part of the account that is watched; None for all of it.
    """

    selection: Selection
    log_types: tuple[LogType, ...]
    jobs: bool = False
    share: Share | None = None

    def narrow(self, apps: Iterable[App]) -> Inventory:
        """What to watch of the apps that there are."""
        ours = [app for app in apps if self.share is None or self.share.has(app.id)]
        return Inventory(self.selection.narrow(ours))

    def log_types_of(self, component: Component) -> tuple[LogType, ...]:
        """The run-time logs that are read of a component."""
        return () if self.jobs and component.scheduled else self.log_types

    def asks_for(self, inventory: Inventory, endpoint: Endpoint, target: Hashable) -> bool:
        """Whether what a request was about is among what is watched, or is of another share.

        Args:
            target: of the request: an app's id, alone or with a component or a type of log, or a
                source; of lists of all apps it is neither.
        """
        if endpoint in (Endpoint.APPS, Endpoint.BANDWIDTH):
            return True
        app_id, part = target, None
        if isinstance(target, Source):
            app_id, part = target.app_id, target.key.component
        elif isinstance(target, tuple):
            app_id, part = target
        if self.share is not None and not self.share.has(str(app_id)):
            return True
        app = next((app for app in inventory.apps if app.id == app_id), None)
        if app is None or part is None or isinstance(part, LogType):
            return app is not None
        return any(component.name == part for component in app.components)


@dataclass(frozen=True, slots=True)
class _Log:
    """A log to watch under the deployment that is active now; see ``Reader.watch``."""

    source: Source
    component: Component
    active: Deployment
    between: tuple[Deployment, ...]


class Discovery:
    """Lists the apps and brings series and reads in line with them."""

    def __init__(
        self,
        platform: AppPlatform,
        reader: Reader,
        pipeline: Pipeline,
        deployments: Deployments,
        api_metrics: ApiMetrics,
        settings: DiscoverySettings,
        internal_errors: InternalErrors,
    ) -> None:
        self._platform = platform
        self._reader = reader
        self._pipeline = pipeline
        self._deployments = deployments
        self._api_metrics = api_metrics
        self._settings = settings
        self._internal_errors = internal_errors
        self._failure = ""  # its kind
        self.unmatched = ""  # which patterns match nothing, in words
        self._begin(Known())

    def known(self) -> Known:
        """Return what was found so far."""
        return Known(self._listed, self.inventory, self.done, self.problem, self._came_and_went)

    def resume(self, known: Known) -> None:
        """Continue from what another discovery found, with the selection of this one."""
        self._begin(known)
        if self.done:
            self._apply(self._settings.narrow(self._listed))
            self._judge_selection()

    def _begin(self, known: Known) -> None:
        self._listed = known.listed
        self.inventory, self.done, self.problem = known.inventory, known.done, known.problem
        self._came_and_went = known.came_and_went

    def run(self) -> bool:
        """List the apps once.

        Returns:
            False if they could not be listed; then everything stays as it was.

        Raises:
            Stopping: the program is shutting down.
        """
        try:
            with self._internal_errors.translated(Part.DISCOVERY):
                return self._run()
        except InternalError as error:
            self.problem = str(error)
            return False

    def _run(self) -> bool:
        try:
            apps = self._list()
        except ApiError as error:
            if error.kind != self._failure:
                LOG.warning(
                    "apps cannot be listed, trying again", extra={"fields": {"problem": error}}
                )
            self._failure = error.kind
            self.problem = f"apps cannot be listed: {error}"
            return False
        if self._failure:
            LOG.info("apps can be listed again")
        self._failure = ""
        self._listed = apps
        self._apply(self._settings.narrow(apps))
        self.problem = ""
        self.done = True
        self._judge_selection()
        return True

    def _list(self) -> tuple[App, ...]:
        """The apps that there are.

        The platform gives the list in pages, and an app that is made or deleted between the
        answers of two moves others from one page to the next: one may stand on two pages or on
        none. What is missing is gone only if a second list does not have it either.
        """
        apps = {app.id: app for app in self._platform.apps()}
        if any(app.id not in apps for app in self._listed):
            apps |= {app.id: app for app in self._platform.apps()}
        return tuple(apps.values())

    def _judge_selection(self) -> None:
        """Show how much is watched, and log which patterns match nothing when that is news."""
        metrics, selection = self._pipeline.metrics, self._settings.selection
        globs = selection.unmatched(self._listed)
        metrics.discovery_components.set(len(self.inventory.keys()))
        metrics.discovery_unmatched_includes.set(len(globs))
        before, self.unmatched = self.unmatched, nothing_matched(globs, self._listed)
        if self.unmatched and self.unmatched != before:
            LOG.warning(
                "patterns of discovery.include match nothing",
                extra={"fields": {"problem": self.unmatched}},
            )

    def _apply(self, now: Inventory) -> None:
        before, self.inventory = self.inventory, now
        self._close_what_is_gone(before, now)
        with self._pipeline.transaction():
            for app in now.apps:
                self._pipeline.series.open_app(app)
            for key, _, component in now.components():
                self._pipeline.series.open_component(key, component)
        logs = [log for app in now.apps for log in self._logs(before, app)]
        for log in logs if before.apps else self._urgent_first(logs):
            self._reader.watch(
                log.source,
                log.component,
                log.active,
                between=log.between,
                from_first_line=self.done or self._pipeline.resumed,
            )
        news = now.keys() - before.keys()
        if news or not self.done:
            LOG.info(
                "discovered",
                extra={"fields": {"apps": len(now.apps), "components": len(now.keys())}},
            )

    def _close_what_is_gone(self, before: Inventory, now: Inventory) -> None:
        current = {source for _, source in self._sources(now)}
        for source in self._reader.sources():
            if source not in current:
                self._reader.unwatch(source)
        left = now.keys()
        for key, app, _ in before.components():
            if key in left:
                successor = now.app(app.name)
                if successor is not None and successor.id != app.id:
                    self._release(key)
                continue
            with self._pipeline.transaction():
                self._pipeline.series.close_component(key)
            LOG.info("component is gone", extra={"fields": {"source": key}})
        ids = {app.id for app in now.apps}
        former = [app for app in before.apps if app.id not in ids]
        for app in former:
            self._deployments.forget(app)
        self._came_and_went.forget(former)
        self._api_metrics.keep(partial(self._settings.asks_for, now))
        with self._pipeline.transaction():
            for name in gone(before.app_names(), now.app_names()):
                self._pipeline.series.close_app(name)

    def _release(self, key: ComponentKey) -> None:
        """Release what is known of an app's logs: another app has its name, and its own logs."""
        for deployment in self._pipeline.deployments(key):
            self._pipeline.release(key, deployment, cut_off=True)

    def _sources(self, inventory: Inventory) -> list[tuple[App, Source]]:
        """The sources of every component that runs; an app never deployed has no run-time logs."""
        return [
            (app, Source(app.id, key, log_type))
            for key, app, component in inventory.components()
            if app.active_deployment is not None
            for log_type in self._settings.log_types_of(component)
        ]

    def _urgent_first(self, logs: Iterable[_Log]) -> list[_Log]:
        """Order logs that are all read for the first time, one after another as the budget allows.

        The window of the component that wrote most since it was read last is nearest to being
        lost. RUN_RESTARTED comes last: only another container end replaces what it shows.
        """
        backlogs = self._pipeline.backlogs()

        def rank(log: _Log) -> tuple[bool, float]:
            return log.source.log_type is not LogType.RUN, -backlogs.get(log.source.key, 0.0)

        return sorted(logs, key=rank)

    def _logs(self, before: Inventory, app: App) -> Iterator[_Log]:
        """Every log of an app, under the deployment that is active now."""
        active = app.active_deployment
        if active is None:
            return
        last = before.app(app.name)
        earlier = _active(last) or self._read_last(app)
        changed = last is None or last.active_deployment != active
        between: tuple[Deployment, ...] = ()
        if earlier and (changed or self._came_and_went.waits_for(app)):
            between = self._came_and_went.since(app, earlier, self._platform.deployments)
        for component in app.components:
            for log_type in self._settings.log_types_of(component):
                key = ComponentKey(app.name, component.name)
                yield _Log(Source(app.id, key, log_type), component, active, between)

    def _read_last(self, app: App) -> str | None:
        """The deployment of an app that was read last, before it was out of sight."""
        for component in app.components:
            deployments = self._pipeline.deployments(ComponentKey(app.name, component.name))
            if deployments:
                return deployments[-1]
        return None


def _active(app: App | None) -> str | None:
    return app.active_deployment.id if app and app.active_deployment else None
