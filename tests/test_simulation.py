"""Thousands of random lives of platform and exporter; a bad one prints its seed and its story."""

import logging
from pathlib import Path

import pytest
import replica_life
import threads_life
from lives import KINDS, first_faults

LIVES_PER_TEST = 50
LIVES_OF_A_KIND = {
    "wild": 780,
    "rough": 780,
    "steady": 80,
    "calm": 20,
    "crowd": 160,
    "skewed": 120,
    "scaled": 80,
    "followed": 2,
    "cut": 2,
    "polled": 2,
    "changed": 2,
}
"""The dearer a kind is, the fewer: a calm life takes as long as four wild ones, a followed 20."""


def test_every_kind_of_life_is_lived() -> None:
    """Two thousand and more, of all kinds that there are."""
    assert LIVES_OF_A_KIND.keys() == set(KINDS) - {*replica_life.LIVES, *threads_life.KINDS}
    assert sum(LIVES_OF_A_KIND.values()) >= 2000


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        (kind, seed)
        for kind, lives in LIVES_OF_A_KIND.items()
        for seed in range(0, lives, LIVES_PER_TEST)
    ],
)
@pytest.mark.long(4, computes=True)
def test_every_line_counts_once_or_is_announced_as_a_gap(
    kind: str, seed: int, memory_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens, in whatever order, the counters are the truth or say that they are not."""
    caplog.set_level(logging.CRITICAL)
    seeds = range(seed, min(seed + LIVES_PER_TEST, LIVES_OF_A_KIND[kind]))
    faults = first_faults(kind, seeds, memory_path)
    assert not faults, "\n".join(faults)
