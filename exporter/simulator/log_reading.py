"""Reads the platform's logs as its log hosts serve them: whole texts, archives, live tails.

Reading marks lines as served, so that the truth can tell which ones nobody was ever shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise

from exporter.model import RUN_TIME_LOGS, LogType
from exporter.simulator.invocations import find_invocation
from exporter.simulator.lookup import (
    LogRefusedError,
    UnknownTargetError,
    find_app,
    find_deployment,
)
from exporter.simulator.platform import Platform
from exporter.simulator.state import App, Container, Deployment, Layout, Line

ALL_LINES = -1
"""``tail_lines`` for the whole log, as doctl sends it."""


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Which log somebody asked for; no component means all of them."""

    app_id: str
    deployment_id: str
    component: str | None = None
    log_type: LogType = LogType.RUN
    tail_lines: int = ALL_LINES
    instance_name: str | None = None
    invocation_id: str | None = None


@dataclass(frozen=True, slots=True)
class LogPlaces:
    """What a log can be had from: live, and in how many archives."""

    live: bool = False
    archives: int = 0


@dataclass(slots=True)
class LiveLog:
    """A live tail: the containers it began with, and how far it has been read."""

    containers: tuple[Container, ...]
    sequence: int


@dataclass(frozen=True, slots=True)
class LiveText:
    """What a live tail brought: new lines, and how many of its containers have ended."""

    data: bytes = field(repr=False)
    ended: int
    containers: int


class LogReader:
    """The logs of a platform.

    Args:
        platform: whose logs.
        tail_in_total: apply ``tail_lines`` to the whole text; otherwise it applies to each
            instance, as it does in Kubernetes.
        tail_ignored: serve the whole log, however many lines were asked for.
        archives_per_log: into how many archives the log of a past deployment is split.
    """

    def __init__(
        self,
        platform: Platform,
        *,
        tail_in_total: bool = False,
        tail_ignored: bool = False,
        archives_per_log: int = 2,
    ) -> None:
        self._platform = platform
        self.tail_in_total = tail_in_total
        self.tail_ignored = tail_ignored
        self.archives_per_log = archives_per_log

    def places(self, request: LogRequest) -> LogPlaces:
        """Where a log can be had; nowhere means that there is none, which is no error.

        Raises:
            UnknownTargetError: there is no such app, deployment or component.
            LogRefusedError: it is a run-time log of a deployment that has ended.
        """

        def look(apps: Mapping[str, App]) -> LogPlaces:
            _, deployment = _find(apps, request)
            refused = request.log_type in RUN_TIME_LOGS and not self._platform.run_archives
            if refused and not deployment.live:
                raise LogRefusedError(
                    f"cannot get running logs from deployment {deployment.id} "
                    "in phase final_cleanup"
                )
            containers = _select(deployment, request)
            if _is_live(deployment, request.log_type):
                return LogPlaces(live=bool(containers))
            lines = sum(len(each.lines) for each in containers)
            return LogPlaces(archives=min(lines, self.archives_per_log))

        return self._platform.view(look)

    def text(self, request: LogRequest) -> bytes:
        """The text of a log as of now, its last ``tail_lines`` lines or all."""
        return self.open(request)[1]

    def archives(self, request: LogRequest) -> list[bytes]:
        """The whole log of a past deployment in its parts, oldest first."""

        def look(apps: Mapping[str, App]) -> list[bytes]:
            app, deployment = _find(apps, request)
            lines = _arrange(_select(deployment, request), app.layout)
            _mark_served(lines, _select(deployment, request), request.log_type)
            count = min(len(lines), self.archives_per_log)
            cuts = [-(-number * len(lines) // count) for number in range(count)] if count else []
            return [_join(lines[a:b]) for a, b in pairwise([*cuts, len(lines)])]

        return self._platform.view(look)

    def open(self, request: LogRequest) -> tuple[LiveLog, bytes]:
        """Begin a live tail; return it with the text that there is already."""

        def look(apps: Mapping[str, App]) -> tuple[LiveLog, bytes]:
            app, deployment = _find(apps, request)
            containers = _select(deployment, request)
            tail_lines = ALL_LINES if self.tail_ignored else request.tail_lines
            if self.tail_in_total:
                lines = _tail(_arrange(containers, app.layout), tail_lines)
            else:
                lines = _arrange(containers, app.layout, tail_lines)
            _mark_served(lines, containers, request.log_type)
            return LiveLog(tuple(containers), self._platform.sequence()), _join(lines)

        return self._platform.view(look)

    def more(self, live: LiveLog) -> LiveText:
        """What a live tail brought since it was last read."""

        def look(apps: Mapping[str, App]) -> LiveText:
            lines = [line for each in live.containers for line in _newer(each, live.sequence)]
            lines.sort(key=lambda line: line.sequence)
            for line in lines:
                line.served = True
            live.sequence = self._platform.sequence()
            ended = sum(each.ended for each in live.containers)
            return LiveText(_join(lines), ended, len(live.containers))

        return self._platform.view(look)


def _find(apps: Mapping[str, App], request: LogRequest) -> tuple[App, Deployment]:
    app = find_app(apps, request.app_id)
    if request.invocation_id is not None:
        return app, find_invocation(app, request.invocation_id).as_deployment()
    deployment = find_deployment(app, request.deployment_id)
    names = [component.name for component in deployment.components]
    if request.component is not None and request.component not in names:
        raise UnknownTargetError(f"no component {request.component}")
    return app, deployment


def _is_live(deployment: Deployment, log_type: LogType) -> bool:
    if log_type in (LogType.BUILD, LogType.DEPLOY, LogType.JOB_INVOCATION):
        return deployment.in_progress
    return deployment.live


def _select(deployment: Deployment, request: LogRequest) -> list[Container]:
    if request.log_type in (LogType.BUILD, LogType.DEPLOY, LogType.JOB_INVOCATION):
        logs = deployment.build if request.log_type is LogType.BUILD else deployment.deploy
        return [log for name, log in logs.items() if request.component in (None, name)]
    instances = [
        instance
        for instance in deployment.all_instances()
        if request.component in (None, instance.component)
        and request.instance_name in (None, instance.name)
    ]
    if request.log_type is LogType.RUN:
        return [instance.running for instance in instances]
    return [instance.previous for instance in instances if instance.previous is not None]


def _tail(lines: Sequence[Line], count: int) -> list[Line]:
    if count < 0:
        return list(lines)
    return list(lines[len(lines) - min(count, len(lines)) :])


def _arrange(
    containers: Sequence[Container], layout: Layout, tail_each: int = ALL_LINES
) -> list[Line]:
    lines = [line for each in containers for line in _tail(list(each.lines), tail_each)]
    if layout is Layout.INTERLEAVED:
        lines.sort(key=lambda line: (line.timestamp_ns, line.sequence))
    elif layout is Layout.ARRIVAL:
        lines.sort(key=lambda line: line.sequence)
    return lines


def _newer(container: Container, sequence: int) -> Iterator[Line]:
    count = 0
    for line in reversed(container.lines):
        if line.sequence <= sequence:
            break
        count += 1
    return islice(container.lines, len(container.lines) - count, None)


def _mark_served(lines: Sequence[Line], containers: Sequence[Container], log_type: LogType) -> None:
    for line in lines:
        line.served = True
    if log_type is LogType.RUN_RESTARTED:
        shown = {line.sequence for line in lines}
        for container in containers:
            if container.lines and container.lines[-1].sequence in shown:
                container.end_served = True


def _join(lines: Sequence[Line]) -> bytes:
    return b"".join(line.text for line in lines)
