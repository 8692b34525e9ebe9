"""Lines that no window shows any more are known as they were, until they are let go by age."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.logs.dedup.older_lines import OlderLines

LINES = st.dictionaries(st.integers(0, 2**64 - 1), st.integers(1, 50), max_size=30)
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
    assert len(left) + len(gone) == len(before)
    assert len(left) >= min(keep, len(before))
    for lines in sets:
        for line, time in lines.items():
            assert left.time(line) is not None or (line in gone and time <= newest)
