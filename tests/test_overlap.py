"""How far two windows of one sequence overlap."""

from collections.abc import Sequence
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.dedup.overlap import overlap

SEQUENCE = st.lists(st.integers(0, 2), max_size=30)


def longest(before: Sequence[int], now: Sequence[int]) -> int:
    """As the definition says it, tried out length by length."""
    return max(
        size
        for size in range(min(len(before), len(now)) + 1)
        if before[len(before) - size :] == now[:size]
    )


@given(SEQUENCE, SEQUENCE)
def test_the_overlap_is_the_longest_end_that_the_other_begins_with(before, now):
    """Of windows of any length."""
    assert overlap(before, now) == longest(before, now)


def test_the_overlap_of_all_short_windows_of_two_lines_is_the_longest():
    """They repeat themselves in each way that there is, and one holds the other anywhere."""
    windows = [window for size in range(8) for window in product((0, 1), repeat=size)]
    for before in windows:
        for now in windows:
            assert overlap(before, now) == longest(before, now)
