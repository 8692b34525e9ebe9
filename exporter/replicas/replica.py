"""One replica: keeps its membership and lease alive, and claims or releases one share a round.

Everything here runs on one thread, round by round. What starts and stops the shares is handed in,
and reports back through a queue, so that no heartbeat waits for a share to load or to flush.

Why no two replicas show a share at one time: a replica shows shares only while its lease lasts.
The lease is shorter than the silence (``takeover_after``) after which others claim its shares, and
both are measured from the same heartbeat. A replica that was without a lease even for a moment
gives up all of its shares and claims them again. After a start, or whenever the store was out of
sight or went back, a replica only watches until every other one has renewed its claims or has lost
its lease.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from exporter.errors import StateError
from exporter.replicas.decision import ClaimShare, decide
from exporter.replicas.holdings import Happened, Holdings, Report
from exporter.replicas.layout import Member, Share
from exporter.replicas.lease import LEASE_PART, Lease, heartbeat_seconds
from exporter.replicas.membership import Membership
from exporter.replicas.survey import WATCHED, Standing, Survey
from exporter.state.coordination import Claim, Coordination, View

LOG = logging.getLogger(__name__)

SETTLE_PART = 0.7
"""The part of ``takeover_after`` for which the store is watched before shares are claimed."""

AFTER_MOVE_PART = 0.1
"""The pause after a move, as a part of the time between two heartbeats."""

FORGET_FACTOR = 20.0
"""A member is removed from the store after so many times ``takeover_after`` without a heartbeat."""

RETRY_SECONDS = 10.0
"""The time until a share that could not be started is claimed again."""


@dataclass(frozen=True, slots=True)
class ReplicaClocks:
    """The clocks of a replica.

    Args:
        clock: see ``suspension_clock``.
        monotonic: seconds that only grow.
    """

    clock: Callable[[], float]
    monotonic: Callable[[], float]


@dataclass(frozen=True, slots=True)
class ReplicaCounts:
    """What counts events of a replica.

    Args:
        taken: called for each share that is claimed from a replica that is gone.
        fenced: called for each save that was refused.
    """

    taken: Callable[[], None]
    fenced: Callable[[], None]


class Replica:
    """One replica of a group.

    Args:
        me: this start of this replica.
        shares: every share of the configuration, whoever owns it.
        coordination: the store; used on the thread of the rounds alone.
        holdings: runs the shares.
        reports: brings what happens to shares.
    """

    def __init__(
        self,
        me: Member,
        shares: Sequence[Share],
        coordination: Coordination,
        holdings: Holdings,
        reports: SimpleQueue[Report],
        clocks: ReplicaClocks,
        counts: ReplicaCounts,
    ) -> None:
        self.me = me
        self._name = str(me)
        self._shares = {share.namespace: share for share in shares}
        self._coordination = coordination
        self._holdings = holdings
        self._clock = clocks.clock
        self._monotonic = clocks.monotonic
        self._counts = counts
        takeover_after = me.takeover_after
        self.heartbeat = heartbeat_seconds(takeover_after)
        self.lease = Lease(LEASE_PART * takeover_after, clocks.clock)
        self._membership = Membership(takeover_after, _takeover_after, SETTLE_PART)
        self.reports = reports
        self._counter = 0
        self._joined = False
        self._held: dict[str, Claim] = {}
        self._owned: frozenset[Share] = frozenset()  # those held; replaced as a whole
        self._leaving: dict[str, Claim] = {}
        self._released: dict[str, Claim] = {}
        self._not_before: dict[str, float] = {}
        self._epochs: dict[str, int] = {}
        self._failure: StateError | None = None
        self.standing = Standing()

    def owned(self) -> frozenset[Share]:
        """The shares that this replica owns and may show now; from any thread."""
        return self._owned if self.lease.valid else frozenset()

    def round(self) -> float:
        """Send one heartbeat and make at most one move.

        Returns:
            Seconds until the next round is due.
        """
        self._hear()
        self._give_up_without_lease()
        try:
            view = self._look()
            self._check_claims(view)
            self._return_released()
            moved = self._joined and self._move(view)
            self._forget_long_gone(view)
        except StateError as error:
            self._give_up_without_lease()
            self._note_failure(error)
            return self.heartbeat
        self._note_success()
        return self.heartbeat * (AFTER_MOVE_PART if moved else 1.0)

    def leave(self) -> None:
        """Leave the group: withdraw and end every share; each is released once it reports that.

        Others claim them as they are released. No round follows.
        """
        for name in list(self._held):
            self._withdraw(name, save=True)
        try:
            if self._joined:
                self._coordination.forget(self._name, self._counter)
        except StateError as error:
            LOG.warning(
                "cannot leave the group: others notice it after takeover_after",
                extra={"fields": {"problem": error}},
            )

    def release_ended(self, timeout: float) -> bool:
        """Wait for the end of the next share that leaves, and release what has ended.

        Returns:
            Whether there is more to wait for.
        """
        if not self._leaving:
            return False
        try:
            self._heard(self.reports.get(timeout=timeout))
        except Empty:
            return False
        try:
            self._return_released()
        except StateError:
            return False
        return bool(self._leaving)

    def _look(self) -> View:
        """Send the heartbeat, or only read as long as this replica watches; renew the lease."""
        sent, sent_monotonic = self._clock(), self._monotonic()
        if self._joined:
            self._counter += 1
            view = self._coordination.beat(self._name, self._counter)
            if not self.lease.renew(sent):
                self._give_up()
        else:
            view = self._coordination.read()
        owners = {claim.owner for claim in view.shares.values() if claim.owner is not None}
        self._membership.observe(
            view.members, owners, sent=sent_monotonic, received=self._monotonic()
        )
        return self._join() if not self._joined and self._membership.settled else view

    def _join(self) -> View:
        """Send the first heartbeat."""
        sent = self._clock()
        self._counter += 1
        view = self._coordination.beat(self._name, self._counter)
        self.lease.begin(sent)
        self._joined = True
        return view

    def _give_up_without_lease(self) -> None:
        if self._joined and not self.lease.valid:
            self._give_up()

    def _give_up(self) -> None:
        """Give up every share, since the lease has ended: others may claim them from then on."""
        self._joined = False
        self.standing = Standing()
        self._membership.restart()
        if self._held:
            LOG.error(
                "no heartbeat was acknowledged in time: this replica shows its shares no longer",
                extra={"fields": {"shares": len(self._held)}},
            )
        for name in list(self._held):
            self._withdraw(name, save=False)
        self._leaving.clear()
        self._released.clear()

    def _check_claims(self, view: View) -> None:
        """Give up what another one owns by now, and claim again what the store has lost."""
        epochs = {name: claim.epoch for name, claim in view.shares.items()}
        if any(name not in epochs or epochs[name] < it for name, it in self._epochs.items()):
            self._membership.restart()  # the store went back
        self._epochs = epochs
        for name, held in [*self._held.items(), *self._leaving.items()]:
            recorded = view.shares.get(name)
            if recorded == held:
                continue
            behind = recorded is None or recorded.epoch < held.epoch
            if behind:
                self._membership.restart()
            if not behind or not self._coordination.reassert(name, held):
                self._drop(name)

    def _drop(self, name: str) -> None:
        """Give up a share that another one owns."""
        LOG.warning("another replica owns a share by now", extra={"fields": {"share": name}})
        if name in self._held:
            self._withdraw(name, save=False)
        self._leaving.pop(name, None)

    def _withdraw(self, name: str, *, save: bool) -> None:
        claim = self._held.pop(name)
        self._owned -= {self._shares[name]}
        if save:
            self._leaving[name] = claim
        self._holdings.withdraw(self._shares[name], claim, save=save)

    def _move(self, view: View) -> bool:
        """Make at most one move; returns whether one was made."""
        survey = Survey(self.me, view, self._membership)
        owners = survey.owners(self._shares, self._held, self._leaving)
        self._describe(survey, owners)
        if not survey.settled:
            return False
        if survey.problem:
            return survey.yields and self._release_one()
        for name, claim in view.shares.items():  # claimed by me, and the answer was lost
            mine = claim.owner == self._name and name in self._shares
            if mine and name not in self._held and name not in self._leaving:
                return self._claim(name, claim)
        move = decide(self._name, survey.alive, owners)
        if isinstance(move, ClaimShare):
            return self._claim(move.share, view.shares.get(move.share))
        if move is not None:
            LOG.info("a share is released", extra={"fields": {"share": move.share}})
            self._withdraw(move.share, save=True)
        return move is not None

    def _release_one(self) -> bool:
        for name in sorted(self._held):
            self._withdraw(name, save=True)
            return True
        return False

    def _claim(self, name: str, expected: Claim | None) -> bool:
        now = self._monotonic()
        if now < self._not_before.get(name, now):
            return False
        claim = self._coordination.claim(name, expected, self._name)
        if claim is None:
            return False
        self._epochs[name] = claim.epoch
        former = expected.owner if expected is not None else None
        if former not in (None, self._name):
            self._counts.taken()
        LOG.info(
            "a share is claimed",
            extra={"fields": {"share": name, "epoch": claim.epoch, "from": former or ""}},
        )
        self._held[name] = claim
        self._owned |= {self._shares[name]}
        self._holdings.start(self._shares[name], claim)
        return True

    def _hear(self) -> None:
        """Take up what shares have reported since the round before."""
        while True:
            try:
                self._heard(self.reports.get_nowait())
            except Empty:
                return

    def _heard(self, report: Report) -> None:
        name = report.share.namespace
        if report.happened is Happened.FENCED:
            self._counts.fenced()
        failed = report.happened is Happened.FAILED
        if self._held.get(name) == report.claim:
            self._withdraw(name, save=False)
        elif self._leaving.get(name) == report.claim:
            del self._leaving[name]
        else:
            return
        if report.happened is not Happened.FENCED:
            self._released[name] = report.claim
        if failed:
            self._not_before[name] = self._monotonic() + RETRY_SECONDS

    def _return_released(self) -> None:
        """Release the shares that have ended."""
        for name, claim in list(self._released.items()):
            self._coordination.release(name, claim)
            del self._released[name]

    def _forget_long_gone(self, view: View) -> None:
        owners = {claim.owner for claim in view.shares.values()}
        for name, counter in self._membership.long_gone(FORGET_FACTOR):
            if name not in owners:
                self._coordination.forget(name, counter)

    def _describe(self, survey: Survey, owners: dict[str, str | None]) -> None:
        if survey.problem and survey.problem != self.standing.problem:
            LOG.warning("no share can be claimed", extra={"fields": {"problem": survey.problem}})
        owned = {name: owner for name, owner in owners.items() if owner is not None}
        counts = Counter(owned.values())
        self.standing = Standing(
            tuple(sorted((Member.parse(name).name, counts[name]) for name in survey.alive)),
            tuple((self._shares[name], Member.parse(owner).name) for name, owner in owned.items()),
            survey.problem,
        )

    def _note_failure(self, error: StateError) -> None:
        """Log when the store cannot be used any longer."""
        if self._failure is None:
            LOG.error(
                "the store cannot be used: shares are shown until the lease ends",
                extra={"fields": {"problem": error, "lease_seconds": self.lease.seconds}},
            )
        self._failure = error
        self.standing = Standing(problem=f"the store cannot be used: {error}")

    def _note_success(self) -> None:
        """Log when the store can be used again: while this replica only watches, it only reads."""
        if self._failure is None:
            return
        if self._joined:
            LOG.info("the store can be used again")
            self._failure = None
        else:
            self.standing = Standing(problem=f"{WATCHED}; before that: {self._failure}")


def _takeover_after(name: str) -> float:
    return Member.parse(name).takeover_after
