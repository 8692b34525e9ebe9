"""Sets of characters as far as a proposal needs them: ASCII one by one, all others as one.

Used by ``syntax`` to read the classes of RE2 (https://github.com/google/re2/wiki/Syntax).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits, hexdigits, punctuation

ALL = (1 << 128) - 1
"""Every ASCII character, as a mask: bit n stands for the character n."""

NEWLINE = 1 << ord("\n")


def mask_of(characters: Iterable[str]) -> int:
    """Return the mask of some ASCII characters."""
    mask = 0
    for character in characters:
        mask |= 1 << ord(character)
    return mask


def mask_of_range(low: int, high: int) -> int:
    """Return the mask of the ASCII characters from ``low`` to ``high``, both included."""
    high = min(high, 127)
    return ((1 << (high + 1)) - 1) & ~((1 << low) - 1) if low <= high else 0


_LOWER = mask_of(ascii_lowercase)
_UPPER = mask_of(ascii_uppercase)

FOLDS_TO_OTHERS = mask_of("kKsS")
"""The ASCII letters with a case variant outside ASCII: the Kelvin sign and the long s."""


def folded(mask: int) -> int:
    """Return ``mask`` with both cases of each of its letters."""
    return mask | (mask & _LOWER) >> 32 | (mask & _UPPER) << 32


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """A set that is known from below and from above, so that its complement is known too.

    Args:
        certain: ASCII characters that are in the set, as a mask.
        possible: ASCII characters that may be in the set: a superset of ``certain``.
        other: whether any character outside ASCII may be in the set.
    """

    certain: int
    possible: int
    other: bool

    def __or__(self, more: "CharacterSet") -> "CharacterSet":
        return CharacterSet(
            self.certain | more.certain, self.possible | more.possible, self.other or more.other
        )

    def negated(self) -> "CharacterSet":
        """Return the complement; characters outside ASCII may always be in it."""
        return CharacterSet(ALL & ~self.possible, ALL & ~self.certain, True)

    def caseless(self) -> "CharacterSet":
        """Return the set closed under RE2's ``(?i)``, which folds as Unicode does."""
        possible = folded(self.possible)
        other = self.other or bool(possible & FOLDS_TO_OTHERS)
        if other:
            possible |= FOLDS_TO_OTHERS
        return CharacterSet(folded(self.certain), possible, other)


def exactly(mask: int) -> CharacterSet:
    """Return the set of some ASCII characters and no others."""
    return CharacterSet(mask, mask, False)


UNKNOWN = CharacterSet(0, ALL, True)
"""A Unicode property: nothing is assumed of what is in it."""

NOTHING = exactly(0)

_DIGIT = mask_of(digits)
_WORD = mask_of(ascii_letters + digits + "_")

PERL_CLASSES = {
    "d": exactly(_DIGIT),
    "s": exactly(mask_of("\t\n\f\r ")),
    "w": exactly(_WORD),
}
"""What follows the backslash, in lower case, and what it stands for: ASCII alone in RE2."""

POSIX_CLASSES = {
    "alnum": exactly(mask_of(ascii_letters + digits)),
    "alpha": exactly(mask_of(ascii_letters)),
    "ascii": exactly(ALL),
    "blank": exactly(mask_of("\t ")),
    "cntrl": exactly(mask_of_range(0, 31) | 1 << 127),
    "digit": exactly(_DIGIT),
    "graph": exactly(mask_of_range(33, 126)),
    "lower": exactly(_LOWER),
    "print": exactly(mask_of_range(32, 126)),
    "punct": exactly(mask_of(punctuation)),
    "space": exactly(mask_of("\t\n\v\f\r ")),
    "upper": exactly(_UPPER),
    "word": exactly(_WORD),
    "xdigit": exactly(mask_of(hexdigits)),
}
"""The names between ``[:`` and ``:]``."""
