"""How far two windows of one sequence overlap."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.dedup.overlap import overlap

SEQUENCE = st.lists(st.integers(0, 2), max_size=30)


@given(SEQUENCE, SEQUENCE)
def test_the_overlap_is_the_longest_end_that_the_other_begins_with(before, now):
    """As the definition says it, tried out length by length."""
    longest = max(
        size
        for size in range(min(len(before), len(now)) + 1)
        if before[len(before) - size :] == now[:size]
    )
    assert overlap(before, now) == longest
