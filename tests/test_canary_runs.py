"""Which of the canary's lines are missing or repeated, whatever order they arrive in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.canary_line import CanaryLine, parse_canary_line, run_name
from exporter.logs.canary_runs import CanaryRuns, Judged

BEGAN = 1_764_360_000
START = BEGAN - 100.0
HOLE, TAIL = 30.0, 90.0


def line(
    number: int, *, last: int = 0, began: int = BEGAN, nonce: int = 1, at: float | None = None
) -> CanaryLine:
    """A line that was written ``at``, or so many seconds after its run began as it has numbers."""
    written_at = began + float(number) if at is None else at
    return CanaryLine(run_name(began, nonce), began, number, last, written_at)


def runs(start: float = START) -> CanaryRuns:
    return CanaryRuns(start, HOLE, TAIL)


def settle_for(found: CanaryRuns, since: float, seconds: float) -> Judged:
    """Settle every ten seconds for so long; the sum of what was judged."""
    total = Judged()
    for second in range(0, int(seconds) + 1, 10):
        judged = found.settle(since + second)
        total.missing += judged.missing
        total.announced += judged.announced
    return total


@given(st.integers(1, 10**6), st.integers(0, 10**6))
def test_a_line_is_read_back_from_each_of_its_shapes(number: int, last: int):
    """Plain, JSON and stack trace: what was written is found in one line of the text."""
    written = line(number, last=last)
    found = [parse_canary_line(part) for part in written.text().encode().split(b"\n")]
    assert [each for each in found if each is not None] == [written]


def test_other_lines_are_no_canary():
    """What only looks like it is no line of the canary."""
    for text in (b"", b"canary run=1 seq=2", b"canary run=1764360000-0a1b2c3d seq=0 of=0 time=1.0"):
        assert parse_canary_line(text) is None


@given(
    st.integers(1, 60),
    st.sets(st.integers(1, 60)),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_exactly_the_lines_that_never_came_are_missing(last, dropped, random, restored):
    """In any order, over a restart of the exporter: missing is what did not come, once."""
    numbers = [number for number in range(1, last + 1) if number not in dropped]
    if not numbers:
        return
    arrivals = random.sample(numbers, len(numbers))
    found, now = runs(), BEGAN + 1000.0
    found.settle(now)
    for number in arrivals:
        assert found.add(line(number, last=last), now) is False
    assert found.settle(now) == Judged()
    if restored:
        document = json.loads(json.dumps(found.to_json()))
        found = runs()
        found.restore(document)
    assert settle_for(found, now, 400).missing == last - len(numbers)
    assert settle_for(found, now + 400, 400).missing == 0
    assert found.add(line(arrivals[0], last=last), now + 800) is True


def test_lines_of_a_run_that_began_before_the_exporter_are_not_missing():
    """Of a run that is older than the exporter only what lies behind its first line counts."""
    found = runs(start=BEGAN + 50.0)
    found.settle(BEGAN + 60.0)
    for number in (58, 59, 61):
        found.add(line(number), BEGAN + 61.0)
    assert settle_for(found, BEGAN + 61.0, 60).missing == 1


def test_a_run_that_the_platform_ended_early_misses_nothing():
    """Far from its planned end a run may stop at any time; close to it, the rest is missing."""
    for left, missing in ((121, 0), (120, 120), (3, 3), (1, 1), (0, 0)):
        found = runs()
        found.settle(BEGAN + 10.0)
        for number in range(1, 11):
            found.add(line(number, last=10 + left), BEGAN + 10.0)
        assert settle_for(found, BEGAN + 10.0, 1000).missing == missing
        (saved,) = found.to_json()["runs"].values()
        assert saved["lost"] == ([(11, 10 + left)] if missing else [])


def test_while_nothing_is_read_nothing_is_given_up():
    """A line that comes after an outage of half an hour is neither missing nor repeated."""
    found = runs()
    found.settle(BEGAN + 3.0)
    found.add(line(1, last=4), BEGAN + 3.0)
    found.add(line(3, last=4), BEGAN + 3.0)
    assert found.settle(BEGAN + 4.0) == Judged()
    assert found.settle(BEGAN + 1800.0) == Judged()
    assert found.add(line(2, last=4), BEGAN + 1801.0) is False
    assert found.add(line(4, last=4), BEGAN + 1801.0) is False
    assert settle_for(found, BEGAN + 1801.0, 600) == Judged()


@pytest.mark.parametrize("between", [1.0, 14.0, 16.0, 31.0, 300.0, 3000.0])
def test_lines_are_given_up_however_far_apart_reads_are(between: float):
    """Reads that the budget has stretched judge too: a hole after two or three, a tail later."""
    found, now, missing = runs(), BEGAN + 3.0, 0
    found.settle(now)
    found.add(line(1, last=4), now)
    found.add(line(3, last=4), now)
    reads = 0
    while not missing and reads < 200:
        reads += 1
        now += between
        missing = found.settle(now).missing
    assert missing == 1
    assert reads > 1
    for _ in range(200):
        now += between
        missing += found.settle(now).missing
    assert missing == 2


@pytest.mark.parametrize("late", [False, True])
def test_a_gap_explains_the_lines_written_in_it(late: bool):
    """Missing lines in an announced gap are told apart, be it announced before or after."""
    found = runs()
    found.settle(BEGAN + 40.0)
    for number in (1, 2, 10, 20, 30):
        found.add(line(number, last=30), BEGAN + 40.0)
    explained = 0 if late else found.gap(BEGAN + 13.0, BEGAN + 17.0)
    judged = settle_for(found, BEGAN + 40.0, 100)
    assert judged.missing == 7 + 9 + 9
    if late:
        assert judged.announced == 0
        explained = found.gap(BEGAN + 13.0, BEGAN + 17.0)
    assert judged.announced + explained == 9
    assert found.gap(BEGAN + 13.0, BEGAN + 17.0) == 0


def test_a_gap_of_unknown_beginning_explains_a_quarter_of_an_hour():
    """It may be announced late, so what was lost shortly before is explained by it."""
    found = runs()
    found.settle(BEGAN + 40.0)
    found.add(line(1), BEGAN + 40.0)
    found.add(line(5), BEGAN + 40.0)
    found.gap(0.0, BEGAN + 600.0)
    assert settle_for(found, BEGAN + 40.0, 100) == Judged(missing=3, announced=3)


def test_a_line_that_comes_after_it_was_given_up_is_not_repeated():
    """Late is late, not twice."""
    found = runs()
    found.settle(BEGAN + 3.0)
    found.add(line(1), BEGAN + 3.0)
    found.add(line(3), BEGAN + 3.0)
    assert settle_for(found, BEGAN + 3.0, 60).missing == 1
    assert found.add(line(2), BEGAN + 63.0) is False
    assert found.add(line(3), BEGAN + 63.0) is True


@pytest.mark.parametrize("early", [0.0, 0.001])
def test_a_run_that_begins_right_after_the_exporter_may_have_begun_before_it(early: float):
    """Two seconds are left for clocks that differ; from then on its first lines are expected."""
    found = runs(start=BEGAN - 2.0 + early)
    found.settle(BEGAN + 3.0)
    found.add(line(3), BEGAN + 3.0)
    assert settle_for(found, BEGAN + 3.0, 60).missing == (0 if early else 2)


def test_lines_of_a_run_that_began_before_are_put_together_in_any_order():
    """Those before the first that arrived as well, and each that comes again is repeated."""
    found = runs(start=BEGAN + 50.0)
    found.settle(BEGAN + 60.0)
    for number in (9, 11, 7, 5, 8, 6, 4):
        assert found.add(line(number), BEGAN + 60.0) is False
    assert [found.add(line(number), BEGAN + 60.0) for number in (4, 5, 6, 7, 8, 9, 11)] == [
        True
    ] * 7
    assert settle_for(found, BEGAN + 60.0, 60).missing == 1


def test_a_hole_is_waited_for_from_the_read_that_saw_it():
    """Exactly so long as the wait is, each hole from its own time on."""
    found = runs()
    found.settle(BEGAN + 3.0)
    found.add(line(1), BEGAN + 3.0)
    found.add(line(3), BEGAN + 3.0)
    missing = {}
    for second in range(3, 60, 5):
        if second == 13:
            found.add(line(6), BEGAN + 13.0)
        missing[second] = found.settle(BEGAN + second).missing
    assert {second: lines for second, lines in missing.items() if lines} == {33: 1, 43: 2}


@pytest.mark.parametrize(("pause", "longer"), [(14.5, 0.0), (15.0, 0.0), (15.5, 0.5), (25.0, 10.0)])
def test_of_a_pause_between_reads_half_the_wait_counts(pause: float, longer: float):
    """A hole is waited for by so much longer as a pause was longer than that."""
    found, seen = runs(), BEGAN + 3.0
    found.settle(seen)
    found.add(line(1), seen)
    found.add(line(3), seen)
    for second in (0.0, pause, 27.0 + longer, 29.9 + longer):
        assert found.settle(seen + second) == Judged()
    assert found.settle(seen + 30.0 + longer).missing == 1


@pytest.mark.parametrize(("pace", "given_up"), [(1, 96), (4, 114), (-9, 90)])
def test_the_end_of_a_run_is_waited_for_as_long_as_its_lines_take(pace: float, given_up: int):
    """Twice the time that the rest takes at the run's own pace; a clock that is off takes none."""
    found, now = runs(), BEGAN + 100.0
    found.settle(now)
    for number in (1, 2):
        found.add(line(number, last=5, at=BEGAN + number * pace), now)
    missing = {}
    for second in range(0, 200, 2):
        missing[second] = found.settle(now + second).missing
    assert {second: lines for second, lines in missing.items() if lines} == {given_up: 3}


