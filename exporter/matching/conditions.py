r"""What a rule asks of a message's fields, and a regex without which no message meets it.

The regex is for ``Decision.proposal``: it has to be found in the message as it stands, before its
JSON is read. A text stands there as it is, or with a backslash somewhere (``\u0065``, ``\/``); a
whole number and a boolean as they are; any other number in some form of its own. Bytes that are no
UTF-8 stand for U+FFFD, as any character outside ASCII may stand for them where lines are proposed.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from exporter.matching.fields import Fields, Scalar, text_of
from exporter.matching.patterns import Pattern, compile_pattern
from exporter.model import FieldCondition

_NUMBER = re.compile(r"[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?")
_LONGEST_NUMBER = 400
"""Characters of the longest text that is read as a number."""

_LEAST_EXACT = 1e-300
"""Numbers nearer to 0 have fewer digits, so that their first one is not sure."""

_BETWEEN = r"""[\s"':=]*"""
"""What stands between a key and a value, in JSON and in logfmt."""

_SIGNS = r"""[\s"':=+\-.0]*"""
"""The same, with what may come before a number's first digit that is not 0."""

_OTHER_NUMBER = rf"{_BETWEEN}-?[0-9]+(?:[.eE]|[0-9]{{17}})"
"""After a key: a number whose text need not be what the message holds."""

_ASSERTIONS = re.compile(
    r"""(?sx) \\Q.*?(?:\\E|\Z)                            # quoted
      | \[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]           # a class
      | (?P<assertion>\\[AzbB] | [\^$])
      | \\."""
)


class Condition:
    """One field and what it must be."""

    def __init__(self, condition: FieldCondition) -> None:
        """Compile; raises ValueError with RE2's reason where it refuses the regex."""
        self._path = condition.path
        self._values = condition.values
        self._texts = frozenset(value for value in condition.values if isinstance(value, str))
        self._any = condition.regex == ""
        self._regex: Pattern | None = None
        if condition.regex is not None:
            self._regex = compile_pattern(condition.regex)

    def holds(self, fields: Fields) -> bool:
        """Return whether the message with these fields meets the condition."""
        value = fields.get(self._path)
        if value is None or self._any:
            return value is not None
        text = text_of(value)
        if text in self._texts or any(_equal(value, wanted) for wanted in self._values):
            return True
        return self._regex is not None and self._regex.search(text.encode()) is not None


def _equal(value: Scalar, wanted: str | float | bool) -> bool:
    match wanted:
        case str():
            return False
        case bool():
            return value is wanted or (isinstance(value, str) and value == text_of(wanted))
        case _:
            if isinstance(value, str):
                number = plain_number(value)
                return number is not None and number == wanted
            return not isinstance(value, bool) and value == wanted


def plain_number(text: str) -> float | None:
    """Return the number that a text is, without a unit; None where it is none."""
    if len(text) <= _LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return float(text)
    return None


class _Proposal(NamedTuple):
    """A regex, and about how many characters of text a message must have for it."""

    worth: int
    regex: str


def proposal(conditions: Iterable[FieldCondition]) -> str | None:
    """Return a regex that is found in every message that meets all ``conditions``.

    It is that of the one condition that asks for the most text. None where every key holds U+FFFD,
    which may stand for any byte.
    """
    proposals = [_proposal(condition) for condition in conditions if _plain(condition.path)]
    return max(proposals).regex if proposals else None


def _plain(text: str) -> bool:
    return "\N{REPLACEMENT CHARACTER}" not in text and "fffd" not in text.lower()


def _proposal(condition: FieldCondition) -> _Proposal:
    # What parses regexes is loaded where there are such rules alone: it takes a while.
    from exporter.matching.prefilter.proposal import propose

    key = re.escape(condition.path.rpartition(".")[2])
    parts = [_equality(key, value) for value in condition.values]
    if condition.regex is not None:
        parts.append(_search(key, condition.regex))
    if None not in parts:
        proposals = [part for part in parts if part is not None]
        regex = "|".join(part.regex for part in proposals)
        if propose(regex) is not None:
            return _Proposal(min(part.worth for part in proposals), rf"{regex}|\\")
    # Where no value is sure to stand in the message, the key does.
    return _Proposal(0, rf'{key}["=]|\\')


def _equality(key: str, wanted: str | float | bool) -> _Proposal | None:
    match wanted:
        case bool():
            return _Proposal(4, f"{key}{_BETWEEN}{text_of(wanted)}")
        case str():
            return _text_equality(key, wanted)
    digit = re.search("[1-9]", repr(wanted))
    if digit is None or abs(wanted) < _LEAST_EXACT:
        return None
    # 4.99999999999999999999 is 5 as well, once it is read.
    return _Proposal(1, f"{key}{_SIGNS}{digit[0]}|{key}{_SIGNS}[0-9.]*9{{7}}")


def _text_equality(key: str, wanted: str) -> _Proposal | None:
    if not _plain(wanted) or not wanted:
        return None
    regex = f"{key}{_BETWEEN}{re.escape(wanted)}"
    if plain_number(wanted) is not None or wanted in ("Infinity", "-Infinity"):
        regex = f"{key}{_SIGNS}{re.escape(wanted)}|{key}{_OTHER_NUMBER}"
    return _Proposal(len(wanted), regex)


def _search(key: str, regex: str) -> _Proposal | None:
    # The ends of a field are not those of the message.
    inner = _ASSERTIONS.sub(lambda found: "(?:)" if found["assertion"] else found[0], regex)
    try:
        nullable = compile_pattern(inner).search(b"") is not None
    except ValueError:
        return None
    if nullable or not _plain(regex):
        return None
    if regex.startswith("^") and "|" not in regex:
        inner = f"{key}{_BETWEEN}{inner}"
    literals = re.findall(r"\w+", regex)
    return _Proposal(max(map(len, literals), default=0), f"(?:{inner})|{key}{_OTHER_NUMBER}")
