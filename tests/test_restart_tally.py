"""The platform's restart counts against what RUN_RESTARTED can have shown."""

from dataclasses import dataclass, field
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.logs.dedup.snapshot import Snapshot
from exporter.logs.restarts.restart_tally import LATE_SECONDS, RestartTally, most_seen


@dataclass
class Component:
    """Instances whose containers end, a reader of RUN_RESTARTED, and counts that are late.

    ``shown`` has the number of the container that the latest read showed of each instance.
    """

    instances: int
    lag: float = 0.0
    tally: RestartTally = field(default_factory=RestartTally)
    now: float = 1e9
    seen: int = 0
    announced: int = 0

    def __post_init__(self) -> None:
        self.ended: list[list[float]] = [[] for _ in range(self.instances)]
        self.shown = [0] * self.instances
        self.count()

    def end(self, instance: int) -> None:
        """The container of an instance ends."""
        self.ended[instance].append(self.now)

    def count(self) -> None:
        """The platform's counts are read."""
        until = self.now - self.lag
        counts = {
            f"web-{number}": sum(at <= until for at in ends)
            for number, ends in enumerate(self.ended)
        }
        self.tally = self.tally.count(counts, self.now)

    def read(self) -> int:
        """RUN_RESTARTED is read; how many containers went unseen by what is told now."""
        begun = self.tally
        latest = [len(ends) for ends in self.ended]
        new = sum(now > before for now, before in zip(latest, self.shown, strict=True))
        known = sum(before == now > 0 for now, before in zip(latest, self.shown, strict=True))
        self.shown = latest
        self.seen += new
        if new:
            self.tally = self.tally.show(self.instances - known)
        unseen, self.tally = self.tally.judge(begun, empty=0)
        self.announced += unseen
        return unseen

    @property
    def unseen(self) -> int:
        """How many containers ended that no read showed and none will."""
        latest = [len(ends) for ends in self.ended]
        waiting = sum(now > before for now, before in zip(latest, self.shown, strict=True))
        return sum(latest) - self.seen - waiting


def rest(component: Component) -> None:
    """So long that counts and reads are in step, as the tally sees it."""
    component.now += component.lag
    for pause in (0.0, LATE_SECONDS, 0.0):
        component.count()
        component.read()
        component.now += pause


@pytest.mark.parametrize("instances", [1, 3])
@pytest.mark.parametrize("lag", [0.0, 90.0])
def test_two_ends_between_two_reads_are_one_unseen(instances: int, lag: float):
    """The second is shown, the first is not; it is told once, when the platform has counted."""
    component = Component(instances, lag)
    component.now += lag
    component.end(0)
    component.end(0)
    assert component.read() == 0
    component.now += lag
    component.count()
    assert component.read() == 1
    rest(component)
    assert component.announced == 1


def test_an_end_that_a_read_under_way_cannot_have_shown_is_not_judged():
    """Counts that came after a read began tell nothing of what it missed."""
    component = Component(1)
    begun = component.tally
    component.end(0)
    component.count()
    assert component.tally.judge(begun, empty=0)[0] == 0
    assert component.tally.judge(component.tally, empty=0)[0] == 1


def test_an_instance_that_is_replaced_begins_anew():
    """Its count falls, which is no end; what it counts from then on is."""
    tally = RestartTally().count({"web-0": 5}, 0.0).count({"web-0": 0}, 1.0)
    assert tally.judge(tally, empty=0)[0] == 0
    tally = tally.count({"web-0": 1}, 2.0)
    assert tally.judge(tally, empty=0)[0] == 1


def test_an_instance_that_the_answer_leaves_out_ended_nothing():
    """A missing series is no count of 0, and one that comes later no series of ends."""
    tally = RestartTally().count({}, 0.0).count({"web-0": 3}, 1.0).count({}, 2.0)
    tally = tally.count({"web-0": 3}, 3.0)
    assert tally.ended == {}


def test_counts_of_the_deployment_before_are_not_the_new_ones():
    """What rose before the counts fell was its own; what rises after that is new."""
    tally = RestartTally(held=True)
    for second, count in enumerate((0, 2, 0, 1)):
        tally = tally.count({"web-0": count}, float(second))
    assert tally.ended == {"web-0": 1}
    assert not tally.held


def test_without_a_fall_a_new_deployments_counts_wait():
    """They may be the former one's as long as the platform may be late."""
    tally = RestartTally(held=True).count({"web-0": 0}, 0.0).count({"web-0": 1}, 1.0)
    assert tally.judge(tally, empty=0)[0] == 0
    tally = tally.count({"web-0": 1}, LATE_SECONDS)
    assert tally.judge(tally, empty=0)[0] == 1


