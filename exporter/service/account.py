"""One account: its token, its budget, and what lasts of it when the configuration changes."""

import logging
import random
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from exporter.config.credentials import TokenSource
from exporter.config.reading import LogMode
from exporter.config.schema import Config
from exporter.digitalocean.budget import Budget
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.errors import ConfigError, InternalError
from exporter.model import Notification, Rule
from exporter.replicas.layout import Share
from exporter.scheduling.steady import SteadyClock
from exporter.service.account_inbox import AccountInbox
from exporter.service.assembly import build_account, rebuild_account
from exporter.service.connections import Connections, build_budget, connect
from exporter.service.environment import Environment, Records
from exporter.service.executors import build_scheduler
from exporter.service.mode_choice import ModeChoice, Observation
from exporter.service.ruleset import load_rules
from exporter.service.status import Status
from exporter.state.store import State
from exporter.telemetry.internal_errors import Part
from exporter.telemetry.table import MetricTable

LOG = logging.getLogger(__name__)

REVIEW_SECONDS = 10.0
"""How often the choice between polling and following is reviewed."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """The state of an account, or of a share of one, with the labels of its series.

    Args:
        state: holds what is known of it alone.
        labels: of all of its series.
        share: the part of the account to watch, with as large a part of the budget; None for all.
        fenced: see ``Ledger``.
    """

    state: State
    labels: Mapping[str, str]
    share: Share | None = None
    fenced: Callable[[], None] | None = None


class Account:
    """Watches what one token can see.

    Args:
        config: what to read, and how.
        token_source: where the token is.
        namespace: where its state is.
        clock: Unix seconds.
        monotonic: seconds that only grow.
        notify: sends a notification of an event; returns at once.
        retry_unknown: counts pushed lines of components that were not known when they came.

    Raises:
        ConfigError: the token file has become unusable since it was checked.
        StateError: the state cannot be read.
    """

    def __init__(
        self,
        config: Config,
        token_source: TokenSource,
        namespace: Namespace,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        notify: Callable[[Notification], None],
        retry_unknown: Callable[[], None] | None = None,
    ) -> None:
        self._notify = notify
        self._retry_unknown = retry_unknown
        self._clock = clock
        self._steady = SteadyClock(clock, monotonic)
        self._platform_clock = PlatformClock(clock, monotonic)
        self._monotonic = monotonic
        self._stopped = threading.Event()
        self._share = share = namespace.share
        registry = MetricTable(namespace.labels)
        self.tables = [registry]
        if share is not None:  # the label tells series without an app apart
            self.tables.append(MetricTable({**namespace.labels, "share": str(share.number)}))
        self._records = Records.open(
            registry,
            namespace.state,
            self._steady,
            of_account=self.tables[-1],
            fenced=namespace.fenced,
            start_error=self._platform_clock.ahead,
        )
        self._budget_of, self._budget = config.api_budget, self._new_budget(config)
        self._wanted, self._token_source = config, token_source
        self._choice = ModeChoice(monotonic)
        self._changing = threading.Lock()
        self._reviews = threading.Thread(target=self._review_mode, name="mode")
        self._connections = self._connect()
        self._parts = build_account(*self._plan(self._connections))
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
        self._reviews.start()

    def change(self, config: Config, token_source: TokenSource) -> None:
        """Apply another configuration: counters, positions in logs and the budget are kept.

        Nothing happens once it is stopped.

        Raises:
            ConfigError: the token file has become unusable since it was checked; nothing has
                changed then.
        """
        with self._changing:
            if self._stopped.is_set():
                return
            if config.api_budget != self._budget_of:
                self._budget_of, self._budget = config.api_budget, self._new_budget(config)
            former = self._wanted, self._token_source
            self._wanted, self._token_source = config, token_source
            try:
                self._rebuild()
            except ConfigError:
                self._wanted, self._token_source = former
                raise

    def _rebuild(self) -> None:
        """Build what reads and counts again, over the same records."""
        connections, before = self._connect(), self._parts
        self._connections.stop.set()
        before.stop()
        self._connections.close()
        parts = rebuild_account(*self._plan(connections), before)
        self._connections, self._parts = connections, parts
        parts.start()

    def _review_mode(self) -> None:
        """Choose between polling and following, where that is wanted, until the end."""
        while not self._stopped.wait(REVIEW_SECONDS):
            errors = self._parts.internal_errors
            with self._changing, suppress(InternalError), errors.translated(Part.FOLLOWER):
                if self._wanted.logs.mode is LogMode.AUTO and not self._stopped.is_set():
                    self._review()

    def _review(self) -> None:
        before = self._choice.mode
        if not self._choice.review(self._observation()):
            return
        LOG.info("the mode of reading changes", extra={"fields": {"to": self._choice.mode}})
        try:
            self._rebuild()
        except ConfigError as error:  # of the token's file: what runs has the token of before
            self._choice.mode = before
            LOG.error("the mode stays as it was", extra={"fields": {"problem": error}})

    def _observation(self) -> Observation:
        follower = self._parts.reading.follower
        if follower is not None:
            followed = follower.followed()
            return Observation(
                followed=followed.total, refused=followed.refused, short=followed.short
            )
        hosts = self._connections.content.websockets()
        waiting = self._parts.reading.reader.waiting()
        return Observation(waiting=waiting, accepting=hosts.accepting, refusing=hosts.refusing)

    def stop(self, *, save: bool = True) -> None:
        """Begin nothing new, give up what waits, and save what was counted.

        Args:
            save: False where somebody else may own the state.
        """
        self._stopped.set()
        self._connections.stop.set()
        if not save:
            self._records.ledger.abandon()
        with self._changing:
            self._connections.stop.set()  # those of a change that was under way
            self._parts.stop()
            self._connections.close()
            self._records.ledger.end()

    def _new_budget(self, config: Config) -> Budget:
        parts = 1 if self._share is None else self._share.of
        return build_budget(config, self._stopped, self._monotonic, parts=parts)

    def _connect(self) -> Connections:
        return connect(
            self._wanted,
            self._token_source,
            self._budget,
            self._records.api_metrics,
            self._platform_clock,
            self._monotonic,
        )

    def _plan(self, connections: Connections) -> tuple[Config, tuple[Rule, ...], Environment]:
        """What the parts of the account are built from."""
        config = self._wanted
        if config.logs.mode is LogMode.AUTO:
            logs = config.logs.model_copy(update={"mode": self._choice.mode})
            config = config.model_copy(update={"logs": logs})
        environment = Environment(
            clock=self._clock,
            rng=random.Random(),
            scheduler=build_scheduler(config.logs.workers, self._steady),
            platform=connections.platform,
            content=connections.content,
            streams=connections.streams,
            budget=self._budget,
            records=self._records,
            monotonic=self._monotonic,
            retry_unknown=self._retry_unknown,
            steady=self._steady,
            notify=self._notify,
            share=self._share,
            platform_clock=self._platform_clock,
        )
        return config, load_rules(config), environment
