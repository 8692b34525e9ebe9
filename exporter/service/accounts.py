"""The accounts that this process reads: all, or its shares where replicas share the work."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from exporter.config.credentials import TokenSource
from exporter.config.schema import Config
from exporter.errors import ConfigError, Fault, StateError
from exporter.model import Notification
from exporter.receiving.intake import Inbox
from exporter.replicas.layout import Share
from exporter.service.account import Account, Namespace
from exporter.service.replication import Replication
from exporter.service.seeding import seed
from exporter.service.status import Watched
from exporter.service.wanted import Wanted
from exporter.state.coordination import Claim, SharedStore
from exporter.state.store import State, Store
from exporter.telemetry.program_metrics import ReplicaMetrics
from exporter.telemetry.table import MetricTable

STATE_REMEDY = "reload again once the state can be reached"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every account of a process shares.

    Args:
        store: keeps what they count.
        registry: the metrics of the program itself.
        notify: sends a notification.
        retry_unknown: takes pushed lines again whose component was not known when they came.
        clock: Unix seconds.
        monotonic: seconds that no clock step changes.
    """

    store: Store
    registry: MetricTable
    notify: Callable[[Notification], None]
    retry_unknown: Callable[[], None]
    clock: Callable[[], float]
    monotonic: Callable[[], float]


class Accounts:
    """The accounts of a configuration, started, changed and stopped together.

    Args:
        wanted: what to run at first.
        surroundings: what they share.

    Raises:
        ConfigError: a token file has become unusable since it was checked.
        StateError: the state cannot be used.
    """

    def __init__(self, wanted: Wanted, surroundings: Surroundings) -> None:
        self._wanted = wanted
        self._around = surroundings
        self._building = threading.Lock()  # no share is built by a configuration that is replaced
        self._accounts: dict[str, Account] = {}
        self.group: Replication | None = None
        """The group of replicas that this process is one of; None without replicas."""
        if wanted.config.replicas.enabled:
            self._replica_metrics = ReplicaMetrics(surroundings.registry)
            self.group = self._join(wanted)
        else:
            self._accounts = {
                name: self._open(wanted.config, name, token)
                for name, token in wanted.tokens.items()
            }

    def __len__(self) -> int:
        return len(self._accounts)

    def start(self) -> None:
        """Read."""
        for account in self._accounts.values():
            account.start()
        if self.group is not None:
            self.group.start()

    def stop(self) -> None:
        """Read nothing more, and save what was counted."""
        if self.group is not None:
            self.group.stop()
        for account in self._accounts.values():
            account.stop()

    def change(self, wanted: Wanted) -> None:
        """Continue by another configuration, with the accounts or shares that it has.

        Raises:
            ConfigError: the state of a new account cannot be read, and nothing has changed; or a
                token file has become unusable.
        """
        if self.group is not None:
            self._change_shares(wanted, self.group)
            return
        before, self._accounts = self._accounts, self._changed(wanted)
        self._wanted = wanted
        for name in before.keys() - self._accounts.keys():
            before[name].stop()

    def inboxes(self) -> dict[str, Inbox]:
        """What takes the pushed lines of each account that receives some."""
        accounts = self._accounts.items()
        return {name: account.inbox for name, account in accounts if account.inbox is not None}

    def watched(self) -> list[Watched]:
        """What is read and shown now."""
        if self.group is not None:
            return self.group.watched()
        return [Watched(name, "", account.status) for name, account in self._accounts.items()]

    def tables(self) -> list[MetricTable]:
        """What a scrape shows of them now."""
        if self.group is not None:
            return self.group.tables()
        return [table for account in self._accounts.values() for table in account.tables]

    def _changed(self, wanted: Wanted) -> dict[str, Account]:
        """The accounts by another configuration, with those that are new."""
        news: dict[str, Account] = {}
        try:
            for name in wanted.tokens.keys() - self._accounts.keys():
                news[name] = self._open(wanted.config, name, wanted.tokens[name])
            accounts = {name: self._accounts.get(name) or news[name] for name in wanted.tokens}
            for name in accounts.keys() - news.keys():
                accounts[name].change(wanted.config, wanted.tokens[name])
        except (ConfigError, StateError) as error:
            for account in news.values():
                account.stop(save=False)
            if isinstance(error, StateError):
                fault = Fault("", "accounts", str(error), STATE_REMEDY)
                raise ConfigError((fault,)) from None
            raise
        for account in news.values():
            account.start()
        return accounts

    def _change_shares(self, wanted: Wanted, group: Replication) -> None:
        """Continue with the shares by another configuration; with other shares, join again."""
        before = self._wanted
        layout = (before.config.replicas, *before.tokens)
        if layout == (wanted.config.replicas, *wanted.tokens):
            with self._building:
                self._wanted = wanted  # for shares that are started from now on
                for share, account in group.accounts().items():
                    account.change(wanted.config, wanted.tokens[share.account])
            return
        group.stop()
        self._wanted = wanted
        self.group = self._join(wanted)
        self.group.start()

    def _join(self, wanted: Wanted) -> Replication:
        return Replication(
            wanted.config,
            tuple(wanted.tokens),
            self._shared_store(),
            self._open_share,
            self._replica_metrics,
            monotonic=self._around.monotonic,
        )

    def _shared_store(self) -> SharedStore:
        # The configuration was checked: replicas need a store that several can use.
        return cast(SharedStore, self._around.store)

    def _open_share(self, share: Share, claim: Claim, fenced: Callable[[], None]) -> Account:
        store = self._shared_store()
        state = store.open_fenced(share.namespace, claim)
        seed(store, share, state)
        with self._building:
            config, token = self._wanted.config, self._wanted.tokens[share.account]
            return self._build(config, share.account, token, state, share, fenced)

    def _open(self, config: Config, name: str, token: TokenSource) -> Account:
        return self._build(config, name, token, self._around.store.open(name))

    def _build(
        self,
        config: Config,
        name: str,
        token: TokenSource,
        state: State,
        share: Share | None = None,
        fenced: Callable[[], None] | None = None,
    ) -> Account:
        labels = {"account": name} if name else {}
        return Account(
            config,
            token,
            Namespace(state, labels, share, fenced),
            clock=self._around.clock,
            monotonic=self._around.monotonic,
            notify=partial(self._notify, name),
            retry_unknown=self._around.retry_unknown,
        )

    def _notify(self, account: str, event: Notification) -> None:
        """Send a notification of an event in an account."""
        self._around.notify(replace(event, account=account))
