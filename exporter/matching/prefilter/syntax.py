"""RE2's syntax, read into a tree of what a line must hold for a match.

``proposal`` makes an expression for Hyperscan of the tree. The tree stands for at least what RE2
matches within one line, never for less; whatever is not surely understood is refused, and the
rule then runs by RE2 alone. The syntax is https://github.com/google/re2/wiki/Syntax.
"""

import re
from functools import cache

from exporter.matching.prefilter.characters import (
    FOLDS_TO_OTHERS,
    NEWLINE,
    NOTHING,
    PERL_CLASSES,
    POSIX_CLASSES,
    UNKNOWN,
    CharacterSet,
    exactly,
    folded,
    mask_of_range,
)
from exporter.matching.prefilter.tree import (
    ANY,
    EMPTY,
    Alternate,
    Assertion,
    Node,
    Raw,
    Repeat,
    Rune,
    concat,
)

_DEEPEST = 50
"""Groups within groups: past it, recursion would cost more than a proposal brings."""

_QUANTIFIERS = tuple("*+?{")
"""What a repetition begins with."""

_CONTROL = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}


_VARIANTS = {"k": "\N{KELVIN SIGN}", "s": "\N{LATIN SMALL LETTER LONG S}"}
"""What ``(?i)`` takes for an ASCII letter beside its two cases."""


class UnknownSyntax(Exception):
    """The regex holds something that this module does not surely understand."""


def parse(regex: str) -> Node:
    """Return the tree of ``regex``, which RE2 has accepted.

    Raises:
        UnknownSyntax: it holds something that this module does not surely understand.
    """
    # \Q…\E quotes; within a class RE2 refuses it.
    plain = re.sub(
        r"(?s)\\Q(.*?)(?:\\E|\Z)|\\.",
        lambda found: found[0] if found[1] is None else re.escape(found[1]),
        regex,
    )
    return _Parser(plain).parse()


def _rune(characters: CharacterSet) -> Rune:
    # A line holds no newline, so a class that allows one allows it in vain.
    rune = Rune(characters.possible & ~NEWLINE, characters.other)
    if not rune.ascii and not rune.other:
        raise UnknownSyntax("a class that no character of a line is in")
    return rune


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.DOTALL | re.ASCII)


