"""Expressions for Hyperscan that match every line in which RE2 may find a rule's regex.

Used by ``engine``. Hyperscan reads bytes here, never UTF-8, since on text that is no UTF-8 its
Unicode mode is undefined; so a character outside ASCII is one to four bytes of the upper half.
"""

from itertools import groupby

from exporter.matching.prefilter.expression import Expression
from exporter.matching.prefilter.literals import Literal, literals_of
from exporter.matching.prefilter.syntax import UnknownSyntax, parse
from exporter.matching.prefilter.tree import (
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
from exporter.matching.prefilter.trimming import trimmed

_MOST_REPEATS = 64
"""Counted repeats cost Hyperscan states; past this many, any number will do."""

_MESSAGE_START = r"(?:^|[0-9Z]\x20)"
"""A message starts with its line, or after the platform's prefix: a time and a space."""

_WIDE = 120
"""So many of the ASCII characters are nearly all."""

_LINE_END = r"\r?\n"
"""Every line that is scanned ends so, and its message before the one or the other. Hyperscan 5.4
misses some matches that ``$`` ends at the very end of the data, and none that a newline ends."""

_REST_OF_LINE = r"[^\n]*" + _LINE_END
"""Makes Hyperscan report a line once, at its end, and not at every byte where a match may end."""


def propose(regex: str) -> tuple[Expression, ...] | None:
    """Return expressions of which one is found in every line in which RE2 may find ``regex``.

    A match of one ends within the line or with its newline. None says that there are none worth
    having: the regex matches the empty message's like everywhere, or holds syntax that is not
    surely understood.
    """
    try:
        tree = parse(regex)
    except UnknownSyntax:
        return None
    if not _begins_once(tree):
        tree = _without_begin(tree)
    tree = trimmed(tree)
    if _matches_empty(tree):
        return None
    words: set[Literal] = set()
    others: list[Node] = []
    for branch in tree.items if isinstance(tree, Alternate) else (tree,):
        literals = literals_of(branch)
        if literals is None:
            others.append(branch)
        else:
            words |= literals
    found = [Expression(_bytes(data), caseless) for data, caseless in sorted(words)]
    if others:
        found.append(Expression(_to_end_of_line(Alternate(tuple(others)))))
    return tuple(found)


def _matches_empty(tree: Node) -> bool:
    """Return whether ``tree`` matches the empty message, before which there may be no space."""
    match tree:
        case Assertion.BEGIN | Assertion.END:
            return True
        case Concat(items):
            return all(map(_matches_empty, items))
        case Alternate(items):
            return any(map(_matches_empty, items))
        case Repeat(item, least, _):
            return least == 0 or _matches_empty(item)
    return False


def _to_end_of_line(tree: Node, *, behind_repeat: bool = False) -> str:
    """Write a tree out to the end of the line.

    Behind an unbounded repeat the line's end is not asked for: Hyperscan 5.4 misses lines that
    ``X.*[yz]\\n`` matches, and none that ``X.*[yz].*\\n`` does.
    """
    match tree:
        case Assertion.END:
            return _REST_OF_LINE if behind_repeat else _LINE_END
        case Concat(items) if items:
            before = Concat(items[:-1])
            return _expression(before) + _to_end_of_line(
                items[-1], behind_repeat=behind_repeat or _is_unbounded(before)
            )
        case Alternate(items):
            ends = (_to_end_of_line(item, behind_repeat=behind_repeat) for item in items)
            return f"(?:{'|'.join(ends)})"
    return _expression(tree) + _REST_OF_LINE


def _is_unbounded(tree: Node) -> bool:
    match tree:
        case Repeat(Rune(ascii, True), _, None):
            return ascii.bit_count() > _WIDE
        case Repeat(item, _, _):
            return _is_unbounded(item)
        case Concat(items) | Alternate(items):
            return any(map(_is_unbounded, items))
    return False


def _begins(tree: Node) -> int:
    """Return how many starts of the message a match can pass through."""
    match tree:
        case Assertion.BEGIN:
            return 1
        case Concat(items):
            return sum(map(_begins, items))
        case Alternate(items):
            return max(map(_begins, items))
        case Repeat(item, _, most):
            return _begins(item) * (1 if most == 1 else 2)
    return 0


def _begins_once(tree: Node) -> bool:
    """Return whether the start of the message may stand for the space before it.

    That space is consumed, so a second start after it would not be found, nor would a condition
    that RE2 tests after the space hold before it.
    """
    return _begins(tree) <= 1 and not _begins_late(tree)


def _begins_late(tree: Node) -> bool:
    """Return whether anything, if only a condition, comes before a start of the message."""
    match tree:
        case Concat(items):
            return any(map(_begins, items[1:])) or any(map(_begins_late, items))
        case Alternate(items):
            return any(map(_begins_late, items))
        case Repeat(item, _, _):
            return _begins_late(item)
    return False


def _without_begin(tree: Node) -> Node:
    match tree:
        case Assertion.BEGIN:
            return EMPTY
        case Concat(items):
            return concat(map(_without_begin, items))
        case Alternate(items):
            return Alternate(tuple(map(_without_begin, items)))
        case Repeat(item, least, most):
            return Repeat(_without_begin(item), least, most)
    return tree


def _expression(tree: Node) -> str:
    match tree:
        case Assertion.BEGIN:
            return _MESSAGE_START
        case Assertion.END:
            # Hyperscan has it at the end of an expression alone: a condition less.
            return ""
        case Assertion.WORD_BOUNDARY:
            return r"\b"
        case Rune():
            return _class(tree) + ("{1,4}" if tree.other else "")
        case Raw(data):
            return _bytes(data)
        case Concat(items):
            return "".join(map(_expression, items))
        case Alternate(items):
            return f"(?:{'|'.join(map(_expression, items))})"
        case Repeat(item, least, most):
            return _repeat(item, least, most)


def _repeat(item: Node, least: int, most: int | None) -> str:
    least = min(least, _MOST_REPEATS)
    if isinstance(item, Rune):
        expression = _class(item)
        if most is not None and item.other:
            most *= 4
    else:
        expression = f"(?:{_expression(item)})"
    limit = "" if most is None or most > _MOST_REPEATS else str(most)
    if not limit and least <= 1:
        return expression + "*+"[least]
    return f"{expression}{{{least},{limit}}}"


def _class(rune: Rune) -> str:
    """Return the class of bytes that a character's bytes are in."""
    if rune.ascii.bit_count() == 1 and not rune.other:
        return _byte(rune.ascii.bit_length() - 1)
    members = [code for code in range(128) if rune.ascii >> code & 1]
    ranges = []
    for _, run in groupby(enumerate(members), lambda pair: pair[1] - pair[0]):
        codes = [code for _, code in run]
        ranges.append(_byte(codes[0]) + (f"-{_byte(codes[-1])}" if len(codes) > 1 else ""))
    others = r"\x80-\xff" if rune.other else ""
    return f"[{''.join(ranges)}{others}]"


def _bytes(data: bytes) -> str:
    return "".join(map(_byte, data))


def _byte(code: int) -> str:
    character = chr(code)
    return character if character.isascii() and character.isalnum() else f"\\x{code:02x}"
