"""Checks of one account against the platform: requests go out, nothing is written anywhere."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from exporter.config.durations import format_duration
from exporter.config.schema import Config
from exporter.doctor.endpoint_checks import app_with_jobs, endpoint_checks
from exporter.doctor.line_forms import LineForms, line_forms
from exporter.doctor.remedies import APP_SCOPE, refused, remedy
from exporter.doctor.verdicts import Check, failed, ok, skipped, warning
from exporter.doctor.witness import Witness
from exporter.errors import ApiError, DeploymentEnded, NotFound
from exporter.model import (
    RUN_TIME_LOGS,
    App,
    Component,
    ComponentKey,
    Deployment,
    LogLocations,
    LogType,
    Source,
)
from exporter.service.connections import Connections
from exporter.watching.inventory import Inventory, Selection, nothing_matched

TAIL_LINES = 200
MOST_COMPONENTS = 3
COMPONENT_LOGS = (LogType.RUN, LogType.RUN_RESTARTED, LogType.BUILD, LogType.DEPLOY)
SPARE = 6  # requests that one more look at a component may take, with retries


@dataclass(slots=True)
class Seen:
    """What the checks of one account have found so far."""

    inventory: Inventory = field(default_factory=Inventory)
    all_apps: tuple[App, ...] = ()
    lines: LineForms = field(default_factory=LineForms)
    logs_read: dict[LogType, int] = field(default_factory=dict)
    archives: int = 0
    live: int = 0


class Examination:
    """The checks of one account.

    Args:
        app: the only app to look at; None for those that the configuration selects.
        clock: Unix seconds.
    """

    def __init__(
        self,
        config: Config,
        connections: Connections,
        witness: Witness,
        app: str | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._connections = connections
        self._witness = witness
        self._app = app
        self._clock = clock
        self.seen = Seen()

    def checks(self) -> Iterator[Check]:
        """Make every check; each that depends on one that failed is left out."""
        try:
            self.seen.all_apps = self._connections.platform.apps()
        except ApiError as error:
            yield from refused(error)
            return
        yield ok("api", f"answered in {self._seconds()}")
        yield ok("token", "accepted")
        yield ok(f"scope {APP_SCOPE}", "the list of apps can be read")
        yield from self._selection()
        platform, inventory = self._connections.platform, self.seen.inventory
        yield from endpoint_checks(self._config, platform, inventory, self._clock())
        yield from self._logs()

    def _seconds(self) -> str:
        taken = [second for seconds in self._witness.seconds.values() for second in seconds]
        return f"{max(taken, default=0.0):.2f} s"

    def _selection(self) -> Iterator[Check]:
        """Apps, and whether the patterns choose any."""
        apps = self.seen.all_apps
        names = ", ".join(sorted(app.name for app in apps))
        components = sum(len(app.components) for app in apps)
        if not apps:
            remedy = "create an app, or use the token of the team that has it"
            yield warning("apps", "the token sees no app", remedy)
        else:
            yield ok("apps", f"{len(apps)} apps with {components} components: {names}")
        wanted = self._config.discovery
        selection = Selection(wanted.include, wanted.exclude)
        self.seen.inventory = Inventory(selection.narrow(apps))
        watched = self.seen.inventory.keys()
        unmatched = nothing_matched(selection.unmatched(apps), apps)
        remedy = "correct discovery.include, or take the pattern out"
        if apps and unmatched:
            judge = warning if watched else failed
            yield judge("include", unmatched, remedy)
        elif apps and not watched:
            remedy = "correct discovery.include and discovery.exclude"
            yield failed("include", f"nothing is watched of: {names}", remedy)
        elif apps:
            yield ok("include", f"{len(watched)} of {components} components are watched")
        if self._app is not None:
            chosen = self.seen.inventory.app(self._app)
            self.seen.inventory = Inventory(() if chosen is None else (chosen,))
            if chosen is None:
                problem = f"no watched app is called {self._app!r}; there are: {names}"
                yield failed("app", problem, "give the name of one of these to --app")

    def _samples(self) -> list[tuple[ComponentKey, App, Component, Deployment]]:
        """A few components of different kinds that are deployed."""
        samples: dict[str, tuple[ComponentKey, App, Component, Deployment]] = {}
        for key, app, component in self.seen.inventory.components():
            if app.active_deployment is not None:
                sample = (key, app, component, app.active_deployment)
                samples.setdefault(component.kind, sample)
        return list(samples.values())[:MOST_COMPONENTS]

    def _logs(self) -> Iterator[Check]:
        samples = self._samples()
        if not samples:
            yield skipped("logs", "no watched component has an active deployment")
            return
        for log_type in COMPONENT_LOGS:
            yield self._log(log_type, samples)
        yield from self._run_of_job()
        for what in (self._live_ways, self._ended):
            if self._witness.left >= SPARE:
                yield from what(samples)
        yield from self._form()

    def _log(
        self,
        log_type: LogType,
        samples: list[tuple[ComponentKey, App, Component, Deployment]],
    ) -> Check:
        """Read one log of each sample."""
        name, lines, empty, problems = f"log {log_type}", 0, 0, list[tuple[str, ApiError]]()
        tried = 0
        for key, app, _, deployment in samples:
            if self._witness.left < SPARE:
                break
            tried += 1
            try:
                locations = self._locate(Source(app.id, key, log_type), deployment.id)
                found = self._read(locations, key) if locations else LineForms()
            except ApiError as error:
                problems.append((str(key), error))
                continue
            lines += found.lines
            empty += not found.lines
            if log_type in RUN_TIME_LOGS:
                self.seen.lines = self.seen.lines + found
        self.seen.logs_read[log_type] = tried - len(problems)
        if problems:
            detail = _grouped(problems)
            judge = failed if log_type in self._config.logs.types else warning
            return judge(name, detail, remedy(problems[0][1]))
        if not tried:
            return skipped(name, "the requests that doctor allows itself are used up")
        return ok(name, f"{lines} lines of {tried} components, {empty} of them without a line")

    def _run_of_job(self) -> Iterator[Check]:
        """Read the log of the latest run of a scheduled job that has ended."""
        name, app = "log JOB_INVOCATION", app_with_jobs(self.seen.inventory)
        if not self._config.collectors.jobs:
            yield skipped(name, "collectors.jobs is off")
            return
        if app is None:
            yield skipped(name, "no watched app has a scheduled job")
            return
        if self._witness.left < SPARE:
            yield skipped(name, "the requests that doctor allows itself are used up")
            return
        jobs = {component.name for component in app.components if component.scheduled}
        platform = self._connections.platform
        try:
            runs = next(platform.job_invocations(app.id), ())
        except ApiError:
            yield skipped(name, "the runs of jobs cannot be listed")
            return
        run = next((run for run in runs if run.job in jobs and run.phase is not None), None)
        if run is None:
            yield skipped(name, "no run of a scheduled job has ended yet")
            return
        key = ComponentKey(app.name, run.job)
        try:
            locations = platform.invocation_log_locations(
                Source(app.id, key, LogType.JOB_INVOCATION),
                run.id,
                run.deployment_id,
                pod_connection_timeout=format_duration(self._config.logs.pod_connection_timeout),
            )
            found = self._read(locations, key)
        except ApiError as error:
            yield failed(name, f"{key}: {error.detail}", remedy(error))
        else:
            yield ok(name, f"{found.lines} lines of the latest run of {key}")

    def _locate(self, source: Source, deployment_id: str) -> LogLocations | None:
        """Where a log is; None where the platform says that there is none."""
        try:
            locations = self._connections.platform.log_locations(
                source,
                deployment_id,
                tail_lines=TAIL_LINES,
                pod_connection_timeout=format_duration(self._config.logs.pod_connection_timeout),
            )
        except DeploymentEnded:
            return None
        self.seen.archives += len(locations.archive_urls)
        self.seen.live += locations.live_url is not None
        return LogLocations(locations.live_url, locations.archive_urls[:1])

    def _read(self, locations: LogLocations, key: ComponentKey) -> LineForms:
        chunks = self._connections.content.read(locations, target=key)
        return line_forms(chunk.data for chunk in chunks)

    def _live_ways(
        self, samples: list[tuple[ComponentKey, App, Component, Deployment]]
    ) -> Iterator[Check]:
        """Live text by WebSocket and by plain GET, from one URL."""
        if not self.seen.live:
            yield skipped("live by WebSocket", "no log had a live URL")
            return
        if self._witness.refused_websockets:
            words = "let WebSockets (wss) through the proxy; logs.mode: follow needs them"
            following = self._config.logs.mode.value == "follow"
            judge = failed if following else warning
            detail = f"{self._witness.refused_websockets} times a WebSocket was refused"
            yield judge("live by WebSocket", detail, words)
        else:
            yield ok("live by WebSocket", "the live logs were read")
        key, app, _, deployment = samples[0]
        try:
            found = self._locate(Source(app.id, key, LogType.RUN), deployment.id)
            if found is None or found.live_url is None:
                yield skipped("live by plain GET", "the log had no live URL")
                return
            by_get = self._read(LogLocations(None, (found.live_url,)), key)
        except ApiError as error:
            detail = f"{error.detail}; it is only needed where WebSockets are refused"
            yield warning("live by plain GET", detail, remedy(error))
        else:
            yield ok("live by plain GET", f"{by_get.lines} lines")

    def _ended(
        self, samples: list[tuple[ComponentKey, App, Component, Deployment]]
    ) -> Iterator[Check]:
        """What the RUN log of a deployment that has ended answers."""
        name = "log of an ended deployment"
        key, app, _, _ = samples[0]
        try:
            deployments = self._connections.platform.deployments(app.id)
            ended = [each for each in deployments if each.phase == "SUPERSEDED"]
            if not ended:
                yield skipped(name, "no deployment has been superseded yet")
                return
            found = self._locate(Source(app.id, key, LogType.RUN), ended[0].id)
        except NotFound:
            yield ok(name, "404: refused")
        except ApiError as error:
            yield warning(name, error.detail, "send us the report; the exporter continues without")
        else:
            served = found is not None and (found.live_url or found.archive_urls)
            yield ok(name, "still served" if served else "refused, as it is known to be")

    def _form(self) -> Iterator[Check]:
        """The form of the lines that were read."""
        lines = self.seen.lines
        if not lines.lines:
            yield skipped("lines", "no line was read")
            return
        digits = ", ".join(f"{count} with {n}" for n, count in sorted(lines.digits.items()))
        detail = (
            f"{lines.lines} lines, {lines.prefixed} with component and time (digits of the "
            f"second: {digits or 'none'}), {lines.json} JSON, {lines.coloured} coloured, "
            f"{lines.empty} empty, {lines.backwards} out of order"
        )
        if lines.prefixed < lines.lines / 2:
            remedy = "send us the report: lines without a time differ by their text alone"
            yield warning("lines", detail, remedy)
        else:
            yield ok("lines", detail)


def _grouped(problems: Sequence[tuple[str, ApiError]]) -> str:
    """What went wrong, each kind of error once with the first that was met."""
    names: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for name, error in problems:
        names.setdefault(error.kind, []).append(name)
        first.setdefault(error.kind, error.detail)
    return "; ".join(f"{', '.join(found)}: {first[kind]}" for kind, found in names.items())


def poll_seconds(seconds: list[float], logs: int, workers: int) -> float:
    """Return how long one poll of so many logs takes, at the mean of the requests seen."""
    mean = sum(seconds) / len(seconds) if seconds else 0.0
    return mean * math.ceil(logs / max(1, workers)) * 2  # where the log is, and its text
