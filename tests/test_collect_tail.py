"""How many lines to ask for: what the source writes decides."""

import pytest
from crowded_life import Crowd, Setting, Tail
from hypothesis import given
from hypothesis import strategies as st
from simulation import APP, World

from exporter.model import ComponentKey
from exporter.reading.tail import LEAST, ROOM, TailLines
from exporter.simulator.state import Layout


def test_the_first_window_is_the_widest_and_quiet_ones_shrink():
    """A source that brings nothing is asked for less and less, down to the least."""
    tail = TailLines(1000)
    asked = [tail.ask()]
    for _ in range(8):
        tail.learn(0)
        asked.append(tail.ask())
    assert asked == [1000, 1000, 1000, 500, 248, 124, LEAST, LEAST, LEAST]


def test_a_burst_widens_the_window_at_once():
    """Room for four times as many lines as the last read brought, never more than the most."""
    tail = TailLines(1000)
    for _ in range(20):
        tail.learn(0)
    tail.learn(60)
    assert tail.ask() == 240
    tail.learn(400)
    assert tail.ask() == 1000


def test_a_window_of_several_instances_reaches_back_as_far_as_clocks_differ():
    """A line that is 15 seconds behind stands in front of all that came in the meantime."""
    tail = TailLines(1000)
    for second in range(100):
        tail.learn(25, second * 10**9)
    assert tail.ask() == 15 * 25 + 2 * 25
    for _ in range(20):
        tail.learn(0, 200 * 10**9)
    assert tail.ask() == LEAST


@pytest.mark.found(
    "Polled every second, a line of an instance whose clock was behind was lost without a gap: the "
    "window that was asked for reached back four seconds.",
    how="a fake platform written from the facts alone, 50 instances whose clocks differ",
)
@pytest.mark.parametrize("layout", [Layout.INTERLEAVED, Layout.ARRIVAL])
@pytest.mark.parametrize("tail", list(Tail))
def test_a_slow_clock_loses_no_line_though_windows_shrink(tail, layout, tmp_path):
    """Forty lines a second of instances whose clocks are up to ten seconds apart."""
    world = Crowd(0, tmp_path, Setting(5, 1000, layout, tail))
    world.offs = dict(enumerate((-5.0, 0.0, 1.0, 3.0, 5.0)))
    world.discover()
    world.read_all()
    for second in range(60):
        world.now += 0.9
        for line in range(40):
            world.write_line(0 if line == 20 and second % 7 == 0 else 1 + line % 4)
        world.read_all()
    world.settle()
    assert world.counted() == (world.lines, 0)


def test_a_burst_beyond_the_window_is_read_again_and_no_gap(tmp_path):
    """Quiet reads ask for 100 lines; after 700 new ones the same poll asks again, for 1,000."""
    world = World(1, tmp_path, wide=True)
    world.discover()
    for _ in range(10):
        world.now += 60
        world.read_all()
    name = world.components[0].name
    for number in range(700):
        world.now += 0.001
        world.platform.write(APP, name, 0, f"burst {number}")
    asked = []
    locations = world.virtual.log_locations
    world.virtual.log_locations = lambda source, *arguments, **options: (
        asked.append((source.key.component, source.log_type, options["tail_lines"]))
        or locations(source, *arguments, **options)
    )
    world.read_all()
    world.flush()
    world.state.close()
    run = [lines for component, log_type, lines in asked if (component, log_type) == (name, "RUN")]
    assert run == [100, 1000]
    outcome = world.outcome(ComponentKey(APP, name))
    assert (outcome.counted, outcome.gaps) == (700, 0)


@given(st.integers(1, 5000), st.lists(st.integers(0, 10_000), max_size=30))
def test_the_window_always_has_room_for_what_the_last_read_brought(most, reads):
    """Whatever came before: the bound is kept, and within it there is room."""
    tail = TailLines(most)
    for new in reads:
        tail.learn(new)
        assert 1 <= tail.ask() <= most
        assert tail.ask() >= min(most, ROOM * new)
