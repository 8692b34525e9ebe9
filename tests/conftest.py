"""What holds for every test: none fails because the machine is slow on a day."""

import os

import pytest
from hypothesis import settings

settings.register_profile("project", deadline=None)
settings.load_profile("project")

WORKERS_A_CORE = 2
MOST_WORKERS = 8


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many tests run at a time under ``-n auto``: most wait for another process, mostly."""
    return min(WORKERS_A_CORE * (os.cpu_count() or 1), MOST_WORKERS)
