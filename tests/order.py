"""In which order tests begin where several workers run them: those that take longest come first.

A test that starts programs waits for them most of its time. If one began last, the whole run would
wait for it with idle cores; begun first, the others run beside it. pytest-xdist gives each worker
an equal part of the tests, in their order: so each part begins with some of the long ones.
"""

from collections.abc import Sequence
from typing import TypeVar

import pytest

Item = TypeVar("Item")


def parts_of(count: int, workers: int) -> list[int]:
    """How many of so many tests each worker gets, as ``--dist worksteal`` deals them."""
    sizes = []
    for left in range(workers, 0, -1):
        sizes.append(count // left)
        count -= sizes[-1]
    return sizes


def dealt(
    long: Sequence[tuple[float, list[Item]]], rest: list[Item], workers: int
) -> list[list[Item]]:
    """Deal tests to workers: to each about the same time of long ones, then the others.

    Args:
        long: groups of tests that stay together, each with its seconds.
        rest: all other tests.
        workers: how many parts there are.

    Returns:
        the part of each worker.
    """
    parts: list[list[Item]] = [[] for _ in range(workers)]
    seconds = [0.0] * workers
    for takes, group in sorted(long, key=lambda each: -each[0]):
        least = seconds.index(min(seconds))
        parts[least] += group
        seconds[least] += takes
    sizes = parts_of(sum(map(len, parts)) + len(rest), workers)
    left = list(rest)
    for part, size in zip(parts, sizes, strict=True):
        more = max(0, size - len(part))
        part += left[:more]
        del left[:more]
    parts[-1] += left
    return parts


def in_order(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Put the tests that are marked ``long`` first in the part of each worker.

    A module that is marked as a whole stays together: its tests share what takes long.
    """
    groups: dict[str, tuple[float, list[pytest.Item]]] = {}
    rest = []
    for item in items:
        mark = item.get_closest_marker("long")
        if mark is None:
            rest.append(item)
            continue
        module = item.getparent(pytest.Module)
        assert module is not None
        name = module.nodeid if mark in module.own_markers else item.nodeid
        groups.setdefault(name, (mark.args[0], []))[1].append(item)
    return [item for part in dealt([*groups.values()], rest, workers) for item in part]
