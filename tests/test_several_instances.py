"""Components with several instances: each line counts once, a gap is announced for a loss alone.

Each setting was once measured to count wrong against a platform that serves the last ``tail_lines``
lines of each instance; nobody knows whether the limit is meant so or for the whole text.
"""

from pathlib import Path

import pytest
from account_life import APP, KINDS, Life
from crowded_life import KEY, Crowd, Setting, Tail

from exporter.model import LogType, Source
from exporter.simulator.state import Layout

MEANINGS = [Tail.EACH, Tail.TOTAL]


def bursts(world: Crowd, seconds: int) -> None:
    """Five lines a second, and at times 300 to 900 lines of one instance; polled every second."""
    world.discover()
    world.read_all()
    for second in range(seconds):
        world.now += 0.9
        for _ in range(5):
            world.write_line(world.rng.randrange(world.count))
        if second % 10 == 9:
            busy = world.rng.randrange(world.count)
            for _ in range(world.rng.randint(300, 900)):
                world.write_line(busy)
        world.read_all()
    world.settle()


@pytest.mark.found(
    "Old lines of quiet instances counted again when a wide window followed narrow ones.",
    how="several instances against a platform that serves the last lines of each",
)
@pytest.mark.parametrize("tail", MEANINGS)
@pytest.mark.parametrize("instances", [5, 10])
@pytest.mark.parametrize("seed", range(3))
def test_bursts_of_one_instance_bring_no_line_twice(
    instances: int, tail: Tail, seed: int, tmp_path: Path
):
    """A wide window behind narrow ones shows old lines of quiet instances: they are known."""
    world = Crowd(seed, tmp_path, Setting(instances, 1000, Layout.INTERLEAVED, tail))
    bursts(world, 100)
    assert world.counted() == (world.lines, 0)


@pytest.mark.found(
    "Lines of an instance whose clock was behind were lost without a gap.",
    how="instances whose clocks differ by seconds",
)
@pytest.mark.parametrize("tail", MEANINGS)
@pytest.mark.parametrize("layout", [Layout.ARRIVAL, Layout.INTERLEAVED])
@pytest.mark.parametrize("seed", range(3))
def test_clocks_that_differ_lose_no_line(layout: Layout, tail: Tail, seed: int, tmp_path: Path):
    """Three instances whose clocks differ by up to two seconds, in either order of the text."""
    world = Crowd(seed, tmp_path, Setting(3, 1000, layout, tail, skewed=True))
    world.offs = {0: -1.0, 1: 0.0, 2: 1.0}
    bursts(world, 60)
    assert world.counted() == (world.lines, 0)


@pytest.mark.found(
    "A crash of an instance whose log was full was a gap if another instance's clock was ahead.",
    how="random lives of many instances, seeds 500835 and 501190",
)
@pytest.mark.parametrize("ahead", [-9.0, 0.0, 9.0])
@pytest.mark.parametrize("layout", list(Layout))
def test_a_crash_of_an_instance_with_a_full_log_is_no_gap(
    layout: Layout, ahead: float, tmp_path: Path
):
    """RUN_RESTARTED shows the last 20 lines of its container, of which RUN had shown older ones."""
    world = Crowd(0, tmp_path, Setting(3, 20, layout, Tail.EACH))
    world.skew, world.offs = 10.0, {0: 0.0, 1: 0.0, 2: ahead}
    world.discover()
    for turn in range(4):
        world.now += 1.0
        for _ in range(12):
            world.write_line(1)
        world.write_line(2)
        world.read_all() if turn else world.poll_all()
    for _ in range(3):
        world.write_line(1, "working")
    world.write_line(1, "panic")
    world.platform.crash(APP, "web", 1)
    for log_type in (LogType.RUN_RESTARTED, LogType.RUN, LogType.RUN_RESTARTED):
        world.write_line(2)
        world.read(Source(world.platform.app_id(APP), KEY, log_type))
    world.settle()
    assert world.counted() == (world.lines, 0)


@pytest.mark.found(
    "Exactly `tail_lines` lines behind a crash were a gap, though the log had shown more before.",
    how="random lives of many instances, seed 500463",
)
def test_a_text_longer_than_the_limit_shows_that_it_is_one_for_each_instance(tmp_path: Path):
    """Then as many lines as were asked for, the first of them new, are no text that was cut."""
    world = Crowd(0, tmp_path, Setting(2, 20, Layout.SEQUENTIAL, Tail.EACH))
    world.discover()
    for lines in (9, 9):
        for instance in (0, 1):
            for _ in range(lines):
                world.write_line(instance)
        world.poll_all()
    world.platform.crash(APP, "web", 0, ["panic"])
    world.lines += 1
    for instance in (0, 1):
        world.write_line(instance, "listening")
    world.read(Source(world.platform.app_id(APP), KEY, LogType.RUN))
    world.settle()
    assert world.counted() == (world.lines, 0)


