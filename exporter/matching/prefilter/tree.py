"""What a regex asks of a line, as a tree: ``syntax`` makes it, ``proposal`` writes it out."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from exporter.matching.prefilter.characters import ALL, NEWLINE


class Assertion(Enum):
    """A condition on a place between characters."""

    BEGIN = "the start of the message"
    END = "the end of the message"
    WORD_BOUNDARY = "between a word character and another"


@dataclass(frozen=True, slots=True)
class Rune:
    """One character: a mask of the ASCII characters it may be, and whether it may be another."""

    ascii: int
    other: bool


@dataclass(frozen=True, slots=True)
class Raw:
    """Certain bytes: one character outside ASCII."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Concat:
    """One after the other; none is the empty match."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Alternate:
    """Any of some."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """``least`` to ``most`` times the same; no ``most`` is no limit."""

    item: "Node"
    least: int
    most: int | None


Node = Rune | Raw | Concat | Alternate | Repeat | Assertion

EMPTY = Concat(())
ANY = Rune(ALL & ~NEWLINE, True)


def concat(items: Iterable[Node]) -> Node:
    """Return ``items`` one after the other, as flat as they go."""
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Concat) else (item,))
    return flat[0] if len(flat) == 1 else Concat(tuple(flat))
