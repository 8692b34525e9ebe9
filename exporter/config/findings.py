"""What the checks of the configuration find, before it is placed in the file.

Every check of this package gives findings, whether pydantic made it or not; ``load`` turns them
into faults with file and line.
"""

import re
from dataclasses import dataclass

from pydantic_core import PydanticCustomError

Location = tuple[str | int, ...]
"""The way to a value from the top of the file: keys, and positions in lists from 0."""

_SHOWN_CHARACTERS = 60
_TOKEN = re.compile(r"do[a-z]_v1_[A-Za-z0-9]*")


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake: where it is, what is wrong, and what would be right."""

    location: Location
    problem: str
    remedy: str


def masked(text: str) -> str:
    """The text without the API tokens in it."""
    return _TOKEN.sub("…", text)


def shown(value: object) -> str:
    """A value as a message may show it: on one line, bounded, and without an API token."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            text = masked(value)
            cut = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
            return "an empty string" if not cut else repr(cut)
        case list() | tuple():
            return "a list"
        case dict():
            return "a mapping"
        case int() if abs(value) >= 10**20:
            return "a huge number"
        case _:
            return str(value)


def refusal(problem: str, remedy: str) -> PydanticCustomError:
    """The error that a validator of a field raises; ``translation`` reads it back as it is."""
    return PydanticCustomError("refused", "{problem}", {"problem": problem, "remedy": remedy})
