"""What is remembered of counted lines: as often as each counted, until it is forgotten by age."""

from collections.abc import Callable

import pytest

from exporter.logs.dedup.counted_lines import CountedLines
from exporter.logs.dedup.older_lines import OlderLines, Run
from exporter.logs.dedup.snapshot import Snapshot
from exporter.model import LogType


def memory(*lines: int, floor: int = 0) -> CountedLines:
    """Lines that were counted and settled, each ten times its number after 1970."""
    known = CountedLines(floor)
    for line in lines:
        known.add(line, 10 * line, settled=True)
    return known


def set_aside(known: CountedLines, *lines: int) -> None:
    """Let no window show these lines, which are forgotten together."""
    known.set_aside(known.take_away(known.counted.keys() - set(lines)), 0)


def test_at_first_nothing_is_known_and_that_is_to_be_saved():
    """It begins at its floor; no time is known, and no line was let go."""
    known = CountedLines(100)
    assert (known.floor, known.sealed, known.newest) == (100, 0, 0)
    assert (known.let_go, known.changed) == (False, True)
    assert (known.counted, known.copies, known.untimed, len(known.older)) == ({}, {}, {}, 0)
    assert (known.unsettled, known.places) == (set(), set())


def test_a_memory_of_a_snapshot_knows_what_it_holds():
    """Each part of it, in values of its own."""
    snapshot = Snapshot(
        100,
        90,
        newest=130,
        sealed=110,
        let_go=True,
        counted={12: 120, 13: 130},
        older=OlderLines((Run.of({11: 110}),)),
        copies={13: 2},
        unsettled=frozenset({12}),
        places=frozenset({11}),
        untimed={LogType.RUN: (1, 2)},
    )
    known = CountedLines.of(snapshot)
    assert (known.floor, known.sealed, known.newest, known.let_go) == (100, 110, 130, True)
    assert [known.known_at(line, 1) for line in (11, 12, 13)] == [110, 120, 130]
    assert [known.known_at(13, copy) for copy in (3, 4)] == [130, None]
    assert (known.unsettled, known.places) == ({12}, {11})
    assert known.untimed == {LogType.RUN: (1, 2)}
    assert snapshot.counted == {12: 120, 13: 130}


def test_a_line_is_known_as_often_as_it_was_counted():
    """Equal lines are as many lines; one more than were counted is not known."""
    known = memory()
    assert known.known_at(7, 1) is None
    for copies in (1, 2, 3):
        known.add(7, 70, settled=True)
        expected = [70] * copies + [None] * (5 - copies)
        assert [known.known_at(7, copy) for copy in range(1, 6)] == expected
    assert known.copies == {7: 2}


def test_only_a_line_that_proves_nothing_is_unsettled():
    """It is so until a whole window has shown it; others stay so."""
    known = memory(1)
    for line in (2, 3):
        known.add(line, 20, settled=False)
    assert known.unsettled == {2, 3}
    known.settle([1, 2])
    assert known.unsettled == {3}


def test_the_newest_time_is_that_of_any_line():
    """In whatever order they come."""
    known = memory(5, 3)
    assert known.newest == 50
    known.add_all([7, 6], [70, 60], 70)
    assert known.newest == 70
    known.add_all([4], [40], 40)
    assert known.newest == 70
    assert [known.time(line) for line in (3, 4, 5, 6, 7, 8)] == [30, 40, 50, 60, 70, 0]


def test_lines_and_times_that_differ_in_number_are_an_error():
    """None is taken for one without a time."""
    with pytest.raises(ValueError, match="zip"):
        memory().add_all([1, 2], [10], 10)


@pytest.mark.parametrize(
    "count",
    [
        lambda known: known.add(2, 20, settled=True),
        lambda known: known.add(1, 10, settled=True),
        lambda known: known.add_all([2], [20], 20),
        lambda known: known.add_untimed(LogType.RUN, [2], first_is_new=True),
    ],
    ids=["a line", "a copy", "many lines", "lines without a time"],
)
def test_what_is_counted_is_to_be_saved(count: Callable[[CountedLines], object]):
    """Nothing was before; a line that was counted once more is a change as well."""
    known = memory(1)
    known.changed = False
    count(known)
    assert known.changed


def test_what_was_lent_does_not_change_and_is_copied_once():
    """Only the first line after a snapshot pays for a copy, and none does without a snapshot."""
    known = memory()
    own = known.counted
    for line in (1, 2):
        known.add(line, 10 * line, settled=True)
    assert known.counted is own
    lent = known.lend()
    assert lent is own
    known.add(3, 30, settled=True)
    copy = known.counted
    assert (set(lent), set(copy)) == ({1, 2}, {1, 2, 3})
    known.add_all([4], [40], 40)
    assert known.counted is copy


