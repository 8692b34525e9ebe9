"""One read of a log: which of its lines are new, and what it says of those it does not show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.dedup.counted_lines import CountedLines
from exporter.logs.dedup.window import Base, Window, WindowStart, line_key, line_keys
from exporter.logs.lines import CutLine, timestamps_of
from exporter.logs.restarts.restart_tally import RestartTally
from exporter.model import LogType

NS = 1_000_000_000
START = 1_793_491_200 * NS  # 2026-11-01T00:00:00Z


def line(second: float, message: str = "") -> bytes:
    """A line as the platform serves it, so many seconds after START (below a minute)."""
    return f"web 2026-11-01T00:00:{second:012.9f}Z {message}".encode()


def lines_until(last: int, first: int = 1) -> list[bytes]:
    """A line for each second."""
    return [line(second) for second in range(first, last + 1)]


def memory(*known: bytes, floor: int = START) -> CountedLines:
    """What knows some lines, which a window showed that was read whole."""
    counted = CountedLines(floor)
    if known:
        window = begin(counted)
        window.feed(known)
        counted.settle(window.seen)
    return counted


def begin(
    counted: CountedLines | None = None,
    log_type: LogType = LogType.RUN,
    *,
    tail_lines: int = 20,
    open_ended: bool = False,
    **known,
) -> Window:
    """A window that begins where nothing is known but what is said."""
    nothing = {
        "resolves": False,
        "tally": RestartTally(),
        "run_read_to": 0,
        "untimed_is_new": False,
        "instances": None,
        "old_until": 0,
        "from_before": 0,
        "base": None,
        "limit_each": False,
    }
    start = WindowStart(**{**nothing, **known})
    return Window(counted or memory(), log_type, tail_lines, start, open_ended=open_ended)


def fed(raws: list[bytes], *known: bytes, part: int = -1, **options) -> Window:
    """A window that was fed some lines where others were known."""
    window = begin(memory(*known), **options)
    window.feed(raws) if part < 0 else window.feed(raws, part)
    return window


def test_a_window_that_was_fed_nothing_shows_nothing():
    """Neither text nor lines, no time, and nothing that waits or has moved on."""
    window = begin()
    assert (window.seen, window.shown) == ({}, [])
    assert (window.live, window.past, window.reaches_back, window.goes_on) == (False,) * 4
    assert window.begins_log is False
    assert (window.repeated, window.new, window.counted, window.copies) == (0, 0, 0, 0)
    assert (window.newest, window.first, window.opened_at, window.stretch_since) == (0, 0, 0, 0)
    assert (window.live_lines, window.waiting, window.moved_on()) == (0, False, False)
    assert (window.tail_lines, window.keep, len(window.rest())) == (20, 20, 0)


def test_what_is_new_is_told_from_what_is_known():
    """With the times of the first and the newest line, and how many were repeated."""
    window = fed(lines_until(6), *lines_until(4))
    assert (window.repeated, window.new, window.counted) == (4, 2, 2)
    assert (window.first, window.newest) == (START + NS, START + 6 * NS)
    assert (window.live, window.past, window.reaches_back) == (True, False, True)
    assert (window.live_lines, len(window.seen), window.copies) == (6, 6, 0)
    window = fed([line(2), line(1), line(1)])
    assert (window.repeated, window.new, window.reaches_back) == (0, 3, False)
    assert (window.first, window.newest) == (START + 2 * NS, START + 2 * NS)
    assert (window.seen[line_key(line(1))], window.copies) == (2, 1)


def test_lines_that_only_a_broken_read_has_shown_are_new_but_were_counted():
    """They are repeated, and do not show that the log goes on from the window before."""
    counted = memory()
    begin(counted).feed(lines_until(3))
    window = begin(counted)
    assert list(window.feed(lines_until(5)).raws) == lines_until(5, 4)
    assert (window.repeated, window.new, window.counted) == (3, 5, 2)
    assert not window.reaches_back


@pytest.mark.parametrize(
    ("instances", "shown", "whole", "exceeds"),
    [
        (1, 4, False, False),
        (1, 5, True, False),
        (0, 4, False, False),
        (0, 5, True, True),
        (2, 4, False, False),
        (2, 5, False, True),
        (2, 9, False, True),
        (2, 10, True, True),
        (None, 4, False, False),
        (None, 5, False, True),
        (None, 50, False, True),
    ],
)
def test_more_lines_than_a_limit_allows_show_what_it_limits(instances, shown, whole, exceeds):
    """A quarter more than were asked for: of each instance, or of all of them."""
    raws = lines_until(shown)
    window = fed(raws, instances=instances, tail_lines=4)
    assert (window.served_whole, window.exceeds_limit) == (whole, exceeds)
    window = fed(raws, instances=instances, tail_lines=4, open_ended=True)
    assert (window.served_whole, window.exceeds_limit) == (False, False)
    window = fed(raws, instances=instances, tail_lines=4)
    window.feed([], 0)
    assert (window.served_whole, window.exceeds_limit) == (whole, False)


def test_a_window_is_complete_that_shows_less_than_was_asked_for_or_much_more():
    """Of live text alone: an archive may have another beginning."""
    for shown, complete in ((3, True), (4, False), (5, True)):
        assert fed(lines_until(shown), tail_lines=4, instances=1).complete is complete
    assert not fed(lines_until(3), tail_lines=4, part=0).complete
    window = fed(lines_until(2), tail_lines=4, part=0)
    window.feed([line(3)])
    assert not window.complete
    assert (window.live, window.past, window.live_lines, window.copies) == (True, True, 1, 0)


@pytest.mark.parametrize(
    ("known", "options", "moved"),
    [
        # All that was asked for is new.
        ([], {"instances": 1}, True),
        ([], {"instances": 2}, True),
        ([], {"instances": None}, True),
        ([], {"instances": 2, "limit_each": True}, True),
        ([], {"instances": 1, "limit_each": True}, False),
        ([], {"instances": 1, "open_ended": True}, True),
        # Fewer than were asked for, or many more.
        ([], {"instances": 1, "tail_lines": 7}, False),
        ([], {"instances": 2, "tail_lines": 7}, False),
        ([], {"instances": 1, "tail_lines": 4}, False),
        ([], {"instances": 1, "tail_lines": 5}, True),
        ([], {"instances": 1, "tail_lines": 4, "open_ended": True}, True),
        # One is known.
        ([1], {"instances": 1}, False),
        ([1], {"instances": 2}, False),
        ([6], {"instances": 1}, False),
        ([6], {"instances": 1, "base": Base([], whole=False)}, True),
        ([3], {"instances": 2, "base": Base([], whole=False)}, True),
        ([1], {"instances": 1, "base": Base([], whole=False)}, False),
        ([6], {"instances": 2, "base": Base([], whole=False), "tail_lines": 5}, True),
    ],
)
def test_a_log_moved_on_too_far_where_no_line_shows_that_it_did_not(known, options, moved):
    """As many new lines as were asked for, or a new one before all others in a full text."""
    options = {"tail_lines": 6, **options}
    window = fed(lines_until(6), *(line(second) for second in known), **options)
    assert window.moved_on() is moved
    window.begins_log = True
    assert window.moved_on() is False, "where nothing had been written before, nothing is missing"


@pytest.mark.parametrize(
    ("raws", "known", "instances", "since", "moved"),
    [
        ([31, 32, 3, 4, 5], [], None, 3, True),
        ([31, 32, 3, 4], [], None, 31, False),
        ([31, 16, 17], [], None, 31, True),
        ([31.000000001, 16, 17, 18], [], None, 16, True),
        ([31.000000001, 16, 17], [], 3, 16, False),
        ([1, 2, 3, 4, 5], [3], None, 1, True),
        ([11, 3, 4, 5], [3], None, 4, False),
        ([11, 12, 13, 3, 4], [3], None, 11, True),
        ([11, 12, 3, 13, 14], [3, 13], None, 11, False),
        ([5], [], None, 5, False),
        ([1, 2, 3, 4, 5, 6], [3], 1, 4, False),
        ([1, 2, 3, 4, 5], [3], 1, 1, False),
    ],
)
def test_a_stretch_is_the_new_lines_that_may_be_of_one_instance(
    raws, known, instances, since, moved
):
    """It ends where times fall by more than clocks differ, or where that text is known."""
    window = fed(
        [line(second) for second in raws],
        *(line(second) for second in known),
        instances=instances,
        tail_lines=3 if len(raws) != 3 or instances is None else 4,
        limit_each=True,
    )
    assert window.stretch_since == int(START + since * NS)
    assert window.moved_on() is moved


def test_what_begins_before_the_latest_known_line_is_the_beginning_of_a_stream():
    """A full text of one instance that shows nothing new and is not as new as what was read."""
    since = START + 5 * NS
    stream = {"instances": 1, "open_ended": True, "tail_lines": 4}
    known = lines_until(4)
    assert fed(known, *known, **stream).begins_earlier(since) is True
    assert fed(known, *known, **stream).begins_earlier(START + 4 * NS) is False
    for other in ({"instances": 2}, {"open_ended": False}, {"tail_lines": 5}):
        assert fed(known, *known, **{**stream, **other}).begins_earlier(since) is False
    assert fed(known, *known[:3], **stream).begins_earlier(since) is False
    assert fed(known, **stream).begins_earlier(since) is False


def test_windows_of_the_same_lines_in_the_same_order_have_one_identity():
    """Another order or another line makes another one."""
    identity = fed(lines_until(3)).identity
    assert fed(lines_until(3)).identity == identity
    others = ([line(1), line(3), line(2)], lines_until(4), lines_until(2))
    assert identity not in [fed(raws).identity for raws in others]


@pytest.mark.parametrize("keep", [1, 3, 4, 5])
def test_a_stream_keeps_its_latest_lines_in_mind(keep: int):
    """Those with a time and those without, in a text of either kind."""
    window = fed(lines_until(4))
    window.keep = keep
    window.trim()
    assert list(window.seen) == [line_key(raw) for raw in lines_until(4)[-keep:]]
    counted = memory()
    window = begin(counted, untimed_is_new=True)
    window.keep = keep
    for raws in ([b"a", b"b", b"c", b"d"], [b"e"]):
        window.feed(raws)
        assert list(window.rest().raws) == raws
        window.goes_on = True
        window.trim()
    expected = [line_key(raw) for raw in (b"a", b"b", b"c", b"d", b"e")]
    assert list(counted.untimed[LogType.RUN]) == expected[-keep - 1 :]


def test_what_a_stream_brings_without_times_is_new_whatever_it_repeats():
    """A log of equal lines goes on with one more of them."""
    window = begin(untimed_is_new=True, tail_lines=2)
    for raws in ([b"a"] * 3, [b"a"], [b"a"]):
        window.feed(raws)
        assert list(window.rest().raws) == raws
        window.goes_on = True
        window.trim()


def on_stream(counted: CountedLines | None = None, **options) -> Window:
    """A window of three lines that goes on."""
    window = begin(counted, open_ended=True, tail_lines=3, **options)
    window.feed(lines_until(3))
    window.goes_on = True
    return window


def test_what_a_stream_brings_is_new_and_settled():
    """Lines at once, lines among which one is known, and equal lines: each counts."""
    counted = memory(line(0.5))
    window = on_stream(counted)
    counted.settle(window.seen)
    assert list(window.feed(lines_until(5, 4)).raws) == lines_until(5, 4)
    assert (window.new, window.newest, window.first) == (5, START + 5 * NS, START + NS)
    assert window.seen == dict.fromkeys(line_keys(lines_until(5)), 1)
    assert list(window.feed([line(6), line(6)]).raws) == [line(6)] * 2
    assert list(window.feed([line(0.5), line(7)]).raws) == [line(7)]
    assert list(window.feed(lines_until(10, 8)).raws) == lines_until(10, 8)
    assert window.seen == dict.fromkeys(line_keys(lines_until(10, 8)), 1)
    assert (window.new, window.repeated, window.newest) == (11, 1, START + 10 * NS)
    assert counted.unsettled == set()
    assert counted.copies == {line_key(line(6)): 1}


def test_what_a_stream_brings_that_is_older_than_it_and_may_be_forgotten_is_not_new():
    """It is older than when the stream was opened, and than the floor."""
    for floor, opened, new in ((20, 30, 21), (30, 20, 21), (20, 20, 21)):
        counted = memory()
        window = on_stream(counted)
        counted.floor, window.opened_at = START + floor * NS, START + opened * NS
        assert list(window.feed([line(20), b"bare", line(new)]).raws) == [line(new)]
    counted = memory()
    window = on_stream(counted)
    counted.floor, window.opened_at = START + 20 * NS, START + 20 * NS
    assert list(window.feed([line(20)]).raws) == []
    assert list(window.feed([line(21), b"bare", line(22)]).raws) == [line(21), b"bare", line(22)]


def test_a_line_without_a_time_waits_on_a_stream_too():
    """For the line behind it; then it is placed after the one before."""
    window = on_stream(memory())
    assert list(window.feed([line(4), b"  at f"]).raws) == [line(4)]
    assert window.waiting
    assert list(window.feed([line(5)]).raws) == [b"  at f", line(5)]
    assert not window.waiting
    assert list(window.feed([b"  at f", line(6)]).raws) == [b"  at f", line(6)]


@pytest.mark.parametrize(
    ("second", "options", "new"),
    [
        (11, {}, True),
        (10, {}, False),
        (11, {"old_until": START + 11 * NS}, False),
        (12, {"old_until": START + 11 * NS}, True),
        (6, {"instances": 2}, False),
        (6, {"instances": 1}, True),
        (5, {"instances": 1}, True),
        (4.5, {"instances": 1}, False),
        (6, {"instances": 1, "old_until": START + 6 * NS}, False),
        (6, {"instances": 1, "old_until": START + 5 * NS}, True),
        (6, {"instances": 1, "part": 0}, False),
        (6, {"base": Base([], whole=True)}, True),
        (4, {"base": Base([], whole=True)}, True),
        (6, {"base": Base([], whole=True), "part": 0}, False),
        (6, {"base": Base([], whole=False)}, False),
        (6, {"base": Base([line_key(line(5))], whole=False)}, True),
        (6, {"base": Base([line_key(line(4))], whole=False)}, False),
    ],
)
def test_an_unknown_line_is_new_where_it_cannot_have_been_forgotten(second, options, new):
    """It is from after the floor; else it follows what is known, of one instance or the base."""
    counted = memory(line(5))
    counted.floor = START + 10 * NS
    options = dict(options)
    part = {"part": options.pop("part")} if "part" in options else {}
    window = begin(counted, **options)
    unknown = line(second, "unknown")
    fresh = window.feed([line(5), unknown], **part)
    assert list(fresh.raws) == ([unknown] if new else [])
    assert (line_key(unknown) in counted.counted) == (new or not part)
    assert (window.new, window.repeated) == (int(new), 1)


def test_no_line_follows_those_of_run_that_streams_have_shown():
    """Up to there RUN_RESTARTED can bring no other."""
    for sealed, fresh in ((6, []), (5.9, [line(6, "unknown")])):
        counted = memory(line(5))
        counted.floor, counted.sealed = START + 10 * NS, int(START + sealed * NS)
        window = begin(counted, instances=1)
        assert list(window.feed([line(5), line(6, "unknown")]).raws) == fresh


@pytest.mark.parametrize(
    ("base", "from_before", "let_go"),
    [(None, 0, False), (Base([], whole=False), 0, True), (Base([], whole=False), 6, False)],
)
def test_a_line_that_is_let_go_though_it_may_be_new_is_noted(base, from_before, let_go):
    """The base knows what stood there, and the line is not from before the exporter's time."""
    counted = memory(line(5))
    counted.floor = START + 10 * NS
    window = begin(counted, base=base, from_before=from_before and START + from_before * NS)
    assert list(window.feed([line(6, "unknown")]).raws) == []
    assert (window.reaches_back, counted.let_go) == (True, let_go)


