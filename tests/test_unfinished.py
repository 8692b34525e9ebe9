"""Records over several lines: what the next lines may continue, and how much of it is kept."""

import pytest

from exporter.logs.unfinished import unfinished


@pytest.mark.parametrize("last", [b"{", b'  "level": "error",', b"\tat main.go:1", b" a"])
def test_a_line_that_others_may_continue_is_kept_with_those_before_it(last: bytes):
    """An open record, or what is indented: the lines before the cut and the new ones, in order."""
    assert unfinished((b"a",), [b"b", b"c"], last) == (b"a", b"b", b"c")


@pytest.mark.parametrize("last", [b"no card", b"", b"}", b"  }", b'{"level":"error"}'])
def test_behind_a_line_that_ends_a_record_nothing_is_kept(last: bytes):
    """The next line begins anew, so what stands before it says nothing of it."""
    assert unfinished((b"a",), [b"b"], last) == ()


@pytest.mark.parametrize("new", [1, 99, 100, 101])
def test_of_a_long_record_the_last_hundred_lines_are_kept(new: int):
    """However many there were before the cut, and came then."""
    lines = [b"%d" % number for number in range(200)]
    cut = len(lines) - new
    assert list(unfinished(lines[:cut], lines[cut:], b"{")) == lines[-100:]
