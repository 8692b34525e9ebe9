"""Records of pushed logs as values: what every format is turned into."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import orjson

DIGEST_BYTES = 16

# The form in which the platform writes times; any other is written anew in this form.
_RFC3339 = re.compile(
    r"(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
    r"(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)"
)
_END = 4_000_000_000 * 10**9  # Unix nanoseconds in the year 2096
_LONGEST_NUMBER = 19  # digits of that; Python refuses to read a number of thousands

# Numbers below the limit are in a unit of so many nanoseconds: seconds until the year 5138, and
# milliseconds from 1973, microseconds and nanoseconds likewise.
_UNITS = ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3), (_END, 1))


class Format(StrEnum):
    """How a body is written: the value of the label ``format``."""

    OPEN_SEARCH = "open_search"
    DATADOG = "datadog"
    OTLP = "otlp"


class Record(NamedTuple):
    """One line that was pushed.

    Args:
        app: the name of its app, empty where the record does not say.
        component: the name of its component, empty where the record does not say.
        time: when it was written, in RFC 3339; empty where the record does not say.
        text: what the program wrote, without a newline at its end.
    """

    app: str
    component: str
    time: str
    text: str

    @property
    def named(self) -> bool:
        """Whether the record says which component it is of."""
        return bool(self.app and self.component)


@dataclass(frozen=True, slots=True)
class Batch:
    """The records of one request.

    Args:
        digest: of the body that held them, ``DIGEST_BYTES`` long: a sender that tries again sends
            the same bytes.
    """

    format: Format
    records: Sequence[Record]
    digest: bytes


def time_of(value: object) -> str:
    """A time in RFC 3339 from what a record holds; empty for what is no time.

    Args:
        value: RFC 3339, with a space in place of the ``T`` as well, or Unix time as a number
            of seconds, milliseconds, microseconds or nanoseconds, judged by its size.
    """
    if isinstance(value, str):
        if _RFC3339.fullmatch(value):
            return value
        text = value.strip()
        if text[10:11] == " ":
            text = f"{text[:10]}T{text[11:]}"
        return text if _RFC3339.fullmatch(text) else _time_of_number_text(text)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _time_of_number(value)
    return ""


def text_of(value: object) -> str:
    """The text of a record's field: a text as it is, any other value as JSON.

    Raises:
        ValueError: the value is nested more deeply than can be written.
    """
    if isinstance(value, str):
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        raise ValueError("it is nested too deeply") from None


def lines_of(text: str) -> Sequence[str]:
    """The lines of a record's text: most hold one, and one newline at the end ends it."""
    return (text,) if "\n" not in text else text.removesuffix("\n").split("\n")


def rfc3339(nanoseconds: int) -> str:
    """A Unix time in nanoseconds as RFC 3339 with nine digits."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return f"{_second(seconds)}.{fraction:09d}Z"


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    """A Unix time without its zone; lines come many to the second."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def _time_of_number_text(text: str) -> str:
    if len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdigit():
        return _time_of_number(int(text))
    return ""


def _time_of_number(value: float) -> str:
    if not 0 < value < _END:  # also false for NaN
        return ""
    for limit, scale in _UNITS:
        if value < limit:
            return rfc3339(int(value * scale))
    return ""