@pytest.mark.parametrize("line", [-5, 0, 5])
def test_a_line_that_was_set_aside_comes_back_when_it_is_shown(line: int):
    """With its time, whenever that is; it stands among those of the windows again."""
    known = memory()
    known.add(9, 10 * line, settled=True)
    set_aside(known, 9)
    assert 9 not in known.counted
    assert known.time(9) == 10 * line
    assert known.known_at(9, 1) == 10 * line
    assert known.counted == {9: 10 * line}


def test_what_is_looked_for_since_a_time_is_found_from_that_time_on():
    """No line that was set aside is older than it is known to be."""
    known = memory(5)
    set_aside(known, 5)
    assert not known.knows_any([5], since=51)
    assert not known.knows_any([4], since=50)
    assert known.knows_any([4, 5], since=50)
    assert known.known_at(5, 1, since=51) is None
    assert known.known_at(5, 1, since=50) == 50
    assert known.knows_any([4, 5], since=51)
    assert not known.knows_any([4], since=51)


def test_what_windows_show_is_told_from_what_they_do_not():
    """What is taken away is known no more, until it is set aside; a line shown may be unknown."""
    known = memory(1, 2, 3, 4)
    away = known.take_away([4, 9, 2])
    assert (away, known.counted) == ({1: 10, 3: 30}, {2: 20, 4: 40})
    assert known.known_at(1, 1) is None
    known.set_aside(away, 0)
    assert known.known_at(1, 1) == 10


def test_what_is_forgotten_raises_the_floor_and_is_known_no_more():
    """Its copies are forgotten with it; lines from after that time stay as they are."""
    known = memory(1, 2, 3, 1, 3, floor=5)
    known.unsettled, known.places = {2, 3}, {1, 3}
    set_aside(known, 1, 2)
    set_aside(known, 3)
    assert known.forget(keep=1, until=25)
    assert known.floor == 20
    assert [known.known_at(line, 1) for line in (1, 2, 3)] == [None, None, 30]
    assert known.known_at(3, 2) == 30
    assert (known.copies, known.unsettled, known.places) == ({3: 1}, {3}, {3})
    assert not known.forget(keep=1, until=25)
    assert known.floor == 20


def test_a_floor_never_falls():
    """Also where lines are forgotten that are older than it."""
    known = memory(1, floor=50)
    set_aside(known, 1)
    assert known.forget(keep=0, until=25)
    assert known.floor == 50


def test_what_was_shown_again_stays_known_where_it_was_set_aside():
    """Its copies too, and what it proves; what was forgotten is what no window has shown since."""
    known = memory(1, 2, 1, 2)
    known.unsettled, known.places = {1, 2}, {1, 2}
    set_aside(known, 1, 2)
    assert known.known_at(1, 1) == 10
    assert known.forget(keep=0, until=25)
    assert [known.known_at(1, 2), known.known_at(2, 1)] == [10, None]
    assert (known.copies, known.unsettled, known.places) == ({1: 1}, {1}, {1})


def test_of_a_window_without_times_what_follows_the_one_before_is_new():
    """Each log has windows of its own; the first is new where nothing was before."""
    known = memory()
    assert known.add_untimed(LogType.RUN, [1, 2, 3], first_is_new=True) == 3
    assert known.add_untimed(LogType.RUN, [2, 3, 3, 1], first_is_new=True) == 2
    assert known.add_untimed(LogType.RUN_RESTARTED, [2, 3], first_is_new=False) == 0
    assert known.add_untimed(LogType.RUN_RESTARTED, [3, 4], first_is_new=False) == 1
    assert known.untimed == {LogType.RUN: (2, 3, 3, 1), LogType.RUN_RESTARTED: (3, 4)}


def test_a_window_without_times_that_is_shown_again_leaves_nothing_to_save():
    """A change that is to be saved already stays one."""
    known = memory()
    known.add_untimed(LogType.RUN, [1, 2], first_is_new=True)
    known.add_untimed(LogType.RUN, [1, 2], first_is_new=True)
    assert known.changed
    known.changed = False
    known.add_untimed(LogType.RUN, [1, 2], first_is_new=True)
    assert not known.changed
    known.add_untimed(LogType.RUN, [2], first_is_new=True)
    assert known.changed
