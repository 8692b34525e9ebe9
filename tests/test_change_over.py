"""Lines that are pushed and polled in turn count once."""

from collections import Counter
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.dedup.change_over import KEPT, OVERLAP_SECONDS, ChangeOver, CountedMessages

LINES = st.lists(st.sampled_from([b"tick", b"tock", b"order 1", b"order 2", b""]), max_size=30)


def fresh(change_over: ChangeOver, pushed: list[bytes], now: float = 0.0) -> list[bytes]:
    return [pushed[index] for index in change_over.judge_received(pushed, now)]


def polled(change_over: ChangeOver, shown: list[bytes]) -> list[bytes]:
    return [shown[index] for index in change_over.judge_polled(shown).fresh]


@given(LINES, LINES, st.integers(0, 30), st.booleans())
def test_the_first_poll_counts_what_came_after_the_last_push(
    pushed: list[bytes], missed: list[bytes], earlier: int, restart: bool
) -> None:
    """The window shows some of the pushed lines, then those that nobody pushed."""
    change_over = ChangeOver()
    assert fresh(change_over, [b"first", *pushed, b"last"]) == [b"first", *pushed, b"last"]
    if restart:
        change_over = ChangeOver(change_over.kept())
    change_over.fall_back()
    window = [*pushed, b"last"][-earlier - 1 :]

    counted = polled(change_over, [*window, *missed])

    assert counted == missed
    assert polled(change_over, [b"last", b"tick"]) == [b"last", b"tick"]


def test_a_first_poll_that_shows_no_pushed_line_is_a_gap() -> None:
    change_over = ChangeOver()
    fresh(change_over, [b"order 1"])
    change_over.fall_back()

    judged = change_over.judge_polled([b"order 7", b"order 8"])

    assert (list(judged.fresh), judged.gap) == ([], True)
    assert polled(change_over, [b"order 9"]) == [b"order 9"]


def test_an_empty_first_poll_leaves_the_judgement_to_the_next() -> None:
    change_over = ChangeOver()
    fresh(change_over, [b"order 1"])
    change_over.fall_back()
    assert not change_over.judge_polled([]).gap

    assert polled(change_over, [b"order 1", b"order 2"]) == [b"order 2"]


def test_where_nothing_was_ever_pushed_every_polled_line_counts() -> None:
    change_over = ChangeOver()
    change_over.fall_back()

    judged = change_over.judge_polled([b"order 1", b"order 1"])

    assert (list(judged.fresh), judged.gap) == ([0, 1], False)


@given(LINES, LINES)
def test_pushes_that_come_back_count_what_no_poll_did(
    while_polled: list[bytes], later: list[bytes]
) -> None:
    """A sender that kept its lines sends those that were polled meanwhile, then new ones."""
    change_over = ChangeOver()
    change_over.fall_back()
    assert polled(change_over, while_polled) == while_polled
    change_over.come_back(100.0)

    counted = fresh(change_over, [*while_polled, *later], 100.0)

    assert Counter(counted) == Counter(later)


def test_long_after_pushes_came_back_an_equal_line_is_another_one() -> None:
    change_over = ChangeOver()
    change_over.fall_back()
    polled(change_over, [b"tick"])
    change_over.come_back(100.0)

    assert fresh(change_over, [b"tick"], 100.0 + OVERLAP_SECONDS + 1) == [b"tick"]


def test_a_poll_that_ends_after_pushes_came_back_counts_none_of_their_lines() -> None:
    change_over = ChangeOver()
    change_over.fall_back()
    polled(change_over, [b"order 1"])
    change_over.come_back(100.0)
    assert fresh(change_over, [b"order 2"], 100.0) == [b"order 2"]

    assert polled(change_over, [b"order 2", b"order 3"]) == [b"order 3"]


def test_so_many_messages_are_kept_as_a_poll_shows() -> None:
    change_over = ChangeOver()
    fresh(change_over, [b"order %d" % number for number in range(3 * KEPT)])

    assert len(change_over.kept()) == 8 * KEPT


@given(st.lists(st.lists(st.integers(0, 3), max_size=6) | st.integers(0, 3), max_size=12))
def test_each_copy_of_what_was_counted_last_is_found_once(steps: list[list[int] | int]):
    """Messages that are added, and looked for, as in a list of copies that marks those found."""
    with mock.patch("exporter.logs.dedup.change_over.REMEMBERED", 5):
        known = CountedMessages()
        order: list[int] = []
        found: Counter[int] = Counter()
        for step in steps:
            if isinstance(step, list):
                known.add(step)
                order += step
                while len(order) > 5:
                    oldest = order.pop(0)
                    found[oldest] = max(0, found[oldest] - 1)  # one that was found goes first
            else:
                left = order.count(step) > found[step]
                assert known.find(step) == left
                found[step] += left
        assert known.latest(3) == order[-3:]
