"""What holds for every test: none fails because the machine is slow on a day."""

import os

import pytest
from hypothesis import settings

# Examples are the same in each run, so that a change lands or fails by what it changes;
# ``make explore`` looks for new ones.
settings.register_profile("project", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))

WORKERS_A_CORE = 2
MOST_WORKERS = 8


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many tests run at a time under ``-n auto``: most wait for another process, mostly."""
    return min(WORKERS_A_CORE * (os.cpu_count() or 1), MOST_WORKERS)
