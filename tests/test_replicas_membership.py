"""Who is alive: a replica is gone when its counter stands still by the observer's own clock."""

from exporter.replicas.layout import Member, layout_of, shares_of
from exporter.replicas.lease import Lease
from exporter.replicas.membership import Membership

TAKEOVER, SETTLE = 10.0, 7.0


class Observer:
    """A membership whose reads take ``delay`` seconds."""

    def __init__(self):
        self.asked = {}
        self.membership = Membership(TAKEOVER, self._asked, SETTLE / TAKEOVER)
        self.now = 100.0

    def _asked(self, name):
        return self.asked.get(name, 0.0)

    def see(self, after=1.0, delay=0.0, owners=(), **counters):
        self.now += after
        sent = self.now
        self.now += delay
        self.membership.observe(counters, owners, sent=sent, received=self.now)
        return self.membership.alive()


def test_a_member_is_gone_once_its_counter_stands_still():
    """It is alive for takeover_after from the answer that first had its latest counter."""
    observer = Observer()
    observer.see(a=1)
    for _ in range(9):
        assert observer.see(a=1, b=1) == {"a", "b"}
    assert not observer.membership.gone("a")
    assert observer.see(a=1, b=2) == {"b"}
    assert observer.membership.gone("a")
    assert observer.see(a=2, b=2) == {"a", "b"}


def test_a_pause_of_the_observer_ends_nobody():
    """What moved while the observer was paused is alive, however long that was."""
    observer = Observer()
    observer.see(a=1)
    assert observer.see(after=60.0, a=31) == {"a"}
    # The answer came late: it shows what was so when it was asked for.
    assert observer.see(delay=60.0, a=31) == {"a"}
    assert observer.see(a=92) == {"a"}


def test_a_long_gap_between_reads_begins_the_watch_anew():
    """After a gap nobody is gone at once, and nothing is claimed until the watch is long enough."""
    observer = Observer()
    for _ in range(9):
        observer.see(a=1)
    assert observer.membership.settled
    observer.see(after=SETTLE, a=2)
    assert observer.membership.settled
    for _ in range(2):
        observer.see(a=2)
    assert observer.see(after=8.0, a=2) == {"a"}
    assert not observer.membership.settled
    for _ in range(6):
        observer.see(a=2)
    assert not observer.membership.settled
    observer.see(a=2)
    assert observer.membership.settled


def test_a_counter_that_goes_back_begins_the_watch_anew():
    """The store went back: owners renew their claims before anybody may claim."""
    observer = Observer()
    for _ in range(9):
        observer.see(a=5)
    assert observer.membership.settled
    assert observer.see(a=3) == {"a"}
    assert not observer.membership.settled


def test_an_owner_that_is_no_member_is_watched_as_well():
    """Its share is taken only after takeover_after: its member may only be missing for a moment."""
    observer = Observer()
    for _ in range(10):
        assert observer.see(owners=("x",), a=1) == {"a"}
    assert not observer.membership.gone("x")
    observer.see(owners=("x",), a=2)
    assert observer.membership.gone("x")


def test_a_member_that_asks_for_more_patience_gets_it():
    """It may be configured to be silent for longer, and so shows its shares for longer."""
    observer = Observer()
    observer.asked["a"] = 30.0
    for _ in range(21):
        observer.see(a=1, b=1)
        assert not observer.membership.settled
    assert observer.membership.gone("b")
    observer.see(a=1)
    assert observer.membership.settled
    for _ in range(8):
        assert observer.see(a=1) == {"a"}
    assert not observer.membership.gone("a")
    assert observer.see(a=1) == frozenset()
    assert observer.membership.gone("a")


def test_members_that_are_long_gone_are_named_with_their_counter():
    """They can be removed from the store."""
    observer = Observer()
    for _ in range(30):
        observer.see(a=1)
    assert observer.membership.long_gone(3.0) == []
    observer.see(a=1)
    assert observer.membership.long_gone(3.0) == [("a", 1)]


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


def test_a_lease_counts_from_when_the_heartbeat_was_sent():
    """A slow acknowledgement leaves less of it."""
    clock = Clock()
    lease = Lease(6.0, clock)
    assert not lease.valid
    sent = clock.now
    clock.now += 4.0
    lease.begin(sent)
    assert lease.valid
    clock.now += 1.9
    assert lease.valid
    clock.now += 0.1
    assert not lease.valid


def test_a_lease_that_has_ended_cannot_be_renewed():
    """There was a time without a lease, in which others may have claimed: it has to begin anew."""
    clock = Clock()
    lease = Lease(6.0, clock)
    lease.begin(clock.now)
    clock.now += 5.9
    assert lease.renew(clock.now)
    clock.now += 6.1
    assert not lease.renew(clock.now)
    assert not lease.valid
    lease.begin(clock.now)
    assert lease.valid


def test_each_app_is_part_of_exactly_one_share():
    """The shares of an account split its apps, about evenly."""
    shares = shares_of(["shop"], 4)
    sizes = [sum(share.has(f"app-{number}") for number in range(1000)) for share in shares]
    assert sum(sizes) == 1000
    assert min(sizes) > 150
    # The remainder is fixed: another version of the program must not move apps.
    assert [number for number in range(12) if shares[0].has(f"app-{number}")] == [8, 9]


def test_replicas_with_other_shares_have_another_layout():
    """The layout tells configurations apart, whatever the order of accounts."""
    assert layout_of(shares_of(["a", "b"], 2)) == layout_of(shares_of(["b", "a"], 2))
    assert layout_of(shares_of(["a", "b"], 2)) != layout_of(shares_of(["a", "b"], 3))


def test_a_member_is_read_back_from_its_text():
    """Names may have any character."""
    for member in (Member("pod-0", "t", "1f", 10.0), Member("a/b/c/d", "t", "1f", 0.5)):
        assert Member.parse(str(member)) == member
    for unknown in ("other", "pod-0/t/1f", "pod-0/t/1f/soon"):
        assert Member.parse(unknown).layout == ""
        assert Member.parse(unknown).takeover_after == 0.0
