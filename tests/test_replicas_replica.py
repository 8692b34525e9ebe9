"""One replica, round by round: its lease, its claims, and what it gives up when."""

import logging
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from exporter.errors import StateError
from exporter.replicas.layout import Member, Share, layout_of, shares_of
from exporter.replicas.replica import (
    WATCHED,
    Happened,
    Replica,
    ReplicaClocks,
    ReplicaCounts,
    Report,
)
from exporter.state.coordination import Claim, View

TAKEOVER = 10.0
HEARTBEAT = 1.0
SETTLE = 7


class Store:
    """Members and claims in memory.

    ``down`` refuses every call, ``read_only`` each that writes, ``lost`` the next answer.
    """

    def __init__(self):
        self.members: dict[str, int] = {}
        self.claims: dict[str, Claim] = {}
        self.down = False
        self.read_only = False
        self.lost = False

    def read(self):
        return self._answered(lambda: View(dict(self.members), dict(self.claims)))

    def beat(self, member, counter):
        if self.read_only:
            raise StateError("read-only")
        self.members[member] = self.members[member] if self.down else counter
        return self.read()

    def claim(self, share, expected, owner):
        new = Claim(owner, 1 if expected is None else expected.epoch + 1)
        return new if self._change(share, lambda now: now == expected, new) else None

    def release(self, share, held):
        return self._change(share, lambda now: now == held, Claim(None, held.epoch))

    def reassert(self, share, held):
        return self._change(
            share, lambda now: now is None or now == held or now.epoch < held.epoch, held
        )

    def forget(self, member, counter):
        return self._answered(lambda: self.members.pop(member, None) is not None)

    def close(self):
        """Nothing is open."""

    def _change(self, share, fits: Callable[[Claim | None], bool], claim: Claim) -> bool:
        def change() -> bool:
            if not fits(self.claims.get(share)):
                return False
            self.claims[share] = claim
            return True

        return self._answered(change)

    def _answered(self, operation):
        if self.down:
            raise StateError("down")
        answer = operation()
        if self.lost:
            self.lost = False
            raise StateError("lost")
        return answer


class Holdings:
    """The shares that were started, and how each was withdrawn."""

    def __init__(self):
        self.running: dict[Share, Claim] = {}
        self.withdrawn: list[tuple[Share, bool]] = []

    def start(self, share, claim):
        self.running[share] = claim

    def withdraw(self, share, claim, *, save):
        assert self.running.pop(share) == claim
        self.withdrawn.append((share, save))


class Site:
    """Replicas on one store, whose time a test lets pass."""

    def __init__(self, shares=2):
        self.store = Store()
        self.now = 0.0
        self.shares = shares
        self.taken = 0
        self.fenced = 0

    def replica(self, name, shares=None, takeover_after=TAKEOVER):
        every = shares_of([""], shares or self.shares)
        holdings = Holdings()
        replica = Replica(
            Member(name, "token", layout_of(every), takeover_after),
            every,
            self.store,
            holdings,
            SimpleQueue(),
            ReplicaClocks(lambda: self.now, lambda: self.now),
            ReplicaCounts(
                taken=lambda: setattr(self, "taken", self.taken + 1),
                fenced=lambda: setattr(self, "fenced", self.fenced + 1),
            ),
        )
        replica.holdings = holdings
        return replica

    def rounds(self, count, *replicas):
        for _ in range(count):
            self.now += HEARTBEAT
            for replica in replicas:
                replica.round()
                for share, saved in replica.holdings.withdrawn:
                    if saved:
                        claim = Claim(str(replica.me), self.store.claims[share.namespace].epoch)
                        replica.reports.put(Report(share, claim, Happened.ENDED))
                replica.holdings.withdrawn.clear()

    def owners(self):
        return sorted(
            (name, claim.owner and Member.parse(claim.owner).name)
            for name, claim in self.store.claims.items()
        )


