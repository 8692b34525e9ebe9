"""The platform's restart counts against what RUN_RESTARTED can have shown."""

from dataclasses import dataclass, field, replace
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
    tally = RestartTally().count({"web-0": 0}, 0.0).show(2).count({"web-0": 4}, 1.0)
    _, tally = tally.judge(tally, empty=0)
    assert tally.announced == 3
    assert Snapshot.from_bytes(Snapshot(1, 2, tally=tally).to_bytes()).tally == tally


def test_what_reads_showed_is_remembered_of_the_latest_only():
    """Beyond a bound it begins anew, with the next counts."""
    tally = RestartTally().count({"web-0": 0}, 0.0)
    for _ in range(1000):
        tally = tally.show(3)
    assert len(tally.shown) <= 256
    assert RestartTally(moment=tally.moment) == replace(tally, shown=())


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
