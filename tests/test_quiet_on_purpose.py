"""Components without instances on purpose: asleep or archived, they lose no line without a gap.

Under virtual time, on the account's own schedule; `test_quiet_alerts.py` has the real program and
the alerts.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from account_life import APP, KINDS, WEB, Life

from exporter.simulator.state import ComponentSpec

NAPS = 3


def napping(kind: str, instances: int, folder: Path) -> Life:
    """A life whose component may sleep, two minutes after its deployment."""
    life = Life(KINDS[kind], 1, folder, instances=instances)
    life.interval = 30
    life.loop.advance(5)
    life.platform.deploy(APP, [ComponentSpec(WEB, instances=instances, sleeps_after=60)])
    life.loop.advance(120)
    return life


def naps(life: Life, fall_asleep: Callable[[], object], wake: Callable[[], object]) -> None:
    """Work and rest by turns, half an hour each time."""
    for _ in range(NAPS):
        for _ in range(50):
            for instance in range(life.instances):
                life.write(instance, "line")
            life.loop.advance(1)
        life.loop.advance(100)
        fall_asleep()
        life.loop.advance(1800)
        assert life.value("source_up") == len(life.types)
        wake()
        life.loop.advance(1)
        for instance in range(life.instances):
            life.write(instance, "listening")
        life.loop.advance(700)


@pytest.mark.found(
    "A component that fell asleep was a gap in follow mode, though its stream brought every line.",
    how="a simulated component that sleeps and wakes three times",
)
@pytest.mark.parametrize("instances", [1, 3])
def test_a_followed_component_that_sleeps_is_exact_without_a_gap(instances: int, tmp_path: Path):
    """The stream brings what it writes until it has ended; a new container begins another log."""
    life = napping("followed", instances, tmp_path)
    gaps = life.value("log_gaps_total")
    naps(
        life,
        lambda: life.platform.sleep(APP, WEB, ["SIGTERM"]),
        lambda: life.platform.wake(APP, WEB),
    )
    counted, restarts = life.value("log_lines_total"), life.value("restarts_total")
    truth = life.platform.truth().of(APP, WEB)
    new_gaps, errors = life.value("log_gaps_total") - gaps, life.value("api_request_errors_total")
    life.end()
    assert (counted, new_gaps, restarts, errors) == (truth.lines, 0, 0, 0)
    assert truth.lines == NAPS * instances * 52


@pytest.mark.parametrize("instances", [1, 3])
def test_a_polled_component_that_sleeps_loses_its_last_words_with_a_gap(
    instances: int, tmp_path: Path
):
    """What it writes between the last poll and its end is shown nowhere: one gap each time."""
    life = napping("polled", instances, tmp_path)
    before = life.value("log_gaps_total")
    naps(
        life,
        lambda: life.platform.sleep(APP, WEB, ["SIGTERM"]),
        lambda: life.platform.wake(APP, WEB),
    )
    counted, restarts = life.value("log_lines_total"), life.value("restarts_total")
    truth = life.platform.truth().of(APP, WEB)
    gaps = life.value("log_gaps_total") - before
    of_restarts = life.value("log_gaps_total", reason="restart")
    life.end()
    assert (counted, restarts) == (truth.lines - NAPS * instances, 0)
    assert gaps == of_restarts == NAPS


@pytest.mark.parametrize(("kind", "gaps_each"), [("followed", 0), ("polled", 1)])
def test_an_app_that_is_archived_and_restored_counts_every_line(
    kind: str, gaps_each: int, tmp_path: Path
):
    """It has no log until the deployment that restores it; a hand-over in poll mode is one gap."""
    life = napping(kind, 2, tmp_path)
    before = life.value("log_gaps_total")
    naps(life, lambda: life.platform.archive(APP), lambda: life.platform.restore(APP))
    counted, restarts = life.value("log_lines_total"), life.value("restarts_total")
    truth = life.platform.truth().of(APP, WEB)
    gaps = life.value("log_gaps_total") - before
    life.end()
    assert (counted, restarts, gaps) == (truth.lines, 0, NAPS * gaps_each)
