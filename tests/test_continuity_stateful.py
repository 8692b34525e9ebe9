"""Any life of a component's logs, as hypothesis makes it up: no line counts twice, losses show.

Three machines over one model: an exact one, of a reader that keeps up, where every number is the
truth; a strict one, where anything may be missed but not without a gap; a lenient one, of clocks
that are off, step back, or bring lines late. What those may lose has an example each.
"""

from collections import Counter

import pytest
from continuity_life import INSTANCE, MS, NS, RESTARTED, RUN, START, Instance, Life, prefixed
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from exporter.logs.dedup.continuity import Continuity


class ExactLife(Life):
    """A reader that sees all, both logs whole between two crashes of one instance."""

    def may_crash(self, instance: Instance) -> bool:
        """Only once both logs were read since this instance's container ended last."""
        return bool(instance.running) and not instance.unread and not self.open

    @rule(number=INSTANCE, repeats=st.integers(1, 2), equal=st.booleans())
    def write_without_prefix(self, number: int, repeats: int, equal: bool) -> None:
        """Lines of a trace behind a timestamped one, where their place stays what it is."""
        instance = self.instances[number % len(self.instances)]
        alone = len(self.instances) == 1
        if not instance.running or not (alone or not (self.interleaved or equal)):
            return
        for _ in range(repeats):
            message = "  at f" if equal else f"  at {len(self.written)}"
            self.append(instance, instance.running[-1].at, message.encode())

    def judge(self) -> None:
        """Every number is the truth; ends that one text joins can be one restart."""
        assert self.counted == Counter(line.raw for line in self.written)
        assert not self.gaps
        assert self.restarts <= self.crashes
        if len(self.instances) == 1:
            assert self.restarts == self.crashes


class StrictLife(Life):
    """A reader that may come late or break off for long, with windows that are too small."""

    tail_lines = 5

    @rule(lines=st.sampled_from((3, 5, 20)))
    def ask_for(self, lines: int) -> None:
        """Windows grow or shrink."""
        self.tail_lines = lines

    def judge(self) -> None:
        """What was shown and not counted was announced as a gap."""
        assert self.gaps or not set(self.shown()) - set(self.counted)


class LenientLife(Life):
    """Clocks that are off by up to an hour or step back, and lines that come late."""

    tail_lines = 8
    clocks_off = (0, -3600 * NS, -NS, NS, 3600 * NS)

    @rule(number=INSTANCE, seconds=st.sampled_from((1, 5)))
    def step_back(self, number: int, seconds: int) -> None:
        """A clock is set back by seconds."""
        self.instances[number % len(self.instances)].off -= seconds * NS

    @rule(number=INSTANCE, ago=st.sampled_from((MS, NS, 30 * NS)))
    def write_late(self, number: int, ago: int) -> None:
        """A line that the platform shows only now, behind newer ones of other instances."""
        instance = self.instances[number % len(self.instances)]
        last = instance.running[-1].at if instance.running else START
        at = max(last, self.now + instance.off - ago)
        self.append(instance, at, prefixed(at, f"late {len(self.written)}"))


for machine in (ExactLife, StrictLife, LenientLife):
    machine.TestCase.settings = settings(
        max_examples=250,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        report_multiple_bugs=False,
    )

TestExactLife = ExactLife.TestCase
TestStrictLife = StrictLife.TestCase
TestLenientLife = LenientLife.TestCase


class Reader:
    """Reads whole windows of four lines an instance, of a component of two."""

    def __init__(self) -> None:
        self.memory = Continuity(START - 1, remember=4, instances=2)
        self.counted: Counter[bytes] = Counter()
        self.gaps = 0
        self.read([], [])

    def read(self, run: list[bytes], restarted: list[bytes]) -> None:
        """RUN, then RUN_RESTARTED."""
        for log_type, lines in ((RUN, run), (RESTARTED, restarted)):
            window = self.memory.window(log_type, 4)
            self.counted.update(line.raw for line in (*window.feed(lines), *window.rest()))
            self.gaps += self.memory.finish(window).gaps

    def new(self, run: list[bytes], restarted: list[bytes]) -> list[bytes]:
        """The same; what it counted of RUN's lines."""
        before = self.counted.copy()
        self.read(run, restarted)
        return [line for line in run if self.counted[line] > before[line]]


