"""Trees that ask for little but certain words, as those words.

Used by ``proposal``: words alone cost Hyperscan far less than expressions, to compile and to find.
"""

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from exporter.matching.prefilter.characters import folded
from exporter.matching.prefilter.tree import Alternate, Assertion, Concat, Node, Raw, Repeat, Rune

_MOST = 64
"""So many words may stand for a tree."""

_SHORTEST = 4
"""Bytes of a word that is rare enough to report it wherever it stands."""

_MOST_MEMBERS = 4
_MOST_REPEATS = 8


class Literal(NamedTuple):
    """Some bytes; in either case of their ASCII letters, if ``caseless``."""

    data: bytes
    caseless: bool


_NOTHING: tuple[Literal, ...] = (Literal(b"", False),)


def literals_of(tree: Node) -> frozenset[Literal] | None:
    """Return words of which one stands in every line in which ``tree`` is found.

    None where ``tree`` asks for more than words; conditions between them do not count as more, as
    they hold nearly wherever the words stand.
    """
    spelled = _spelled(tree)
    if spelled is None or any(len(word.data) < _SHORTEST for word in spelled):
        return None
    return frozenset(spelled)


def _spelled(tree: Node) -> tuple[Literal, ...] | None:
    """Return all that ``tree`` can be, or a little more."""
    match tree:
        case Assertion():
            return _NOTHING
        case Raw(data):
            return (Literal(data, False),)
        case Rune(mask, other):
            return None if other else _members(mask)
        case Concat(items):
            return _joined(map(_spelled, items))
        case Alternate(items):
            return _either(map(_spelled, items))
        case Repeat(item, 0, 1):
            return _either((_NOTHING, _spelled(item)))
        case Repeat(item, least, most) if least == most and least <= _MOST_REPEATS:
            return _joined([_spelled(item)] * least)
    return None


def _members(mask: int) -> tuple[Literal, ...] | None:
    count, last = mask.bit_count(), mask.bit_length() - 1
    if count > _MOST_MEMBERS:
        return None
    if count == 1 or folded(1 << last) == mask:
        return (Literal(bytes((last,)), count > 1),)
    codes = [code for code in range(128) if mask >> code & 1]
    return tuple(Literal(chr(code).encode(), False) for code in codes)


def _either(branches: Iterable[tuple[Literal, ...] | None]) -> tuple[Literal, ...] | None:
    words: list[Literal] = []
    for branch in branches:
        if branch is None or len(words) + len(branch) > _MOST:
            return None
        words += branch
    return tuple(words)


def _joined(parts: Iterable[tuple[Literal, ...] | None]) -> tuple[Literal, ...] | None:
    words = _NOTHING
    for part in parts:
        if part is None or len(words) * len(part) > _MOST:
            return None
        if part is _NOTHING:
            continue
        words = tuple(
            Literal(left.data + right.data, left.caseless or right.caseless)
            for left, right in product(words, part)
        )
    return words
