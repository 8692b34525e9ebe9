"""One module for each target of the fuzzer; its ``check`` is called with any bytes.

``NAMES`` lists the targets, and ``check_of`` finds one.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import cast

NAMES = tuple(sorted(file.stem for file in Path(__file__).parent.glob("[a-z]*.py")))

Check = Callable[[bytes], None]
"""Raises AssertionError, or any exception that the program does not foresee."""


def check_of(target: str) -> Check:
    """The check of a target; ImportError if there is none of this name."""
    return cast(Check, import_module(f"{__name__}.{target}").check)


def seeds_of(target: str) -> tuple[bytes, ...]:
    """The inputs that a target begins with."""
    return tuple(import_module(f"{__name__}.{target}").SEEDS)
