"""Durations as Prometheus writes them, and seconds.

Every interval and time-out of the configuration is read here; messages and the reference write
them back the same way.
"""

import re

_UNITS = (
    ("y", 365 * 24 * 3600_000),
    ("w", 7 * 24 * 3600_000),
    ("d", 24 * 3600_000),
    ("h", 3600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
)
"""Each unit with its milliseconds, in the only order in which they may follow one another."""

_DURATION = re.compile("".join(f"(?:([0-9]+){unit})?" for unit, _ in _UNITS))
_LONGEST = 100 * _UNITS[0][1]
_ONLY_WHEN_EXACT = ("y", "w")


def parse_duration(text: str) -> float:
    """The seconds of a duration such as ``90s``, ``5m``, ``1h30m`` or ``100ms``.

    Args:
        text: whole numbers with the units y, w, d, h, m, s and ms, each at most once and in
            this order, as in Prometheus' own configuration.

    Raises:
        ValueError: the text is anything else, or more than 100 years.
    """
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueError(f"{text[:60]!r} is not a duration such as 90s, 5m or 1h30m")
    if any(number and len(number) > 15 for number in match.groups()):
        raise ValueError(f"{text[:60]!r} is longer than 100y")
    milliseconds = sum(
        int(number or 0) * size for number, (_, size) in zip(match.groups(), _UNITS, strict=True)
    )
    if milliseconds > _LONGEST:
        raise ValueError(f"{text[:60]!r} is longer than 100y")
    return milliseconds / 1000


def format_duration(seconds: float) -> str:
    """The shortest duration of so many seconds, to the millisecond: 90 is ``1m30s``.

    Years and weeks appear only where nothing is left over, since ``90d`` reads better than
    ``12w6d``.

    Raises:
        ValueError: ``seconds`` is negative or not finite.
    """
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{seconds} is no duration in seconds")
    rest = round(seconds * 1000)
    if not rest:
        return "0s"
    parts = []
    for unit, size in _UNITS:
        if unit in _ONLY_WHEN_EXACT and rest % size:
            continue
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