def test_behind_a_line_of_the_base_every_unknown_line_is_new():
    """None before it is; a window is looked through for one only once."""
    counted = memory(line(4), line(5))
    counted.floor = START + 30 * NS
    base = Base([line_key(line(5))], whole=False)
    window = begin(counted, base=base)
    raws = [line(3), line(2), line(4), line(1), line(5), line(6), line(4, "x"), line(7)]
    assert list(window.feed(raws).raws) == [line(6), line(4, "x"), line(7)]


def test_run_restarted_shows_each_line_and_whether_it_was_known():
    """New ones, those from before, with and without a time; RUN need not."""
    for log_type in (LogType.RUN_RESTARTED, LogType.RUN):
        counted = memory(line(5), line(6), floor=START + 4 * NS)
        window = begin(counted, log_type)
        raws = [line(3), b"old", line(5), line(6), b"new", line(7), line(7), b"end"]
        window.feed(raws)
        window.rest()
        shown = [(raw, known) for raw, _, known in window.shown]
        told = [True, True, True, True, False, False, False, False]
        expected = list(zip(raws, told, strict=True))
        assert shown == (expected if log_type is LogType.RUN_RESTARTED else [])


@pytest.mark.parametrize(
    ("raws", "options", "new"),
    [
        ([b"x", line(11)], {}, [b"x"]),
        ([b"x", line(10)], {}, []),
        ([line(11), b"x"], {}, [b"x"]),
        ([line(10), b"x"], {}, []),
        ([line(5), b"x"], {}, [b"x"]),
        ([line(11), b"x"], {"old_until": START + 11 * NS}, []),
        ([line(12), b"x"], {"old_until": START + 11 * NS}, [b"x"]),
        ([line(9), b"x"], {"base": Base([], whole=True)}, [b"x"]),
        ([line(9), b"x"], {"base": Base([], whole=False)}, []),
        ([line(9), b"x"], {"base": Base([], whole=True), "part": 0}, []),
        ([b"x", line(5)], {}, []),
        ([line(11), line(5), line(4), b"x"], {}, []),
        ([line(5), line(6), b"x"], {}, []),
        ([line(5), line(6), b"x"], {"instances": 1}, [b"x"]),
        ([line(5), line(4), b"x"], {"base": Base([line_key(line(5))], whole=False)}, [b"x"]),
    ],
)
def test_a_line_without_a_time_is_as_new_as_the_line_before_it(raws, options, new):
    """At the beginning of a text as the line behind it; behind a known line it is new."""
    counted = memory(line(5))
    counted.floor = START + 10 * NS
    options = dict(options)
    part = {"part": options.pop("part")} if "part" in options else {}
    window = begin(counted, **options)
    fresh = [*window.feed(raws, **part).raws, *window.rest().raws]
    assert [raw for raw in fresh if raw == b"x"] == new


