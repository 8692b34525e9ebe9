"""Random lives whose threads take turns by a seed: the order of threads changes no number."""

import logging
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
import threads_life
from threads_life import Life, faults_of, quiet
from turns import Stuck, TurnLock, Turns

LIVES = {"threads": 160, "preempted": 20}
LIVES_PER_TEST = 20


@pytest.mark.parametrize(
    ("kind", "seed"),
    [(kind, seed) for kind, lives in LIVES.items() for seed in range(0, lives, LIVES_PER_TEST)],
)
def test_no_order_of_threads_changes_a_number(
    kind: str, seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Polls, streams, saves, scrapes, reloads, hand-overs, stops and kills, in any order."""
    caplog.set_level(logging.CRITICAL)
    with quiet():
        for number in range(seed, seed + LIVES_PER_TEST):
            faults = faults_of(kind, number, tmp_path)
            assert not faults, "\n".join([f"{kind} life of seed {number}", *faults])


REPLAY = """
import logging, sys, tempfile
from pathlib import Path
from threads_life import Life
logging.disable(logging.CRITICAL)
with tempfile.TemporaryDirectory() as folder:
    life = Life("threads", int(sys.argv[1]), Path(folder))
    life.live()
    highest = [(key, sorted(shown.items())) for key, shown in sorted(life.highest.items())]
    print(life.turns.turns, life.turns.switches, life.scrapes, highest)
"""


def test_a_seed_replays_in_another_process():
    """Turn by turn, whatever the hashes of its strings are."""
    told = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", REPLAY, "7"],
            env={"PYTHONPATH": str(Path(threads_life.__file__).parent), "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
            timeout=600,
        ).stdout
        for hashes in ("1", "2")
    }
    assert len(told) == 1
    assert told != {""}


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """The lives would say so: each scrape is held against what was saved by then."""
    caplog.set_level(logging.CRITICAL)
    monkeypatch.setattr(threads_life.WatchedState, "save", lambda state, batch: None)
    monkeypatch.setattr(Life, "wait_for_lines", lambda life: None)
    with quiet():
        assert any("is saved" in fault for fault in Life("threads", 1, tmp_path).live())
