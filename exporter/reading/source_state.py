"""What the poller knows of one source: what to read next, and how the latest read went."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporter.logs.lines import NANOSECONDS
from exporter.model import Component, Deployment, Source, SourceStatus
from exporter.reading.tail import TailLines

FOLLOWED_INTERVAL = 10.0
"""Seconds: how often a source that is suspended here is known to be read elsewhere."""


@dataclass(slots=True)
class DeploymentToRead:
    """A deployment whose log is to be read; ``attempts`` counts reads that left it unfinished.

    ``from_first_line``: it began under the exporter's eyes, so all of it is new. ``found_past``
    counts reads that showed it to be past while it was taken for the active one. ``streamed``: a
    live stream of it is read. ``complete``: such a stream has come to its end in good order, so
    that nothing of the log is missing. ``unread``: the latest read of it as the active one failed.
    """

    id: str
    from_first_line: bool = False
    attempts: int = 0
    found_past: int = 0
    streamed: bool = False
    complete: bool = False
    unread: bool = False


@dataclass(slots=True)
class SourceState:
    """One source: its active deployment, past ones not read to their end yet, its condition."""

    source: Source
    component: Component
    active: DeploymentToRead
    tail: TailLines
    past: list[DeploymentToRead] = field(default_factory=list)
    stream: str = ""  # how its live stream stands, for people; empty where none is wanted
    suspended: bool = False  # the active deployment is read elsewhere
    up: bool | None = None
    problem: str = ""
    failure: str = ""  # its kind
    failing_since: float | None = None  # seconds of the schedule's clock
    last_success: float | None = None
    lines: int = 0
    newest: int = 0

    def redeploy(self, active: Deployment, between: Sequence[Deployment]) -> None:
        """Another deployment is active, or the same again; ``between`` came and went since."""
        if active.id != self.active.id:
            self.past.append(self.active)
            self.active = DeploymentToRead(active.id, from_first_line=True)
        self.add_past(between)
        self.past = [deployment for deployment in self.past if deployment.id != active.id]

    def add_past(self, between: Sequence[Deployment]) -> None:
        """Deployments that came and went unread, oldest first."""
        known = {self.active.id, *(deployment.id for deployment in self.past)}
        self.past += [
            DeploymentToRead(deployment.id, from_first_line=True)
            for deployment in between
            if deployment.id not in known
        ]

    def interval(self, polled: float) -> float:
        """The interval in force, in seconds; ``polled``: that of reads of the active deployment."""
        return FOLLOWED_INTERVAL if self.suspended else polled

    def status(self, interval: float) -> SourceStatus:
        """How the source stands, for people; ``interval`` in seconds."""
        key = self.source.key
        return SourceStatus(
            app=key.app,
            component=key.component,
            log_type=self.source.log_type,
            state="waiting" if self.up is None else "up" if self.up else "down",
            last_read=self.last_success,
            last_line=self.newest / NANOSECONDS if self.newest else None,
            lines=self.lines,
            interval=self.interval(interval),
            problem=self.problem,
            stream=self.stream,
        )
