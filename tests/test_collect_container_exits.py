"""Container ends counted through the readings of RUN and RUN_RESTARTED."""

from dataclasses import replace
from pathlib import Path

import pytest
from collect_fixtures import IDENTITY, KEY, RESTARTED, RUN, START, WEB, Clock, Site, line
from state_files import file_state

from exporter.model import LIVE_PART, Component, ComponentKind, LogChunk, Source
from exporter.reading.reading import Reading

EXITED = "ERROR component web exited with code: 137"
WORDS = line(10, "listening") + line(11, "GET / 200")
BEGUN = line(1, "begun")


class Scene:
    """One component and its state, over restarts of the exporter."""

    def __init__(self, path: Path, component: Component = WEB) -> None:
        self.path, self.component, self.clock = path, component, Clock(START + 20)
        self._open()
        self.read(RESTARTED, b"")
        self.read(RUN, BEGUN)

    def _open(self) -> None:
        self.site = Site(clock=self.clock, state=file_state(self.path, self.clock))
        self.site.series.open_component(KEY, self.component)

    def restart(self) -> None:
        """End the exporter and start it anew on the same state."""
        self.site.ledger.flush()
        self.site.ledger.end()
        self._open()

    def read(self, source: Source, text: bytes) -> Reading:
        reading = Reading(
            self.site.pipeline, source, self.component, "d1", tail_lines=100, from_first_line=False
        )
        reading.feed(LogChunk(text, LIVE_PART))
        reading.feed(LogChunk(b"", LIVE_PART, last=True))
        reading.end()
        self.site.ledger.flush()
        self.clock.now += 6
        return reading

    def restarts(self) -> dict[str, float]:
        """The restarts by reason, without the zeros."""
        family = self.site.metrics.restarts.collect()
        return {
            sample.labels["reason"]: sample.value
            for metric in family
            for sample in metric.samples
            if sample.value and sample.name.endswith("_total")
        }

    def exits(self, code: int = 137) -> float | None:
        return self.site.value("container_exits_total", **IDENTITY, exit_code=str(code))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "state.db")


@pytest.mark.found(
    "Two crashes with different exit codes counted as three.",
    how="crashes in a row against a second simulated platform",
)
@pytest.mark.parametrize("restarted", [False, True], ids=["one run", "restarted"])
@pytest.mark.parametrize("late", [False, True], ids=["in order", "out of time order"])
def test_a_line_in_run_and_the_container_are_one_end(scene: Scene, late: bool, restarted: bool):
    """RUN tells first, RUN_RESTARTED shows the container with the line in it: one end, its reason
    from the code, since the words say nothing."""
    told = line(9.5 if late else 11.5, EXITED)
    assert scene.read(RUN, BEGUN + WORDS + told).restart_hinted
    assert scene.restarts() == {}
    if restarted:
        scene.restart()
    scene.read(RESTARTED, BEGUN + WORDS + told)
    scene.read(RESTARTED, BEGUN + WORDS + told)
    scene.read(RUN, line(12, "begun"))
    assert scene.restarts() == {"out_of_memory": 1}
    assert scene.exits() == 1


@pytest.mark.parametrize("restarted", [False, True], ids=["one run", "restarted"])
def test_a_container_first_and_its_line_later_are_one_end(scene: Scene, restarted: bool):
    """RUN_RESTARTED shows the container, then with a late line, then RUN has it too: one end."""
    words = BEGUN + WORDS + line(11.2, "panic: no")
    scene.read(RUN, BEGUN)
    scene.read(RESTARTED, words)
    assert scene.restarts() == {"panic": 1}
    if restarted:
        scene.restart()
    told = line(11.1, EXITED)
    scene.read(RESTARTED, words + told)
    scene.read(RUN, line(12, "begun") + told)
    scene.read(RESTARTED, words + told)
    assert scene.restarts() == {"panic": 1}
    assert scene.exits() == 1
    [crash] = scene.site.crashes.of(KEY)
    assert (crash.reason, crash.exit_code) == ("panic", 137)


