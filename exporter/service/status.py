"""How everything stands, as values for the page: what ``web`` is given to show."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from exporter.counting.activity import MINUTES
from exporter.counting.component import WatchedComponent
from exporter.counting.error_counts import error_groups_of, recent_errors_of
from exporter.model import (
    ApiFailure,
    App,
    BudgetStatus,
    ComponentKey,
    ComponentStatus,
    Minutes,
    ReplicaStatus,
    SourceStatus,
)
from exporter.scheduling.pacing import Pacing
from exporter.service.counting_parts import Counting
from exporter.service.supervisor import Supervisor
from exporter.telemetry.api_metrics import ApiMetrics
from exporter.watching.discovery import Discovery
from exporter.watching.jobs import Jobs
from exporter.watching.platform_metrics import PlatformMetrics

NO_LINES = Minutes((0,) * MINUTES, (0,) * MINUTES)


class Status:
    """Gathers what the parts know; each call answers from memory."""

    def __init__(
        self,
        supervisor: Supervisor,
        discovery: Discovery,
        platform_metrics: PlatformMetrics,
        api_metrics: ApiMetrics,
        counting: Counting,
        pacing: Pacing,
        jobs: Jobs,
    ) -> None:
        self._supervisor = supervisor
        self._discovery = discovery
        self._platform_metrics = platform_metrics
        self._api_metrics = api_metrics
        pipeline = counting.pipeline
        self._components = pipeline.series.components
        self._crashes = counting.crashes
        self._pacing = pacing
        self._jobs = jobs
        self._ledger = pipeline.ledger
        self._clock = pipeline.clock

    def healthy(self) -> tuple[bool, str]:
        """Whether the schedule lives, and if not, what is wrong."""
        return self._supervisor.healthy()

    def ready(self) -> tuple[bool, str]:
        """Whether every source was tried once, and if not, what is missing."""
        return self._supervisor.ready()

    def components(self) -> Sequence[ComponentStatus]:
        """Every component that is watched, in the order of the API."""
        sources: dict[ComponentKey, list[SourceStatus]] = defaultdict(list)
        for source in self._supervisor.sources():
            sources[ComponentKey(source.app, source.component)].append(source)
        found = []
        for key, app, component in self._discovery.inventory.components():
            with self._ledger.transaction():
                watched = self._components.get(key)
                minutes = self._minutes(watched)
                crashes = self._crashes.of(key)
                error_groups, recent = error_groups_of(watched), recent_errors_of(watched)
                job = self._jobs.status(key, component)
            found.append(
                ComponentStatus(
                    key=key,
                    kind=component.kind,
                    instance_size=component.instance_size,
                    deployment=app.active_deployment.id if app.active_deployment else "",
                    health=self._platform_metrics.health_of(key),
                    sources=tuple(sources[key]),
                    minutes=minutes,
                    crashes=crashes,
                    error_groups=error_groups,
                    job=job,
                    app_id=app.id,
                    deployed_at=_deployed_at(app),
                    watched_since=self._components.since,
                    unhealthy_since=self._platform_metrics.unhealthy_since(key),
                    recent_errors=recent,
                )
            )
        return found

    def _minutes(self, component: WatchedComponent | None) -> Minutes:
        if component is None:
            return NO_LINES
        return component.activity.minutes(self._clock(), self._components.since)

    def state_problem(self) -> str:
        """Why what is counted cannot be saved now; empty where it can."""
        return self._ledger.health.problem

    def budget(self) -> BudgetStatus:
        """How the request budget stands."""
        return self._pacing.budget_status()

    def unmatched(self) -> str:
        """Which patterns of `discovery.include` match nothing, with what there is; else empty."""
        return self._discovery.unmatched

    def api_failures(self) -> Sequence[ApiFailure]:
        """What requests fail with now, most targets first."""
        return [
            ApiFailure(endpoint, error, targets)
            for (endpoint, error), targets in self._api_metrics.failing().most_common()
        ]


def _deployed_at(app: App) -> float | None:
    deployment = app.active_deployment
    return deployment.phase_changed_at if deployment is not None else None


class Watched(NamedTuple):
    """What reads one account, or one part of it.

    Args:
        account: the name of the account; empty where none is configured.
        part: which part, in words; empty for all of it.
    """

    account: str
    part: str
    status: Status

    def __str__(self) -> str:
        return ", ".join(filter(None, (self.account and f"account {self.account}", self.part)))


class Group(Protocol):
    """The replicas of which this process is one."""

    def healthy(self) -> tuple[bool, str]:
        """Whether this replica takes part in its turns, and if not, what is wrong."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether it is one of the group, and if not, what is missing."""
        ...

    def status(self) -> ReplicaStatus:
        """How the group stands."""
        ...


class AllStatus:
    """How all accounts stand, as one.

    Args:
        watched: what is read and shown now.
        group: the replicas, where several exporters share the work.
    """

    def __init__(
        self, watched: Callable[[], Sequence[Watched]], group: Callable[[], Group | None]
    ) -> None:
        self._watched = watched
        self._group = group

    def healthy(self) -> tuple[bool, str]:
        """Whether the schedule of each lives, and if not, what is wrong with the first."""
        group = self._group()
        passed, reason = group.healthy() if group is not None else (True, "")
        return self._first_fault(Status.healthy) if passed else (False, reason)

    def ready(self) -> tuple[bool, str]:
        """Whether every source of each was tried once, and if not, what is missing."""
        group = self._group()
        passed, reason = group.ready() if group is not None else (True, "")
        return self._first_fault(Status.ready) if passed else (False, reason)

    def budgets(self) -> Mapping[str, BudgetStatus]:
        """How the request budget of each account, or part of one, stands, by its name."""
        return {
            " ".join(filter(None, (each.account, each.part))): each.status.budget()
            for each in self._watched()
        }

    def components(self) -> Sequence[ComponentStatus]:
        """Every component that is watched, with its account."""
        return [
            replace(component, account=each.account)
            for each in self._watched()
            for component in each.status.components()
        ]

    def unmatched(self) -> Mapping[str, str]:
        """Which patterns of `discovery.include` match nothing, by account."""
        found = {each.account: each.status.unmatched() for each in self._watched()}
        return {name: words for name, words in found.items() if words}

    def state_problem(self) -> str:
        """Why what is counted cannot be saved now, of the first account that has a problem."""
        return next(
            (words for each in self._watched() if (words := each.status.state_problem())), ""
        )

    def api_failures(self) -> Sequence[ApiFailure]:
        """What requests fail with now, account by account."""
        return [
            replace(failure, account=each.account)
            for each in self._watched()
            for failure in each.status.api_failures()
        ]

    def replicas(self) -> ReplicaStatus | None:
        """How the replicas stand; None where this exporter works alone."""
        group = self._group()
        return group.status() if group is not None else None

    def _first_fault(self, check: Callable[[Status], tuple[bool, str]]) -> tuple[bool, str]:
        for each in self._watched():
            passed, reason = check(each.status)
            if not passed:
                return False, ": ".join(filter(None, (str(each), reason)))
        return True, ""
