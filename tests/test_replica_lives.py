"""1,000 random lives of several replicas on one store; ``make lives KIND=replicas`` lives more."""

import logging
from pathlib import Path

import pytest
from lives import first_faults

LIVES_A_TEST = 50


@pytest.mark.parametrize("block", range(16))
@pytest.mark.long(3, computes=True)
def test_replicas_show_each_line_once(
    block: int, memory_path: Path, caplog: pytest.LogCaptureFixture
):
    """Whatever happens to hosts and messages, no counter falls, none is on two, all is counted."""
    caplog.set_level(logging.CRITICAL)
    seeds = range(block * LIVES_A_TEST, (block + 1) * LIVES_A_TEST)
    assert first_faults("replicas", seeds, memory_path) == []


@pytest.mark.parametrize("block", range(4))
@pytest.mark.long(2, computes=True)
def test_replicas_outlive_a_store_that_goes_back(
    block: int, memory_path: Path, caplog: pytest.LogCaptureFixture
):
    """No series is on two replicas even then, and in the end every line is counted and saved."""
    caplog.set_level(logging.CRITICAL)
    seeds = range(block * LIVES_A_TEST, (block + 1) * LIVES_A_TEST)
    assert first_faults("replicas_rollback", seeds, memory_path) == []
