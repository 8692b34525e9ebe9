"""What the simulated platform consists of: apps, deployments, instances, containers, lines.

Plain state without behaviour beyond its own bookkeeping; ``Platform`` guards and changes it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from exporter.simulator.job_schedule import JobSchedule
from exporter.simulator.scaling import Scaling

if TYPE_CHECKING:
    from exporter.simulator.invocations import Invocation

IN_PROGRESS_PHASES = ("PENDING_BUILD", "BUILDING", "PENDING_DEPLOY", "DEPLOYING")
"""The phases a deployment goes through on its way to ACTIVE, in order."""


class Kind(StrEnum):
    """The kinds of component in an app's spec; the first three have run-time logs."""

    SERVICE = "service"
    WORKER = "worker"
    JOB = "job"
    STATIC_SITE = "static_site"
    FUNCTION = "function"


RUNNING_KINDS = frozenset({Kind.SERVICE, Kind.WORKER, Kind.JOB})
"""The kinds of component that run in containers of their own."""


class Layout(StrEnum):
    """How the lines of several instances come together in one text.

    One instance after another, merged by the lines' timestamps, or in the order in which the
    platform received the lines (which differs from the timestamps where clocks do).
    """

    SEQUENTIAL = "sequential"
    INTERLEAVED = "interleaved"
    ARRIVAL = "arrival"


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """One component as an app's spec has it.

    ``sleeps_after``: seconds without requests after which a service runs no instances.
    """

    name: str
    kind: Kind = Kind.SERVICE
    instances: int = 1
    size: str = "apps-s-1vcpu-1gb"
    job: JobSchedule | None = None
    sleeps_after: int | None = None


@dataclass(slots=True)
class Line:
    """One line as served, newline included; ``sequence`` is the order of writing."""

    text: bytes
    timestamp_ns: int
    sequence: int
    served: bool = False


@dataclass(slots=True)
class Container:
    """One run of a program and the newest ``retention`` lines of its log.

    ``end_served`` says that RUN_RESTARTED has shown this container's end at least once.
    """

    retention: int
    lines: deque[Line] = field(default_factory=deque)
    ended: bool = False
    end_served: bool = False

    def append(self, line: Line) -> Line | None:
        """Keep a line; return the one that fell out for it, if any."""
        self.lines.append(line)
        return self.lines.popleft() if len(self.lines) > self.retention else None


@dataclass(slots=True)
class Instance:
    """One instance of a component: its running container and the one before."""

    component: str
    index: int
    name: str
    running: Container
    previous: Container | None = None
    restarted_at: list[float] = field(default_factory=list)

    @property
    def alias(self) -> str:
        """The stable name, ``web-0``."""
        return f"{self.component}-{self.index}"

    def containers(self) -> Iterator[Container]:
        """The containers whose logs can still be had, older first."""
        if self.previous is not None:
            yield self.previous
        yield self.running


@dataclass(slots=True)
class Deployment:
    """One deployment: the spec it brings, its phases, its instances and its logs.

    ``entered`` has when it entered each phase that it went through, in Unix seconds.
    """

    id: str
    cause: str
    created_at: float
    components: tuple[ComponentSpec, ...]
    phase: str = "PENDING_BUILD"
    phase_changed_at: float = 0.0
    instances: dict[str, list[Instance]] = field(default_factory=dict)
    build: dict[str, Container] = field(default_factory=dict)
    deploy: dict[str, Container] = field(default_factory=dict)
    entered: dict[str, float] = field(default_factory=dict)

    @property
    def in_progress(self) -> bool:
        """Whether it is still on its way."""
        return self.phase in IN_PROGRESS_PHASES

    @property
    def live(self) -> bool:
        """Whether its containers run or may come to run: its run logs are live, not archives."""
        return self.in_progress or self.phase == "ACTIVE"

    def all_instances(self) -> Iterator[Instance]:
        """Every instance, in the order of the spec."""
        for instances in self.instances.values():
            yield from instances


@dataclass(slots=True)
class Health:
    """What the platform says of a component; ``ready`` None means as many as it should be."""

    state: str = "HEALTHY"
    cpu_percent: float = 12.5
    memory_percent: float = 40.0
    ready: int | None = None


@dataclass(slots=True)
class App:
    """One app; ``deployments`` are oldest first.

    ``restart_count_lag``: how many seconds pass before a container end shows in restart counts.
    """

    id: str
    name: str
    region: str
    tier: str
    layout: Layout
    created_at: float
    components: tuple[ComponentSpec, ...]
    deployments: list[Deployment] = field(default_factory=list)
    active: Deployment | None = None
    health: dict[str, Health] = field(default_factory=dict)
    activations: list[tuple[float, Deployment]] = field(default_factory=list)
    restart_count_lag: float = 0.0
    invocations: "list[Invocation]" = field(default_factory=list)  # oldest first
    scalings: list[Scaling] = field(default_factory=list)  # oldest first
    bandwidth_bytes: int = 0
    archived: bool = False

    def active_at(self, moment: float) -> Deployment | None:
        """The deployment that was active at a time (Unix seconds), None before the first."""
        began = (each for at, each in reversed(self.activations) if at <= moment)
        return next(began, None)

    @property
    def in_progress(self) -> Deployment | None:
        """The deployment under way, if there is one."""
        return next((each for each in reversed(self.deployments) if each.in_progress), None)
