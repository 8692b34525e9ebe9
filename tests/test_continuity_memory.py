"""What a continuity keeps in mind of a log, for how long, and what that says of the next read."""

from dataclasses import fields, replace

import pytest
from continuity_reader import NS, START, Reader, break_off, line, reader, stream_of

from exporter.logs.dedup.continuity import Continuity
from exporter.logs.dedup.older_lines import OlderLines
from exporter.model import LIVE_PART, GapReason, LogType

LOG = [line(n * NS // 10, f"m{n}") for n in range(1200)]


def follow(poll: Reader, log: list[bytes], until: int, *, restarted: bool = True) -> None:
    """Reads of RUN, ten new lines each, with RUN_RESTARTED after each of them or without."""
    for upto in range(10, until + 1, 10):
        poll.read(log[max(0, upto - poll.tail_lines) : upto])
        if restarted:
            poll.read([], LogType.RUN_RESTARTED)


def floor_of(poll: Reader) -> float:
    """Seconds after START up to which lines may be counted and forgotten."""
    return (poll.memory.snapshot().floor - START) / NS


@pytest.mark.parametrize(
    ("instances", "watched", "floor"),
    [(1, True, 89.9), (1, False, 80.9), (2, True, 82.9), (2, False, 80.9), (None, True, 82.9)],
)
def test_lines_are_forgotten_once_none_of_their_time_can_come(
    instances: int | None, watched: bool, floor: float
):
    """Of several instances, clocks may be off by 15 seconds, so it takes that much longer."""
    poll = reader(instances=instances, restarts_watched=watched, remember=20, tail_lines=40)
    follow(poll, LOG, 990, restarted=watched)
    assert floor_of(poll) == floor
    poll.read(LOG[950:1000])
    assert (poll.counted, poll.gaps) == (LOG[:1000], 0)


def test_nothing_is_forgotten_before_run_restarted_has_shown_what_left_run():
    """It may still show a container's lines; and RUN is asked for as far back as it goes."""
    poll = reader(instances=1, remember=20, tail_lines=40)
    assert poll.memory.needs_base
    follow(poll, LOG, 50)
    assert not poll.memory.needs_base
    follow(poll, LOG, 990, restarted=False)
    assert floor_of(poll) < 5
    assert poll.memory.needs_base
    poll.read(LOG[:60], LogType.RUN_RESTARTED)
    assert poll.counted == LOG[:990]


def test_nothing_is_forgotten_while_another_read_is_under_way():
    """What that one has counted so far would have to be counted again."""
    poll = reader(instances=1, remember=20, tail_lines=40)
    under_way = poll.memory.window(LogType.RUN_RESTARTED, 40)
    follow(poll, LOG, 500)
    assert floor_of(poll) < 0
    poll.memory.give_up(under_way)
    for upto in (510, 520, 530):
        poll.read(LOG[upto - 40 : upto])
        poll.read([], LogType.RUN_RESTARTED)
    assert floor_of(poll) == 43.9


@pytest.mark.parametrize(("asked", "counts"), [(40, True), (41, False)])
def test_a_line_of_a_clock_far_behind_counts_where_no_wider_read_shows_it(asked: int, counts: bool):
    """It stands behind lines of the read before; a wider one may show what was forgotten."""
    behind = [line(n * NS, "behind") for n in range(6)]
    busy = [line(200 * NS + n * NS // 10, "busy") for n in range(700)]
    poll = reader(instances=2, remember=20, tail_lines=40)
    for upto in range(10, 600, 10):
        poll.read(behind[:5] + busy[max(0, upto - 40) : upto])
        poll.read([], LogType.RUN_RESTARTED)
    assert floor_of(poll) > 200
    poll.tail_lines = asked
    poll.read(behind + busy[560:600])
    assert poll.counted.count(behind[5]) == counts
    assert len(poll.counted) == 5 + 600 + counts


@pytest.mark.parametrize(("asked", "kept"), [(1000, 10), (20, 20), (10, 20), (20.5, 20)])
def test_a_read_that_shows_less_is_no_base(asked: float, kept: int):
    """The widest read of RUN stays what later ones are held against; a whole log is the widest."""
    poll = reader(instances=2, tail_lines=20)
    poll.read(LOG[:20])
    assert len(poll.memory.snapshot().base) == 20
    poll.tail_lines = int(asked)
    poll.read(LOG[10:20] if asked in (10, 1000) else LOG[1:21])
    assert len(poll.memory.snapshot().base) == kept


def test_of_many_ended_containers_the_last_256_are_known():
    """Each of those is no news when it is shown again."""
    poll = reader(instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    for number in range(300):
        poll.read([line(number * NS)], LogType.RUN_RESTARTED)
    assert poll.restarts == 300
    assert len(poll.memory.snapshot().ends) == 256


@pytest.mark.parametrize(("part", "restarts"), [(LIVE_PART, 1), (0, 0)])
def test_a_container_that_another_deployment_replaced_is_no_restart(part: int, restarts: int):
    """RUN showed it to its last line, and then only archives do; live, it has ended by itself."""
    poll = reader(instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[:5])
    poll.read(LOG[:5], LogType.RUN_RESTARTED, part)
    assert (poll.restarts, poll.gaps) == (restarts, 0)
    assert len(poll.memory.snapshot().windows[LogType.RUN_RESTARTED]) == 5 * restarts


def test_a_container_that_may_be_new_hides_one_end_at_the_most():
    """Another stands beside it whose end was known: of two ends that came, one went unseen."""
    poll = reader(instances=1)
    poll.memory.count_restarts({"web": 0}, 0.0)
    poll.read([], LogType.RUN_RESTARTED)
    poll.memory.count_restarts({"web": 1}, 1.0)
    assert poll.read(LOG[1:3], LogType.RUN_RESTARTED).unseen == 0
    poll.memory.count_restarts({"web": 3}, 2.0)
    end = poll.read([LOG[2], LOG[9]], LogType.RUN_RESTARTED)
    assert (end.unseen, end.gaps, end.reason) == (1, 1, GapReason.RESTART)
    assert (end.missing_since, end.missing_until) == (0, 0)


def test_a_line_that_is_counted_is_to_be_saved_before_its_read_has_ended():
    """So that it does not count again if the exporter ends before that."""
    memory = reader().memory
    memory.changed = False
    window = memory.window(LogType.RUN, 20)
    assert not memory.changed
    window.feed(LOG[:1])
    assert memory.changed


def test_a_gap_says_between_which_lines_it_lies():
    """From the newest line that was known to the oldest that may follow it, and why."""
    poll = reader(tail_lines=20)
    poll.read(LOG[:19])
    end = poll.read(LOG[100:120])
    assert (end.gaps, end.reason) == (1, GapReason.WINDOW)
    assert (end.missing_since, end.missing_until) == (START + 1.8 * NS, START + 10 * NS)
    poll = reader(instances=1, restarts_watched=False)
    poll.read(LOG[:5])
    end = poll.read(LOG[10:15])
    assert (end.gaps, end.reason) == (1, GapReason.RESTART)
    assert (end.missing_since, end.missing_until) == (START + 0.4 * NS, START + 1.4 * NS)
    poll = reader(instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[:5])
    assert poll.read(LOG[10:15]).gaps == 0
    end = poll.read([], LogType.RUN_RESTARTED)
    assert (end.gaps, end.reason) == (1, GapReason.RESTART)
    assert (end.missing_since, end.missing_until) == (START + 0.4 * NS, START + 1.4 * NS)
    poll = reader(instances=1, tail_lines=20)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[:5])
    end = poll.read(LOG[50:70], LogType.RUN_RESTARTED)
    assert (end.gaps, end.reason, len(end.restarts)) == (1, GapReason.WINDOW, 1)
    assert (end.missing_since, end.missing_until) == (START + 0.4 * NS, START + 5 * NS)


@pytest.mark.parametrize(
    ("before", "shown", "part", "log_type", "hints"),
    [
        (range(5), range(10, 15), LIVE_PART, LogType.RUN, True),
        (range(5), range(1, 6), LIVE_PART, LogType.RUN, True),
        (range(5), range(6), LIVE_PART, LogType.RUN, False),
        (range(20), range(1, 21), LIVE_PART, LogType.RUN, False),
        (range(5), range(10, 15), 0, LogType.RUN, False),
        (range(5), range(10, 15), LIVE_PART, LogType.RUN_RESTARTED, False),
        ((), range(10, 15), LIVE_PART, LogType.RUN, False),
    ],
)
def test_a_read_of_run_hints_at_a_container_that_has_ended(
    before: range, shown: range, part: int, log_type: LogType, hints: bool
):
    """No line is known, or one has left a log that was shown whole; the latter moves on else."""
    poll = reader(instances=1, tail_lines=20)
    poll.read([LOG[at] for at in before])
    window = poll.memory.window(log_type, 20)
    window.feed([LOG[at] for at in shown], part)
    assert poll.memory.hints_at_restart(window) is hints


@pytest.mark.parametrize(("watched", "gaps"), [(False, 0), (True, 1)])
def test_a_container_that_was_followed_to_its_end_is_no_gap_with_run_alone(
    watched: bool, gaps: int
):
    """Where RUN_RESTARTED is read it has to show it; without it nothing is missing."""
    poll = reader(instances=1, restarts_watched=watched)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[:5])
    poll.memory.changed = False
    poll.memory.follow_whole()
    assert poll.memory.changed is not watched
    poll.read(LOG[10:15])
    poll.read([], LogType.RUN_RESTARTED)
    assert poll.gaps == gaps


def test_closing_a_log_that_was_never_read_changes_nothing():
    """There are no lines that it could be about."""
    memory = reader().memory
    memory.changed = False
    memory.close_run()
    assert not memory.changed
    memory.changed = True
    memory.close_run()
    assert memory.changed


def test_a_new_memory_knows_of_no_read():
    """Nor of any line from after its floor, which clocks that are off lower by 15 seconds."""
    memory = Continuity(START, remember=20)
    snapshot = memory.snapshot()
    assert (snapshot.start, snapshot.floor, snapshot.newest) == (START, START - 15 * NS, 0)
    assert (snapshot.run_read_to, snapshot.restarted_read_to) == (0, 0)
    assert (snapshot.run_tail, snapshot.restarted_tail, snapshot.base_tail) == (0, 0, 0)
    assert not (snapshot.limit_each or snapshot.from_first_line or snapshot.tally.held)
    assert (memory.newest, memory.in_doubt, memory.needs_base) == (0, False, True)
    assert Continuity(START, remember=20, released_at=START + 7).snapshot().floor == START + 7
    assert Continuity(0, remember=20).snapshot().floor == 0
    assert Continuity(START, remember=20, from_first_line=True).snapshot().tally.held


@pytest.mark.parametrize(
    ("remember", "older", "forgets"),
    [(20, 20_000, False), (20, 20_001, True), (2000, 40_000, False), (2000, 40_001, True)],
)
def test_of_lines_that_no_read_shows_twenty_thousand_are_kept(
    remember: int, older: int, forgets: bool
):
    """Or twenty times what is asked for: RUN_RESTARTED, which is not read, may show them all."""
    poll = reader(instances=1, remember=remember)
    poll.read(LOG[:5])
    lines = OlderLines()
    for numbers in (range(older - remember), range(older - remember, older)):
        lines = lines.joined({number: START - NS + number for number in numbers}, 10)
    poll.memory.restore(replace(poll.memory.snapshot(), older=lines))
    poll.read(LOG[:6])
    assert len(poll.memory.snapshot().older) == (remember if forgets else older)
    assert (floor_of(poll) > -2) is forgets


def test_counts_are_kept_where_they_differ():
    """The same counts once more leave nothing to save."""
    memory = reader().memory
    memory.changed = False
    memory.count_restarts({"a": 1}, 0.0)
    assert memory.changed
    memory.changed = False
    memory.count_restarts({"a": 1}, 0.0)
    assert not memory.changed


def test_a_memory_knows_again_all_that_it_knew():
    """Each part of what was saved, whatever it is."""
    poll = reader(instances=1, tail_lines=20)
    poll.read([], LogType.RUN_RESTARTED)
    follow(poll, LOG, 200)
    snapshot = poll.memory.snapshot()
    tally = replace(snapshot.tally, announced=3)
    snapshot = replace(
        snapshot,
        start=7,
        from_first_line=True,
        run_read_to=8,
        restarted_read_to=9,
        vanished=frozenset({1, 2}),
        moved_off=3,
        ended_news=4,
        run_tail=5,
        restarted_tail=6,
        limit_each=True,
        base_tail=7,
        tally=tally,
        loss_told=True,
        unseen_told=True,
        ends=(10, 11),
        sealed=12,
    )
    other = Continuity(0, remember=20)
    other.restore(snapshot)
    assert other.in_doubt
    again = other.snapshot()
    for part in fields(snapshot):
        assert getattr(again, part.name) == getattr(snapshot, part.name), part.name


def test_a_text_beyond_the_limit_says_that_the_limit_is_each_instances():
    """Twice as many lines of two instances as were asked for, or less than that."""
    poll = reader(instances=2, tail_lines=20)
    poll.read(LOG[:20])
    assert not poll.memory.snapshot().limit_each
    poll.memory.changed = False
    poll.read(LOG[:40])
    assert poll.memory.snapshot().limit_each
    assert poll.memory.changed


@pytest.mark.parametrize(("instances", "gaps"), [(2, 0), (1, 1)])
def test_where_the_limit_is_each_instances_so_many_new_lines_of_two_are_no_gap(
    instances: int, gaps: int
):
    """Each brings fewer than were asked for; of one instance that is left, lines are missing."""
    poll = reader(instances=2, tail_lines=20)
    poll.read(LOG[400:419] + LOG[:19])
    assert (poll.gaps, poll.memory.snapshot().limit_each) == (0, True)
    poll.memory.configure(remember=1000, instances=instances, restarts_watched=True)
    poll.read(LOG[500:510] + LOG[100:110])
    assert poll.gaps == gaps


@pytest.mark.parametrize(("older", "needed"), [(40, False), (41, True)])
def test_run_is_read_far_back_once_twice_as_many_lines_as_are_kept_could_go(
    older: int, needed: bool
):
    """So that they can be forgotten."""
    poll = reader(instances=1, remember=20)
    poll.read(LOG[:5])
    lines = OlderLines().joined({number: START - NS + number for number in range(older)}, 10)
    poll.memory.restore(replace(poll.memory.snapshot(), older=lines))
    assert poll.memory.needs_base is needed
    poll.memory.configure(remember=older // 2, instances=1, restarts_watched=True)
    assert poll.memory.needs_base is needed
    poll.memory.configure(remember=21, instances=1, restarts_watched=True)
    assert not poll.memory.needs_base


@pytest.mark.parametrize("instances", [1, 2])
def test_a_stream_goes_on_with_what_it_keeps_in_mind(instances: int):
    """However long it lasts, no more lines than were asked for, and what was just read."""
    poll = reader(instances=instances, remember=20, tail_lines=20, restarts_watched=False)
    poll.read(LOG[:5])
    window = poll.memory.window(LogType.RUN, 20, open_ended=True)
    poll.counted += [entry.raw for entry in window.feed(LOG[:10])]
    poll.memory.finish(window)
    poll.memory.go_on(window)
    under_way = poll.memory.window(LogType.RUN, 20)
    for begin in range(10, 600, 10):
        poll.counted += [entry.raw for entry in window.feed(LOG[begin : begin + 10])]
        poll.memory.go_on(window)
    assert floor_of(poll) < 0
    poll.memory.give_up(under_way)
    for begin in range(600, 1000, 10):
        poll.counted += [entry.raw for entry in window.feed(LOG[begin : begin + 10])]
        poll.memory.go_on(window)
    snapshot = poll.memory.snapshot()
    assert (list(snapshot.windows), snapshot.earlier) == ([LogType.RUN], ())
    assert len(snapshot.windows[LogType.RUN]) == 20
    assert snapshot.run_tail == 20
    assert snapshot.run_read_to == START + 99.9 * NS
    assert snapshot.sealed == snapshot.floor > START
    assert snapshot.restarted_read_to == (snapshot.run_read_to if instances == 1 else 0)
    assert len(snapshot.base) == (20 if instances == 1 else 0)
    poll.memory.give_up(window)
    poll.read(LOG[985:1005])
    assert (poll.counted, poll.gaps) == (LOG[:1005], 0)


def test_a_read_is_held_against_until_lines_are_forgotten():
    """A stream of several instances brings no other that could take its place."""
    poll = reader(instances=2, remember=20, tail_lines=20, restarts_watched=False)
    window = stream_of(poll, LOG[:10])
    for begin in range(10, 400, 10):
        window.feed(LOG[begin : begin + 10])
        poll.memory.go_on(window)
        snapshot = poll.memory.snapshot()
        forgot = floor_of(poll) > -15
        assert len(snapshot.base) == (0 if forgot else 10)
        assert bool(snapshot.base_tail) is not forgot
        assert len(snapshot.older) > 40 or begin < 100
    assert forgot
    assert poll.memory.needs_base


def test_what_run_restarted_newly_shows_is_held_against_the_next_read_of_run():
    """Once: what leaves RUN later has left since. A read that shows the same as before is none."""
    poll = reader(instances=2)
    for log, log_type, news in (
        (LOG[:5], LogType.RUN, 0),
        (LOG[20:26], LogType.RUN_RESTARTED, 6),
        (LOG[:5], LogType.RUN, 6),
        (LOG[:6], LogType.RUN, 0),
        (LOG[20:26], LogType.RUN_RESTARTED, 0),
        (LOG[20:27], LogType.RUN_RESTARTED, 1),
    ):
        poll.read(log, log_type)
        assert poll.memory.snapshot().ended_news == news


@pytest.mark.parametrize(("lost", "gaps"), [([], 0), (LOG[3:4], 1)])
def test_what_run_restarted_has_shown_before_explains_no_other_line(lost: list[bytes], gaps: int):
    """Of two containers that leave RUN it showed one; the other one is missing."""
    poll = reader(instances=2)
    poll.read([LOG[0], *lost, LOG[5]])
    poll.read(LOG[:1], LogType.RUN_RESTARTED)
    poll.memory.configure(remember=1000, instances=2, restarts_watched=False)
    poll.read(LOG[5:6])
    assert poll.gaps == gaps


@pytest.mark.parametrize("news", [0, 1])
def test_a_text_in_another_order_than_a_stream_shows_other_lines(news: int):
    """Of two instances a limit for the whole text leaves older lines of the quiet one.

    Lines that were written while it was served come on top of those.
    """
    poll = reader(instances=2, tail_lines=20)
    window = stream_of(poll, LOG[:5])
    window.feed(LOG[5:30])
    poll.memory.give_up(window)
    poll.read(LOG[:5] + LOG[15 : 30 + news])
    assert not poll.memory.in_doubt
    poll.read(LOG[:4] + LOG[16:30])
    assert poll.memory.in_doubt


def test_a_text_beyond_the_limit_shows_each_container_that_there_is():
    """So one that is missing from it has ended, however many older lines of another stand there."""
    poll = reader(instances=2, tail_lines=20)
    window = stream_of(poll, LOG[:5])
    window.feed(LOG[5:40])
    poll.memory.give_up(window)
    poll.read(LOG[:30])
    assert poll.memory.in_doubt


def test_what_only_a_broken_read_has_shown_proves_nothing_of_the_lines_before_it():
    """RUN_RESTARTED shows as many lines as were asked for, so more may have stood before them."""
    poll = reader(instances=1, tail_lines=3)
    broken = poll.memory.window(LogType.RUN, 3)
    broken.feed(LOG[1:3])
    poll.memory.give_up(broken)
    poll.read(LOG[9:10])
    poll.read(LOG[1:4], LogType.RUN_RESTARTED)
    assert poll.gaps == 1


def test_what_archives_newly_show_is_no_news_of_run_restarted():
    """They are of containers that another deployment replaced, which RUN shows no more."""
    poll = reader(instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[:5], LogType.RUN_RESTARTED, 0)
    assert poll.counted == LOG[:5]
    assert poll.memory.snapshot().ended_news == 0


@pytest.mark.parametrize(("from_first_line", "counted"), [(True, 10), (False, 3)])
def test_the_first_lines_of_a_deployment_that_began_since_count(
    from_first_line: bool, counted: int
):
    """Of another one the lines up to the start are from before; what comes late then is not."""
    poll = reader(floor=START + 600_000_000, from_first_line=from_first_line, instances=2)
    poll.read(LOG[:10])
    assert len(poll.counted) == counted
    poll.read([*LOG[:10], line(NS // 4, "late")])
    assert len(poll.counted) == counted + 1


def test_the_latest_read_that_shows_as_much_is_what_the_next_one_is_held_against():
    """Its lines, not those of the one before."""
    poll = reader(instances=2, tail_lines=20)
    for upto in (20, 30):
        poll.read(LOG[upto - 20 : upto])
        snapshot = poll.memory.snapshot()
        assert list(snapshot.base) == list(snapshot.windows[LogType.RUN])


@pytest.mark.parametrize("breaks_off", [False, True])
def test_reads_that_show_less_let_nothing_be_forgotten(breaks_off: bool):
    """They ask for fewer lines, or break off: what they do not show may still be needed."""
    poll = reader(instances=1, remember=20, tail_lines=40, restarts_watched=False)
    follow(poll, LOG, 500, restarted=False)
    before = floor_of(poll)
    for upto in range(510, 700, 10):
        window = poll.memory.window(LogType.RUN, 40 if breaks_off else 15)
        window.feed(LOG[upto - 15 : upto])
        if breaks_off:
            poll.memory.give_up(window)
        else:
            assert poll.memory.finish(window).gaps == 0
    assert floor_of(poll) == before > 0
    assert len(poll.memory.snapshot().older) > 40


@pytest.mark.parametrize("part", [LIVE_PART, 0])
def test_each_container_in_a_text_is_looked_at(part: int):
    """Behind one that is known to have ended, and behind RUN's last one, which was replaced."""
    poll = reader(instances=2)
    poll.read([], LogType.RUN_RESTARTED)
    if part == LIVE_PART:
        poll.read(LOG[200:205], LogType.RUN_RESTARTED)
    else:
        poll.read(LOG[200:205])
    poll.read(LOG[200:205] + LOG[:5], LogType.RUN_RESTARTED, part)
    assert poll.restarts == (2 if part == LIVE_PART else 1)


def test_a_narrower_read_of_run_restarted_may_show_another_container():
    """Of the one before, the end still stands there; more lines have left than fit its own."""
    poll = reader(instances=2)
    for counts, lines in (((0, 0), []), ((1, 0), LOG[1:4]), ((1, 1), [LOG[3], LOG[9]])):
        poll.memory.count_restarts(dict(zip("ab", counts, strict=True)), float(sum(counts)))
        poll.tail_lines = 2 if len(lines) == 2 else 1000
        assert poll.read(lines, LogType.RUN_RESTARTED).unseen == 0


def test_a_stream_that_broke_off_is_known_as_far_as_it_came():
    """What it brought after it was last taken note of is in the state as well."""
    poll = reader(instances=1, tail_lines=20)
    window = stream_of(poll, LOG[:10])
    window.feed(LOG[10:12])
    assert poll.memory.snapshot().run_read_to == START + 1.1 * NS
    window.feed(LOG[12:15])
    poll.memory.give_up(window)
    assert poll.memory.snapshot().run_read_to == START + 1.4 * NS
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[5:25])
    assert (len(poll.counted), poll.gaps) == (10, 0)
    snapshot = poll.memory.snapshot()
    assert (len(snapshot.windows[LogType.RUN]), snapshot.run_read_to) == (20, START + 2.4 * NS)


def test_a_gap_is_to_be_saved_though_its_read_shows_nothing_new():
    """Else it would be told again after a restart of the exporter."""
    for watched in (True, False):
        poll = reader(instances=1)
        poll.read([], LogType.RUN_RESTARTED)
        poll.read(LOG[:5])
        poll.read(LOG[10:15])
        assert poll.memory.in_doubt
        poll.memory.configure(remember=1000, instances=1, restarts_watched=watched)
        poll.memory.changed = False
        if watched:
            assert poll.read([], LogType.RUN_RESTARTED).gaps == 1
        else:
            assert poll.read(LOG[10:15]).gaps == 1
        assert poll.memory.changed


def test_what_only_archives_show_is_to_be_saved():
    """The end of a container, and what of RUN's last one they hold, though each line is known."""
    poll = reader(instances=2)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[:5])
    poll.memory.changed = False
    poll.read(LOG[1:4], LogType.RUN_RESTARTED, 0)
    assert poll.memory.changed
    assert len(poll.memory.snapshot().ends) == 1
    poll.memory.changed = False
    poll.read(LOG[:4], LogType.RUN, 0)
    assert poll.memory.changed
    assert len(poll.memory.snapshot().windows[LogType.RUN]) == 4


def test_news_of_run_restarted_that_are_held_against_run_are_to_be_saved():
    """RUN may show, after a restart of the exporter, what it showed before: they are taken."""
    poll = reader(instances=2, tail_lines=20)
    poll.read(LOG[:20])
    poll.tail_lines = 10
    poll.read(LOG[10:20])
    poll.read(LOG[300:306], LogType.RUN_RESTARTED)
    saved = poll.memory.snapshot()
    assert saved.ended_news == 6
    poll.memory = Continuity(START, remember=1000, instances=2)
    poll.memory.restore(saved)
    poll.memory.changed = False
    poll.read(LOG[10:20])
    assert poll.memory.snapshot().ended_news == 0
    assert poll.memory.changed


def test_live_text_behind_archives_is_no_news_of_run_restarted():
    """How many of the new lines are live is not known: none of them is held against RUN."""
    poll = reader(instances=2)
    poll.read([], LogType.RUN_RESTARTED)
    window = poll.memory.window(LogType.RUN_RESTARTED, 1000)
    assert len(window.feed(LOG[:5], 0)) == 5
    assert len(window.feed(LOG[20:23])) == 3
    poll.memory.finish(window)
    assert poll.memory.snapshot().ended_news == 0


def test_one_container_beside_those_whose_ends_are_known_may_be_new():
    """Of two ends that came one went unseen, where both that were known still stand there."""
    poll = reader(instances=2)
    poll.memory.count_restarts({"a": 0, "b": 0}, 0.0)
    poll.read([], LogType.RUN_RESTARTED)
    poll.memory.count_restarts({"a": 1, "b": 1}, 1.0)
    known = LOG[5:7] + LOG[1:3]
    assert poll.read(known, LogType.RUN_RESTARTED).unseen == 0
    poll.memory.count_restarts({"a": 2, "b": 2}, 2.0)
    assert poll.read([*known, LOG[9]], LogType.RUN_RESTARTED).unseen == 1


def test_a_new_line_of_a_narrower_read_of_run_restarted_may_be_another_container():
    """The end of the one before still stands there: the counts tell of two others, and it is one.

    The other one may have stood in the read before.
    """
    poll = reader(instances=2)
    poll.memory.count_restarts({"a": 0, "b": 0}, 0.0)
    poll.read([], LogType.RUN_RESTARTED)
    poll.memory.count_restarts({"a": 1, "b": 0}, 1.0)
    assert poll.read(LOG[1:4], LogType.RUN_RESTARTED).unseen == 0
    poll.memory.count_restarts({"a": 1, "b": 2}, 2.0)
    poll.tail_lines = 2
    assert poll.read([LOG[3], LOG[9]], LogType.RUN_RESTARTED).unseen == 0


def test_a_stream_of_one_container_is_followed_by_another_that_shows_more_than_was_asked_for():
    """The platform ignores the limit: so many new lines do not say that the first one lives."""
    poll = reader(instances=1, tail_lines=20)
    poll.read([], LogType.RUN_RESTARTED)
    window = stream_of(poll, LOG[:10])
    window.feed(LOG[10:20])
    poll.memory.give_up(window)
    assert poll.read(LOG[100:125]).gaps == 0
    assert poll.memory.in_doubt


@pytest.mark.parametrize("instances", [1, 2])
def test_a_stream_forgets_what_no_log_can_show_while_a_container_is_in_doubt(instances: int):
    """Nothing of what RUN_RESTARTED has to show; no later read is held against the one before."""
    poll = reader(instances=instances, remember=20, tail_lines=20)
    poll.read(LOG[:10])
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[20:21])
    lines = OlderLines()
    for numbers in (range(40), range(40, 60)):
        lines = lines.joined({number: START - 99 * NS + number for number in numbers}, 10)
    before = replace(poll.memory.snapshot(), older=lines)
    poll.memory.restore(before)
    under_way = poll.memory.window(LogType.RUN, 20)
    window = poll.memory.window(LogType.RUN, 20, open_ended=True)
    window.feed(LOG[20:22])
    poll.memory.finish(window)
    poll.memory.give_up(under_way)
    snapshot = poll.memory.snapshot()
    assert (len(snapshot.older), len(snapshot.base)) == (60, 2)
    poll.memory.go_on(window)
    snapshot = poll.memory.snapshot()
    assert (len(snapshot.older), len(snapshot.base), snapshot.base_tail) == (20, 0, 0)
    assert snapshot.restarted_read_to == before.restarted_read_to
    assert (snapshot.sealed, len(snapshot.earlier)) == (0, 2)
    assert poll.memory.in_doubt


def test_a_read_that_shows_less_of_run_restarted_is_to_be_saved():
    """It is what the next one is held against, as is how many lines it had asked for."""
    poll = reader(instances=2, tail_lines=20)
    poll.read(LOG[:5], LogType.RUN_RESTARTED)
    poll.memory.changed = False
    poll.tail_lines = 4
    poll.read(LOG[1:5], LogType.RUN_RESTARTED)
    assert poll.memory.changed
    snapshot = poll.memory.snapshot()
    assert (len(snapshot.windows[LogType.RUN_RESTARTED]), snapshot.restarted_tail) == (4, 4)


@pytest.mark.parametrize(("asked", "unseen"), [(10, 2), (20, 1)])
def test_fewer_lines_of_run_restarted_are_another_container_unless_fewer_were_asked_for(
    asked: int, unseen: int
):
    """Of three ends of one instance the reads showed one, or two where others may stand there."""
    poll = reader(instances=2, tail_lines=20)
    poll.memory.count_restarts({"a": 0, "b": 0}, 0.0)
    poll.read([], LogType.RUN_RESTARTED)
    poll.memory.count_restarts({"a": 1, "b": 0}, 1.0)
    assert poll.read(LOG[:20], LogType.RUN_RESTARTED).unseen == 0
    poll.memory.count_restarts({"a": 3, "b": 0}, 2.0)
    poll.tail_lines = asked
    assert poll.read(LOG[10:20], LogType.RUN_RESTARTED).unseen == unseen


def test_run_tells_of_no_end_that_the_counts_told_of_once_it_was_read_whole():
    """Nothing had left it by then, so that what leaves it later is another loss."""
    poll = reader(instances=1)
    poll.memory.count_restarts({"web": 0}, 0.0)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[:5])
    poll.memory.count_restarts({"web": 2}, 1.0)
    end = poll.read([], LogType.RUN_RESTARTED)
    assert (end.unseen, end.gaps) == (1, 1)
    assert poll.memory.snapshot().unseen_told
    poll.read(LOG[:6])
    assert not poll.memory.snapshot().unseen_told
    poll.read(LOG[100:103])
    assert poll.read([], LogType.RUN_RESTARTED).gaps == 1


def test_archives_that_do_not_show_what_left_run_are_one_gap():
    """They say nothing of ends that the platform counts."""
    poll = reader(instances=1)
    poll.read([], LogType.RUN_RESTARTED)
    poll.read(LOG[:5])
    poll.read(LOG[10:15])
    end = poll.read(LOG[100:103], LogType.RUN_RESTARTED, 0)
    assert (end.gaps, end.unseen, end.reason) == (1, 0, GapReason.RESTART)


def test_equal_lines_of_a_stream_of_several_instances_take_room_in_the_next_text():
    """So many lines fewer can be known there, though no container has ended."""
    poll = reader(instances=2, tail_lines=20)
    news = [raw for raw in LOG[10:20] for _ in range(2)]
    window = stream_of(poll, LOG[:10])
    window.feed(news)
    poll.memory.give_up(window)
    poll.read(news)
    assert not poll.memory.in_doubt


def test_a_line_of_the_same_moment_as_the_latest_that_is_shown_may_be_still_to_come():
    """A broken read has shown both of one container, which lives."""
    poll = reader(instances=1, restarts_watched=False)
    both = [line(5, "a"), line(5, "b")]
    break_off(poll, LogType.RUN, both)
    poll.read(both[:1])
    poll.read([*both, line(6)])
    assert (poll.counted, poll.gaps) == ([*both, line(6)], 0)


def test_lines_of_a_read_that_broke_off_are_set_aside_before_any_was_whole():
    """They are known, however many they are, and do not count again."""
    poll = reader(instances=2, remember=20)
    break_off(poll, LogType.RUN, LOG[:30])
    assert len(poll.memory.snapshot().older) == 30
    poll.read(LOG[:40])
    assert poll.counted == LOG[:40]


def test_a_stream_that_goes_on_is_none_of_what_was_restored():
    """What it brought is not known any more."""
    memory = reader(instances=1).memory
    saved = memory.snapshot()
    window = memory.window(LogType.RUN, 20, open_ended=True)
    window.feed(LOG[:10])
    memory.finish(window)
    memory.go_on(window)
    memory.restore(replace(saved, counted={}))
    snapshot = memory.snapshot()
    assert (snapshot.windows, snapshot.run_read_to) == ({}, 0)


@pytest.mark.parametrize(("at", "gaps"), [(4, 0), (6, 1)])
def test_a_line_that_may_have_been_forgotten_is_a_gap_but_for_those_from_before(at: int, gaps: int):
    """It stands before all that is known; clocks may be off by 15 seconds."""
    poll = reader(instances=2, remember=20, tail_lines=40, floor=START + 20 * NS)
    follow(poll, LOG, 990)
    assert floor_of(poll) > 80
    assert poll.read([line(at * NS, "late"), *LOG[951:990]]).gaps == gaps


def test_what_a_broken_read_has_shown_is_settled_once_a_stream_brings_it():
    """Then it proves as much as any other line of a read that was whole."""
    poll = reader(instances=2, tail_lines=20)
    window = stream_of(poll, LOG[:10])
    break_off(poll, LogType.RUN, LOG[8:12])
    assert len(poll.memory.snapshot().unsettled) == 2
    window.feed(LOG[10:12])
    poll.memory.go_on(window)
    assert poll.memory.snapshot().unsettled == frozenset()


def test_a_stream_stands_for_a_read_of_as_many_lines_as_it_keeps():
    """A read that asks for fewer than those shows less of the same container."""
    poll = reader(instances=2, tail_lines=20)
    window = poll.memory.window(LogType.RUN, 20, open_ended=True)
    window.feed(LOG[:20])
    poll.memory.finish(window)
    window.keep = 30
    poll.memory.go_on(window)
    window.feed(LOG[20:40])
    poll.memory.give_up(window)
    snapshot = poll.memory.snapshot()
    assert (snapshot.run_tail, len(snapshot.windows[LogType.RUN])) == (30, 30)


@pytest.mark.parametrize(("last", "restarts"), [(100, 0), (101, 1)])
def test_a_container_that_ended_before_the_start_is_no_restart(last: int, restarts: int):
    """Nor one whose last line is of that very moment."""
    poll = reader(instances=1, floor=START + 100)
    poll.read([line(90), line(last)], LogType.RUN_RESTARTED)
    assert poll.restarts == restarts
