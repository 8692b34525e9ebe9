"""Every kind of random life that there is, and the command that lives as many as asked for."""

import gc
import logging
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import account_life
import crowded_life
import replica_life
import simulation
import threads_life
from state_files import folder_in_memory

MODULES = {
    **dict.fromkeys(simulation.LIVES, simulation),
    **dict.fromkeys(crowded_life.SETTINGS, crowded_life),
    **dict.fromkeys(account_life.KINDS, account_life),
    **dict.fromkeys(replica_life.LIVES, replica_life),
    **dict.fromkeys(threads_life.KINDS, threads_life),
}
KINDS = tuple(MODULES)


LIVES_BETWEEN_SWEEPS = 10


@contextmanager
def swept_between_lives(kind: str) -> Iterator[Callable[[], object]]:
    """What a life leaves behind is freed when asked for, and not looked for in the middle of one.

    What was there before is not looked at: that takes longer than a life. Lives that are
    interrupted at any line need the collector's list of all functions. Nothing warns of loops,
    tasks and connections that were open when a process of threads was killed.
    """
    with warnings.catch_warnings():
        if kind in threads_life.KINDS:
            warnings.simplefilter("ignore")
        gc.collect()
        if kind != "preempted":
            gc.freeze()
        gc.disable()
        try:
            yield gc.collect
        finally:
            gc.collect()
            gc.enable()


def first_faults(kind: str, seeds: Iterable[int], folder: Path) -> list[str]:
    """Live lives until one goes wrong; what went wrong in it, with its story."""
    with swept_between_lives(kind) as sweep:
        for number, seed in enumerate(seeds, 1):
            if faults := faults_of(kind, seed, folder):
                return faults
            if number % LIVES_BETWEEN_SWEEPS == 0:
                sweep()
    return []


def faults_of(kind: str, seed: int, folder: Path, first: int | None = None) -> list[str]:
    """Live one life; what went wrong in it, with its story and the command that repeats it.

    Args:
        first: the seed of the first life in this process. One that is interrupted at lines depends
            on those before it: what the program keeps of them runs through other lines.
    """
    faults = MODULES[kind].faults_of(kind, seed, folder)
    begins = first if first is not None and kind == "preempted" else seed
    command = f"make lives KIND={kind} SEED={begins} COUNT={seed - begins + 1}"
    return [f"{kind} life of seed {seed} (again: {command})", *faults] if faults else []


def main() -> None:
    """Live so many lives of a kind, from any seed on; stop at the first that went wrong.

    A signal to terminate ends it after the life that it is at.
    """
    kind, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    logging.disable(logging.CRITICAL)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    lived = 0
    with swept_between_lives(kind) as sweep:
        while lived < count and not stopped:
            with folder_in_memory() as folder:
                if faults := faults_of(kind, seed + lived, folder, first=seed):
                    sys.exit("\n".join(faults))
            lived += 1
            if lived % LIVES_BETWEEN_SWEEPS == 0:
                sweep()
    print(f"{lived} {kind} lives from seed {seed} on: nothing went wrong")


if __name__ == "__main__":
    main()
