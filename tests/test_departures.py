"""Lines that left RUN with their container: told from those that moved on out of its log."""

from types import SimpleNamespace

import pytest

from exporter.logs.dedup.departures import Departures
from exporter.model import LogType


def window(log_type: LogType = LogType.RUN, **options) -> SimpleNamespace:
    """A window of live text that shows nothing, but for what is said of it."""
    nothing = {"live": True, "past": False, "counted": 0, "new": 0, "copies": 0, "seen": {}}
    return SimpleNamespace(log_type=log_type, **{**nothing, **options})


def restarted(*lines: int, **options) -> SimpleNamespace:
    """A window of RUN_RESTARTED that shows these lines."""
    return window(LogType.RUN_RESTARTED, seen=dict.fromkeys(lines, 1), **options)


def test_at_first_nothing_has_left():
    """There is no news of either log."""
    departures = Departures()
    assert not departures
    assert (departures.lines, departures.moved_off, departures.ended_news) == (set(), 0, 0)
    assert departures.take_run_news(window()) == 0
    assert departures.note({1}, [], 0, 0)
    assert (departures.lines, departures.moved_off) == ({1}, 0)


def test_run_moves_on_by_what_windows_count_whole_or_not():
    """Each line once: those of a read that broke off are news of the next whole window."""
    departures = Departures()
    for _ in range(2):
        for counted in (3, 4):
            departures.break_off(window(counted=counted))
        assert departures.take_run_news(window(counted=2, new=5)) == 9
        assert departures.take_run_news(window(counted=2, new=5)) == 5
    assert departures.ended_news == 0


@pytest.mark.parametrize("text", [{"past": True}, {"live": False}, {"past": True, "live": False}])
def test_what_an_archive_or_nothing_shows_is_no_news(text: dict):
    """Only live text moves on."""
    departures = Departures()
    departures.break_off(window(counted=3, **text))
    departures.break_off(restarted(counted=3, **text))
    assert (departures.take_run_news(window()), departures.take_ended_news()) == (0, 0)


def test_news_of_ended_containers_are_what_their_log_newly_showed():
    """They are taken once; while lines have left, as many of those may have moved on."""
    departures = Departures(ended_news=2)
    departures.break_off(restarted(counted=3))
    assert departures.take_run_news(window()) == 0
    assert (departures.take_ended_news(), departures.moved_off) == (5, 0)
    assert departures.take_ended_news() == 0
    departures = Departures({1}, moved_off=1, ended_news=2)
    assert (departures.take_ended_news(), departures.moved_off) == (2, 3)


@pytest.mark.parametrize(
    ("gone", "ended", "moved_off", "ended_news", "left"),
    [
        ({1, 2, 3}, [], 3, 0, set()),
        ({1, 2, 3}, [], 2, 0, {1, 2, 3}),
        ({1, 2, 3}, [], 0, 5, {1, 2, 3}),
        ({1, 2, 3}, [3, 4], 0, 2, set()),
        ({1, 2, 3}, [3, 4], 1, 1, set()),
        ({1, 2, 3}, [3, 4], 0, 1, {1, 2}),
        ({1, 2, 3}, [3, 4], 1, 0, {1, 2}),
        ({1, 2}, [1, 2], 0, 0, set()),
        (set(), [], 0, 0, set()),
    ],
)
def test_more_lines_than_a_log_moved_on_by_left_with_their_container(
    gone, ended, moved_off, ended_news, left
):
    """Of one that RUN_RESTARTED shows, as many as are new there may have moved on out of it."""
    departures = Departures({9}, moved_off=10)
    assert departures.note(gone, ended, moved_off, ended_news) == bool(left)
    assert departures.lines == {9} | left
    shown = ended_news if set(ended) & gone else 0
    assert departures.moved_off == (10 + moved_off + shown if left else 10)


def test_what_broken_reads_of_ended_logs_counted_may_have_moved_on():
    """Of lines that leave RUN then; it is held to the account of the next whole window alone."""
    departures = Departures()
    for _ in range(2):
        departures.break_off(restarted(counted=3))
        departures.take_ended_news()
        departures.forget()
        assert departures.note({1, 2}, [], 1, 0)
        assert departures.moved_off == 3
        assert departures.note({3, 4}, [], 1, 0)
        assert departures.moved_off == 4


def test_what_is_no_longer_waited_for_is_forgotten():
    """With what may have moved on of it, but for the news of RUN_RESTARTED."""
    departures = Departures({1}, moved_off=2, ended_news=3)
    departures.forget()
    assert not departures
    assert (departures.lines, departures.moved_off, departures.ended_news) == (set(), 0, 3)


@pytest.mark.parametrize(
    ("shown", "copies", "lost"),
    [
        ([1, 2, 3, 4, 5], 0, False),
        ([4, 5], 0, False),
        ([5], 0, True),
        ([5], 1, False),
        ([9], 0, True),
        ([9], 10, True),
        ([], 10, True),
    ],
)
def test_containers_of_which_no_line_or_too_few_are_shown_are_lost(shown, copies, lost):
    """Of one that is shown as many lines may be missing as may have moved on, or are copies."""
    departures = Departures({1, 2, 3, 4, 5}, moved_off=1, ended_news=2)
    assert departures.settle(restarted(*shown, copies=copies)) == lost
    assert (bool(departures), departures.moved_off, departures.ended_news) == (False, 0, 2)


def test_where_nothing_is_waited_for_nothing_is_lost():
    """Whatever RUN_RESTARTED shows, or does not."""
    departures = Departures()
    assert departures.settle(restarted(1)) is False
    assert departures.settle(restarted()) is False