def test_equal_lines_without_a_time_are_told_apart_by_their_place():
    """So many behind one line and so many before the next, whatever else a window shows."""
    counted = memory(floor=START)
    text = [line(1), b"x", b"x", line(2), b"x", b"x", b"x", line(3), b"x"]
    for begins in (0, 2, 3, 4, 5, 6, 8):
        window = begin(counted)
        fresh = [*window.feed(text[begins:]).raws, *window.rest().raws]
        assert fresh == (text if begins == 0 else [])
        assert window.repeated == (len(text) - begins if begins else 0)
        counted.settle(window.seen)
    window = begin(counted)
    longer = [*text[:-1], b"x", b"x", line(4)]
    assert [*window.feed(longer).raws, *window.rest().raws] == [b"x", line(4)]


def test_a_line_that_is_shown_more_often_than_it_was_counted_is_new_once_more():
    """How often each was shown is known of a window."""
    window = fed([], line(1), line(2))
    raws = [line(1), line(2), line(1)]
    assert list(window.feed(raws).raws) == [line(1)]
    assert window.seen == {line_key(line(1)): 2, line_key(line(2)): 1}
    counted = memory(line(1), line(1))
    window = begin(counted)
    assert list(window.feed([line(1)] * 3).raws) == [line(1)]
    assert (window.repeated, window.new) == (2, 1)


