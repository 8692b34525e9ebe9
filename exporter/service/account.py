"""One account: its token, its budget, and what lasts of it when the configuration changes."""

import random
import threading
from collections.abc import Callable, Mapping

from exporter.config.credentials import TokenSource
from exporter.config.schema import Config
from exporter.digitalocean.budget import Budget
from exporter.model import Notification
from exporter.replicas.layout import Share
from exporter.scheduling.steady import SteadyClock
from exporter.service.account_inbox import AccountInbox
from exporter.service.assembly import (
    AccountParts,
    Connections,
    build_account,
    build_budget,
    build_scheduler,
    connect,
)
from exporter.service.environment import Environment, Records
from exporter.service.ruleset import load_rules
from exporter.service.status import Status
from exporter.state.store import State
from exporter.telemetry.table import MetricTable


class Account:
    """Watches what one token can see.

    Args:
        config: what to read, and how.
        token_source: where the token is.
        state: what is kept of this account alone.
        labels: of all of its series.
        clock: Unix seconds.
        monotonic: seconds that only grow.
        retry_unknown: counts pushed lines of components that were not known when they came.
        notify: tells somebody of an event; returns at once.
        share: the part of the account to watch, with as large a part of the budget; None for all.
        fenced: see ``Ledger``.

    Raises:
        ConfigError: the token file has become unusable since it was checked.
        StateError: the state cannot be read.
    """

    def __init__(
        self,
        config: Config,
        token_source: TokenSource,
        state: State,
        *,
        labels: Mapping[str, str],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        retry_unknown: Callable[[], None] | None = None,
        notify: Callable[[Notification], None],
        share: Share | None = None,
        fenced: Callable[[], None] | None = None,
    ) -> None:
        self._notify = notify
        self._retry_unknown = retry_unknown
        self._clock = clock
        self._steady = SteadyClock(clock, monotonic)
        self._monotonic = monotonic
        self._stopped = threading.Event()
        self._share = share
        registry = MetricTable(labels)
        self.tables = [registry]
        if share is not None:  # series without an app are told apart by the share
            self.tables.append(MetricTable({**labels, "share": str(share.number)}))
        self._records = Records.open(
            registry, state, clock, of_account=self.tables[-1], fenced=fenced
        )
        self._budget_of, self._budget = config.api_budget, self._new_budget(config)
        self._connections = self._connect(config, token_source)
        self._parts = self._build(config, self._connections)
        self._parts.counting.pipeline.series.rule_metrics.publish()

    @property
    def status(self) -> Status:
        """How it stands."""
        return self._parts.status

    @property
    def inbox(self) -> AccountInbox | None:
        """Takes pushed lines; None where none are received."""
        return self._parts.inbox

    def start(self) -> None:
        """Begin to read."""
        self._parts.start()

    def change(self, config: Config, token_source: TokenSource) -> None:
        """Go on by another configuration: counters, positions in logs and the budget are kept.

        Raises:
            ConfigError: the token file has become unusable since it was checked; nothing has
                changed then.
        """
        if config.api_budget != self._budget_of:
            self._budget_of, self._budget = config.api_budget, self._new_budget(config)
        connections, before = self._connect(config, token_source), self._parts
        self._connections.stop.set()
        before.stop()
        with self._records.ledger.lock:  # so that nothing counts between one and the other
            parts = self._build(config, connections)
            parts.counting.pipeline.series.replace(before.counting.pipeline.series)
            if parts.inbox is not None and before.inbox is not None:
                parts.inbox.inbox.take_over(before.inbox.inbox)
        parts.discovery.take_over(before.discovery)
        parts.collector.take_over(before.collector)
        self._connections, self._parts = connections, parts
        parts.start()

    def stop(self, *, save: bool = True) -> None:
        """Begin nothing new, give up what waits, and save what was counted.

        Args:
            save: False where somebody else may own the state.
        """
        self._stopped.set()
        self._connections.stop.set()
        if not save:
            self._records.ledger.abandon()
        self._parts.stop()
        self._records.ledger.end()

    def _new_budget(self, config: Config) -> Budget:
        parts = 1 if self._share is None else self._share.of
        return build_budget(config, self._stopped, self._monotonic, parts=parts)

    def _connect(self, config: Config, token_source: TokenSource) -> Connections:
        api_metrics = self._records.api_metrics
        return connect(
            config, token_source, self._budget, api_metrics, self._clock, self._monotonic
        )

    def _build(self, config: Config, connections: Connections) -> AccountParts:
        environment = Environment(
            self._clock,
            random.Random(),
            build_scheduler(config.logs.workers, self._steady),
            connections.platform,
            connections.content,
            connections.streams,
            self._budget,
            self._records,
            self._monotonic,
            self._retry_unknown,
            self._steady,
            self._notify,
            self._share,
        )
        return build_account(config, load_rules(config), environment)