class _Parser:
    """One pass over one regex."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._fold = False

    def parse(self) -> Node:
        tree = self._alternation()
        if self._at != len(self._text):
            raise UnknownSyntax(self._text[self._at :])
        return tree

    def _take(self, pattern: str) -> re.Match[str] | None:
        """Consume what ``pattern`` (for Python's ``re``) matches here, if it does."""
        found = _compiled(pattern).match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _alternation(self) -> Node:
        """Read up to the end of the group; flags set within end with it."""
        fold = self._fold
        self._depth += 1
        if self._depth > _DEEPEST:
            raise UnknownSyntax("too deep")
        branches: list[Node] = []
        items: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] != ")":
            if self._text[self._at] == "|":
                self._at += 1
                branches.append(concat(items))
                items = []
            else:
                items.append(self._repetition())
        self._fold = fold
        self._depth -= 1
        last = concat(items)
        return Alternate((*branches, last)) if branches else last

    def _repetition(self) -> Node:
        item = self._atom()
        if self._text[self._at : self._at + 1] not in _QUANTIFIERS:
            return item
        found = self._take(r"(?:([*+?])|\{(\d{1,4})(?:(,)(\d{0,4}))?\})\??")
        if not found:
            return item
        if found[1]:
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[found[1]]
        else:
            least = int(found[2])
            most = int(found[4]) if found[4] else None if found[3] else least
        return EMPTY if item == EMPTY else Repeat(item, least, most)

    def _atom(self) -> Node:
        character = self._text[self._at]
        self._at += 1
        match character:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case ".":
                return ANY
            # Within one line, ^ and $ mean the same with (?m) and without.
            case "^":
                return Assertion.BEGIN
            case "$":
                return Assertion.END
            case "*" | "+" | "?":
                raise UnknownSyntax("a repetition of nothing")
        return self._literal(ord(character))

    def _group(self) -> Node:
        flags = self._take(r"\?([imsU]*)(?:-([imsU]*))?([:)])")
        outer = self._fold
        if flags:
            if "i" in flags[1]:
                self._fold = True
            if "i" in (flags[2] or ""):
                self._fold = False
            if flags[3] == ")":
                # RE2 repeats what stands before the flags: ``x(?i)*`` is ``x*``.
                if self._text.startswith(_QUANTIFIERS, self._at):
                    raise UnknownSyntax("a repetition of flags")
                return EMPTY
        elif not self._take(r"\?P?<\w+>") and self._text.startswith("?", self._at):
            raise UnknownSyntax("a kind of group")
        tree = self._alternation()
        self._fold = outer
        if not self._take(r"\)"):
            raise UnknownSyntax("a group without end")
        return tree

    def _literal(self, code: int) -> Node:
        if code < 128:
            rune = _rune(exactly(folded(1 << code) if self._fold else 1 << code))
            variant = _VARIANTS.get(chr(code).lower()) if self._fold else None
            return Alternate((rune, Raw(variant.encode()))) if variant else rune
        if self._fold:
            return Rune(FOLDS_TO_OTHERS, True)
        try:
            return Raw(chr(code).encode())
        except (UnicodeEncodeError, ValueError) as error:
            raise UnknownSyntax("no character") from error

    def _escape(self) -> Node:
        """Read what follows a backslash outside a class."""
        if self._take("A"):
            return Assertion.BEGIN
        if self._take("z"):
            return Assertion.END
        if self._take("b"):
            return Assertion.WORD_BOUNDARY
        # \B is a condition less: what is left of it matches at least as much.
        if self._take("B"):
            return EMPTY
        if self._take("C"):
            return ANY
        named = self._named_class()
        return _rune(named) if named else self._literal(self._escaped_code())

    def _named_class(self) -> CharacterSet | None:
        """Read ``d`` or ``p{Greek}`` after a backslash, None where neither stands."""
        if self._take(r"[pP](?:\{[^}]*\}|.)"):
            return UNKNOWN
        found = self._take(r"[dDsSwW]")
        if not found:
            return None
        characters = PERL_CLASSES[found[0].lower()]
        if self._fold:
            characters = characters.caseless()
        return characters.negated() if found[0].isupper() else characters

    def _escaped_code(self) -> int:
        """Read the character that an escape stands for, the backslash being read."""
        if found := self._take(r"x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))"):
            return int(found[1] or found[2], 16)
        if found := self._take(r"0[0-7]{0,2}|[1-7][0-7]{1,2}"):
            return int(found[0], 8)
        if found := self._take(r"[aftnrv]"):
            return _CONTROL[found[0]]
        if found := self._take(r"[\x00-\x7f]"):
            if found[0].isalnum():
                raise UnknownSyntax(f"\\{found[0]}")
            return ord(found[0])
        raise UnknownSyntax("an escape")

    def _class(self) -> Node:
        negated = self._take(r"\^") is not None
        characters = NOTHING
        first = True
        while first or not self._take(r"\]"):
            first = False
            characters |= self._class_item()
        if self._fold:
            characters = characters.caseless()
        return _rune(characters.negated() if negated else characters)

    def _class_item(self) -> CharacterSet:
        if found := self._take(r"\[:(\^?)(\w+):\]"):
            named = POSIX_CLASSES.get(found[2])
            if named is None:
                raise UnknownSyntax(found[0])
            if self._fold:
                named = named.caseless()
            return named.negated() if found[1] else named
        if self._take(r"\\(?=[dDsSwWpP])"):
            return self._named_class() or NOTHING
        low = self._class_code()
        high = self._class_code() if self._take(r"-(?!\])") else low
        ascii_part = mask_of_range(low, high)
        return CharacterSet(ascii_part, ascii_part, high > 127)

    def _class_code(self) -> int:
        if self._take(r"\\"):
            return self._escaped_code()
        found = self._take(r".")
        if not found or self._text.startswith("[:", found.start()):
            raise UnknownSyntax("a class")
        return ord(found[0])