def place_of(counted: CountedLines) -> dict[int, int]:
    """The places of lines without a time, and the time that each has there."""
    return {place: counted.counted[place] for place in counted.places}


@pytest.mark.parametrize("known", [0, 1, 3])
def test_a_line_without_a_time_is_placed_between_its_neighbours(known: int):
    """New ones or known ones, in a window or on a stream: with the time of the one before."""
    text = [b"x", *lines_until(3), b"y", *lines_until(6, 4), b"z"]
    counted = memory(*lines_until(known))
    window = begin(counted)
    fresh = [*window.feed(text).raws, *window.rest().raws]
    assert fresh == [raw for raw in text[known > 0 :] if raw not in lines_until(known)]
    assert set(window.seen.values()) == {1}
    times = sorted(set(place_of(counted).values()))
    assert times == [0, START + 3 * NS, START + 6 * NS]
    assert counted.places <= window.seen.keys()
    counted.settle(window.seen)
    for start, end in ((0, 4), (1, 5), (3, 5), (4, 6), (4, 8), (7, 9), (5, 9)):
        window = begin(counted)
        assert [*window.feed(text[start:end]).raws, *window.rest().raws] == []
        assert window.repeated == end - start


def test_a_line_without_a_time_is_placed_behind_the_last_that_a_stream_brought():
    """Also where it is the first that waits there, and where more follow it."""
    counted = memory()
    window = on_stream(counted)
    window.feed(lines_until(6, 4))
    assert list(window.feed([b"x", b"x", line(7)]).raws) == [b"x", b"x", line(7)]
    assert set(place_of(counted).values()) == {START + 6 * NS}
    counted.settle(window.seen)
    for copies, new in ((2, []), (3, [b"x"])):
        window = begin(counted)
        assert [*window.feed([line(6), *[b"x"] * copies]).raws, *window.rest().raws] == new


