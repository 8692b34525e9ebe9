"""One replica, round by round: its lease, its claims, and what it gives up when."""

import logging
from collections.abc import Callable
from queue import SimpleQueue

import pytest

from exporter.errors import StateError
from exporter.replicas.holdings import Happened, Report
from exporter.replicas.layout import Member, Share, layout_of, shares_of
from exporter.replicas.replica import Replica, ReplicaClocks, ReplicaCounts
from exporter.replicas.survey import WATCHED, Standing
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

    def pauses(self, count, replica):
        """What each of so many rounds returns."""
        pauses = []
        for _ in range(count):
            self.now += HEARTBEAT
            pauses.append(replica.round())
        return pauses

    def member(self, name, shares=None):
        """The name of a replica that takes part without being run."""
        every = shares_of([""], shares or self.shares)
        return str(Member(name, "token", layout_of(every), TAKEOVER))

    def owners(self):
        return sorted(
            (name, claim.owner and Member.parse(claim.owner).name)
            for name, claim in self.store.claims.items()
        )


def said(caplog, message):
    """The fields of each record with a message."""
    return [each.__dict__["fields"] for each in caplog.records if each.getMessage() == message]


def test_a_round_that_moved_a_share_is_followed_soon_by_the_next(caplog):
    """Otherwise a heartbeat later, also while the store cannot be used."""
    site = Site()
    a = site.replica("a")
    assert site.pauses(SETTLE, a) == [1.0] * SETTLE
    assert site.pauses(4, a) == [0.1, 0.1, 1.0, 1.0]
    site.store.down = True
    assert site.pauses(2, a) == [1.0, 1.0]
    site.store.down = False
    b = site.replica("b")
    for _ in range(SETTLE + 1):
        assert site.pauses(1, a) == [1.0]
        b.round()
    caplog.set_level(logging.INFO, logger="exporter.replicas.replica")
    assert site.pauses(2, a) == [0.1, 1.0]
    [(share, saved)] = a.holdings.withdrawn
    assert saved
    assert said(caplog, "a share is released") == [{"share": share.namespace}]


def test_each_heartbeat_has_the_next_number():
    """None is sent without a lease, and after that they go on: a number that fell is a loss."""
    site = Site()
    a = site.replica("a")
    site.rounds(SETTLE + 1, a)
    assert site.store.members == {str(a.me): 1}
    site.rounds(3, a)
    assert site.store.members == {str(a.me): 4}
    site.now += TAKEOVER
    site.rounds(1, a)
    assert a.standing == Standing((), (), WATCHED)
    site.rounds(SETTLE - 1, a)
    assert site.store.members == {str(a.me): 4}
    site.rounds(1, a)
    assert site.store.members == {str(a.me): 5}