@pytest.mark.found(
    "A crash without words was `unknown` where RUN showed its exit code after RUN_RESTARTED.",
    how="exit code 137 against a second simulated platform, polled",
)
@pytest.mark.parametrize("restarted", [False, True], ids=["one run", "restarted"])
def test_a_container_without_words_waits_for_its_exit_code(scene: Scene, restarted: bool):
    """RUN_RESTARTED shows it first, its words say nothing, RUN has the exit line: the code's
    reason, in the count and on the page, though the exporter restarts between the two reads."""
    scene.read(RUN, BEGUN + WORDS)
    scene.clock.now += 100
    assert scene.read(RESTARTED, BEGUN + WORDS).ends_unexplained
    assert scene.restarts() == {}
    assert scene.site.value("last_restart_timestamp_seconds", **IDENTITY) == START + 11
    if restarted:
        scene.restart()
        assert scene.site.pipeline.exits.unexplained(KEY) is False  # nothing was read yet
    told = line(11.5, EXITED)
    assert not scene.read(RUN, told + line(12, "begun")).ends_unexplained
    scene.read(RESTARTED, BEGUN + WORDS)
    assert scene.restarts() == {"out_of_memory": 1}
    assert scene.exits() == 1
    [crash] = scene.site.crashes.of(KEY)
    assert (crash.reason, crash.exit_code) == ("out_of_memory", 137)
    assert crash.lines == ("begun", "listening", "GET / 200")


def test_a_container_that_no_line_explains_is_unknown(scene: Scene):
    """RUN, read once the platform has had time to write the exit line, has none: it counts."""
    scene.read(RUN, BEGUN + WORDS)
    scene.read(RESTARTED, BEGUN + WORDS)
    scene.clock.now -= 3  # RUN is read three seconds after RUN_RESTARTED: too early to tell
    assert scene.read(RUN, line(12, "begun")).ends_unexplained
    assert scene.restarts() == {}
    assert not scene.read(RUN, line(12, "begun")).ends_unexplained
    assert scene.restarts() == {"unknown": 1}
    scene.read(RUN, line(12, "begun") + line(12.5, EXITED))
    assert scene.restarts() == {"unknown": 1}
    assert scene.exits() == 1


def test_a_container_is_counted_though_run_cannot_be_read(scene: Scene):
    """After two minutes without a read of RUN it counts with what is known."""
    scene.read(RESTARTED, BEGUN + WORDS)
    scene.clock.now += 100
    scene.read(RESTARTED, BEGUN + WORDS)
    assert scene.restarts() == {}
    scene.clock.now += 20
    scene.read(RESTARTED, BEGUN + WORDS)
    assert scene.restarts() == {"unknown": 1}


def test_a_container_that_waits_counts_when_its_deployment_is_over(scene: Scene):
    """Another deployment takes over before RUN was read again: the restart is not lost."""
    scene.read(RESTARTED, BEGUN + WORDS)
    scene.site.pipeline.release(KEY, "d1")
    scene.site.ledger.flush()
    assert scene.restarts() == {"unknown": 1}


def test_many_containers_wait_at_once(tmp_path: Path):
    """A hundred instances end together without a word: all of them count."""
    scene = Scene(tmp_path / "state.db", Component("web", ComponentKind.SERVICE, "small", 100))
    texts = [line(20 - number / 10, f"instance {number}") for number in range(100)]
    scene.read(RESTARTED, b"".join(texts))
    assert scene.restarts() == {}
    scene.read(RUN, line(21, "begun"))
    assert scene.restarts() == {"unknown": 100}


@pytest.mark.parametrize("restarted", [False, True], ids=["one run", "restarted"])
def test_an_end_that_only_a_line_tells_counts_once(scene: Scene, restarted: bool):
    """RUN_RESTARTED has nothing new: the line counts, with the words before it."""
    trace = line(11, "Traceback (most recent call last):") + line(11, "ValueError: no")
    told = line(11.5, "ERROR component terminated with non-zero exit code: 1")
    scene.read(RUN, BEGUN + trace + told)
    scene.clock.now += 6
    if restarted:
        scene.restart()
    for _ in range(3):
        scene.read(RESTARTED, b"")
        scene.read(RUN, BEGUN + trace + told)
    assert scene.restarts() == {"exception": 1}
    assert scene.exits(1) == 1
    last = scene.site.value("last_restart_timestamp_seconds", **IDENTITY)
    assert last == START + 11.5


