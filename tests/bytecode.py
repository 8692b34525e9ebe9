"""Compile the test modules once where many workers would each do so at the same time.

pytest rewrites the assertions of each test module, which takes longer than all else that a worker
does before its first test. It keeps what it has rewritten, but workers that begin together all find
nothing.
"""

import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path


def not_compiled(modules: Iterable[Path]) -> list[Path]:
    """The test modules that pytest has to compile: it has not, or they were changed since."""

    def compiled(module: Path) -> bool:
        kept = (module.parent / "__pycache__").glob(f"{module.stem}.*-pytest-*.pyc")
        return any(each.stat().st_mtime >= module.stat().st_mtime for each in kept)

    return [module for module in modules if not compiled(module)]


def compile_tests(modules: Sequence[Path], processes: int) -> None:
    """Let so many processes collect the modules; what is wrong with one, its worker will report."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", *part],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for part in (modules[number::processes] for number in range(processes))
        if part
    ]
    for process in running:
        process.wait()
