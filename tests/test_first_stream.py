"""The first stream of a new deployment: what its containers wrote before it is read as well."""

from pathlib import Path

import pytest
from account_life import APP, KINDS, TAIL_LINES, Life

LINES_A_TURN = 20
TURN_SECONDS = 0.05


def begin_busily(life: Life, before: int, after: int) -> None:
    """A deployment each of whose instances writes so many lines before and after it takes over."""
    new = life.platform.begin_deployment(APP)
    life.loop.advance(20)
    while life.platform.advance_deployment(APP) != "DEPLOYING":
        life.loop.advance(1)
    for number in range(before):
        for instance in range(life.instances):
            life.write(instance, f"starting {number}", new)
    life.platform.advance_deployment(APP)
    for _ in range(after // LINES_A_TURN):
        life.loop.advance(TURN_SECONDS)
        for _ in range(LINES_A_TURN):
            for instance in range(life.instances):
                life.write(instance, "busy")
    life.loop.advance(100)


@pytest.mark.found(
    "A component that wrote `tail_lines` lines within seconds of its first stream was a false gap, "
    "and one that wrote more than that before its first stream lost the oldest of them.",
    how="a simulated deployment that writes a hundred lines a second from its start",
)
@pytest.mark.parametrize("instances", [1, 3])
@pytest.mark.parametrize("before", [0, 900, 1500])
def test_a_busy_start_is_counted_whole_without_a_gap(before: int, instances: int, tmp_path: Path):
    """The stream begins with as many new lines as were asked for: more are asked for once."""
    life = Life(KINDS["followed"], 1, tmp_path, instances=instances)
    life.loop.advance(5)
    begin_busily(life, before, TAIL_LINES + 500)
    counted = life.value("log_lines_total")
    gaps = (
        life.value("log_gaps_total", reason="window"),
        life.value("log_gaps_total", reason="restart"),
    )
    lines = life.platform.truth().of(APP, "web").lines
    life.end()
    assert (counted, gaps) == (lines, (0, 0))


def test_a_start_that_is_longer_than_what_is_asked_for_is_a_gap(tmp_path: Path):
    """5,500 lines before the first stream: the oldest 500 or more are lost, and a gap says so."""
    life = Life(KINDS["followed"], 1, tmp_path, instances=1)
    life.loop.advance(5)
    begin_busily(life, 5 * TAIL_LINES + 500, 100)
    counted, gaps = life.value("log_lines_total"), life.value("log_gaps_total", reason="window")
    lines = life.platform.truth().of(APP, "web").lines
    life.end()
    assert counted < lines
    assert gaps == 1
