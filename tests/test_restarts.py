"""Container ends: how many containers a RUN_RESTARTED text shows, and their last words."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.restarts.container_ends import ShownLine, container_ends

MS = 1_000_000
SECOND = 1000 * MS


def container(*times: int, name: str = "c") -> list[ShownLine]:
    return [
        ShownLine(
            f"web 2026-11-01T00:00:00Z {name} at {time}".encode(), hash((name, time)), time, False
        )
        for time in times
    ]


def last_times(shown: list[ShownLine], instances: int | None) -> list[int]:
    return [end.timestamp for end in container_ends(shown, instances)]


def test_empty_log_shows_no_end():
    """Nothing restarted."""
    assert container_ends([], None) == []
    assert container_ends([], 3) == []


def test_one_container_has_one_end():
    """Its last line, its time, its words without the platform's prefix."""
    (end,) = container_ends(container(1 * SECOND, 2 * SECOND), 1)
    assert end.timestamp == 2 * SECOND
    assert end.line == hash(("c", 2 * SECOND))
    assert end.last_words == (b"c at 1000000000", b"c at 2000000000")


def test_containers_one_after_another_end_where_time_falls():
    """Three instances, each in its own order, in one text."""
    shown = [
        *container(10 * SECOND, 20 * SECOND, name="a"),
        *container(5 * SECOND, 30 * SECOND, name="b"),
        *container(29 * SECOND, name="c"),
    ]
    for instances in (3, 5, None):
        ends = container_ends(shown, instances)
        assert [end.timestamp for end in ends] == [20 * SECOND, 30 * SECOND, 29 * SECOND]
        assert [end.last_words[-1][:1] for end in ends] == [b"a", b"b", b"c"]


def test_instances_bound_the_ends():
    """Of more falls than instances explain, the deepest are taken, in the order of the text."""
    shown = container(*(n * SECOND for n in (10, 20, 19, 40, 1, 50, 45)))
    assert last_times(shown, None) == [20 * SECOND, 40 * SECOND, 50 * SECOND, 45 * SECOND]
    assert last_times(shown, 3) == [40 * SECOND, 50 * SECOND, 45 * SECOND]
    assert last_times(shown, 2) == [40 * SECOND, 45 * SECOND]
    assert last_times(shown, 1) == [45 * SECOND]
    assert last_times(shown, 0) == [45 * SECOND]


def test_small_falls_are_interleaved_lines():
    """Lines of two instances that come almost in order are not cut apart; from 50 ms they are."""
    shown = container(100 * MS, 90 * MS, 120 * MS, 71 * MS, 200 * MS)
    assert last_times(shown, 2) == [200 * MS]
    assert last_times(container(100 * MS, 51 * MS), None) == [51 * MS]
    assert last_times(container(100 * MS, 50 * MS + 1), None) == [50 * MS + 1]
    assert last_times(container(100 * MS, 50 * MS), None) == [100 * MS, 50 * MS]


@pytest.mark.found(
    "Where the platform interleaves containers whose clocks differ, lines in the middle of them "
    "counted as ends without a reason.",
    how="a fake platform written from the facts alone, texts in order of arrival, clocks apart",
)
@pytest.mark.parametrize("instances", [2, 3, 5])
def test_containers_whose_lines_come_in_turns_are_not_cut(instances: int):
    """Each clock is 300 ms ahead of the next one's: the time falls with nearly every line."""
    turns = [
        container(turn * SECOND - number * 300 * MS, name=str(number))
        for turn in range(1, 21)
        for number in range(instances)
    ]
    shown = [line for turn in turns for line in turn]
    (end,) = container_ends(shown, instances)
    assert end.line == shown[-1].line


def test_time_falls_twice_for_each_instance_before_lines_are_taken_for_interleaved():
    """Of two instances, four falls part two containers; a fifth says that clocks differ."""
    falling = [n * SECOND for n in (10, 8, 18, 17, 26, 25, 34, 33)]
    assert last_times(container(*falling), 2) == [10 * SECOND, 33 * SECOND]
    assert last_times(container(*falling, 42 * SECOND, 41 * SECOND), 2) == [41 * SECOND]


def test_the_platforms_lines_alone_are_one_container_by_the_first_of_them():
    """They come late and out of order, so the first one identifies the container for good."""
    shown = [
        ShownLine(b"ERROR component web exited with code: %d" % code, code, code * SECOND, known)
        for code, known in ((3, False), (2, False), (1, True))
    ]
    for count in (1, 2):
        (end,) = container_ends(shown[:count], 5)
        assert (end.line, end.timestamp, end.known) == (3, 3 * SECOND, False)
        assert len(end.last_lines) == count
    (end,) = container_ends(shown, 5)
    assert (end.line, end.known) == (3, True)


def test_last_words_are_bounded():
    """The latest thousand messages of the container, never those of the one before it."""
    shown = [
        *container(*(n * SECOND for n in range(1, 1201)), name="a"),
        *container(SECOND, name="b"),
    ]
    first, second = container_ends(shown, 2)
    assert len(first.last_words) == 1000
    assert first.last_words[-1] == f"a at {1200 * SECOND}".encode()
    assert second.last_words == (f"b at {SECOND}".encode(),)


@given(
    st.lists(
        st.lists(st.integers(0, 10**12), min_size=1, max_size=6).map(sorted),
        min_size=1,
        max_size=5,
    ),
    st.none() | st.integers(1, 6),
)
def test_ends_never_exceed_containers_or_instances(
    containers: list[list[int]], instances: int | None
):
    """One after another, no more ends than containers, and the last line of the text is one."""
    shown = [line for times in containers for line in container(*times)]
    ends = container_ends(shown, instances)
    assert 1 <= len(ends) <= min(len(containers), instances or len(containers))
    assert ends[-1].timestamp == containers[-1][-1]
    deep = [
        before[-1] for before, after in pairwise(containers) if before[-1] - after[0] >= 50 * MS
    ]
    if instances is None:
        assert [end.timestamp for end in ends] == [*deep, containers[-1][-1]]
