"""What holds for every test: none fails because the machine is slow on a day."""

import gc
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest
from bytecode import compile_tests, not_compiled
from hypothesis import Phase, settings
from order import in_order
from state_files import folder_in_memory

from exporter.log_output import JsonFormatter, LogfmtFormatter
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.model import Rule
from exporter.service import counting_parts

# Examples are the same in each run, so that a change lands or fails by what it changes;
# ``make explore`` looks for new ones.
settings.register_profile("project", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.register_profile(
    "mutants", deadline=None, derandomize=True, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "project"))

# Collecting makes much that stays, and next to nothing to sweep.
gc.disable()

WORKERS_A_CORE = 4
MOST_WORKERS = 16
NEW_OBJECTS_A_SWEEP = 20_000
MODULES_PER_WORKER = 10
"""A worker compiles so many test modules about as fast as another process begins to."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many tests run at a time under ``-n auto``: most wait for another process, mostly."""
    return min(WORKERS_A_CORE * (os.cpu_count() or 1), MOST_WORKERS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Compile the tests before the workers begin, unless that has been done."""
    modules = not_compiled(sorted(Path(__file__).parent.glob("test_*.py")))
    if len(modules) > MODULES_PER_WORKER and not sys.dont_write_bytecode:
        compile_tests(modules, os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    items[:] = in_order(items, workers, os.cpu_count() or 1)


def pytest_collection_finish() -> None:
    """Let the collector pass over what collecting has made: ten thousand tests outlive the run.

    Or else each sweep looks at all of them, which takes longer than a random life does. Sweeps of
    what is new are fewer than usual, too: the machine has the memory.
    """
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS_A_SWEEP, 20, 20)
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def _one_engine_for_the_same_rules() -> Iterator[None]:
    """Compile a set of rules once: an engine never changes, and those that ship take half a second.

    What it costs would otherwise be most of what many tests cost that read lines in this process.
    """

    @cache
    def engine(rules: tuple[Rule, ...], unwraps: bool) -> Engine:
        return Engine(rules, unwrap=Unwrapping() if unwraps else None)

    def shared(rules: Sequence[Rule], unwrap: Unwrapping | None = None) -> Engine:
        return engine(tuple(rules), unwrap is not None)

    with patch.object(counting_parts, "Engine", shared):
        yield


@pytest.fixture
def memory_path() -> Iterator[Path]:
    """A folder as ``tmp_path`` is, in memory where the system has such folders."""
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """Undo what a command that runs in this process sets: other tests look at the log as well."""
    loggers = [logging.getLogger(name) for name in (None, "exporter", "apscheduler")]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    root = loggers[0]
    root.handlers = [
        each
        for each in root.handlers
        if not isinstance(each.formatter, LogfmtFormatter | JsonFormatter)
    ]
