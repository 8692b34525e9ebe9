"""Lines that are pushed and polled in turn count once."""

from collections import Counter
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.logs.dedup.change_over import ChangeOver, CountedMessages

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


@pytest.mark.parametrize(("seconds", "counted"), [(600.0, []), (600.5, [b"tick"])])
def test_ten_minutes_after_pushes_came_back_an_equal_line_is_another_one(
    seconds: float, counted: list[bytes]
) -> None:
    """Up to then they may hold lines that were polled; what was polled then is forgotten."""
    change_over = ChangeOver()
    change_over.fall_back()
    polled(change_over, [b"tick"])
    change_over.come_back(100.0)

    assert fresh(change_over, [b"tick"], 100.0 + seconds) == counted
    assert fresh(change_over, [b"tick"], 100.0) == [b"tick"]


def test_pushes_that_fail_again_are_awaited_anew() -> None:
    """What was polled is remembered for ten minutes from when they last came back."""
    change_over = ChangeOver()
    change_over.fall_back()
    polled(change_over, [b"order 1"])
    change_over.come_back(100.0)
    change_over.fall_back()
    polled(change_over, [b"order 2"])

    assert fresh(change_over, [b"order 1"], 900.0) == []
    change_over.come_back(900.0)
    assert fresh(change_over, [b"order 2"], 1500.0) == []


def test_a_log_is_polled_from_when_pushes_fail_until_they_come_back() -> None:
    change_over = ChangeOver()
    seen = [change_over.polled]
    change_over.fall_back()
    seen.append(change_over.polled)
    change_over.come_back(0.0)

    assert [*seen, change_over.polled] == [False, True, False]


def test_where_no_pushes_failed_only_what_was_received_is_left_out_of_a_poll() -> None:
    """No window is taken for one that reaches back to before a change."""
    change_over = ChangeOver()
    fresh(change_over, [b"order 1", b"tick"])

    assert polled(change_over, [b"order 0", b"order 1", b"tick", b"tick"]) == [b"order 0", b"tick"]


def test_a_push_that_comes_while_a_log_is_polled_takes_nothing_but_its_copy_from_it() -> None:
    """Only the first poll shows lines from before the change."""
    change_over = ChangeOver()
    fresh(change_over, [b"order 1"])
    change_over.fall_back()
    assert polled(change_over, [b"order 1", b"order 2"]) == [b"order 2"]
    assert fresh(change_over, [b"order 2", b"order 4"]) == [b"order 4"]

    assert polled(change_over, [b"order 3", b"order 4", b"order 5"]) == [b"order 3", b"order 5"]


def test_lines_of_several_instances_count_behind_the_newest_that_was_received() -> None:
    """A poll shows them in another order: all up to that one are from before the change."""
    change_over = ChangeOver()
    fresh(change_over, [b"a 1", b"b 1", b"a 2", b"b 2"])
    change_over.fall_back()

    window = [b"a 0", b"a 1", b"a 2", b"b 1", b"b 2", b"b 3"]
    assert polled(change_over, window) == [b"b 3"]
    assert polled(change_over, [b"b 2"]) == [b"b 2"]


def test_what_a_first_poll_counted_is_left_out_of_pushes_and_nothing_else_is() -> None:
    change_over = ChangeOver()
    fresh(change_over, [b"order 1"])
    change_over.fall_back()
    assert polled(change_over, [b"order 0", b"order 1", b"order 2"]) == [b"order 2"]
    change_over.come_back(0.0)

    assert fresh(change_over, [b"order 0", b"order 1", b"order 2"]) == [b"order 0", b"order 1"]


def test_twenty_thousand_messages_are_known() -> None:
    """Those counted last: one more drops the oldest, whether one was looked for before or not."""
    for looks in (False, True):
        known = CountedMessages(range(10))
        assert not looks or not known.find(-1)
        known.add(range(10, 20_001))
        assert [known.find(message) for message in (0, 1, 20_000)] == [False, True, True]


def test_a_poll_that_ends_after_pushes_came_back_counts_none_of_their_lines() -> None:
    change_over = ChangeOver()
    change_over.fall_back()
    polled(change_over, [b"order 1"])
    change_over.come_back(100.0)
    assert fresh(change_over, [b"order 2"], 100.0) == [b"order 2"]

    assert polled(change_over, [b"order 2", b"order 3"]) == [b"order 3"]


def test_so_many_messages_are_kept_as_a_poll_shows() -> None:
    change_over = ChangeOver()
    fresh(change_over, [b"order %d" % number for number in range(3000)])
    again = ChangeOver(change_over.kept())

    assert len(again.kept()) == 8 * 1024
    shown = [b"order %d" % number for number in (3000 - 1025, 3000 - 1024, 2999)]
    assert polled(again, shown) == shown[:1]


@given(st.lists(st.lists(st.integers(0, 3), max_size=6) | st.integers(0, 3), max_size=12))
@example([[1, 1, 2, 3, 4], 1, [5], 1]).via("a copy that was found is dropped before another one")
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
