"""The simulated platform without sockets and without real time, for schedules by the thousand.

Stands in for ``AppPlatform`` and ``LogContent`` at the one boundary where the program meets the
platform; everything inside is the program's own.
"""

import random
from collections.abc import Hashable, Iterator, Mapping

from exporter.errors import ConnectionFailed, DeploymentEnded, NotFound, ServerError
from exporter.model import (
    LIVE_PART,
    App,
    Component,
    ComponentKey,
    ComponentKind,
    Deployment,
    Endpoint,
    InstanceRestarts,
    LogChunk,
    LogLocations,
    LogType,
    Quiet,
    Source,
)
from exporter.simulator import state as simulated
from exporter.simulator.documents import monitoring_document, restart_count
from exporter.simulator.log_reading import LogReader, LogRequest
from exporter.simulator.lookup import LogRefusedError, UnknownTargetError
from exporter.simulator.platform import Platform


class VirtualPlatform:
    """The platform as the program asks for it; ``faults`` is the share of requests that fail.

    ``varying``: the number of instances varies, so the spec does not tell it.
    """

    def __init__(
        self,
        platform: Platform,
        reader: LogReader,
        rng: random.Random,
        *,
        varying: bool = False,
    ) -> None:
        self._platform = platform
        self._varying = varying
        self._sources: dict[Hashable, Source] = {}
        self._reader = reader
        self._rng = rng
        self.faults = 0.0
        self.shifting = False  # the next list of apps shifts between the answers of two pages
        self._grants: dict[str, LogRequest] = {}
        self.delivered: dict[ComponentKey, set[bytes]] = {}
        self.ends: dict[ComponentKey, set[bytes]] = {}
        self._safe: tuple[dict[ComponentKey, set[bytes]], ...] = ({}, {})

    def secure(self) -> None:
        """What was given out so far cannot be lost by the exporter any more."""
        self._safe = _copy(self.delivered), _copy(self.ends)

    def take_back(self) -> None:
        """The exporter was killed: what it was given since then counts as not given."""
        self.delivered, self.ends = map(_copy, self._safe)

    def deployments_of(self, app: str) -> tuple[Deployment, ...]:
        """The deployments of an app by name, without a request."""
        return self._platform.view(
            lambda apps: tuple(map(_deployment, apps[self._platform.app_id(app)].deployments))
        )

    def apps(self) -> tuple[App, ...]:
        """Every app."""
        self._maybe_fail(Endpoint.APPS)
        if self.shifting:
            self.shifting = False
            return ()  # each app stood on the page that was not asked for at that moment
        varying = self._varying
        return self._platform.view(
            lambda apps: tuple(_app(app, varying=varying) for app in apps.values())
        )

    def deployments(self, app_id: str) -> tuple[Deployment, ...]:
        """The deployments of an app, newest first."""
        self._maybe_fail(Endpoint.DEPLOYMENTS)

        def look(apps: Mapping[str, simulated.App]) -> tuple[Deployment, ...]:
            [app] = [app for app in apps.values() if app.id == app_id]
            return tuple(map(_deployment, sorted(app.deployments, key=lambda d: -d.created_at)))

        return self._platform.view(look)

    def restart_counts(
        self, app_id: str, component: str | None, start: float, end: float
    ) -> tuple[InstanceRestarts, ...]:
        """The latest restart count of each instance, as late as the platform has it."""
        self._maybe_fail(Endpoint.RESTART_COUNT)
        document = self._platform.view(
            lambda apps: monitoring_document(apps[app_id], component, start, end, restart_count)
        )
        return tuple(
            InstanceRestarts(
                series["metric"]["app_component"],
                series["metric"]["app_component_instance"],
                float(series["values"][-1][1]),
            )
            for series in document["data"]["result"]
        )

    def log_locations(
        self,
        source: Source,
        deployment_id: str,
        *,
        tail_lines: int,
        pod_connection_timeout: str,
        follow: bool = False,
        urgent: bool = False,
    ) -> LogLocations:
        """Where the text of a log is to be had."""
        self._maybe_fail(Endpoint.LOGS)
        request = LogRequest(
            source.app_id, deployment_id, source.key.component, source.log_type, tail_lines
        )
        try:
            places = self._reader.places(request)
        except UnknownTargetError:
            raise NotFound(Endpoint.LOGS, "no such deployment") from None
        except LogRefusedError as refusal:
            raise DeploymentEnded(str(refusal)) from None
        grant = f"{len(self._grants)}"
        self._grants[grant] = request
        archives = tuple(f"{grant}/{number}" for number in range(places.archives))
        return LogLocations(grant if places.live else None, archives)

    def asked_for(self, deployment_id: str) -> bool:
        """Whether a log of a deployment was ever asked for."""
        return any(request.deployment_id == deployment_id for request in self._grants.values())

    def granted(self, live_url: str) -> LogRequest:
        """What the URL of a live log was given out for."""
        return self._grants[live_url]

    def app_log_locations(
        self,
        app_id: str,
        deployment_id: str,
        log_type: LogType,
        *,
        tail_lines: int,
        pod_connection_timeout: str,
        urgent: bool = False,
    ) -> LogLocations:
        """Where the text of a log of all components of an app of one component is to be had."""
        [component] = self._platform.view(lambda apps: apps[app_id].components)
        [name] = self._platform.view(lambda apps: [apps[app_id].name])
        source = Source(app_id, ComponentKey(name, component.name), log_type)
        self._sources[app_id, log_type] = source
        return self.log_locations(
            source,
            deployment_id,
            tail_lines=tail_lines,
            pod_connection_timeout=pod_connection_timeout,
        )

    def read(
        self, locations: LogLocations, *, target: Hashable, past_failures: bool = False
    ) -> Iterator[LogChunk]:
        """The text, in chunks cut anywhere; a fault cuts it off."""
        if isinstance(target, tuple):
            target = self._sources[target]
        assert isinstance(target, Source)
        failed: ConnectionFailed | None = None
        for number, url in enumerate(locations.archive_urls):
            archives = self._reader.archives(self._grants[url.partition("/")[0]])
            try:
                yield from self._chunks(archives[number], number, target)
            except ConnectionFailed as error:
                failed = error
                if not past_failures:
                    break
        if locations.live_url is not None:
            text = self._reader.text(self._grants[locations.live_url])
            yield from self._chunks(text, LIVE_PART, target)
        if failed is not None:
            raise failed
        if target.log_type is LogType.RUN_RESTARTED and (
            locations.live_url or locations.archive_urls
        ):
            grant = locations.live_url or locations.archive_urls[0].partition("/")[0]
            self._note_ends(target.key, self._grants[grant].deployment_id)

    def _chunks(self, text: bytes, part: int, source: Source) -> Iterator[LogChunk]:
        breaks_off = self._rng.random() < self.faults
        if breaks_off:
            text = text[: self._rng.randrange(len(text) + 1)]
        whole = text[: text.rfind(b"\n") + 1].splitlines()
        self.delivered.setdefault(source.key, set()).update(whole)
        cut = self._rng.randrange(len(text) + 1)
        yield LogChunk(text[:cut], part)
        yield LogChunk(text[cut:], part)
        if breaks_off:
            raise ConnectionFailed(Endpoint.LOG_CONTENT, "the connection broke")
        yield LogChunk(b"", part, last=True)

    def _note_ends(self, key: ComponentKey, deployment_id: str) -> None:
        """RUN_RESTARTED was given out whole: the last line of each ended container stands in it."""

        def look(apps: Mapping[str, simulated.App]) -> set[bytes]:
            [app] = [app for app in apps.values() if app.name == key.app]
            [deployment] = [each for each in app.deployments if each.id == deployment_id]
            return {
                instance.previous.lines[-1].text
                for instance in deployment.instances.get(key.component, [])
                if instance.previous is not None and instance.previous.lines
            }

        self.ends.setdefault(key, set()).update(self._platform.view(look))

    def _maybe_fail(self, endpoint: Endpoint) -> None:
        if self._rng.random() < self.faults:
            raise ServerError(endpoint, "status 500")


