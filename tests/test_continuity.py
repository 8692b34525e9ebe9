"""Every line once: windows over logs that overlap, are cut, restart and lose lines."""

import pytest
from continuity_reader import NS, START, break_off, line, reader
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.logs.dedup.window_end import WindowEnd
from exporter.model import GapReason, LogType


def test_overlapping_windows_count_each_line_once():
    """Three polls that share lines count their union; what they share is repeated."""
    log = [line(n, f"m{n}") for n in range(30)]
    poll = reader(tail_lines=20)
    for upto in (10, 15, 30):
        poll.read(log[max(0, upto - 20) : upto])
    assert poll.counted == log
    assert (poll.repeated, poll.gaps) == (10 + 5, 0)


def test_a_window_that_follows_the_one_before_says_nothing():
    """There is no gap, nothing is missing from any time on, and no container has ended."""
    poll = reader()
    for lines in ([1, 2], [2, 3]):
        end = poll.read([line(at) for at in lines])
        assert end == WindowEnd(0, 0, 0, (), 0, GapReason.WINDOW)


def test_equal_lines_in_one_window_are_as_many_lines():
    """Lines equal to the last byte, their nanosecond included, count as often as they stand."""
    twin = line(5, "again")
    poll = reader()
    poll.read([line(1), twin, twin])
    poll.read([line(1), twin, twin, twin])
    assert poll.counted == [line(1), twin, twin, twin]


