"""Tests that take long begin first, on whichever worker, and none is left out or run twice."""

from itertools import accumulate, pairwise

import test_commands
import test_kill
import test_lines
from hypothesis import given
from hypothesis import strategies as st
from order import dealt, parts_of, starts_programs

groups = st.lists(st.tuples(st.floats(1, 300), st.integers(1, 9)), max_size=12)


@given(groups, groups, st.integers(0, 200), st.integers(1, 12), st.integers(1, 4))
def test_every_test_is_dealt_once_and_the_others_keep_their_order(
    waiting: list[tuple[float, int]],
    computing: list[tuple[float, int]],
    others: int,
    workers: int,
    cores: int,
):
    """Groups stay together, and each worker's part is as large as pytest-xdist makes it."""
    waits, computes = (
        [(takes, [(kind, number, i) for i in range(n)]) for number, (takes, n) in enumerate(long)]
        for kind, long in (("waits", waiting), ("computes", computing))
    )
    rest = [("short", number, 0) for number in range(others)]
    parts = dealt(waits, computes, rest, workers, cores)
    flat = [each for part in parts for each in part]
    assert sorted(flat) == sorted([each for _, group in waits + computes for each in group] + rest)
    assert [each for each in flat if each[0] == "short"] == rest
    assert all(
        any(group == part[i : i + len(group)] for part in parts for i in range(len(part)))
        for _, group in waits + computes
    )
    sizes = parts_of(len(flat), workers)
    begins = [sum(each[0] != "short" for each in part) for part in parts]
    if all(begin <= size for begin, size in zip(begins, sizes, strict=True)):
        assert list(map(len, parts)) == sizes
    assert all(part == sorted(part, key=lambda each: each[0] == "short") for part in parts)
    computers = sum("computes" in {kind for kind, _, _ in part} for part in parts)
    assert computers <= cores
    if workers > 1:
        assert not any({"computes", "waits"} <= {kind for kind, _, _ in part} for part in parts)


def test_each_part_begins_with_its_share_of_the_long_tests_that_wait():
    """Two of three workers: the longest on one, the two next on the other, then what is short."""
    waiting = [(30.0, ["b"]), (90.0, ["a"]), (50.0, ["c1", "c2"])]
    assert dealt(waiting, [], list("uvwxyz"), 3, 1) == [
        ["u", "v", "w"],
        ["a", "x", "y"],
        ["c1", "c2", "b", "z"],
    ]


def test_no_more_than_a_core_each_is_given_to_tests_that_compute():
    """Four workers, two cores: two compute, and those that wait run beside them."""
    waiting = [(30.0, ["w1"]), (20.0, ["w2"])]
    computing = [(5.0, ["c1"]), (4.0, ["c2"]), (3.0, ["c3"])]
    assert dealt(waiting, computing, ["x", "y", "z"], 4, 2) == [
        ["c1", "x"],
        ["c2", "c3"],
        ["w1", "y"],
        ["w2", "z"],
    ]


def test_one_worker_begins_with_what_waits():
    """It runs all, one after the other."""
    assert dealt([(9.0, ["w"])], [(5.0, ["c"])], ["x"], 1, 2) == [["w", "c", "x"]]


def test_modules_of_programs_are_known_by_what_they_import():
    """One takes the process of the program, one a function that waits for it, one neither."""
    assert starts_programs(test_kill)
    assert starts_programs(test_commands)
    assert not starts_programs(test_lines)


def test_parts_are_what_is_dealt():
    """Eleven tests for four workers, as many as are left for each of those that are left."""
    parts = parts_of(11, 4)
    assert parts == [2, 3, 3, 3]
    left = [11, *(11 - taken for taken in accumulate(parts))]
    shares = [before // (4 - i) for i, before in enumerate(left[:-1])]
    assert [before - after for before, after in pairwise(left)] == shares
