"""Which of the canary's lines are missing or repeated, whatever order they arrive in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.canary_line import CanaryLine, parse_canary_line, run_name
from exporter.logs.canary_runs import TAIL_LINES, CanaryRuns, Judged

BEGAN = 1_764_360_000
START = BEGAN - 100.0
HOLE, TAIL = 30.0, 90.0


def line(number: int, *, last: int = 0, began: int = BEGAN, nonce: int = 1) -> CanaryLine:
    return CanaryLine(run_name(began, nonce), began, number, last, began + float(number))


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
    for left, missing in ((TAIL_LINES + 1, 0), (3, 3)):
        found = runs()
        found.settle(BEGAN + 10.0)
        for number in range(1, 11):
            found.add(line(number, last=10 + left), BEGAN + 10.0)
        assert settle_for(found, BEGAN + 10.0, 1000).missing == missing


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


@pytest.mark.parametrize("document", [[], {}, {"runs": 1}, {"settled_at": "x"}])
def test_a_broken_document_is_refused(document):
    """What ``to_json`` did not write is no state."""
    with pytest.raises(ValueError, match=r"runs cannot be read|could not convert"):
        runs().restore(document)
