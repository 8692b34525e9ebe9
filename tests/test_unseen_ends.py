"""A loss of containers is one gap, whether RUN reports it, the platform's counts, or both."""

import pytest

from exporter.logs.restarts.unseen_ends import UnseenEnds


@pytest.mark.parametrize("first", ["lost", "unseen"])
def test_what_one_way_reported_the_other_does_not_report_again(first: str):
    """The second report belongs to the same containers; a third one is another loss."""
    second = "unseen" if first == "lost" else "lost"
    ends, reported = UnseenEnds(), []
    for way in (first, second, second):
        told, ends = ends.tell(lost=way == "lost", unseen=way == "unseen")
        reported.append(not told)
    assert reported == [True, False, True]


def test_a_loss_that_both_ways_report_at_once_is_over():
    """Nothing of it is left that a later report could be about."""
    _, ends = UnseenEnds().tell(lost=True, unseen=True)
    assert ends == UnseenEnds()


def test_a_whole_run_that_lacks_nothing_ends_the_wait_for_its_report():
    """What the counts report next is another loss, and so is what leaves RUN."""
    _, ends = UnseenEnds().tell(lost=False, unseen=True)
    told, _ = ends.run_read(vanished=False).tell(lost=True, unseen=False)
    assert not told
    told, _ = ends.run_read(vanished=True).tell(lost=True, unseen=False)
    assert told


@pytest.mark.found(
    "Two containers ended while the exporter was away and RUN_RESTARTED showed the second alone: "
    "two gaps with the reason `restart` for the first, where the counts came behind that read.",
    how="threads in every order, by a seed",
)
def test_counts_that_are_in_step_with_what_they_find_report_nothing_again():
    """RUN reported the first container; the counts do so with the read that settles both."""
    ends = UnseenEnds().count({"web-0": 0}, 0.0).count({"web-0": 1}, 0.0)
    unseen, ends = ends.judge(ends.tally, (), standing=1, shown=1)
    assert unseen == 0
    told, ends = ends.tell(lost=True, unseen=False)
    assert not told
    ends = ends.count({"web-0": 2}, 1.0)
    unseen, ends = ends.judge(ends.tally, (), standing=1, shown=0)
    assert unseen == 1
    told, ends = ends.tell(lost=False, unseen=True)
    assert told
    assert not ends.loss_told


def test_a_container_without_lines_is_not_missed_where_the_log_stays_as_it_was():
    """It may have left no trace; but a read that shows others is held to what it shows."""
    ends = UnseenEnds().count({"a": 0, "b": 0}, 0.0).count({"a": 1, "b": 0}, 1.0)
    unseen, ends = ends.judge(ends.tally, {7}, standing=1, shown=1, ends=(7,))
    assert unseen == 0
    silent = ends.count({"a": 1, "b": 1}, 2.0)
    unseen, _ = silent.judge(silent.tally, {7}, standing=1, shown=0)
    assert unseen == 0
    twice = ends.count({"a": 1, "b": 2}, 2.0)
    unseen, _ = twice.judge(twice.tally, {7, 8}, standing=1, shown=1, ends=(8,))
    assert unseen == 1


def test_what_run_reported_waits_for_the_counts_until_they_are_in_step():
    """Counts that rise say nothing by themselves; where RUN reported nothing, nothing waits."""
    quiet = UnseenEnds().count({"a": 0}, 0.0)
    assert not quiet.loss_told
    _, ends = quiet.tell(lost=True, unseen=False)
    ends = ends.count({"a": 1}, 1.0)
    assert ends.loss_told
    unseen, ends = ends.judge(ends.tally, {7}, standing=1, shown=1, ends=(7,))
    assert (unseen, ends.loss_told) == (0, False)
