"""Random lives whose threads take turns by a seed: the order of threads changes no number."""

import logging
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import threads_life
from lives import first_faults, swept_between_lives
from threads_life import Life
from turn_parts import TurnLock
from turns import Stuck, Turns

LIVES = {"threads": 2000, "preempted": 100}
LIVES_PER_TEST = 50
OWN_PATH = str(Path(threads_life.__file__).parent)


@pytest.mark.parametrize("seed", range(0, LIVES["threads"], LIVES_PER_TEST))
@pytest.mark.long(5, computes=True)
def test_no_order_of_threads_changes_a_number(
    seed: int, memory_path: Path, caplog: pytest.LogCaptureFixture
):
    """Polls, streams, saves, scrapes, reloads, hand-overs, stops and kills, in any order."""
    caplog.set_level(logging.CRITICAL)
    faults = first_faults("threads", range(seed, seed + LIVES_PER_TEST), memory_path)
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("seed", range(0, LIVES["preempted"], LIVES_PER_TEST))
@pytest.mark.long(8, computes=True)
def test_no_thread_that_is_held_up_at_any_line_changes_a_number(seed: int):
    """The same; with one seed for the hashes of strings, so that sets keep their order."""
    program = Path(OWN_PATH) / "lives.py"
    lived = subprocess.run(
        [sys.executable, program, "preempted", str(seed), str(LIVES_PER_TEST)],
        env={"PYTHONPATH": OWN_PATH, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert lived.returncode == 0, lived.stderr


REPLAY = """
import logging, sys, tempfile
from pathlib import Path
from threads_life import Life
logging.disable(logging.CRITICAL)
with tempfile.TemporaryDirectory() as folder:
    life = Life(sys.argv[1], int(sys.argv[2]), Path(folder))
    life.live()
    highest = [(key, sorted(shown.items())) for key, shown in sorted(life.highest.items())]
    print(life.turns.turns, life.turns.switches, life.scrapes, highest)
"""


@pytest.mark.parametrize(("kind", "seeds"), [("threads", ("1", "2")), ("preempted", ("0", "0"))])
def test_a_seed_replays_in_another_process(kind: str, seeds: tuple[str, str]):
    """Turn by turn; lives of threads do so whatever the hashes of their strings are."""
    told = {
        number: subprocess.run(
            [sys.executable, "-W", "ignore", "-c", REPLAY, kind, "7"],
            env={"PYTHONPATH": OWN_PATH, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        ).stdout
        for number, hashes in enumerate(seeds)
    }
    assert told[0] == told[1] != ""


def test_locks_taken_in_two_orders_are_found():
    """Two threads that wait for one another are reported with where each stands."""

    def live(seed: int) -> str:
        turns = Turns(Random(seed), 0.5)
        first, second = TurnLock(turns), TurnLock(turns)

        def take(one: TurnLock, other: TurnLock) -> None:
            with one, other:
                pass

        tasks = [
            turns.spawn(lambda: take(first, second), "left", "test"),
            turns.spawn(lambda: take(second, first), "right", "test"),
        ]
        try:
            for task in tasks:
                turns.join(task)
        except Stuck as stuck:
            turns.kill("test")
            return str(stuck)
        return ""

    told = [live(seed) for seed in range(50)]
    assert any("deadlock" in each and "left" in each and "with one, other" in each for each in told)
    assert "" in told


def test_a_count_without_a_lock_is_found():
    """A thread that is held up between reading a number and writing it loses what others add."""

    def live(seed: int) -> int:
        turns = Turns(Random(seed), 0.5)
        count = 0

        def add() -> None:
            nonlocal count
            before = count
            turns.turn()
            count = before + 1

        for task in [turns.spawn(add, f"adds {number}") for number in range(3)]:
            turns.join(task)
        return count

    counts = {live(seed) for seed in range(50)}
    assert counts == {1, 2, 3}


def test_a_program_that_shows_what_is_not_kept_is_found(
    memory_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The lives would say so: each scrape is held against what was saved by then."""
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(threads_life.WatchedState, "save", lambda state, batch: None)
    monkeypatch.setattr(Life, "wait_for_lines", lambda life: None)
    with swept_between_lives("threads"):
        assert any("is saved" in fault for fault in Life("threads", 1, memory_path).live())
