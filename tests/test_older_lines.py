"""Lines that no window shows any more are known as they were, until they are let go by age."""

from array import array

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.logs.dedup.older_lines import OlderLines, Run

LINES = st.dictionaries(st.integers(0, 2**64 - 1), st.integers(-50, 50), max_size=30)
PARTS = st.integers(0, 40)


def joined(sets: list[dict[int, int]], part: int) -> OlderLines:
    """What was set aside at one time after another."""
    older = OlderLines()
    for lines in sets:
        older = older.joined(lines, part)
    return older


@pytest.mark.found(
    "A line that was set aside twice was forgotten by the earlier of its times.",
    how="a property, in an example that no run had tried before",
)
@settings(deadline=None)
@given(st.lists(LINES, max_size=6), PARTS)
@example([{0: 2}, {0: 1}], 2).via("the later time was lost where the later set had the earlier one")
def test_each_line_is_found_with_its_time_and_no_other(sets, part):
    """Whatever was joined: each line is known, and what was never there is not found."""
    older = joined(sets, part)
    expected = {line: time for lines in sets for line, time in lines.items()}
    assert older.newest == max((t for lines in sets for t in lines.values()), default=0)
    for line in expected:
        times = {lines[line] for lines in sets if line in lines}
        assert older.time(line) in times
        assert older.time(line, max(times)) in times
    for line in {line + 1 for line in expected} - expected.keys():
        assert older.time(line) is None


@settings(deadline=None)
@given(st.lists(LINES, max_size=6), PARTS, st.integers(0, 20), st.integers(0, 50))
def test_what_is_forgotten_is_older_than_all_that_may_stay(sets, part, keep, until):
    """No line from after ``until`` goes, as many as are kept stay, and what goes is named."""
    before = joined(sets, part)
    left, gone, newest = before.forget(keep, until)
    assert newest <= until
    assert not gone or all(newest <= run.newest for run in left.runs)
    assert gone or newest == 0
    assert len(left) + len(gone) == len(before)
    assert len(left) >= min(keep, len(before))
    for lines in sets:
        for line, time in lines.items():
            assert left.time(line) is not None or (line in gone and time <= newest)


@pytest.mark.parametrize(
    ("keep", "until", "left"),
    [
        (4, 19, [3, 2, 1]),
        (4, 20, [3, 1]),
        (5, 20, [3, 2, 1]),
        (1, 29, [3, 1]),
        (1, 30, [1]),
        (0, 40, []),
        (3, 40, [3, 1]),
    ],
)
def test_runs_are_forgotten_by_age_as_far_as_a_number_of_lines_stays(keep, until, left):
    """A run that would leave too few ends it, also where a younger one is smaller."""
    older = OlderLines(
        (Run.of({1: 30, 2: 29, 3: 28}), Run.of({4: 20, 5: 10}), Run.of({6: 40})),
    )
    stays, gone, newest = older.forget(keep, until)
    assert [len(run) for run in stays.runs] == left
    assert len(gone) == 6 - sum(left)
    assert newest == {3: 20, 4: 20, 1: 30, 0: 40, 6: 0}[sum(left)]


@pytest.mark.parametrize(
    ("part", "sizes", "runs"),
    [
        (0, [1, 1], [1, 1]),
        (3, [1, 1, 1, 1, 1], [3, 2]),
        (8, [3, 3, 2, 1], [8, 1]),
        (0, [29, 1, 1], [29, 1, 1]),
        (0, [30, 1, 1], [30, 2]),
    ],
    ids=str,
)
def test_what_is_set_aside_joins_what_was_set_aside_last(part, sizes, runs):
    """Up to so many lines, or up to a sixteenth of all: so there are few runs to look in."""
    lines = iter(range(100))
    older = joined([{next(lines): 1 for _ in range(size)} for size in sizes], part)
    assert [len(run) for run in older.runs] == runs
    assert older.joined({}, part) is older


def test_a_line_is_found_in_a_run_that_is_young_enough_to_have_it():
    """What is known of its time spares a look in others; the latest of a run is in it."""
    older = OlderLines((Run.of({1: -20, 2: -10}), Run.of({3: 10})))
    assert [older.time(1), older.time(2), older.time(3)] == [-20, -10, 10]
    assert [older.time(2, -10), older.time(2, -9), older.time(3, 10)] == [-10, None, 10]


def test_a_run_whose_times_are_too_few_is_an_error():
    """No line is taken for one without a time."""
    with pytest.raises(ValueError, match="zip"):
        Run(array("Q", [1, 2]), array("q", [1]), 1).items()
