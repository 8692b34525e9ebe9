"""Making a regex's tree smaller without losing a line that it matches.

Used by ``proposal``. Any part of a concatenation may go: a line that holds the whole holds what
is left. What goes is what Hyperscan would pay for and not gain by.
"""

from collections.abc import Callable, Sequence
from itertools import chain

from exporter.matching.prefilter.tree import (
    ANY,
    EMPTY,
    Alternate,
    Assertion,
    Concat,
    Node,
    Raw,
    Repeat,
    Rune,
    concat,
)

_LITERAL = 4
"""So many characters in a row are what Hyperscan finds at the speed of memory."""

_SHORT = 2
"""So many at the start of each branch serve where no literal is longer."""

_START = 3
"""So many at the start are rare enough to follow from there."""


def trimmed(tree: Node) -> Node:
    """Return what of ``tree`` makes a line worth RE2's time."""
    return _trimmed_end(_trimmed_start(_from_literal(tree)))


def nullable(tree: Node) -> bool:
    """Return whether ``tree`` matches nothing at all, wherever that is."""
    match tree:
        case Concat(items):
            return all(map(nullable, items))
        case Alternate(items):
            return any(map(nullable, items))
        case Repeat(item, least, _):
            return least == 0 or nullable(item)
    return False


def _from_literal(tree: Node) -> Node:
    """Drop what comes before a literal where that repeats: followed at every start, it is slow."""
    match tree:
        case Alternate(items):
            return Alternate(tuple(map(_from_literal, items)))
        case Concat(items) if _literal_length(items)[0] < _START:
            start = next((at for at, item in enumerate(items) if _varies(item)), len(items)) + 1
            behind = range(start, len(items))
            literals = (at for at in behind if _literal_length(items[at:])[0] >= _LITERAL)
            words = (at for at in behind if _are_words(items[at]))
            at = next(chain(literals, words), 0)
            return concat(items[at:])
    return tree


def _are_words(tree: Node) -> bool:
    """Return whether each of several branches begins with a literal, if only with a short one."""
    return isinstance(tree, Alternate) and _literal_length((tree,))[0] >= _SHORT


def _varies(tree: Node) -> bool:
    match tree:
        case Repeat(item, least, most):
            return least != most or _varies(item)
        case Concat(items) | Alternate(items):
            return any(map(_varies, items))
    return False


def _literal_length(items: Sequence[Node]) -> tuple[int, bool]:
    """Return how many literal characters come first, and whether nothing else comes."""
    total = 0
    for item in items:
        match item:
            case Rune(mask, other):
                # Both cases of a letter are as good as one.
                length, whole = (0, False) if other or mask.bit_count() > 2 else (1, True)
            case Raw(data):
                length, whole = len(data), True
            case Concat(inner):
                length, whole = _literal_length(inner)
            case Alternate(branches):
                lengths = [_literal_length((branch,)) for branch in branches]
                length = min(one for one, _ in lengths)
                whole = all(pure for _, pure in lengths)
            case Repeat(inner_item, least, _):
                length, whole = (_literal_length((inner_item,))[0] if least else 0), False
            case Assertion():
                length, whole = 0, True
        total += length
        if not whole:
            return total, False
    return total, True


def _is_any_number(tree: Node) -> bool:
    return isinstance(tree, Repeat) and (tree.item, tree.least, tree.most) == (ANY, 0, None)


def _trimmed_start(tree: Node) -> Node:
    """Drop from the start what a match may do without: the line is a candidate all the same."""
    match tree:
        case Concat(items):
            at = 0
            while at < len(items):
                if items[at] is Assertion.BEGIN and any(
                    map(_is_any_number, items[at + 1 : at + 2])
                ):
                    at += 2
                elif nullable(items[at]):
                    at += 1
                else:
                    return concat((_trimmed_start(items[at]), *items[at + 1 :]))
            return EMPTY
        case Alternate(items):
            return Alternate(tuple(map(_trimmed_start, items)))
        case Repeat(item, least, _):
            return _fewest(item, least, _trimmed_start)
    return tree


def _trimmed_end(tree: Node) -> Node:
    """Drop from the end what a match may do without, as at the start."""
    match tree:
        case Concat(items):
            end = len(items)
            while end:
                number_before = end > 1 and _is_any_number(items[end - 2])
                if items[end - 1] is Assertion.END and number_before:
                    end -= 2
                elif nullable(items[end - 1]):
                    end -= 1
                else:
                    return concat((*items[: end - 1], _trimmed_end(items[end - 1])))
            return EMPTY
        case Alternate(items):
            return Alternate(tuple(map(_trimmed_end, items)))
        case Repeat(item, least, _):
            return _fewest(item, least, _trimmed_end)
    return tree


def _fewest(item: Node, least: int, trim: Callable[[Node], Node]) -> Node:
    """Return the fewest repeats that a match can do with."""
    if least == 0:
        return EMPTY
    return trim(item) if least == 1 else Repeat(item, least, least)
