"""How far two windows of one sequence overlap, where nothing but the order tells."""

from collections.abc import Sequence


def overlap(before: Sequence[int], now: Sequence[int]) -> int:
    """The longest end of ``before`` that ``now`` begins with (Knuth, Morris and Pratt).

    Returns:
        how many items; 0 where they share none. Linear in the length of both.
    """
    if not now:
        return 0
    borders = [0] * len(now)
    matched = 0
    for index in range(1, len(now)):
        while matched and now[index] != now[matched]:
            matched = borders[matched - 1]
        matched += now[index] == now[matched]
        borders[index] = matched
    matched = 0
    for item in before:
        if matched == len(now):
            matched = borders[matched - 1]
        while matched and item != now[matched]:
            matched = borders[matched - 1]
        matched += item == now[matched]
    return matched