def _copy(sets: Mapping[ComponentKey, set[bytes]]) -> dict[ComponentKey, set[bytes]]:
    return {key: set(lines) for key, lines in sets.items()}


def _app(app: simulated.App, *, varying: bool) -> App:
    newest = max(app.deployments, key=lambda deployment: deployment.created_at, default=None)
    return App(
        app.id,
        app.name,
        components=tuple(
            Component(
                spec.name,
                ComponentKind(spec.kind),
                spec.size,
                None if varying else spec.instances,
                quiet=_quiet(app, spec),
            )
            for spec in app.components
        ),
        active_deployment=_deployment(app.active) if app.active else None,
        newest_deployment=_deployment(newest) if newest else None,
        under_way=(_deployment(app.in_progress),) if app.in_progress else (),
    )


def _quiet(app: simulated.App, spec: simulated.ComponentSpec) -> Quiet | None:
    if app.archived:
        return Quiet.ARCHIVED
    if not app.activations:
        return Quiet.NOT_DEPLOYED
    return None if spec.sleeps_after is None else Quiet.INACTIVITY_SLEEP


def _deployment(deployment: simulated.Deployment) -> Deployment:
    return Deployment(
        deployment.id, deployment.phase, deployment.created_at, deployment.phase_changed_at
    )