def hole(found: CanaryRuns, now: float, *, nonce: int = 1) -> None:
    """A run of which lines 2 to 4, written within BEGAN + 1 and BEGAN + 5, are missing at ``now``.

    They are given up half a minute later.
    """
    found.add(line(1, nonce=nonce), now)
    found.add(line(5, nonce=nonce), now)


@pytest.mark.parametrize(
    ("since", "until", "explained"),
    [
        (BEGAN + 7, BEGAN + 8, 3),
        (BEGAN + 7.001, BEGAN + 8, 0),
        (BEGAN - 9, BEGAN - 1, 3),
        (BEGAN - 9, BEGAN - 1.001, 0),
        (0, BEGAN + 5 + 902, 3),
        (0, BEGAN + 5 + 902.001, 0),
    ],
)
def test_a_gap_explains_what_was_written_two_seconds_around_it(
    since: float, until: float, explained: int
):
    """A gap whose beginning is not known reaches back a quarter of an hour."""
    found = runs()
    found.settle(BEGAN + 5.0)
    hole(found, BEGAN + 5.0)
    assert settle_for(found, BEGAN + 5.0, 60) == Judged(missing=3)
    assert found.gap(since, until) == explained
    found = runs()
    found.settle(BEGAN + 5.0)
    found.gap(since, until)
    hole(found, BEGAN + 5.0)
    assert settle_for(found, BEGAN + 5.0, 60) == Judged(missing=3, announced=explained)