@pytest.mark.parametrize("answered", [True, False])
def test_a_heartbeat_that_outlasts_the_lease_ends_in_giving_up(
    answered: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """At once, whether or not it was answered in the end: others may own the shares by now."""
    site = Site()
    a = site.replica("a")
    site.rounds(SETTLE + 3, a)
    beat = site.store.beat

    def late(member, counter):
        view = beat(member, counter)
        site.now += TAKEOVER
        if not answered:
            raise StateError("too late")
        return view

    monkeypatch.setattr(site.store, "beat", late)
    site.pauses(1, a)
    assert [saved for _, saved in a.holdings.withdrawn] == [False, False]
    message = "no heartbeat was acknowledged in time: this replica shows its shares no longer"
    assert said(caplog, message) == [{"shares": 2}]


def test_a_replica_watches_before_it_takes_part():
    """It is no member and claims nothing until every other one has renewed or lost its lease."""
    site = Site()
    a = site.replica("a")
    assert a.standing == Standing((), (), WATCHED)
    site.rounds(SETTLE, a)
    assert site.store.members == {}
    assert a.owned() == frozenset()
    site.rounds(3, a)
    assert len(a.owned()) == 2
    assert a.standing.members == (("a", 2),)
    assert a.standing.problem == ""


def test_a_claim_that_another_one_made_first_is_no_move(monkeypatch: pytest.MonkeyPatch):
    """Nothing is started, and the next round comes with the next heartbeat."""
    site = Site()
    a = site.replica("a")
    site.rounds(SETTLE, a)
    monkeypatch.setattr(site.store, "claim", lambda *_: None)
    assert site.pauses(2, a) == [1.0, 1.0]
    assert (a.owned(), a.holdings.running) == (frozenset(), {})


def test_a_claim_whose_answer_was_lost_is_made_again():
    """The store says that the share is this one's, which it never started: it claims anew."""
    site = Site(shares=1)
    a = site.replica("a")
    site.rounds(SETTLE, a)
    site.store.lost = True  # that of the first heartbeat
    site.rounds(1, a)
    [name] = [share.namespace for share in shares_of([""], 1)]
    site.store.claims[name] = Claim(str(a.me), 1)
    assert site.pauses(3, a) == [0.1, 1.0, 1.0]
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


def test_the_shares_of_a_silent_replica_are_taken_after_takeover_after(caplog):
    """The other one waits, then takes one a round; the log says from whom."""
    site = Site()
    a, b = site.replica("a"), site.replica("b")
    site.rounds(SETTLE + 6, a, b)
    assert [len(each.owned()) for each in (a, b)] == [1, 1]
    [(share, claim)] = a.holdings.running.items()
    site.rounds(int(TAKEOVER) - 1, b)
    assert len(b.owned()) == 1
    caplog.set_level(logging.INFO, logger="exporter.replicas.replica")
    site.rounds(3, b)
    assert len(b.owned()) == 2
    assert site.taken == 1
    taken = {"share": share.namespace, "epoch": claim.epoch + 1, "from": str(a.me)}
    assert said(caplog, "a share is claimed") == [taken]


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


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_share_that_another_one_owns_is_given_up_at_once(
    epoch: int, caplog: pytest.LogCaptureFixture
):
    """By the picture of a heartbeat, or by a save that was refused; the replica goes on."""
    site = Site(shares=3)
    a = site.replica("a")
    site.rounds(SETTLE + 4, a)
    first, second, third = sorted(a.holdings.running)
    other = site.member("b")
    site.store.claims[second.namespace] = Claim(other, epoch)
    site.pauses(1, a)
    assert a.owned() == {first, third}
    assert a.holdings.withdrawn == [(second, False)]
    assert said(caplog, "another replica owns a share by now") == [{"share": second.namespace}]
    a.reports.put(Report(third, a.holdings.running[third], Happened.FENCED))
    site.store.claims[third.namespace] = Claim(other, epoch)
    site.pauses(1, a)
    assert a.owned() == {first}
    assert a.holdings.withdrawn == [(second, False), (third, False)]
    assert site.fenced == 1
    assert a.standing.problem == ""


def releasing(site, a, b):
    """Let one of two shares leave the first replica, since the other one has joined."""
    site.rounds(SETTLE + 3, a)
    for _ in range(SETTLE + 1):
        site.pauses(1, b)
        a.round()
    [(share, saved)] = a.holdings.withdrawn
    assert saved
    assert site.store.claims[share.namespace] == Claim(str(a.me), 1)
    return share


@pytest.mark.parametrize("early", [True, False])
def test_without_a_lease_no_share_is_released(early: bool):
    """Also if its end was reported before that was noticed: others wait for it to be gone."""
    site = Site()
    a = site.replica("a")
    share = releasing(site, a, site.replica("b"))
    site.now += TAKEOVER
    ended = Report(share, Claim(str(a.me), 1), Happened.ENDED)
    if early:
        a.reports.put(ended)
    site.pauses(1, a)
    assert a.owned() == frozenset()
    if not early:
        a.reports.put(ended)
    site.pauses(2, a)
    assert site.store.claims[share.namespace] == Claim(str(a.me), 1)


def test_a_share_that_another_one_owns_before_it_has_ended_is_nothing_to_wait_for(caplog):
    """It is said once."""
    site = Site()
    a, b = site.replica("a"), site.replica("b")
    share = releasing(site, a, b)
    site.store.claims[share.namespace] = Claim(str(b.me), 2)
    site.pauses(3, a)
    assert said(caplog, "another replica owns a share by now") == [{"share": share.namespace}]
    assert a.release_ended(0.0) is False
    assert len(a.owned()) == 1


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


@pytest.mark.parametrize("between", [1, SETTLE - 1])
def test_a_store_that_goes_back_again_is_watched_from_then_on(between: int):
    """Other replicas may have taken part in between, of which it tells nothing any more.

    Also where it went back before any answer showed the claims that were made again.
    """
    site = Site()
    a = site.replica("a")
    site.rounds(SETTLE + 3, a)
    for rounds in (between, SETTLE - 1):
        site.store.claims.clear()
        assert site.pauses(rounds, a) == [1.0] * rounds
        assert a.standing.problem == WATCHED
        assert len(site.store.claims) == 2
    site.rounds(2, a)
    assert a.standing.problem == WATCHED
    site.rounds(1, a)
    assert a.standing.problem == ""
    assert len(a.owned()) == 2


@pytest.mark.parametrize("left", [None, Claim(None, 1)])
def test_claims_of_others_that_went_back_are_watched_as_well(left: Claim | None):
    """Lost, or older than they were: nothing is claimed until all have renewed theirs."""
    site = Site(shares=1)
    a = site.replica("a")
    [share] = shares_of([""], 1)
    site.store.claims[share.namespace] = Claim(site.member("b"), 2)
    site.rounds(SETTLE + 1, a)
    assert a.standing.problem == ""
    if left is None:
        site.store.claims.clear()
    else:
        site.store.claims[share.namespace] = left
    site.rounds(SETTLE + 1, a)
    assert a.standing.problem == WATCHED
    assert a.owned() == frozenset()
    site.rounds(1, a)
    assert a.owned() == {share}


def test_a_claim_that_the_store_lost_at_once_is_missed_as_well():
    """Also of a share that failed meanwhile, and is this replica's no more."""
    site = Site(shares=1)
    a = site.replica("a")
    site.rounds(SETTLE + 1, a)
    [(share, claim)] = a.holdings.running.items()
    a.reports.put(Report(share, claim, Happened.FAILED))
    site.store.claims.clear()
    site.rounds(1, a)
    assert a.standing.problem == WATCHED


def test_replicas_with_other_shares_do_not_mix(caplog):
    """Those of the new configuration wait until the last one of the old has ended, and say so."""
    site = Site()
    old, new = site.replica("old", 2), site.replica("new", 3)
    site.rounds(SETTLE + 3, old)
    site.rounds(30, old, new)
    assert len(old.owned()) == 2
    assert new.owned() == frozenset()
    problem = "replicas with other accounts or another number of shares are at work"
    assert new.standing.problem == problem
    site.rounds(30, new)
    assert len(new.owned()) == 3
    assert said(caplog, "no share can be claimed") == [{"problem": problem}]


@pytest.mark.found(
    "Where replicas of two configurations owned shares at one time, all gave up all of theirs.",
    how="the mutants of a replica: the one that owns more was to keep them",
)
def test_of_two_configurations_the_one_that_owns_more_goes_on():
    """Once the other one has released all of its shares, which it does one by one."""
    site = Site()
    a = site.replica("a", 3)
    site.rounds(SETTLE + 1, a)
    site.store.claims["#1/3"] = Claim(site.member("b", 3), 1)
    site.store.claims["#0/2"] = Claim(site.member("c", 2), 1)
    site.rounds(3, a)
    assert {share.namespace for share in a.owned()} == {"#0/3"}
    site.store.claims["#0/2"] = Claim(None, 1)
    site.rounds(1, a)
    assert {share.namespace for share in a.owned()} == {"#0/3", "#2/3"}
    for number in range(4):
        site.store.claims[f"#{number}/4"] = Claim(site.member("d", 4), 1)
    assert site.pauses(3, a) == [0.1, 0.1, 1.0]
    assert a.owned() == frozenset()
    assert [(share.namespace, saved) for share, saved in a.holdings.withdrawn] == [
        ("#0/3", True),
        ("#2/3", True),
    ]


def test_where_nobody_owns_a_share_the_configuration_of_more_replicas_begins():
    """The other ones wait, however early they were."""
    site = Site()
    a, b, c = site.replica("a", 3), site.replica("b", 2), site.replica("c", 2)
    for replica in (a, b, c):
        site.store.members[str(replica.me)] = 0
    site.rounds(SETTLE + 1, a)
    assert a.owned() == frozenset()
    assert "another number of shares" in a.standing.problem


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


def test_the_end_of_each_share_that_leaves_is_waited_for():
    """Not for longer than its time, and for none where the store takes no release."""
    site = Site(shares=3)
    a = site.replica("a")
    assert a.release_ended(0.0) is False
    site.rounds(SETTLE + 4, a)
    ended = [Report(*each, Happened.ENDED) for each in a.holdings.running.items()]
    a.leave()
    assert a.release_ended(0.0) is False
    a.reports.put(ended[0])
    assert a.release_ended(0.0) is True
    assert site.store.claims[ended[0].share.namespace].owner is None
    site.store.down = True
    a.reports.put(ended[1])
    assert a.release_ended(0.0) is False


def test_who_cannot_leave_says_so(caplog):
    """The others notice the silence; who has not joined yet has nothing to leave."""
    site = Site()
    a, b = site.replica("a"), site.replica("b")
    site.rounds(SETTLE + 3, a)
    site.store.down = True
    caplog.clear()
    b.leave()
    assert caplog.records == []
    a.leave()
    assert a.owned() == frozenset()
    message = "cannot leave the group: others notice it after takeover_after"
    assert [str(each["problem"]) for each in said(caplog, message)] == ["down"]


def test_a_share_that_cannot_be_started_is_released_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
):
    """Not at once: whatever is wrong may last. The other shares go on."""
    site = Site()
    a = site.replica("a")
    site.rounds(SETTLE + 3, a)
    first, second = sorted(a.holdings.running)
    released, release = [], site.store.release
    monkeypatch.setattr(
        site.store, "release", lambda *held: (released.append(held), release(*held))
    )
    a.reports.put(Report(first, a.holdings.running[first], Happened.FAILED))
    assert site.pauses(1, a) == [1.0]
    assert a.holdings.withdrawn == [(first, False)]
    assert site.store.claims[first.namespace] == Claim(None, 1)
    assert (a.standing.members, a.standing.owners) == ((("a", 1),), ((second, "a"),))
    assert site.pauses(9, a) == [1.0] * 9
    assert a.owned() == {second}
    assert site.pauses(1, a) == [0.1]
    assert a.owned() == {first, second}
    assert released == [(first.namespace, Claim(str(a.me), 1))]


def test_what_became_of_a_claim_that_another_one_overtook_changes_nothing():
    """The share may be free again by then, and nothing is known against starting it."""
    site = Site(shares=1)
    a = site.replica("a")
    site.rounds(SETTLE + 1, a)
    [(share, claim)] = a.holdings.running.items()
    site.store.claims[share.namespace] = Claim(site.member("b"), 2)
    site.rounds(1, a)
    site.store.claims[share.namespace] = Claim(None, 2)
    a.reports.put(Report(share, claim, Happened.FAILED))
    site.rounds(1, a)
    assert a.holdings.running == {share: Claim(str(a.me), 3)}


def test_members_that_are_long_gone_are_removed():
    """The store does not fill up with the starts of years."""
    site = Site()
    a, b = site.replica("a"), site.replica("b")
    site.rounds(SETTLE + 3, a, b)
    site.rounds(199, b)
    assert len(site.store.members) == 2
    site.rounds(1, b)
    assert list(site.store.members) == [str(b.me)]