@pytest.mark.found(
    "A crash brought lines from before the start back into view, and a gap was announced for them.",
    how="a fake platform written from the facts alone, which merges instances by time and limits "
    "the whole text",
)
@pytest.mark.parametrize("tail", MEANINGS)
@pytest.mark.parametrize("layout", [Layout.ARRIVAL, Layout.INTERLEAVED])
def test_lines_from_before_the_start_that_come_into_view_are_no_gap(
    layout: Layout, tail: Tail, tmp_path: Path
):
    """Where a limit is for the whole text, what an ended container leaves makes room for them."""
    world = Crowd(0, tmp_path, Setting(3, 100, layout, tail))
    for line in range(300):
        at = int((world.now - 3600 + line) * 1e9)
        world.platform.write(APP, "web", line % 3, f"old line {line}", timestamp_ns=at)
    world.discover()
    for _ in range(3):
        world.now += 1.0
        for instance in (0, 1, 2):
            world.write_line(instance)
        world.poll_all()
    world.write_line(0, "panic")
    world.platform.crash(APP, "web", 0)
    for _ in range(3):
        world.now += 1.0
        for instance in (0, 1, 2):
            world.write_line(instance)
        world.poll_all()
    world.settle()
    assert world.counted() == (world.lines, 0)


@pytest.mark.parametrize("in_total", [False, True])
def test_a_long_log_of_a_crash_hides_no_other_crash(in_total: bool, tmp_path: Path):
    """The last instance has crashed, then the first while a stream of the last goes on.

    Its log stands before a longer one in RUN_RESTARTED, which few lines were asked for.
    """
    life = Life(KINDS["followed"], 0, tmp_path, instances=2)
    life.lasts, life.reader.tail_in_total = True, in_total
    life.platform.set_layout(APP, Layout.SEQUENTIAL)
    life.loop.advance(5)
    for _ in range(900):
        for instance in (0, 1):
            life.write(instance, "working")
    for instance in (1, 0):
        for _ in range(4):
            life.cut()
            life.loop.advance(60)
        life.platform.crash(APP, "web", instance, ["panic: no"])
        life.write(1, "going on")
    life.loop.advance(700)
    restarts = life.value("restarts_total")
    life.end()
    assert restarts == 2


def test_a_stream_that_never_pauses_is_opened_anew_for_a_container_that_it_lacks(tmp_path: Path):
    """One instance restarts while the stream of both goes on with the other: its lines count."""
    life = Life(KINDS["followed"], 0, tmp_path, instances=2)
    life.lasts, life.reader.tail_in_total = True, False
    life.loop.advance(5)
    for second in range(1200):
        life.write(1, "busy")
        life.write(0, "now and then") if second % 10 == 0 else None
        if second == 100:
            life.platform.crash(APP, "web", 0, ["panic: no"])
        life.loop.advance(0.5)
    counted, gaps = life.value("log_lines_total"), life.value("log_gaps_total")
    life.end()
    assert (counted, gaps) == (life.platform.truth().of(APP, "web").lines, 0)


@pytest.mark.found(
    "Followed on a platform that ignores `tail_lines`, lines from before the start counted, and "
    "those that were forgotten counted twice whenever a stream was opened again.",
    how="a fake platform written from the facts alone, which serves whole logs",
)
@pytest.mark.parametrize("instances", [1, 3])
def test_a_stream_that_begins_with_the_whole_log_counts_no_old_line(instances: int, tmp_path: Path):
    """Lines that are older than the stream and than what is remembered were there before."""
    life = Life(KINDS["followed"], 0, tmp_path, instances=instances)
    life.platform.set_layout(APP, Layout.SEQUENTIAL)
    life.reader.tail_in_total, life.reader.tail_ignored = False, True
    for line in range(2000 * instances):
        at = int((life.true_time() - 9000 + line) * 1e9)
        life.platform.write(APP, "web", line % instances, f"old {line}", timestamp_ns=at)
    life.loop.advance(20)
    for _ in range(2):
        for _ in range(60):
            for line in range(30):
                life.write(line % instances, "working")
            life.loop.advance(1)
        life.cut()
        life.loop.advance(10)
    counted = life.value("log_lines_total")
    life.end()
    assert counted == life.lines


@pytest.mark.parametrize("tail", MEANINGS)
@pytest.mark.parametrize("seed", range(3))
def test_one_instance_read_with_its_app_is_counted_without_a_gap(
    tail: Tail, seed: int, tmp_path: Path
):
    """The text of a whole app, cut at as many lines as its components want together."""
    setting = Setting(1, 1000, Layout.SEQUENTIAL, tail, scope="app")
    world = Crowd(seed, tmp_path, setting)
    bursts(world, 100)
    assert world.counted() == (world.lines, 0)