def test_a_run_is_forgotten_an_hour_after_its_last_line():
    """A line of it that comes then is no repeated one; before that it is."""
    found = runs()
    found.settle(BEGAN - 9.0)
    found.add(line(1), BEGAN - 9.0)
    found.settle(BEGAN + 1.0)
    found.add(line(2), BEGAN + 1.0)
    settle_for(found, BEGAN + 1.0, 3590)
    found.settle(BEGAN + 3600.999)
    assert bool(found)
    assert found.add(line(1), BEGAN + 3600.999) is True
    found.settle(BEGAN + 3601.0)
    assert not found
    assert found.add(line(1), BEGAN + 3601.0) is False


@pytest.mark.parametrize(("forgotten_at", "explained"), [(3606.999, 3), (3607.0, 0)])
def test_a_gap_is_forgotten_an_hour_after_its_end(forgotten_at: float, explained: int):
    """Lines of its time that are missed after that are not explained by it any more."""
    found = runs()
    found.gap(BEGAN + 1.0, BEGAN + 5.0)  # with the two seconds of clocks, until BEGAN + 7
    settle_for(found, BEGAN, 3570)
    hole(found, BEGAN + 3580.0)
    for second in (3580.0, 3594.0, forgotten_at):
        assert found.settle(BEGAN + second) == Judged()
    assert found.settle(BEGAN + 3612.0) == Judged(missing=3, announced=explained)


@pytest.mark.parametrize(("forgotten_at", "explained"), [(3604.999, 3), (3605.0, 0)])
def test_a_loss_is_forgotten_an_hour_after_it(forgotten_at: float, explained: int):
    """A gap that is announced later does not explain it any more."""
    found = runs()
    found.settle(BEGAN + 5.0)
    hole(found, BEGAN + 5.0)
    settle_for(found, BEGAN + 5.0, 3590)
    found.settle(BEGAN + forgotten_at)
    assert found.gap(BEGAN + 1.0, BEGAN + 5.0) == explained


