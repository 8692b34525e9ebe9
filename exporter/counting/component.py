"""Everything that is known of a component while it is watched, in one object."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.counting.activity import ActivityRing
from exporter.logs.canary_runs import CanaryRuns
from exporter.logs.dedup.change_over import ChangeOver
from exporter.logs.restarts.exit_account import ExitAccount
from exporter.matching.grouping.error_groups import ErrorGroups
from exporter.matching.traces.events import OpenEvents
from exporter.model import Component, ComponentHealth, ComponentKey, ErrorLine
from exporter.receiving.batches import RecentBatches

RECENT_ERRORS = 20


@dataclass(frozen=True, slots=True)
class ReportedRestarts:
    """The restart counts that the platform reports of a component.

    Args:
        deployment_id: the deployment that was active when they were read.
        counts: how often each instance restarted, by its alias.
        read_at: Unix seconds.
    """

    deployment_id: str
    counts: Mapping[str, int]
    read_at: float


@dataclass(slots=True, eq=False)
class ReceivedLines:
    """What is known of the pushed lines of one component.

    Args:
        batches: the latest batches that were counted.
        change_over: whether it is polled, and what is known of lines that both ways bring.
        latest: monotonic seconds: when lines came last, or since when they are awaited.
        last_received: Unix seconds: when lines came last; None if none did yet.
        newest: the newest line's own time (ns).
        lines: how many counted since the exporter started.
        running: what it is, and the deployment whose log grows; None before that is known.
    """

    batches: RecentBatches
    change_over: ChangeOver
    latest: float
    last_received: float | None = None
    newest: int = 0
    lines: int = 0
    running: tuple[Component, str] | None = None


@dataclass(frozen=True, slots=True)
class JobStanding:
    """How a scheduled job stands, as far as that is known.

    Args:
        running_since: Unix seconds: when its oldest run under way began.
        missed: Unix seconds: when the earliest run was due that did not begin.
        read_at: Unix seconds: when its runs were last listed.
        problem: why they cannot be listed now; empty where they can.
    """

    running_since: float | None = None
    missed: float | None = None
    read_at: float | None = None
    problem: str = ""


def _recent_errors() -> deque[ErrorLine]:
    return deque(maxlen=RECENT_ERRORS)


@dataclass(slots=True, eq=False)
class WatchedComponent:
    """One component, from its discovery until it is gone; used within ``Ledger.transaction``.

    What the platform reports is written by one thread, each value as a whole, without the lock.
    A field that is None has not been read from the ledger yet: whoever works on it does that at
    its first use.

    Args:
        spec: the component as the latest discovery found it.
        activity: lines and errors of the last hour.
        restarts: what the platform reported last.
        restart_total: the sum of its latest restart counts; None before the first.
        health: what the platform last said; None if not asked, or not answered.
        ailing: whether that was unhealthy, or with instances missing.
        down_since: Unix seconds: since when it is unhealthy or without ready instances.
        received: what is known of lines that are pushed.
        exits: the account of container ends of each deployment, by its id.
        events: the stack traces to which further lines may belong.
        unfinished: the latest lines, as far as they may belong to a record that is not complete.
        error_groups: its error groups.
        recent_errors: its latest errors; in memory only.
        new_groups: when notifications of new error groups were sent in the last hour.
        job_standing: of a scheduled job, how it stands.
        canary: the runs of the canary.
        rules: the positions of the rules that apply to its lines.
    """

    key: ComponentKey
    spec: Component
    activity: ActivityRing = field(default_factory=ActivityRing)
    restarts: ReportedRestarts | None = None
    restart_total: float | None = None
    health: ComponentHealth | None = None
    ailing: bool = False
    down_since: float | None = None
    received: ReceivedLines | None = None
    exits: dict[str, ExitAccount] = field(default_factory=dict)
    events: OpenEvents | None = None
    unfinished: Sequence[bytes] = ()
    error_groups: ErrorGroups | None = None
    recent_errors: deque[ErrorLine] = field(default_factory=_recent_errors)
    new_groups: deque[float] = field(default_factory=deque)
    job_standing: JobStanding = JobStanding()
    canary: CanaryRuns | None = None
    rules: frozenset[int] | None = None

    def restarts_of(self, deployment_id: str) -> ReportedRestarts | None:
        """Return the latest counts of a deployment; None if none were read while it was active."""
        restarts = self.restarts
        return restarts if restarts and restarts.deployment_id == deployment_id else None

    def reconfigure(self) -> None:
        """Drop what depends on the configuration; it is made or read again."""
        self.canary = None
        self.rules = None
        self.job_standing = JobStanding()


class Components:
    """The components and apps of one account that are watched; they outlast a reload.

    Every call is made within ``Ledger.transaction``, and so is every use of what is returned.

    Args:
        since: when this began to watch, in Unix seconds.
    """

    def __init__(self, since: float = 0.0) -> None:
        self.since = since
        self.apps: dict[str, tuple[str, ...]] = {}
        """What describes each app that is watched, by its name."""
        self._watched: dict[ComponentKey, WatchedComponent] = {}

    def __contains__(self, key: ComponentKey) -> bool:
        return key in self._watched

    def __iter__(self) -> Iterator[WatchedComponent]:
        return iter(self._watched.values())

    def get(self, key: ComponentKey) -> WatchedComponent | None:
        """Return a component; None if it is not watched."""
        return self._watched.get(key)

    def open(self, key: ComponentKey, spec: Component) -> WatchedComponent:
        """Watch a component, or take its new description; return it."""
        component = self._watched.get(key)
        if component is None:
            component = self._watched[key] = WatchedComponent(key, spec)
        component.spec = spec
        return component

    def close(self, key: ComponentKey) -> bool:
        """Forget a component that is gone; return whether it was watched."""
        return self._watched.pop(key, None) is not None
