"""How often everything is asked for: at the configured intervals, or as often as the budget lets.

Where they do not fit, polls that events would trigger anyway slow down, up to ten times; where that
is not enough, every interval is stretched by one factor. Only the list of apps, one request for
200 of them, keeps its own.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from exporter.model import BudgetStatus, LogType, Source

LOG = logging.getLogger(__name__)

HOUR = 3600.0
HOURS_A_DAY = 24
APPS_PER_REQUEST = 200
MOST_SWEEP = 10.0
"""How many times rarer than configured a sweep may be before all intervals are stretched."""

DISCOVERY_SHARE = 0.1
"""The part of the budget below which discovery keeps its interval, whatever else is stretched."""

HAND_OVER_SECONDS = 3.0
"""How often the logs of an app are read, at the most, while a deployment of it rolls out."""

UNDER_WAY_SECONDS = 5.0
"""How often apps are listed, at the most, while a deployment of any is under way."""

HAND_OVER_SHARE = 0.5
UNDER_WAY_SHARE = 0.2
"""The parts of a minute's requests that these reads, and lists, may take."""

FIRST_READS_SHARE = 0.8
"""The part of a minute's requests that first reads take; the rest is for what they lead to."""

_BURST = 30.0  # seconds: what first reads may take at once of the requests of that time
_NOTEWORTHY = 0.02
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """Intervals in seconds, and which of the platform's own numbers are read."""

    discovery_interval: float
    poll_interval: float
    health: bool
    instances: bool
    restart_count: bool
    deployments: bool
    jobs: bool = False
    events: bool = False
    bandwidth: bool = False
    restarted_interval: float | None = None  # of RUN_RESTARTED, None for that of polls


@dataclass(frozen=True, slots=True)
class Fleet:
    """What there is to ask for: apps, their components, and how many polls read each log."""

    apps: int
    components: int
    run: int
    restarted: int
    with_jobs: int = 0  # apps that have a scheduled job


@dataclass(frozen=True, slots=True)
class Demand:
    """Requests an hour at the configured intervals.

    Args:
        discovery: the list of apps.
        steady: what nothing but its interval brings up.
        swept: what is read at once when something hints at it, so that sweeps may be rare.
    """

    discovery: float
    steady: float
    swept: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.discovery + self.steady + self.swept


@dataclass(frozen=True, slots=True)
class Plan:
    """By how much intervals are longer than configured: of discovery, of sweeps, of all else."""

    discovery: float = 1.0
    stretch: float = 1.0
    sweep: float = 1.0

    def requests_per_hour(self, demand: Demand) -> float:
        """What this plan sends."""
        others = (demand.steady + demand.swept / self.sweep) / self.stretch
        return demand.discovery / self.discovery + others


