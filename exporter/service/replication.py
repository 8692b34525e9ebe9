"""This process as one of several replicas: its thread, its shares and what is shown of them."""

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from exporter.config.schema import Config
from exporter.errors import InternalError
from exporter.model import ReplicaStatus, ShareStatus
from exporter.replicas.holdings import Report
from exporter.replicas.layout import Member, Share, layout_of, shares_of
from exporter.replicas.lease import call_timeout, suspension_clock
from exporter.replicas.replica import Replica, ReplicaClocks, ReplicaCounts
from exporter.service.account import Account
from exporter.service.shares import Build, Shares
from exporter.service.status import Watched
from exporter.state.coordination import SharedStore
from exporter.telemetry.internal_errors import InternalErrors, ReplicaPart
from exporter.telemetry.program_metrics import ReplicaMetrics, ShareMetrics
from exporter.telemetry.table import MetricTable

LOG = logging.getLogger(__name__)

STOP_SECONDS = 2.0
"""How long handing over may take at the end."""

STALLED_FACTOR = 10.0
"""The thread stands still if no round began for so many times ``takeover_after``."""

_TOKEN_BYTES = 6


def replica_name(configured: str | None) -> str:
    """The name of this replica; the host's where none is configured."""
    return configured or socket.gethostname()


class Replication:
    """Takes part in a group of replicas: claims shares, and runs and shows those that it owns.

    Args:
        config: with the names of ``accounts``, what the shares are.
        store: the database that the replicas share.
        build: makes the account of a share.
        metrics: of this replica.
    """

    def __init__(
        self,
        config: Config,
        accounts: Sequence[str],
        store: SharedStore,
        build: Build,
        metrics: ReplicaMetrics,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = config.replicas
        self._every = shares_of(accounts, settings.shares)
        self._metrics = metrics
        self._monotonic = monotonic
        self._takeover_after = settings.takeover_after
        self._internal_errors = InternalErrors(metrics.internal_errors, ReplicaPart)
        reports: SimpleQueue[Report] = SimpleQueue()
        self._shares = Shares(build, reports.put, self._internal_errors)
        self._coordination = store.coordinate(call_timeout(settings.takeover_after))
        self._replica = Replica(
            Member(
                replica_name(settings.name),
                secrets.token_hex(_TOKEN_BYTES),
                layout_of(self._every),
                settings.takeover_after,
            ),
            self._every,
            self._coordination,
            self._shares,
            reports,
            ReplicaClocks(suspension_clock(), monotonic),
            ReplicaCounts(metrics.takeovers.inc, metrics.fenced_saves.inc),
        )
        self._tables = {name: MetricTable({"account": name} if name else {}) for name in accounts}
        self._share_metrics = {name: ShareMetrics(table) for name, table in self._tables.items()}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="replica")
        self._latest_round = monotonic()
        self._ready = False
        self._problem = ""  # of the latest round, where nobody foresaw it

    def start(self) -> None:
        """Begin to take part."""
        self._thread.start()

    def stop(self) -> None:
        """Hand over: show no share any longer, save what was counted, release what is saved."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            return  # It waits for the database: the others notice the silence.
        self._replica.leave()
        deadline = self._monotonic() + STOP_SECONDS
        while self._replica.release_ended(max(0.0, deadline - self._monotonic())):
            pass
        self._shares.close()
        self._coordination.close()

    def watched(self) -> list[Watched]:
        """What this replica reads and may show now."""
        owned = self._replica.owned()
        return [
            Watched(share.account, f"share {share.number}", account.status)
            for share, account in self._shares.shown().items()
            if share in owned
        ]

    def accounts(self) -> dict[Share, Account]:
        """The shares that run."""
        return self._shares.shown()

    def tables(self) -> list[MetricTable]:
        """The tables to show now; sets the metrics of the replica to what is so now."""
        owned = self._replica.owned()
        self._metrics.replicas.set(len(self._replica.standing.members))
        for share in self._every:
            gauge = self._share_metrics[share.account].share_owned
            gauge.labels(str(share.number)).set(share in owned)
        shown = [
            table
            for share, account in self._shares.shown().items()
            if share in owned
            for table in account.tables
        ]
        return [*self._tables.values(), *shown]

    def healthy(self) -> tuple[bool, str]:
        """Whether the thread of the replica has its turns."""
        still = self._monotonic() - self._latest_round
        if still > STALLED_FACTOR * self._takeover_after:
            return False, f"the replica's thread has not moved for {still:.0f} s"
        return True, ""

    def ready(self) -> tuple[bool, str]:
        """Whether the replica is one of the group, and has loaded what it owns."""
        problem = self._problem or self._replica.standing.problem
        if problem:
            return False, problem
        loading = self._replica.owned() - self._shares.shown().keys()
        if loading and not self._ready:
            return False, f"{len(loading)} shares are being loaded"
        self._ready = True
        return True, ""

    def status(self) -> ReplicaStatus:
        """How the group stands."""
        standing, owned = self._replica.standing, self._replica.owned()
        owners = dict(standing.owners)
        return ReplicaStatus(
            self._replica.me.name,
            standing.members,
            tuple(
                ShareStatus(share.account, share.number, owners.get(share, ""), share in owned)
                for share in self._every
            ),
            self._problem or standing.problem,
        )

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._latest_round = self._monotonic()
            self._stopping.wait(self._round())

    def _round(self) -> float:
        """Take part for one round; returns the seconds until the next one.

        After an error that nobody foresaw the next round comes all the same. The lease ends by
        itself if no heartbeat is sent meanwhile.
        """
        try:
            with self._internal_errors.translated(ReplicaPart.ROUNDS):
                pause = self._replica.round()
        except InternalError as error:
            self._problem = str(error)
            return self._replica.heartbeat
        self._problem = ""
        return pause