def test_a_replica_watches_before_it_takes_part():
    """It is no member and claims nothing until every other one has renewed or lost its lease."""
    site = Site()
    a = site.replica("a")
    site.rounds(SETTLE, a)
    assert site.store.members == {}
    assert a.owned() == frozenset()
    site.rounds(3, a)
    assert len(a.owned()) == 2
    assert a.standing.members == (("a", 2),)
    assert a.standing.problem == ""


def test_a_claim_whose_answer_was_lost_is_made_again():
    """The store says that the share is this one's, which it never started: it claims anew."""
    site = Site(shares=1)
    a = site.replica("a")
    site.rounds(SETTLE, a)
    site.store.lost = True  # that of the first heartbeat
    site.rounds(1, a)
    [name] = [share.namespace for share in shares_of([""], 1)]
    site.store.claims[name] = Claim(str(a.me), 1)
    site.rounds(3, a)
    assert site.store.claims[name] == Claim(str(a.me), 2)
    assert list(a.holdings.running.values()) == [Claim(str(a.me), 2)]
    assert site.taken == 0


def test_a_replica_without_the_store_gives_up_when_its_lease_ends():
    """Not before, and what it saved since is nobody's business: nothing is saved on the way out."""
    site = Site()
    a = site.replica("a")
    site.rounds(SETTLE + 3, a)
    site.store.down = True
    site.rounds(5, a)
    assert len(a.owned()) == 2
    assert a.standing.problem == "the store cannot be used: down"
    site.now += HEARTBEAT
    assert a.owned() == frozenset()
    a.round()
    assert [saved for _, saved in a.holdings.withdrawn] == [False, False]
    a.holdings.withdrawn.clear()
    site.store.down = False
    site.rounds(SETTLE, a)
    assert a.owned() == frozenset()
    site.rounds(4, a)
    assert {claim.epoch for claim in a.holdings.running.values()} == {2}
    assert site.taken == 0


@pytest.mark.found(
    "A replica whose database was read-only said that it answers again once its lease had ended.",
    how="a Redis that became a replica of another one, under three exporters",
)
def test_a_store_that_only_reads_cannot_be_used(caplog):
    """It is said once, until a heartbeat was written again; readiness keeps the reason."""
    caplog.set_level(logging.INFO, logger="exporter.replicas.replica")
    site = Site()
    a = site.replica("a")
    site.rounds(SETTLE + 3, a)
    caplog.clear()
    site.store.read_only = True
    site.rounds(SETTLE + 3, a)
    assert a.owned() == frozenset()
    assert a.standing.problem == f"{WATCHED}; before that: read-only"
    site.rounds(2 * SETTLE, a)
    assert a.standing.problem == "the store cannot be used: read-only"
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "the store cannot be used: shares are shown until the lease ends",
        "no heartbeat was acknowledged in time: this replica shows its shares no longer",
    ]
    site.store.read_only = False
    caplog.clear()
    site.rounds(SETTLE + 3, a)
    said = [record.getMessage() for record in caplog.records]
    assert said.count("the store can be used again") == 1
    assert a.standing.problem == ""
    assert len(a.owned()) == 2


def test_the_shares_of_a_silent_replica_are_taken_after_takeover_after():
    """The other one waits, then takes one a round."""
    site = Site()
    a, b = site.replica("a"), site.replica("b")
    site.rounds(SETTLE + 6, a, b)
    assert [len(each.owned()) for each in (a, b)] == [1, 1]
    site.rounds(int(TAKEOVER) - 1, b)
    assert len(b.owned()) == 1
    site.rounds(3, b)
    assert len(b.owned()) == 2
    assert site.taken == 1


