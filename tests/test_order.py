"""Tests that take long begin first, on whichever worker, and none is left out or run twice."""

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st
from order import dealt, parts_of

groups = st.lists(st.tuples(st.floats(1, 300), st.integers(1, 9)), max_size=12)


@given(groups, st.integers(0, 200), st.integers(1, 12))
def test_every_test_is_dealt_once_and_the_others_keep_their_order(
    long: list[tuple[float, int]], others: int, workers: int
):
    """Groups stay together, and each worker's part is as large as pytest-xdist makes it."""
    named = [(takes, [(number, i) for i in range(n)]) for number, (takes, n) in enumerate(long)]
    rest = [(-1, number) for number in range(others)]
    parts = dealt(named, rest, workers)
    flat = [each for part in parts for each in part]
    assert sorted(flat) == sorted([each for _, group in named for each in group] + rest)
    assert [each for each in flat if each[0] < 0] == rest
    assert all(
        any(group == part[i : i + len(group)] for part in parts for i in range(len(part)))
        for _, group in named
    )
    sizes = parts_of(len(flat), workers)
    begins = [sum(each[0] >= 0 for each in part) for part in parts]
    if all(begin <= size for begin, size in zip(begins, sizes, strict=True)):
        assert list(map(len, parts)) == sizes
    assert all(part == sorted(part, key=lambda each: each[0] < 0) for part in parts)


def test_each_part_begins_with_its_share_of_the_long_tests():
    """Two workers: the longest on one, the two next on the other, and then what is short."""
    long = [(30.0, ["b"]), (90.0, ["a"]), (50.0, ["c1", "c2"])]
    assert dealt(long, list("uvwxyz"), 2) == [
        ["a", "u", "v", "w", "x"],
        ["c1", "c2", "b", "y", "z"],
    ]


def test_parts_are_what_is_dealt():
    """Eleven tests for four workers, as many as are left for each of those that are left."""
    parts = parts_of(11, 4)
    assert parts == [2, 3, 3, 3]
    left = [11, *(11 - taken for taken in accumulate(parts))]
    shares = [before // (4 - i) for i, before in enumerate(left[:-1])]
    assert [before - after for before, after in pairwise(left)] == shares