def demand(settings: CollectorSettings, fleet: Fleet) -> Demand:
    """What a fleet asks for; logs themselves come from other hosts and cost the token nothing."""
    polls, discoveries = HOUR / settings.poll_interval, HOUR / settings.discovery_interval
    instances = settings.instances and not settings.health
    pages = -(-fleet.apps // APPS_PER_REQUEST) or 1
    return Demand(
        discovery=discoveries * pages,
        steady=polls * (fleet.run + fleet.apps * settings.health)
        + polls * fleet.with_jobs * settings.jobs
        + discoveries * fleet.apps * (instances + settings.events)
        + settings.bandwidth / HOURS_A_DAY,
        swept=HOUR / (settings.restarted_interval or settings.poll_interval) * fleet.restarted
        + discoveries * fleet.apps * (settings.deployments + settings.restart_count),
    )


def plan(wanted: Demand, per_hour: float) -> Plan:
    """How to fit what is wanted into so many requests an hour."""
    discovery = max(1.0, wanted.discovery / (per_hour * DISCOVERY_SHARE))
    room = per_hour - wanted.discovery / discovery
    for_sweeps = max(room - wanted.steady, _LEAST)
    sweep = min(max(1.0, wanted.swept / for_sweeps), MOST_SWEEP)
    stretch = max(1.0, (wanted.steady + wanted.swept / sweep) / room)
    return Plan(discovery, stretch, sweep)


class Rates(Protocol):
    """What the budget of requests says of itself."""

    def status(self, stretch: float) -> BudgetStatus:
        """How it stands; ``stretch``: by how much intervals are longer than configured."""
        ...

    def pace(self) -> float:
        """Requests a second that can be sustained."""

    def minute_pace(self) -> float:
        """Requests a second that can be sustained for some minutes."""


class Pacing:
    """The plan in force.

    Args:
        clock: monotonic or Unix seconds.
    """

    def __init__(
        self,
        budget: Rates,
        settings: CollectorSettings,
        clock: Callable[[], float],
    ) -> None:
        self._budget = budget
        self.settings = settings
        self._clock = clock
        self._first_read_at = float("-inf")
        self._rolling_out: frozenset[str] = frozenset()
        self._hand_over_interval = HAND_OVER_SECONDS
        self.plan = Plan()

    @property
    def stretch(self) -> float:
        """By how much the intervals in force are longer than configured."""
        return self.plan.stretch

    def budget_status(self) -> BudgetStatus:
        """Return how the request budget stands, with the stretch of the intervals."""
        return self._budget.status(self.stretch)

    def update(self, fleet: Fleet) -> float:
        """Update the plan for what there is to ask for now.

        Returns:
            by how much intervals became longer, 1 if they stay as they are.
        """
        now = plan(demand(self.settings, fleet), self._budget.pace() * HOUR)
        before = self.plan
        changes = (now.stretch / before.stretch, now.sweep / before.sweep)
        settled = all(abs(change - 1) < _NOTEWORTHY for change in changes)
        if settled and (now.stretch > 1) == (before.stretch > 1):
            return 1.0
        self.plan = now
        if (now.stretch > 1) != (before.stretch > 1):
            self._say(now)
        return changes[0]

    def log_interval(self, source: Source) -> float:
        """Seconds between two reads of a log."""
        if source.log_type is not LogType.RUN_RESTARTED:
            interval = self.settings.poll_interval * self.plan.stretch
            rolls_out = source.app_id in self._rolling_out
            return min(interval, self._hand_over_interval) if rolls_out else interval
        configured = self.settings.restarted_interval or self.settings.poll_interval
        return configured * self.plan.stretch * self.plan.sweep

    def roll_out(self, apps: Collection[str], components: int) -> frozenset[str]:
        """Read the RUN logs of some apps every few seconds, since a deployment of each rolls out.

        Args:
            apps: their ids; those of others are read by their intervals again.
            components: how many they have together.

        Returns:
            the apps for which that is new.
        """
        requests_a_second = self._budget.minute_pace() * HAND_OVER_SHARE
        self._hand_over_interval = max(HAND_OVER_SECONDS, components / requests_a_second)
        before, self._rolling_out = self._rolling_out, frozenset(apps)
        return self._rolling_out - before

    def health_interval(self) -> float:
        """Seconds between two looks at the health of an app, or at the runs of its jobs."""
        return self.settings.poll_interval * self.plan.stretch

    def instances_interval(self) -> float:
        """Seconds between two looks at the instances or the events of an app."""
        return self.settings.discovery_interval * self.plan.stretch

    def sweep_interval(self) -> float:
        """Seconds between two looks at an app's deployments, or at its restart counts."""
        return self.settings.discovery_interval * self.plan.stretch * self.plan.sweep

    def discovery_interval(self, apps: int = 0, *, under_way: bool = False) -> float:
        """Seconds between two lists of so many apps; ``under_way``: while there is a deployment."""
        interval = self.settings.discovery_interval * self.plan.discovery
        if not under_way:
            return interval
        pages = -(-apps // APPS_PER_REQUEST) or 1
        least = pages / (self._budget.minute_pace() * UNDER_WAY_SHARE)
        return min(interval, max(UNDER_WAY_SECONDS, least))

    def first_delay(self) -> float:
        """Seconds until a first read: some at once, many one after another, as a minute grants."""
        now = self._clock()
        at = max(now - _BURST, self._first_read_at)
        self._first_read_at = at + 1 / (self._budget.minute_pace() * FIRST_READS_SHARE)
        return max(0.0, at - now)

    def _say(self, now: Plan) -> None:
        if now.stretch > 1:
            LOG.warning(
                "intervals are stretched: the request budget does not reach for those configured; "
                "a longer logs.interval, fewer components or more of api_budget would",
                extra={"fields": {"stretch": f"{now.stretch:.2f}"}},
            )
        else:
            LOG.info("intervals are as configured again")