def test_a_stream_of_a_log_that_was_empty_has_a_first_line():
    """It is the one that it brings first."""
    window = begin(open_ended=True)
    window.goes_on = True
    window.feed(lines_until(6, 4))
    assert (window.first, window.newest) == (START + 4 * NS, START + 6 * NS)


def test_the_times_of_many_new_lines_are_read_at_once(monkeypatch):
    """From the sixteenth on, each once; those of fewer are read one by one."""
    read = []

    def noted(raws: list[bytes]) -> list[int] | None:
        read.append(len(raws))
        return timestamps_of(raws)

    monkeypatch.setattr("exporter.logs.dedup.window.timestamps_of", noted)
    window = fed(lines_until(40), line(2), line(20))
    assert read == [40 - 16]
    assert (window.new, window.newest) == (38, START + 40 * NS)
    fed(lines_until(15))
    assert read == [40 - 16]


@pytest.mark.parametrize(
    ("instances", "known", "settled"),
    [(1, [line(5)], True), (2, [line(5)], False), (None, [line(5)], False), (1, [], False)],
)
def test_a_new_line_behind_a_known_one_of_the_only_instance_is_settled(instances, known, settled):
    """Any other, and one without a time, tells of gaps only once its window was read whole."""
    counted = memory(line(5), *lines_until(3))
    counted.floor = START + 5 * NS
    window = begin(counted, instances=instances)
    window.feed([*known, line(6), b"new"])
    window.feed([line(2, "old"), b"old", b"old", line(7)])
    window.rest()
    unsettled = {line_key(line(7)), *(() if settled else [line_key(line(6))])}
    assert unsettled == counted.unsettled - counted.places
    assert (len(counted.places), len(counted.places & counted.unsettled)) == (6, 2)