@pytest.mark.found(
    "The platform's line about an exit, told twice, was two ends of several instances.",
    how="a fake platform written from the facts alone, which tells lines twice",
)
@pytest.mark.parametrize("instances", [2, None])
def test_an_equal_line_about_an_exit_is_the_same_end(tmp_path: Path, instances: int | None):
    """Equal to the last digit of its time; two of whole seconds may be of two instances."""
    component = replace(WEB, instance_count=instances)
    scene = Scene(tmp_path / "state.db", component)
    scene.read(RUN, BEGUN + line(11.5, EXITED) * 2)
    for _ in range(3):
        scene.read(RESTARTED, b"")
    assert (scene.exits(), scene.restarts()) == (1, {"out_of_memory": 1})


@pytest.mark.found(
    "The second wording of the platform's line about an exit, told again, was another end of "
    "several instances.",
    how="a fake platform written from the facts alone, which tells lines twice",
)
@pytest.mark.parametrize("instances", [2, None])
@pytest.mark.parametrize("again", [0, 1])
def test_either_wording_told_again_is_the_same_end(
    tmp_path: Path, instances: int | None, again: int
):
    """Each wording has a time of its own, and may come again after both were told."""
    wordings = [
        line(11.5, EXITED),
        line(11.625, "ERROR component terminated with non-zero exit code: 137"),
    ]
    component = replace(WEB, instance_count=instances)
    scene = Scene(tmp_path / "state.db", component)
    scene.read(RUN, BEGUN + wordings[0] + wordings[1])
    scene.restart()
    scene.read(RUN, BEGUN + wordings[0] + wordings[1] + wordings[again])
    for _ in range(3):
        scene.read(RESTARTED, b"")
    assert (scene.exits(), scene.restarts()) == (1, {"out_of_memory": 1})


def test_a_deployment_is_no_restart(scene: Scene):
    """The SIGTERM of a hand-over is an exit and no end that counts."""
    scene.read(RUN, BEGUN + line(11.5, "ERROR component web exited with code: 143"))
    for _ in range(3):
        scene.clock.now += 100
        scene.read(RESTARTED, b"")
    assert scene.restarts() == {}
    assert scene.exits(143) == 1


def test_a_job_that_ends_is_no_restart(tmp_path: Path):
    """Containers of jobs end when they are done, or fail: their exit lines alone do not count."""
    scene = Scene(tmp_path / "state.db", Component("web", ComponentKind.JOB, "small", 1))
    scene.read(RUN, BEGUN + line(11.5, "ERROR component web exited with code: 1"))
    scene.clock.now += 100
    scene.read(RESTARTED, b"")
    assert scene.restarts() == {}
    assert scene.exits(1) == 1


def test_lines_of_the_platform_part_no_containers(tmp_path: Path):
    """Out of time order in a log of two instances, they make no third container."""
    scene = Scene(tmp_path / "state.db", Component("web", ComponentKind.SERVICE, "small", 2))
    told = line(9, "ERROR component web exited with code: 3")
    first, second = line(10, "one") + line(11, "panic: no"), line(10.5, "two") + line(11, "two end")
    scene.read(RESTARTED, first + told)
    scene.read(RESTARTED, first + told + second)
    scene.read(RUN, b"")
    assert scene.restarts() == {"panic": 1, "unknown": 1}
    assert scene.exits(3) == 1


def test_codes_stand_at_zero_from_discovery(scene: Scene):
    """The codes with a meaning have series before the first end; others begin with it."""
    assert (scene.exits(137), scene.exits(1), scene.exits(3)) == (0, 0, None)