def test_a_hundred_runs_are_known():
    """Of more, those are forgotten whose last line is the oldest."""
    found = runs()
    found.settle(BEGAN + 1.0)
    for nonce in range(101):
        found.add(line(1, nonce=nonce), BEGAN + 1.0 + (nonce or 500) / 1000)
    found.settle(BEGAN + 2.0)
    known = [found.add(line(1, nonce=nonce), BEGAN + 2.0) for nonce in range(101)]
    assert [nonce for nonce, repeated in enumerate(known) if not repeated] == [1]


def test_what_is_saved_of_a_run_does_not_grow_with_its_lines():
    """Lines in sequence are one piece, however many; what is missing between parts them."""
    found, now = runs(), BEGAN + 1000.0
    found.settle(now)
    for number in (*range(1, 500), *range(501, 1001)):
        found.add(line(number), now)
    found.settle(now)
    (saved,) = found.to_json()["runs"].values()
    assert saved["pieces"] == [(0, 499, BEGAN, BEGAN + 499.0), (501, 1000, BEGAN + 501.0, now)]
    assert saved["waiting_since"] == [(499, now)]
    found.add(line(500), now)
    found.settle(now)
    (saved,) = found.to_json()["runs"].values()
    assert saved["pieces"] == [(0, 1000, BEGAN, now)]
    assert (saved["waiting_since"], saved["lost"]) == ([], [])


def test_a_thousand_losses_are_known():
    """The latest ones are explained by a gap, and their lines are late if they come after all."""
    found, now = runs(), BEGAN + 2003.0
    found.settle(now)
    for number in range(1, 2004, 2):
        found.add(line(number), now)
    assert settle_for(found, now, 60).missing == 1001
    kept = runs()
    kept.restore(json.loads(json.dumps(found.to_json())))
    assert [kept.add(line(number), now + 60) for number in (2, 4, 2002)] == [True, False, False]
    assert kept.gap(BEGAN, now) == found.gap(BEGAN, now) == 1000
    assert found.gap(BEGAN, now) == 0


def test_a_thousand_gaps_are_known():
    """The latest ones explain what is missing."""
    found = runs()
    found.gap(BEGAN + 1.0, BEGAN + 5.0)
    for _ in range(999):
        found.gap(BEGAN + 100.0, BEGAN + 101.0)
    found.settle(BEGAN + 102.0)
    hole(found, BEGAN + 102.0)
    assert settle_for(found, BEGAN + 102.0, 60) == Judged(missing=3, announced=3)
    found.gap(BEGAN + 100.0, BEGAN + 101.0)
    found.settle(BEGAN + 163.0)
    hole(found, BEGAN + 163.0, nonce=2)
    assert settle_for(found, BEGAN + 163.0, 60) == Judged(missing=3, announced=0)


def test_what_is_judged_and_announced_goes_on_after_a_restart():
    """Losses that a gap has explained are not explained again, and times stay what they were."""
    found = runs()
    found.settle(BEGAN + 5.0)
    hole(found, BEGAN + 5.0)
    hole(found, BEGAN + 15.0, nonce=2)
    assert settle_for(found, BEGAN + 5.0, 30) == Judged(missing=6)
    assert found.gap(BEGAN + 1.0, BEGAN + 5.0) == 6
    hole(found, BEGAN + 35.0, nonce=3)
    found.settle(BEGAN + 36.0)
    kept = runs()
    kept.restore(json.loads(json.dumps(found.to_json())))
    assert kept.to_json() == found.to_json()
    assert kept.gap(BEGAN + 1.0, BEGAN + 5.0) == 0
    assert settle_for(kept, BEGAN + 45.0, 20) == Judged()
    assert kept.settle(BEGAN + 66.0) == Judged(missing=3, announced=3)


RUN = {"began": 1, "last": 0, "waiting_since": [], "lost": [], "changed_at": 1.0}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"settled_at": "x"},
        {"settled_at": 1, "gaps": [], "losses": [], "runs": 1},
        {"settled_at": 1, "gaps": [], "losses": [], "runs": {"a": RUN}},
        {"settled_at": 1, "gaps": [], "losses": [], "runs": {"a": RUN | {"pieces": []}}},
        {"settled_at": 1, "gaps": [], "losses": [], "runs": {"a": RUN | {"pieces": [[1, 2]]}}},
    ],
)
def test_a_broken_document_is_refused(document: dict):
    """What ``to_json`` did not write is no state."""
    with pytest.raises(ValueError, match=r"^the canary's runs cannot be read: "):
        runs().restore(document)