@pytest.mark.found(
    "If a container ended whose log had broken off at the first read, its lines from before the "
    "start counted.",
    how="a fake platform written from the facts alone, which breaks off reads",
)
def test_what_the_first_read_broke_off_from_was_there_before_the_start():
    """RUN_RESTARTED shows the rest of it, behind lines that are known."""
    log = [line(n * NS, f"m{n}") for n in range(30)]
    poll = reader(floor=START + 40 * NS, instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    window = poll.memory.window(LogType.RUN, 1000)
    window.feed(log[:10])
    poll.memory.give_up(window)
    poll.read([*log, line(41 * NS, "panic")], LogType.RUN_RESTARTED)
    poll.read([line(42 * NS, "listening")])
    assert poll.counted == [line(41 * NS, "panic"), line(42 * NS, "listening")]


def test_lines_from_before_the_start_never_count():
    """At the first read only lines newer than the floor count, and later reads add none."""
    poll = reader(floor=START + 10)
    old = [line(n) for n in range(11)]
    poll.read([*old, line(11)])
    poll.read([*old, line(11)])
    assert poll.counted == [line(11)]


def test_a_window_that_shares_no_line_with_the_one_before_is_a_gap():
    """100 lines between two polls of 20: 20 of them count, and one gap says that some are lost."""
    log = [line(n) for n in range(120)]
    poll = reader(tail_lines=20)
    poll.read(log[:19])
    poll.read(log[100:])
    assert poll.counted == log[:19] + log[100:]
    assert poll.gaps == 1
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(log[100:])
    assert poll.gaps == 1


def test_one_of_two_instances_that_moved_on_too_far_is_a_gap():
    """Instance logs one after another are each held against their own past."""
    quiet = [line(n * NS, "quiet") for n in range(20)]
    busy = [line(n * NS, "busy") for n in range(120)]
    poll = reader(tail_lines=20)
    poll.read(quiet[:19] + busy[:19])
    poll.read(quiet + busy[100:])
    assert poll.gaps == 1
    assert len(poll.counted) == 59


def test_a_burst_that_the_window_still_covers_is_no_gap():
    """As many new lines as were asked for, of two instances that both reach back: no gap."""
    logs = [[line(n * NS, name) for n in range(60)] for name in ("a", "b")]
    poll = reader(tail_lines=40)
    poll.read([entry for log in logs for entry in log[:30]])
    poll.read([entry for log in logs for entry in log[20:60]])
    assert poll.gaps == 0
    assert sorted(poll.counted) == sorted(logs[0] + logs[1])


def test_a_crash_between_polls_counts_the_last_words_and_the_new_container():
    """RUN shows the new container, RUN_RESTARTED the old one: all of both, each once."""
    old = [line(n, "old") for n in range(10)]
    new = [line(n, "new") for n in range(20, 25)]
    poll = reader(instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(old[:6])
    poll.read(new)
    poll.read(old, LogType.RUN_RESTARTED)
    poll.read(old, LogType.RUN_RESTARTED)
    assert sorted(poll.counted) == sorted(old + new)
    assert (poll.restarts, poll.gaps) == (1, 0)


def test_a_replaced_container_without_an_end_in_run_restarted_is_a_gap():
    """RUN lost its thread and RUN_RESTARTED, read after that, shows no end: lines are missing."""
    poll = reader()
    poll.read([], LogType.RUN_RESTARTED)
    poll.read([line(1), line(2)])
    in_flight = poll.memory.window(LogType.RUN_RESTARTED, 1000)
    poll.read([line(8), line(9)])
    in_flight.feed([])
    assert poll.memory.finish(in_flight).gaps == 0
    poll.read([], LogType.RUN_RESTARTED)
    assert poll.gaps == 1


def test_more_of_a_container_in_a_wider_window_is_no_other_one():
    """So the platform's count of one that ended unseen is not taken for it."""
    poll = reader(instances=1)
    poll.memory.count_restarts({"web-0": 0}, 0.0)
    ended = [line(n) for n in range(20)]
    for tail_lines in (10, 1000):
        poll.tail_lines = tail_lines
        poll.read(ended[-tail_lines:], LogType.RUN_RESTARTED)
    poll.memory.count_restarts({"web-0": 2}, 60.0)
    end = poll.read(ended, LogType.RUN_RESTARTED)
    assert (end.unseen, end.gaps, poll.restarts) == (1, 1, 1)


class Counts:
    """The platform's restart counts, and a reader that is told them; RUN_RESTARTED is read again.

    Args:
        instances: their names.
    """

    def __init__(self, instances: str) -> None:
        self.poll = reader(instances=len(instances))
        self.counts = dict.fromkeys(instances, 0)
        self.now = 0.0
        self.wait(0.0)
        self.poll.read([], LogType.RUN_RESTARTED)

    def wait(self, seconds: float) -> None:
        """The platform has counted no other end for some time."""
        self.now += seconds
        self.poll.memory.count_restarts(self.counts, self.now)

    def rise(self, instance: str, ends: int, text: list[bytes]) -> int:
        """The platform has counted ends of an instance; how many went unseen by ``text``."""
        self.counts[instance] += ends
        self.wait(1.0)
        return self.poll.read(text, LogType.RUN_RESTARTED).unseen


@pytest.mark.found(
    "An instance ended twice between two reads, and another had ended earlier without having "
    "written a line, or its last line stood before that of a third one: lines were missing without "
    "a gap.",
    how="random lives beyond those of each run",
)
@pytest.mark.parametrize("hidden", [[], [line(3, "c")]])
def test_a_container_that_no_read_tells_of_hides_no_end_that_is_counted_later(hidden):
    """``c`` ended without a line of its own, or before the last of ``a``: that is over."""
    counts = Counts("abc")
    text = [line(5, "a")]
    counts.poll.read(text, LogType.RUN_RESTARTED)
    assert counts.rise("a", 1, text) == 0
    for _ in range(2):
        counts.wait(600.0)
    text = [*hidden, *text]
    counts.poll.read(text, LogType.RUN_RESTARTED)
    assert counts.rise("c", 1, text) == 0
    for _ in range(2):
        counts.wait(600.0)
    text = [*text, line(20, "the second of b")]
    counts.poll.read(text, LogType.RUN_RESTARTED)
    assert counts.rise("b", 2, text) == 1
    assert counts.poll.gaps == 1


def test_containers_that_write_no_line_are_no_gap_beside_one_that_does():
    """Each is counted before the next ends; what stands meanwhile is another instance's."""
    counts = Counts("abc")
    text = [line(5, "a")]
    counts.poll.read(text, LogType.RUN_RESTARTED)
    assert [counts.rise(instance, 1, text) for instance in "abbbcb"] == [0] * 6


def test_what_the_first_read_shows_is_not_known_to_have_ended_since():
    """The counts began behind it: another instance's containers without lines are no gap."""
    poll = reader(instances=3)
    text = [line(5, "a")]
    counts = {"a": 1, "b": 0, "c": 0}
    for ends in range(4):
        poll.memory.count_restarts({**counts, "b": ends}, float(ends))
        assert poll.read(text, LogType.RUN_RESTARTED).unseen == 0


def test_a_container_that_came_and_went_between_polls_hides_the_end_before_it():
    """The single instance died twice within one interval: one end shows, one gap says so."""
    poll = reader(instances=1)
    poll.read([line(1, "first")])
    poll.read([], LogType.RUN_RESTARTED)
    poll.read([line(5, "second")], LogType.RUN_RESTARTED)
    poll.read([line(9, "third")])
    assert (poll.restarts, poll.gaps) == (1, 0)
    poll.read([line(5, "second")], LogType.RUN_RESTARTED)
    assert (poll.restarts, poll.gaps) == (1, 1)


@pytest.mark.found(
    "A gap was announced for a container whose end had been read.",
    how="random lives of followed logs",
)
@pytest.mark.parametrize("asked", [1000, 4])
def test_a_container_whose_end_was_shown_leaves_run_without_a_gap(asked):
    """Also where the next one ends before RUN is read again, or only its last lines were shown."""
    first = [line(n, "first") for n in range(10)]
    second, third = [line(20, "second")], [line(30, "third")]
    poll = reader(instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(first[:8])
    poll.tail_lines = asked
    poll.read(first[-asked:], LogType.RUN_RESTARTED)
    poll.tail_lines = 1000
    poll.read(second, LogType.RUN_RESTARTED)
    poll.read(third)
    poll.read(second, LogType.RUN_RESTARTED)
    assert sorted(poll.counted) == sorted(first + second + third)
    assert (poll.restarts, poll.gaps) == (2, 0)


def test_the_first_crash_of_a_silent_instance_is_no_gap():
    """Nothing left RUN, so nothing was before the container of which no line is known."""
    poll = reader(instances=2)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read([line(1, "a")])
    poll.read([line(10, "b")], LogType.RUN_RESTARTED)
    poll.read([line(1, "a"), line(12, "a"), line(20, "b")])
    assert (poll.restarts, poll.gaps) == (1, 0)


def test_last_words_longer_than_the_window_are_a_gap():
    """RUN_RESTARTED was asked for 20 lines, and none of those is known: more came before them."""
    log = [line(n) for n in range(120)]
    poll = reader(tail_lines=20, instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(log[:19])
    poll.read(log[100:], LogType.RUN_RESTARTED)
    poll.read([line(200)])
    assert (poll.restarts, poll.gaps, len(poll.counted)) == (1, 1, 40)


def test_a_crash_from_before_the_start_is_no_restart():
    """What RUN_RESTARTED shows at the first read ended before the exporter began."""
    poll = reader(floor=START + 100)
    crash = [line(n) for n in range(50)]
    poll.read(crash, LogType.RUN_RESTARTED)
    poll.read(crash, LogType.RUN_RESTARTED)
    assert (poll.restarts, poll.counted, poll.gaps) == (0, [], 0)


@pytest.mark.parametrize("instances", [2, None])
def test_two_crashes_at_once_are_two_restarts(instances):
    """Containers one after another in one text each end where the timestamps fall."""
    first = [line(n * NS, "a") for n in range(10)]
    second = [line(n * NS, "b") for n in range(8)]
    poll = reader(instances=instances)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(first[:5] + second[:5])
    poll.read(first + second, LogType.RUN_RESTARTED)
    assert poll.restarts == 2


def test_a_new_crash_of_one_instance_leaves_the_others_end_alone():
    """Of two ended containers in the text only the one that was replaced counts anew."""
    crash_a1 = [line(n * NS, "a1") for n in range(10)]
    crash_b = [line(n * NS, "b") for n in range(15)]
    crash_a2 = [line(n * NS, "a2") for n in range(11, 30)]
    poll = reader(instances=2)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(crash_a1 + crash_b, LogType.RUN_RESTARTED)
    poll.read(crash_a2 + crash_b, LogType.RUN_RESTARTED)
    assert poll.restarts == 3


def test_lines_without_prefix_count_at_each_place_once():
    """A trace's frames without timestamps count per trace, not per text and not per poll."""
    trace = [b"Traceback", b"  at f", b"  at f"]
    log = [line(1), *trace, line(2), *trace, line(3)]
    poll = reader()
    poll.read(log[:3])
    poll.read(log[:6])
    poll.read(log)
    poll.read(log[2:])
    assert sorted(poll.counted) == sorted(log)


def test_a_line_cut_at_the_windows_start_is_not_counted_again():
    """The rest of a line before a known one is old, whatever is left of it."""
    poll = reader()
    poll.read([line(1), line(2), line(3)])
    poll.read([line(1)[20:], line(2), line(3)])
    assert poll.counted == [line(1), line(2), line(3)]


def test_a_log_without_timestamps_goes_on_where_it_ended():
    """Equal lines without any time are told apart by their order alone."""
    beat = b"a b b c a b d b b a a c".split()
    poll = reader(tail_lines=6, from_first_line=True)
    for upto in (4, 7, 11):
        poll.read(beat[max(0, upto - 6) : upto])
    assert poll.counted == beat[:11]


def test_an_archive_adds_only_what_came_after_the_windows():
    """The whole log of a past deployment counts from where the windows ended."""
    log = [line(n) for n in range(5000)]
    poll = reader(tail_lines=100, remember=100)
    for upto in range(50, 4000, 50):
        poll.read(log[max(0, upto - 100) : upto])
    poll.read(log[:2500], part=0)
    poll.read(log[2500:], part=1)
    assert poll.counted == log
    assert poll.gaps == 0


def test_a_gap_shows_though_the_read_that_met_it_broke_off():
    """What a broken read counted does not stand for the lines that it skipped."""
    log = [line(n) for n in range(150)]
    poll = reader(tail_lines=20)
    poll.read(log[:19])
    broken = poll.memory.window(LogType.RUN, 20)
    assert len(broken.feed(log[100:110])) == 10
    poll.read(log[105:125])
    assert poll.gaps == 1


@pytest.mark.found(
    "Where reads broke off while a log moved on, lines that had left the window counted as lost: "
    "a gap with the reason `restart`.",
    how="a fake platform written from the facts alone, with answers that break off",
)
@pytest.mark.parametrize("breaks", [1, 2, 3])
def test_a_log_moves_on_by_what_broken_reads_count(breaks: int):
    """As many lines may leave the window as came since the latest whole read of it."""
    log = [line(n, f"m{n}") for n in range(60)]
    poll = reader(tail_lines=20, instances=1)
    poll.read(log[:19])
    for upto in range(22, 22 + 3 * breaks, 3):
        break_off(poll, LogType.RUN, log[max(0, upto - 20) : upto])
    poll.read(log[19:39])
    poll.read([], LogType.RUN_RESTARTED)
    assert (poll.counted, poll.gaps) == (log[:39], 0)
    assert not poll.memory.in_doubt


@pytest.mark.found(
    "A container whose end was shown by a read of RUN_RESTARTED that had begun before RUN showed "
    "the next one, or that broke off, was lost for the next read: a gap with the reason `restart`.",
    how="a fake platform written from the facts alone, with slow answers and some that break off",
)
@pytest.mark.parametrize("breaks_off", [False, True])
def test_what_moved_out_of_an_ended_log_was_not_lost(breaks_off: bool):
    """Its last lines push its first ones out of what the log shows."""
    ended = [line(n, f"ended {n}") for n in range(25)]
    follows = [line(NS + n, f"follows {n}") for n in range(7)]
    poll = reader(tail_lines=20, instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(ended[:19])
    window = poll.memory.window(LogType.RUN_RESTARTED, 20)
    if not breaks_off:
        poll.read(follows[:3])
    poll.counted += [entry.raw for entry in window.feed(ended[5:])]
    if breaks_off:
        poll.memory.give_up(window)
        poll.read(follows[:3])
    else:
        poll.memory.finish(window)
    poll.read(follows)
    poll.read(ended[5:], LogType.RUN_RESTARTED)
    assert sorted(poll.counted) == sorted([*ended, *follows])
    assert poll.gaps == 0


@pytest.mark.found(
    "Where a stream had brought equal lines, a whole read after it was a gap with the reason "
    "`restart`.",
    how="a fake platform written from the facts alone, equal lines on streams that are cut",
)
@pytest.mark.parametrize("ends", [False, True])
def test_equal_lines_of_a_stream_take_room_in_the_next_window(ends: bool):
    """So many lines fewer can be known there, of a log that goes on and of one that has ended."""
    log = [line(n, f"m{n}") for n in range(20)]
    news = [raw for raw in log[10:] for _ in range(2)]
    poll = reader(tail_lines=20, instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    window = poll.memory.window(LogType.RUN, 20, open_ended=True)
    poll.counted += [entry.raw for entry in window.feed(log[:10])]
    poll.memory.finish(window)
    poll.memory.go_on(window)
    poll.counted += [entry.raw for entry in window.feed(news)]
    poll.memory.give_up(window)
    follows = [line(NS, "follows")]
    shown = [*log[:10], *news][-20:]
    if ends:
        poll.read(follows)
        poll.read(shown, LogType.RUN_RESTARTED)
    else:
        poll.read(shown)
        poll.read([], LogType.RUN_RESTARTED)
    assert poll.counted == [*log[:10], *news, *(follows if ends else [])]
    assert poll.gaps == 0


@pytest.mark.found(
    "Where the platform ignores `tail_lines`, a stream of a long log was a gap with the reason "
    "`restart`, and counted lines again that a clock ahead had written.",
    how="a fake platform written from the facts alone that ignores `tail_lines`, streams cut",
)
@pytest.mark.parametrize("ahead", [0, 5 * NS, 60 * NS])
def test_a_stream_that_begins_with_the_whole_log_counts_only_what_is_new(ahead: int):
    """Its first lines were read long ago; what was read last comes behind them."""
    log = [line(n * NS // 10 + ahead, f"m{n}") for n in range(300)]
    log[50::50] = [b"no time %d" % n for n in range(50, 300, 50)]
    poll = reader(tail_lines=20, instances=1, remember=20)
    poll.read([], LogType.RUN_RESTARTED)
    for written in (15, 120, 240, 300):
        window = poll.memory.window(LogType.RUN, 20, open_ended=True)
        window.opened_at = START + written * NS // 10
        poll.counted += [entry.raw for entry in window.feed(log[: min(20, written)])]
        poll.gaps += poll.memory.finish(window).gaps
        poll.memory.go_on(window)
        for begin in range(20, written, 20):
            some = log[begin : min(begin + 20, written)]
            poll.counted += [entry.raw for entry in window.feed(some)]
            poll.memory.go_on(window)
        poll.memory.give_up(window)
        poll.read([], LogType.RUN_RESTARTED)
    assert poll.counted == log
    assert poll.gaps == 0


def test_a_broken_read_that_followed_known_lines_is_no_gap():
    """What it counted went on from the window before, so the next window may begin behind it."""
    log = [line(n) for n in range(60)]
    poll = reader(tail_lines=20, instances=1)
    poll.read(log[:19])
    broken = poll.memory.window(LogType.RUN, 20)
    assert len(broken.feed(log[10:30])) == 11
    poll.read(log[28:48])
    assert poll.gaps == 0
    assert poll.counted == log[:19] + log[30:48]


def test_bytes_that_live_text_can_not_hold_make_no_other_line():
    """A line with invalid UTF-8 is the same live, where U+FFFD stands for it, and archived."""
    archived = line(1, "caf") + b"\xe9\xff ol\xc3\xa9"
    poll = reader()
    poll.read([archived.decode("utf-8", "replace").encode()])
    poll.read([archived.replace(b"\xe9\xff", b"\xef\xbf\xbd")])
    poll.read([archived], part=0)
    assert len(poll.counted) == 1
    poll.read([archived.replace(b"caf", b"tea")], part=0)
    assert len(poll.counted) == 2


@pytest.mark.found(
    "Where a window of several instances reached back to lines that were forgotten, lines without "
    "a time among those, such as frames of a trace, counted again.",
    how="tests of each module that notice a change in one place of it",
)
def test_a_trace_among_lines_that_were_forgotten_is_not_counted_again():
    """Its frames are as old as the line before them, whatever stands in the text of another."""
    quiet = [line(n * NS, "quiet") for n in range(8)]
    busy = [line(n * NS, "busy") for n in range(8, 408)]
    busy[3::4] = [b"  at frame %d" % n for n in range(100)]
    poll = reader(remember=20, instances=2, tail_lines=20, from_first_line=True)
    for upto in range(10, 401, 10):
        poll.read(quiet + busy[max(0, upto - 20) : upto])
        poll.read([], LogType.RUN_RESTARTED)
    poll.tail_lines = 200
    poll.read(quiet + busy[200:])
    assert poll.counted == quiet + busy
    assert poll.gaps == 0


@st.composite
def schedules(draw):
    """Logs of several instances, a layout, and where each poll stands in them."""
    instances = draw(st.integers(1, 3))
    steps = draw(st.lists(st.integers(0, instances - 1), min_size=1, max_size=80))
    interleaved = draw(st.booleans())
    polls = sorted(draw(st.lists(st.integers(0, len(steps)), max_size=12)))
    remember = draw(st.integers(5, 50))
    return instances, steps, interleaved, polls, remember


@settings(max_examples=400, deadline=None)
@given(schedules())
def test_any_overlapping_polls_count_every_line_once(schedule):
    """However polls fall, with windows that reach back, every line counts once and no gap shows."""
    instances, steps, interleaved, polls, remember = schedule
    poll = reader(tail_lines=81, remember=remember)
    for upto in [0, *polls, len(steps)]:
        logs: list[list[bytes]] = [[] for _ in range(instances)]
        for at, instance in enumerate(steps[:upto]):
            logs[instance].append(line(at + 1, f"i{instance}"))
        text = [entry for log in logs for entry in log]
        poll.read(sorted(text, key=lambda raw: raw.split()[1]) if interleaved else text)
    truth = [line(at + 1, f"i{instance}") for at, instance in enumerate(steps)]
    assert sorted(poll.counted) == sorted(truth)
    assert poll.gaps == 0


def test_a_container_in_doubt_is_a_gap_once_run_restarted_is_read_no_more():
    """A reload took RUN_RESTARTED away: what it was to show is missing for good."""
    poll = reader(instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read([line(1), line(2)])
    poll.read([line(9)])
    assert (poll.gaps, poll.memory.in_doubt) == (0, True)
    poll.memory.configure(remember=1000, instances=1, restarts_watched=False)
    poll.read([line(9), line(10)])
    assert (poll.gaps, poll.memory.in_doubt) == (1, False)


@pytest.mark.found(
    "Where a reload took RUN_RESTARTED away while a read of it was to show a container that had "
    "left RUN, the one loss was two gaps.",
    how="tests of each module that notice a change in one place of it",
)
@pytest.mark.parametrize("shown", [[], [1, 2, 3]])
def test_a_container_that_was_given_up_is_not_missed_by_a_read_that_ends_later(shown: list[int]):
    """RUN, read meanwhile, announced the gap; the read under way says no more of it."""
    poll = reader(instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read([line(1), line(2)])
    poll.read([line(9)])
    in_flight = poll.memory.window(LogType.RUN_RESTARTED, 1000)
    poll.memory.configure(remember=1000, instances=1, restarts_watched=False)
    poll.read([line(9), line(10)])
    in_flight.feed([line(at) for at in shown])
    assert (poll.gaps, poll.memory.finish(in_flight).gaps) == (1, 0)


@pytest.mark.found(
    "With RUN alone in `logs.types` each restart was two gaps.",
    how="random lives of threads whose log types change",
)
@pytest.mark.parametrize("instances", [1, 2])
def test_a_container_that_ends_while_run_alone_is_read_is_one_gap(instances):
    """The reads after the one that no longer shows its lines say nothing more of it."""
    poll = reader(instances=instances, restarts_watched=False)
    poll.read([line(1), line(2)])
    for upto in range(10, 13):
        poll.read([line(at) for at in range(9, upto)])
        assert (poll.gaps, poll.memory.in_doubt) == (1, False)
    poll.read([line(20)])
    poll.read([line(20), line(21)])
    assert poll.gaps == 2


@pytest.mark.found(
    "A container that ended after a stream or a read of it broke off, before RUN was read whole "
    "for the first time, was no gap with RUN alone in `logs.types`.",
    how="random lives of threads whose log types change",
)
@pytest.mark.parametrize("watched", [False, True])
def test_a_container_that_only_a_broken_read_has_shown_is_missed(watched: bool):
    """The first whole read of RUN shows another one: the rest is in RUN_RESTARTED, or lost."""
    poll = reader(instances=1, restarts_watched=watched)
    broken = poll.memory.window(LogType.RUN, 1000)
    poll.counted += [entry.raw for entry in broken.feed([line(1), line(2)])]
    poll.memory.give_up(broken)
    poll.read([line(9)])
    poll.read([line(9), line(10)])
    if watched:
        poll.read([line(1), line(2), line(3)], LogType.RUN_RESTARTED)
    assert (len(poll.counted), poll.gaps) == ((5, 0) if watched else (4, 1))


@pytest.mark.found(
    "With RUN alone in `logs.types`, a container that wrote after RUN had been read empty, whose "
    "streams broke off before it ended, was no gap.",
    how="threads in every order, by a seed",
)
def test_a_container_that_a_broken_read_has_shown_after_an_empty_one_is_missed():
    """The next whole read shows another one; what is missing is told once, whatever comes."""
    poll = reader(instances=1, restarts_watched=False)
    poll.read([])
    broken = poll.memory.window(LogType.RUN, 1000)
    poll.counted += [entry.raw for entry in broken.feed([line(1), line(2)])]
    poll.memory.give_up(broken)
    poll.read([line(9)])
    assert (len(poll.counted), poll.gaps) == (3, 1)
    poll.read([])
    assert poll.gaps == 2, "that one has ended too"
    poll.read([line(20)])
    poll.read([line(20), line(21)])
    assert (len(poll.counted), poll.gaps) == (5, 2)


def test_a_whole_read_behind_a_broken_one_is_no_gap():
    """It shows the same container, which has written more or not."""
    for lines in ([1, 2], [1, 2, 3]):
        poll = reader(instances=1, restarts_watched=False)
        broken = poll.memory.window(LogType.RUN, 1000)
        poll.counted += [entry.raw for entry in broken.feed([line(1), line(2)])]
        poll.memory.give_up(broken)
        poll.read([line(at) for at in lines])
        poll.read([line(at) for at in (*lines, 9)])
        assert (len(poll.counted), poll.gaps) == (len(lines) + 1, 0)


def test_a_crash_is_no_gap_once_run_restarted_is_read_as_well():
    """A reload added RUN_RESTARTED: it shows what left RUN."""
    poll = reader(instances=1, restarts_watched=False)
    poll.read([line(1), line(2)])
    poll.memory.configure(remember=1000, instances=1, restarts_watched=True)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read([line(9)])
    poll.read([line(1), line(2), line(3)], LogType.RUN_RESTARTED)
    assert (len(poll.counted), poll.gaps) == (4, 0)


@pytest.mark.found(
    "A stream whose beginning was judged while its last line was still to come announced a gap: "
    "the line had been polled, and seemed to have left RUN with its container.",
    how="Threads that are interrupted at any line, by a seed",
)
@pytest.mark.parametrize("instances", [1, 2])
def test_the_latest_lines_of_a_container_that_lives_have_not_left(instances: int):
    """Of one instance the log shows one container; of two, the one that is missing may be over."""
    poll = reader(instances=instances)
    poll.read([line(1), line(2), line(3)])
    poll.read([line(1), line(2)])
    poll.read([], LogType.RUN_RESTARTED)
    poll.read([line(1), line(2), line(3), line(4)])
    assert (len(poll.counted), poll.gaps) == (4, 0 if instances == 1 else 1)


@pytest.mark.found(
    "A stream broke off, and the beginning of the next one was judged while its last line was to "
    "come, before RUN was read whole for the first time: a gap with the reason `restart`.",
    how="threads in every order, by a seed",
)
@pytest.mark.parametrize("former", [False, True])
def test_the_latest_lines_that_broken_reads_have_shown_have_not_left(former: bool):
    """The log shows their container; one before it, which a broken read has shown too, is over."""
    poll = reader(instances=1, restarts_watched=False)
    for lines in ([line(1), line(2)] * former, [line(5), line(6), line(7)]):
        broken = poll.memory.window(LogType.RUN, 1000)
        poll.counted += [entry.raw for entry in broken.feed(lines)]
        poll.memory.give_up(broken)
    poll.read([line(5), line(6)])
    poll.read([line(5), line(6), line(7), line(8)])
    assert (len(poll.counted), poll.gaps) == (4 + 2 * former, former)


@pytest.mark.parametrize("log_type", [LogType.RUN, LogType.RUN_RESTARTED])
def test_a_window_that_shows_nothing_new_leaves_nothing_to_save(log_type: LogType):
    """A log at rest is read again and again; its cursor is saved once."""
    poll = reader(instances=1)
    poll.read([line(1), line(2)], log_type)
    assert poll.memory.changed
    poll.memory.changed = False
    poll.read([line(1), line(2)], log_type)
    assert not poll.memory.changed
    poll.read([line(1), line(2), line(3)], log_type)
    assert poll.memory.changed


def test_windows_of_run_are_kept_until_run_restarted_was_read():
    """A read of RUN_RESTARTED may have begun before the latest of them: two more than that stay."""
    poll = reader(instances=1)
    for second in range(1, 15):
        poll.read([line(second), line(second + 1)])
    before = poll.memory.snapshot().earlier
    assert len(before) == 10
    poll.read([], LogType.RUN_RESTARTED)
    assert poll.memory.snapshot().earlier == before[-2:]
