"""Rules and routes in which time passes faster: every duration is divided by the same number.

A scrape a second and a poll a second, with rules made for one a minute, then tell in a minute what
would take an hour. Only the clock is turned: expressions, labels and texts stay as they are.
"""

import re

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?:(?<![\w:.])|(?<=\d[smhd]:))(\d+)(ms|s|m|h|d)\b")
"""Durations, the step of a subquery too; not the ends of recorded names."""

_SECONDS = re.compile(r"(?<=[<>] )(\d{3,})\b")
"""An age that is compared with a number of seconds: no count or ratio of the rules is as high."""


def hastened(text: str, factor: int) -> str:
    """The text of a rules file or of an Alertmanager configuration, ``factor`` times as fast.

    Raises:
        ValueError: a duration cannot be divided without a rest (of a millisecond or a second).
    """
    faster = _DURATION.sub(
        lambda match: f"{_divided(int(match[1]) * _UNITS[match[2]], factor)}ms", text
    )
    return _SECONDS.sub(lambda match: str(_divided(int(match[1]), factor)), faster)


def _divided(number: int, factor: int) -> int:
    quotient, rest = divmod(number, factor)
    if rest:
        raise ValueError(f"{number} is no multiple of {factor}")
    return quotient