def test_of_lines_of_one_time_each_follows_the_one_before():
    """A time that stays is none that falls: neither another instance's text nor an end of one."""
    counted = memory(line(5))
    counted.floor = START + 10 * NS
    raws = [line(5), line(5, "a"), line(5, "b")]
    assert list(begin(counted, instances=1).feed(raws).raws) == raws[1:]
    window = fed([line(11), line(12), line(12, "k"), line(13)], line(12, "k"), tail_lines=3)
    assert (window.stretch_since, window.moved_on()) == (START + 11 * NS, True)


def test_a_window_without_times_goes_on_where_the_one_before_ended():
    """What it repeats is known; a log that was never read is new to its end."""
    counted = memory()
    for raws, new in (([b"a", b"b"], [b"a", b"b"]), ([b"b", b"c", b"d"], [b"c", b"d"])):
        window = begin(counted, LogType.RUN_RESTARTED, untimed_is_new=True)
        window.feed(raws)
        assert list(window.rest().raws) == new
        known = len(raws) - len(new)
        assert (window.repeated, window.new, window.reaches_back) == (known, len(new), known > 0)
        told = [(raw, line_key(raw), raw not in new) for raw in raws]
        assert window.shown == told
        assert window.seen == dict.fromkeys(line_keys(raws), 1)
    window = begin(counted, LogType.RUN_RESTARTED)
    window.feed([b"d"])
    assert (list(window.rest().raws), window.repeated, window.reaches_back) == ([], 1, True)


