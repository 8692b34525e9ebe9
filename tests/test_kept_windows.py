"""The latest window of each log is kept, and those of RUN before it as long as they may tell."""

from array import array
from types import SimpleNamespace

from exporter.logs.dedup.kept_windows import KeptWindows
from exporter.model import LogType

RUN, RESTARTED = LogType.RUN, LogType.RUN_RESTARTED


def keep(kept: KeptWindows, log_type: LogType, *lines: int) -> bool:
    """Keep a window of these lines, which their tuple identifies."""
    window = SimpleNamespace(log_type=log_type, seen=dict.fromkeys(lines, 1))
    return kept.keep(window, hash(lines))


def keep_again(kept: KeptWindows, log_type: LogType) -> bool:
    """Keep the latest window of a log once more."""
    return kept.keep(SimpleNamespace(log_type=log_type, seen={99: 1}), None)


def of(kept: KeptWindows) -> tuple[list[int], list[int], list[list[int]]]:
    """The latest lines of RUN, those of RUN_RESTARTED, and each window of RUN before."""
    return list(kept.of(RUN)), list(kept.of(RESTARTED)), list(map(list, kept.earlier))


def test_a_log_that_was_never_read_whole_has_no_window():
    """None is kept of it, and none is shown once more."""
    kept = KeptWindows()
    assert of(kept) == ([], [], [])
    assert (RUN in kept, kept.all(), kept.shows(RUN, 0)) == (False, [], False)


def test_the_latest_window_of_each_log_is_kept_and_of_run_those_before():
    """Each has an identity; one of RUN_RESTARTED leaves nothing behind."""
    kept = KeptWindows()
    assert [keep(kept, RUN, 1, 2), keep(kept, RESTARTED, 3)] == [True, True]
    assert [keep(kept, RUN, 2, 4), keep(kept, RESTARTED, 5)] == [True, True]
    assert of(kept) == ([2, 4], [5], [[1, 2]])
    assert sorted(map(list, kept.all())) == [[1, 2], [2, 4], [5]]
    assert (RUN in kept, RESTARTED in kept) == (True, True)
    assert [kept.shows(RUN, hash(lines)) for lines in ((2, 4), (1, 2))] == [True, False]
    assert [kept.shows(RESTARTED, hash(lines)) for lines in ((5,), (2, 4))] == [True, False]


def test_a_window_that_is_shown_once_more_is_not_kept_again():
    """Neither where its identity is known, nor where its lines are."""
    kept = KeptWindows({RUN: array("Q", [1, 2])}, [array("Q", [1])])
    assert kept.streamed(RUN)
    assert keep(kept, RUN, 1, 2) is False
    assert (kept.shows(RUN, hash((1, 2))), kept.streamed(RUN)) == (True, False)
    assert keep_again(kept, RUN) is False
    assert of(kept) == ([1, 2], [], [[1]])


def test_so_many_windows_of_run_are_kept_as_a_read_may_be_late():
    """Ten before the latest; two of them once RUN_RESTARTED was read, whatever it showed."""
    kept = KeptWindows()
    for line in range(13):
        keep(kept, RUN, line)
    assert of(kept) == ([12], [], [[line] for line in range(2, 12)])
    keep(kept, RESTARTED, 50)
    assert of(kept) == ([12], [50], [[10], [11]])
    keep(kept, RUN, 13)
    assert not keep_again(kept, RESTARTED)
    assert of(kept) == ([13], [50], [[11], [12]])


def test_the_lines_of_a_stream_stand_for_the_latest_window_of_run():
    """They were not shown as one, so no window is the same; what it replaces is not kept."""
    kept = KeptWindows()
    kept.replace_run([7])
    assert (of(kept), RUN in kept) == (([7], [], []), True)
    keep(kept, RUN, 1, 2)
    assert not kept.streamed(RUN)
    kept.replace_run([2, 3])
    assert of(kept) == ([2, 3], [], [[7]])
    assert (kept.streamed(RUN), kept.shows(RUN, hash((1, 2)))) == (True, False)


def test_a_log_of_which_no_more_is_expected_has_an_empty_window():
    """Its lines are one of the windows before, and are no news when they leave."""
    kept = KeptWindows()
    assert (kept.close_run(), RUN in kept) == (False, False)
    keep(kept, RUN, 1, 2)
    assert kept.close_run()
    assert of(kept) == ([], [], [[1, 2]])
    assert (RUN in kept, kept.streamed(RUN)) == (True, True)


def test_windows_are_their_own():
    """What they were made of does not change with them."""
    latest, earlier = {RUN: array("Q", [1])}, [array("Q", [2])]
    kept = KeptWindows(latest, earlier)
    keep(kept, RUN, 3)
    assert of(kept) == ([3], [], [[2], [1]])
    assert (latest, earlier) == ({RUN: array("Q", [1])}, [array("Q", [2])])