def test_a_container_without_a_line_is_no_unseen_one():
    """The read after its end showed it, with nothing in it; a second one in a row as well."""
    tally = RestartTally().count({"web-0": 0}, 0.0)
    for ends in (1, 2, 3):
        tally = tally.count({"web-0": ends}, float(ends))
        unseen, tally = tally.judge(tally, empty=1)
        assert unseen == 0


def test_it_is_the_same_as_a_document():
    """Through JSON and back; what it was told and has announced stays."""
    ends = (7, 2**64 - 1)
    tally = RestartTally().count({"web-0": 0}, 0.0).show(2, ends).count({"web-0": 4}, 1.0)
    _, tally = tally.judge(tally, empty=0)
    assert (tally.announced, tally.ends) == (3, ends)
    assert Snapshot.from_bytes(Snapshot(1, 2, tally=tally).to_bytes()).tally == tally


def test_what_reads_showed_is_remembered_of_the_latest_only():
    """The 257th read begins it anew, with the next counts, and as far as it may be the former's."""
    tally = RestartTally(held=True).count({"web-0": 0}, 0.0)
    for _ in range(256):
        tally = tally.show(3)
    assert (tally.shown, tally.moment) == ((3,) * 256, 0)
    assert tally.show(3) == RestartTally(held=True, moment=1)


@pytest.mark.parametrize("ends", [1, 3])
def test_once_all_is_counted_it_begins_anew(ends: int):
    """One end was shown and any others are announced, so nothing of it can be told again."""
    tally = RestartTally().count({"web-0": 0}, 5.0).show(1).count({"web-0": ends}, 6.0)
    unseen, tally = tally.judge(tally, empty=0)
    assert unseen == ends - 1
    assert tally == RestartTally({"web-0": ends}, counted_since=5.0, moment=1)


def test_ends_that_were_counted_during_a_read_are_the_next_ones():
    """The read that tells all before them says nothing of them."""
    counts = {"web-0": 0, "web-1": 4}
    begun = RestartTally().count(counts, 0.0).show(1).count({"web-0": 1}, 1.0)
    tally = begun.count({"web-0": 1, "web-1": 6}, 2.0)
    unseen, tally = tally.judge(begun, empty=0)
    assert unseen == 0
    assert tally.ended == {"web-1": 2}
    assert (tally.shown, tally.moment, tally.still_since) == ((), 1, None)
    assert tally.judge(begun, empty=0) == (0, tally)


@pytest.mark.parametrize(("seconds", "moment"), [(599.0, 0), (600.0, 1)])
def test_after_ten_minutes_without_a_change_both_are_in_step(seconds: float, moment: int):
    """What a read may have shown beyond the end that was counted is forgotten then."""
    tally = RestartTally().count({"web-0": 0}, 0.0).show(3).count({"web-0": 1}, 1.0)
    _, tally = tally.judge(tally, empty=0)
    for at in (2.0, 2.0 + seconds):
        assert (tally.ended, tally.shown, tally.moment) == ({"web-0": 1}, (3,), 0)
        tally = tally.count({"web-0": 1}, at)
    kept = ({}, ()) if moment else ({"web-0": 1}, (3,))
    assert (tally.ended, tally.shown, tally.moment) == (*kept, moment)


def test_what_a_read_showed_counts_for_ten_minutes_of_counts_behind_it():
    """However long nothing had changed before; without any end it is forgotten as well."""
    tally = RestartTally().count({"web-0": 0}, 0.0).show(2)
    for at in (599.0, 601.0, 1198.0):
        tally = tally.count({"web-0": 0}, at)
        assert tally.shown == (2,)
    assert tally.count({"web-0": 0}, 1199.0).shown == ()


def test_an_end_that_no_whole_read_has_told_of_stays_however_late():
    """The next whole read may still have shown it."""
    tally = RestartTally().count({"web-0": 0}, 0.0).count({"web-0": 1}, 1.0)
    for at in (2.0, 5000.0):
        tally = tally.count({"web-0": 1}, at)
    assert (tally.ended, tally.moment) == ({"web-0": 1}, 0)
    assert tally.judge(tally, empty=0)[0] == 1


def test_where_nothing_happens_no_moment_passes():
    """Counts that never rise leave all as it is."""
    tally = RestartTally().count({"web-0": 2}, 0.0)
    for at in (1.0, 700.0, 1400.0):
        tally = tally.count({"web-0": 2}, at)
    assert tally == RestartTally({"web-0": 2}, still_since=0.0, counted_since=0.0)


def test_it_knows_how_many_instances_have_restarted():
    """Once or more often, since they began."""
    tally = RestartTally().count({"web-0": 0, "web-1": 1, "web-2": 7}, 0.0)
    assert tally.restarted == 2