def test_a_line_without_a_time_at_an_end_has_one_identity_whatever_follows():
    """So a container whose last line it is ends once."""
    shown = []
    for follows in ([], [line(2)]):
        window = begin(memory(), LogType.RUN_RESTARTED)
        window.feed([line(1), b"killed", *follows])
        window.rest()
        shown.append([key for raw, key, _ in window.shown if raw == b"killed"])
    assert shown[0] == shown[1]
    assert len(shown[0]) == 1


def test_lines_without_a_time_that_come_one_by_one_are_those_of_a_window():
    """They stand behind one another, however many a stream had brought before."""
    counted = memory()
    window = begin(counted, open_ended=True)
    fresh = [*window.feed([line(1), b"x"]).raws, *window.rest().raws]
    window.goes_on = True
    for raws in ([b"x", b"x"], [b"x", b"x", b"x"]):
        window.feed(raws)
        fresh += window.rest().raws
    assert fresh == [line(1), *[b"x"] * 6]
    again = begin(counted)
    again.feed([line(1), *[b"x"] * 7])
    assert list(again.rest().raws) == [b"x"]
    assert counted.copies == {}


def test_a_window_that_begins_with_what_only_a_broken_read_has_shown_may_follow_a_gap():
    """Lines before it may be missing, though it reaches back to lines that are known."""
    counted = memory(*lines_until(3, 2))
    begin(counted).feed([line(1)])
    for log_type in (LogType.RUN, LogType.RUN_RESTARTED):
        window = begin(counted, log_type, tail_lines=3, instances=1, base=Base([], whole=False))
        assert list(window.feed(lines_until(3)).raws) == []
        assert (window.moved_on(), window.reaches_back) == (True, True)
    assert [known for _, _, known in window.shown] == [True, True, True]


def test_a_window_has_what_was_known_when_it_began():
    """Its end is judged by that, whatever came meanwhile."""
    tally = RestartTally({"web-0": 3})
    window = begin(resolves=True, tally=tally, run_read_to=7)
    assert (window.resolves, window.tally, window.run_read_to) == (True, tally, 7)


def test_live_text_repeats_what_archives_hold():
    """What both show of one read is one line."""
    window = begin()
    assert list(window.feed(lines_until(3), 0).raws) == lines_until(3)
    assert list(window.feed(lines_until(2), 1).raws) == [line(1), line(2)]
    assert list(window.feed(lines_until(4)).raws) == [line(4)]
    assert list(window.feed([line(4), line(3)]).raws) == [line(4), line(3)]


_PIECES = st.sampled_from((b"a", b"\xc3", b"\xa9", b"\xc3\xa9", b"\xef\xbf\xbd", b"\xff", b"\r"))
_TEXTS = st.lists(_PIECES, max_size=4).map(b"".join)


@given(st.lists(st.tuples(_TEXTS, st.integers(0, 1)), max_size=5))
def test_the_identities_of_lines_together_are_those_of_each(parts):
    """The quick way to them agrees with the careful one, whatever bytes lines hold."""
    raws = [CutLine(raw, len(raw) + more) if more else raw for raw, more in parts]
    assert line_keys(raws) == list(map(line_key, raws))


def test_text_whose_bytes_were_replaced_is_the_same_line():
    """An archive's bytes that are no UTF-8 are U+FFFD in live text: one or several."""
    archive, live, other = b"caf\xe9 \xff\xfe", "caf\ufffd \ufffd".encode(), "café \ufffd".encode()
    assert line_keys([archive, live]) == [line_key(live)] * 2
    assert line_keys([other, b"cafe ?"]) != line_keys([live, b"cafe ?"])


def test_lines_that_are_plain_text_are_not_looked_at_one_by_one(monkeypatch):
    """Neither ASCII nor other UTF-8."""
    raws = [b"a", b"caf\xc3\xa9", b""]
    each = list(map(line_key, raws))
    monkeypatch.setattr("exporter.logs.dedup.window.line_key", None)
    assert (line_keys(raws), line_keys(raws[:1])) == (each, each[:1])
