"""What an account stands on: clock, schedule, ways to the platform, and what it has counted."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from apscheduler.schedulers.base import BaseScheduler
from prometheus_client import CollectorRegistry

from exporter.counting.component import Components
from exporter.counting.ledger import Ledger
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.budget import Budget
from exporter.digitalocean.log_content import LogContent
from exporter.model import Notification
from exporter.reading.following.open_stream import Streams
from exporter.replicas.layout import Share
from exporter.state.store import State
from exporter.telemetry.api_metrics import ApiMetrics
from exporter.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Records:
    """What lasts of an account when its configuration changes: metrics, counts, components."""

    metrics: Metrics
    api_metrics: ApiMetrics
    ledger: Ledger
    components: Components

    @classmethod
    def open(
        cls,
        registry: CollectorRegistry,
        state: State,
        clock: Callable[[], float],
        *,
        of_account: CollectorRegistry | None = None,
        fenced: Callable[[], None] | None = None,
        start_error: Callable[[], float] = float,
    ) -> "Records":
        """Declare the metrics of an account, and continue from its state.

        Args:
            of_account: see ``DeclaredMetrics``.
            fenced: see ``Ledger``.
            start_error: see ``Ledger``.

        Raises:
            StateError: the state cannot be read.
        """
        metrics = Metrics(registry, of_account)
        ledger = Ledger(metrics, state, clock, fenced=fenced, start_error=start_error)
        return cls(metrics, ApiMetrics(metrics), ledger, Components(clock()))


def _nobody(notification: Notification) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Everything that an account is built on; tests and benchmarks bring parts of their own.

    Args:
        clock: Unix seconds, for what is shown.
        rng: spreads reads and reconnects.
        scheduler: runs every job; has the executors that ``build_scheduler`` names.
        streams: opens live streams; None where logs are polled only.
        budget: the requests that the account may send.
        monotonic: seconds that only grow.
        retry_unknown: called now and then where logs are received: lines may have come of
            components that are known by now.
        steady: Unix seconds that do not step when the wall clock is set; None: as ``clock``.
        platform_clock: Unix seconds of the platform, for what is held against the times of its
            lines and counts; None: as ``steady``.
        notify: tells somebody of an event; returns at once.
        share: the part of the account that is read; None for all of it.
    """

    clock: Callable[[], float]
    rng: Random
    scheduler: BaseScheduler
    platform: AppPlatform
    content: LogContent
    streams: Streams | None
    budget: Budget
    records: Records
    monotonic: Callable[[], float] = time.monotonic
    retry_unknown: Callable[[], None] | None = None
    steady: Callable[[], float] | None = None
    notify: Callable[[Notification], None] = _nobody
    share: Share | None = None
    platform_clock: Callable[[], float] | None = None

    @property
    def platform_time(self) -> Callable[[], float]:
        """The clock that agrees with the times of lines, as far as is known."""
        return self.schedule_clock if self.platform_clock is None else self.platform_clock

    @property
    def schedule_clock(self) -> Callable[[], float]:
        """The clock by which jobs are due, and by which whatever waits is measured."""
        return self.clock if self.steady is None else self.steady