def test_a_fall_says_of_one_instance_what_was_the_former_deployments():
    """The rise of another stays, and nothing is held back any longer."""
    tally = RestartTally(held=True)
    for second, counts in enumerate(({"a": 0, "b": 0}, {"a": 2, "b": 3}, {"a": 1, "b": 3})):
        assert tally.held
        tally = tally.count(counts, float(second))
    assert tally.ended == {"b": 3}
    assert not tally.held


@pytest.mark.parametrize(("seconds", "held"), [(599.0, True), (600.0, False)])
def test_counts_wait_for_ten_minutes_from_the_first_ones(seconds: float, held: bool):
    """Whenever that was."""
    tally = RestartTally(held=True).count({"a": 0}, 50.0).count({"a": 0}, 60.0)
    assert tally.counted_since == 50.0
    assert tally.count({"a": 0}, 50.0 + seconds).held is held


def test_a_container_without_a_line_is_thought_of_only_where_one_is_missing():
    """Where reads have shown as many as ended there is nothing to explain."""
    tally = RestartTally().count({"web-0": 0}, 0.0).show(3).count({"web-0": 1}, 1.0)
    unseen, tally = tally.judge(tally, empty=1)
    assert (unseen, tally.shown) == (0, (3,))


def test_what_was_told_is_neither_told_again_nor_taken_back():
    """Another end without a line explains one more; a late read may show what was told."""
    tally = RestartTally().count({"web-0": 0}, 0.0).show(2).count({"web-0": 3}, 1.0)
    unseen, tally = tally.judge(tally, empty=0)
    assert (unseen, tally.announced) == (2, 2)
    more = tally.count({"web-0": 5}, 2.0)
    assert [more.judge(more, empty=empty)[0] for empty in (0, 1)] == [2, 1]
    late = tally.show(2)
    unseen, late = late.judge(late, empty=0)
    assert (unseen, late.announced) == (0, 2)


def test_of_containers_without_a_line_no_more_are_expected_than_are_missing():
    """Room for others would hide those that end unseen later."""
    tally = RestartTally().count({"a": 0, "b": 0}, 0.0).count({"a": 1}, 1.0)
    unseen, tally = tally.judge(tally, empty=2)
    assert unseen == 0
    tally = tally.show(1).count({"b": 2}, 2.0)
    assert tally.judge(tally, empty=0)[0] == 1


@pytest.mark.parametrize(
    ("window", "standing", "most"),
    [((), 0, 2), ((7,), 1, 1), ((7,), 2, 1), ((7, 8), 2, 0), ((7, 8, 9), 2, 0), ((), 3, 0)],
)
def test_which_latest_containers_may_have_had_no_line(window, standing, most):
    """Those counted since but for new ones that stand; those that ever restarted but for any."""
    tally = RestartTally().count({"a": 1, "b": 0, "c": 0, "d": 0}, 0.0).show(3, [7]).show(1, [8, 9])
    begun = tally.count({"b": 1, "c": 2}, 1.0)
    assert begun.restarted == 3
    later = begun.count({"d": 1}, 2.0)
    assert later.without_lines(begun, window, standing) == most


def test_the_ends_that_reads_have_shown_are_forgotten_with_those_reads():
    """Once all is counted, a container that stands is none that ended since."""
    tally = RestartTally().count({"a": 0}, 0.0).show(1, [7]).count({"a": 1}, 1.0)
    assert tally.ends == (7,)
    assert tally.judge(tally, empty=0)[1].ends == ()


STEPS = st.lists(
    st.tuples(st.sampled_from("eeerrcp"), st.integers(0, 2), st.sampled_from((1.0, 40.0, 300.0))),
    max_size=60,
)


@settings(max_examples=500, deadline=None)
@given(st.integers(1, 3), st.sampled_from((0.0, 30.0, LATE_SECONDS - 1)), STEPS)
def test_no_more_went_unseen_than_is_told(instances, lag, steps):
    """Whenever things are read, and however late; of one instance all of it is told in the end."""
    component = Component(instances, lag)
    component.now += lag
    for what, instance, seconds in steps:
        if what == "e":
            component.end(instance % instances)
        elif what == "r":
            component.read()
        elif what == "c":
            component.count()
        else:
            component.now += seconds
        assert component.announced <= component.unseen
    rest(component)
    assert component.announced <= component.unseen
    if instances == 1:
        assert component.announced == component.unseen


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=3), st.lists(st.integers(0, 3), max_size=4))
def test_the_most_that_reads_can_have_shown(ends, shown):
    """As many as the best of all ways to say which read showed a container of which instance."""
    each = [
        [chosen for chosen in product((0, 1), repeat=len(shown)) if sum(chosen) <= count]
        for count in ends
    ]
    best = max(
        sum(map(sum, way))
        for way in product(*each)
        if all(sum(chosen[k] for chosen in way) <= room for k, room in enumerate(shown))
    )
    assert most_seen(ends, shown) == best