@pytest.mark.found(
    "A replica with a longer takeover_after that was cut off showed shares that others had taken.",
    how="thinking of what may differ between replicas",
)
def test_replicas_with_different_takeover_after_do_not_overlap():
    """The one with the shorter time waits until the lease of the other one has surely ended."""
    site = Site()
    slow = site.replica("slow", takeover_after=6 * TAKEOVER)
    site.rounds(6 * SETTLE + 3, slow)
    assert len(slow.owned()) == 2
    quick = site.replica("quick")
    site.rounds(6 * SETTLE + 6, slow, quick)
    assert (len(slow.owned()), len(quick.owned())) == (1, 1)
    for _ in range(6 * int(TAKEOVER) - 1):  # slow is cut off
        site.rounds(1, quick)
        assert len(slow.owned()) + len(quick.owned()) <= 2
        assert len(quick.owned()) == 1
    site.rounds(2, quick)
    assert (len(slow.owned()), len(quick.owned())) == (0, 2)


def test_a_share_that_another_one_owns_is_given_up_at_once():
    """By the picture of a heartbeat, or by a save that was refused."""
    site = Site()
    a = site.replica("a")
    site.rounds(SETTLE + 3, a)
    first, second = sorted(a.holdings.running)
    other = str(Member("b", "token", a.me.layout, TAKEOVER))
    site.store.claims[first.namespace] = Claim(other, 2)
    site.rounds(1, a)
    assert a.owned() == {second}
    claim = a.holdings.running[second]
    a.reports.put(Report(second, claim, Happened.FENCED))
    site.store.claims[second.namespace] = Claim(other, 2)
    site.rounds(1, a)
    assert a.owned() == frozenset()
    assert site.fenced == 1


def test_a_store_that_lost_the_claims_gets_them_back():
    """The owner goes on, and nobody claims anything for a while."""
    site = Site()
    a, b = site.replica("a"), site.replica("b")
    site.rounds(SETTLE + 6, a, b)
    before, running = site.owners(), dict(a.holdings.running)
    site.store.claims.clear()
    site.rounds(1, b, a)
    assert site.owners() == before
    site.rounds(20, a, b)
    assert a.holdings.running == running
    assert site.owners() == before


def test_replicas_with_other_shares_do_not_mix():
    """Those of the new configuration wait until the last one of the old has ended."""
    site = Site()
    old, new = site.replica("old", 2), site.replica("new", 3)
    site.rounds(SETTLE + 3, old)
    site.rounds(30, old, new)
    assert len(old.owned()) == 2
    assert new.owned() == frozenset()
    assert "another number of shares" in new.standing.problem
    site.rounds(30, new)
    assert len(new.owned()) == 3


def test_who_leaves_releases_what_has_ended():
    """The others claim each share as it is released, and none of them was silent."""
    site = Site()
    a, b = site.replica("a"), site.replica("b")
    site.rounds(SETTLE + 6, a, b)
    a.leave()
    assert str(a.me) not in site.store.members
    [(share, saved)] = a.holdings.withdrawn
    assert saved
    claim = site.store.claims[share.namespace]
    assert claim.owner == str(a.me)
    a.reports.put(Report(share, claim, Happened.ENDED))
    assert not a.release_ended(0.0)
    assert site.store.claims[share.namespace] == Claim(None, claim.epoch)
    site.rounds(1, b)
    assert len(b.owned()) == 2
    assert site.taken == 0


def test_a_share_that_cannot_be_started_is_released_and_tried_again():
    """Not at once: whatever is wrong may last."""
    site = Site(shares=1)
    a = site.replica("a")
    site.rounds(SETTLE + 2, a)
    [(share, claim)] = a.holdings.running.items()
    a.reports.put(Report(share, claim, Happened.FAILED))
    site.rounds(1, a)
    assert a.owned() == frozenset()
    assert site.store.claims[share.namespace] == Claim(None, 1)
    site.rounds(8, a)
    assert a.owned() == frozenset()
    site.rounds(4, a)
    assert a.owned() == {share}


def test_members_that_are_long_gone_are_removed():
    """The store does not fill up with the starts of years."""
    site = Site()
    a, b = site.replica("a"), site.replica("b")
    site.rounds(SETTLE + 3, a, b)
    site.rounds(150, b)
    assert len(site.store.members) == 2
    site.rounds(100, b)
    assert list(site.store.members) == [str(b.me)]
