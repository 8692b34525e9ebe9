"""Thousands of random lives of platform and exporter; a bad one prints its seed and its story."""

import logging
from pathlib import Path

import pytest
from simulation import LIVES, faults_of

LIVES_PER_TEST = 50
SEEDS = range(0, 700, LIVES_PER_TEST)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", LIVES)
def test_every_line_counts_once_or_is_announced_as_a_gap(
    kind: str, seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens, in whatever order, the counters are the truth or say that they are not."""
    caplog.set_level(logging.CRITICAL)
    for number in range(seed, seed + LIVES_PER_TEST):
        faults = faults_of(kind, number, tmp_path)
        assert not faults, "\n".join(faults)