def at(second: float, message: str = "") -> bytes:
    """A line of so many seconds after the start."""
    return prefixed(START + round(second * NS), message)


def settled() -> tuple[Reader, list[bytes]]:
    """A reader that has forgotten all but the latest of 40 lines; the latest window."""
    reader = Reader()
    log = [at(1800 + n) for n in range(40)]
    for n in range(1, 41):
        reader.read(log[max(0, n - 4) : n], [])
    return reader, log[-4:]


@pytest.mark.parametrize(("ago", "counts"), [(0.5, True), (9, True), (30, False)])
def test_a_late_line_alone_counts_down_to_the_oldest_remembered(ago, counts):
    """Before the window and older than all that is remembered, it is let go with a gap."""
    reader, latest = settled()
    late = at(1839 - ago, "late")
    assert reader.new(sorted([*latest, late]), []) == [late] * counts
    assert reader.gaps == (not counts)


@pytest.mark.parametrize("back", [5, 35])
def test_a_clock_that_steps_back_far_loses_nothing_behind_what_a_window_showed(back):
    """A line behind one of the window before was not there when that was read."""
    reader, latest = settled()
    stepped = [at(1840 - back + n / 10, "stepped") for n in range(3)]
    assert reader.new([*latest[-2:], *stepped[:2]], []) == stepped[:2]
    assert reader.new([*latest[-1:], *stepped], []) == stepped[2:]
    assert reader.gaps == 0


@pytest.mark.parametrize("first", [3, 4])
def test_what_stands_behind_the_window_before_counts_whatever_its_time(first: int):
    """A clock an hour behind, one that steps back: whether or not the window before was cut."""
    reader = Reader()
    known = [at(n) for n in range(first)]
    reader.read(known, [])
    behind = [at(n - 3600, "behind") for n in range(2)]
    text = [*known, at(-60, "stepped back"), *behind]
    assert reader.new(text, []) == text[first:]
    assert reader.gaps == (first == 4)  # before the first window


def test_a_new_container_of_a_clock_that_is_behind_counts_at_once():
    """Its first lines are older than all that is remembered, and stand behind another's."""
    reader = Reader()
    ahead = [at(1800 + n) for n in range(40)]
    for n in range(1, 41):
        reader.read(ahead[max(0, n - 4) : n] + [at(n / 10, "behind")][: n // 40], [])
    new = [at(20 + n, "new") for n in range(3)]
    assert reader.new(ahead[-4:] + new[:2], [at(4, "behind")]) == new[:2]
    assert reader.new(ahead[-4:] + new, [at(4, "behind")]) == new[2:]
    assert reader.gaps == 0


def test_equal_lines_of_two_instances_that_no_window_shows_together_count_once():
    """RUN and RUN_RESTARTED are one memory, so the twin in the other one is taken for the same."""
    reader = Reader()
    reader.read([at(1, "twin"), at(2)], [at(1, "twin")])
    assert reader.counted[at(1, "twin")] == 1


@pytest.mark.parametrize(
    ("first", "second", "times"),
    [
        ([at(1), b"bare"], [b"bare", at(2), at(3), at(4)], 2),
        ([at(1), at(2), b"bare"], [at(1), b"bare"], 2),
        ([at(1), b"bare"], [at(1), at(2), b"bare"], 2),
        ([at(1), b"bare"], [at(1), at(1, "late"), b"bare"], 2),
        ([at(1), b"bare", at(2)], [at(1), at(1, "late"), b"bare", at(2)], 1),
        ([at(1), b"bare", at(2)], [at(1), b"bare", b"bare", at(2)], 1),
    ],
)
def test_a_line_without_prefix_is_told_by_its_neighbours_alone(first, second, times):
    """One that loses both neighbours counts again; an equal one before a known line does not."""
    reader = Reader()
    reader.read(first, [])
    reader.read(second, [])
    assert reader.counted[b"bare"] == times
