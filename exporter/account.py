"""One account: its token, its budget, and what lasts of it when the configuration changes."""

import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from exporter.assembly import (
    Connections,
    ReadingParts,
    assemble_reading,
    build_budget,
    build_scheduler,
    connect,
)
from exporter.collect.api_metrics import ApiMetrics
from exporter.collect.ledger import Ledger
from exporter.collect.receiver import AccountInbox
from exporter.collect.status import Status
from exporter.config.credentials import TokenSource
from exporter.config.schema import Config
from exporter.digitalocean.budget import Budget
from exporter.metrics import Metrics
from exporter.state.store import State


class Account:
    """Watches what one token can see.

    Args:
        config: what to read, and how.
        token_source: where the token is.
        state: what is kept of this account alone.
        clock: Unix seconds.
        monotonic: seconds that only grow.
        retry_unknown: counts pushed lines of components that were not known when they came.

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
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        retry_unknown: Callable[[], None] | None = None,
    ) -> None:
        self._retry_unknown = retry_unknown
        self._clock = clock
        self._monotonic = monotonic
        self._stopped = threading.Event()
        self.registry = CollectorRegistry()
        self._metrics = Metrics(self.registry)
        self._api_metrics = ApiMetrics(self._metrics)
        self._ledger = Ledger(self._metrics, state, clock)
        self._budget_of, self._budget = config.api_budget, self._new_budget(config)
        self._connections = self._connect(config, token_source)
        self._reading = self._assemble(config, self._connections)
        self._reading.pipeline.series.rule_metrics.publish()

    @property
    def status(self) -> Status:
        """How it stands."""
        return self._reading.status

    @property
    def inbox(self) -> AccountInbox | None:
        """Takes pushed lines; None where none are received."""
        return self._reading.account_inbox

    def start(self) -> None:
        """Begin to read."""
        self._reading.start()

    def change(self, config: Config, token_source: TokenSource) -> None:
        """Go on by another configuration: counters, positions in logs and the budget are kept.

        Raises:
            ConfigError: the token file has become unusable since it was checked; nothing has
                changed then.
        """
        if config.api_budget != self._budget_of:
            self._budget_of, self._budget = config.api_budget, self._new_budget(config)
        connections, before = self._connect(config, token_source), self._reading
        self._connections.stop.set()
        before.stop()
        with self._ledger.lock:  # so that nothing counts between one and the other
            reading = self._assemble(config, connections)
            reading.pipeline.take_over(before.pipeline)
            if reading.account_inbox is not None and before.account_inbox is not None:
                reading.account_inbox.inbox.take_over(before.account_inbox.inbox)
        reading.discovery.take_over(before.discovery)
        reading.collector.take_over(before.collector)
        self._connections, self._reading = connections, reading
        reading.start()

    def stop(self) -> None:
        """Begin nothing new, give up what waits, and keep what was counted."""
        self._stopped.set()
        self._connections.stop.set()
        self._reading.stop()
        self._ledger.end()

    def _new_budget(self, config: Config) -> Budget:
        return build_budget(config, self._stopped, self._monotonic)

    def _connect(self, config: Config, token_source: TokenSource) -> Connections:
        return connect(
            config, token_source, self._budget, self._api_metrics, self._clock, self._monotonic
        )

    def _assemble(self, config: Config, connections: Connections) -> ReadingParts:
        return assemble_reading(
            config,
            self._metrics,
            self._api_metrics,
            self._budget,
            connections.platform,
            connections.content,
            self._ledger,
            build_scheduler(config.logs.workers),
            self._clock,
            connections.streams,
            self._monotonic,
            self._retry_unknown,
        )
