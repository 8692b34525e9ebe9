"""Lines that no window shows any more are known as they were, until they are let go by age."""

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.logs.older_lines import OlderLines

LINES = st.dictionaries(st.integers(0, 2**64 - 1), st.integers(1, 50), max_size=30)


@settings(deadline=None)
@given(LINES, LINES)
def test_each_line_is_found_with_its_time_and_no_other(some, others):
    """Whatever was joined: the later time stands, and what was never there is not found."""
    older = OlderLines.of(some).joined(others)
    expected = some | others
    assert len(older) == len(expected)
    assert {line: older.time(line) for line in expected} == expected
    assert older.newest == max(expected.values(), default=0)
    for line in {line + 1 for line in expected} - expected.keys():
        assert older.time(line) is None


@settings(deadline=None)
@given(LINES, LINES, st.sampled_from([0, 50]), st.integers(1, 10), st.integers(0, 100))
def test_the_oldest_go_that_may(lines, others, later, keep, read_to):
    """The newest ``keep`` stay, and what may not go; what goes is named, with its newest time."""
    others = {line: lines.get(line, time + later) for line, time in others.items()}
    known = lines | others
    left, gone, newest = OlderLines.of(lines).newest_of(others, keep, read_to)
    stays = dict(zip(left.lines, left.times, strict=True))
    went = {line: known[line] for line in gone}
    assert list(left.lines) == sorted(stays)
    assert left.newest == max(stays.values(), default=0)
    assert newest == max(went.values(), default=0)
    assert stays | went == known
    assert len(stays) + len(gone) == len(known)
    assert newest <= read_to
    assert len(stays) >= min(keep, len(known))
    if len(stays) > keep:
        may_still_go = sorted(stays.values())[: len(stays) - keep]
        assert all(time > read_to for time in may_still_go)
    assert newest <= min(stays.values(), default=100)
