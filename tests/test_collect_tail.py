"""How many lines to ask for: what the source writes decides."""

from hypothesis import given
from hypothesis import strategies as st
from simulation import APP, World

from exporter.model import ComponentKey
from exporter.reading.tail import LEAST, ROOM, TailLines


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
