"""Numbers, times and log text in the words of the page."""

import re
import unicodedata
from datetime import UTC, datetime

_UNITS = (("d", 86400), ("h", 3600), ("min", 60))
_ANSI = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")


def age(then: float, *, now: float) -> str:
    """How long ago ``then`` was, in words; both in Unix seconds, the future counts as now."""
    return f"{duration(int(max(0.0, now - then)))} ago"


def duration(seconds: float) -> str:
    """A span in its largest unit that fits, rounded down; below a minute in seconds."""
    for unit, size in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.3g} s"


def clock_time(timestamp: float, *, now: float) -> str:
    """A Unix time for people, in UTC: with its date where that is another day than today."""
    then, today = datetime.fromtimestamp(timestamp, UTC), datetime.fromtimestamp(now, UTC)
    form = "%H:%M:%S UTC" if then.date() == today.date() else "%d %b %H:%M UTC"
    return then.strftime(form)


def words(name: str) -> str:
    """A reason as people write it: the values of labels have underscores."""
    return name.replace("_", " ")


def utc(timestamp: float) -> str:
    """A Unix time in seconds as RFC 3339, for the machine-readable side of a ``<time>``."""
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def visible(line: str) -> str:
    """A log line with nothing in it that acts instead of being seen.

    Colours for a terminal are left out; other control characters become their pictures, and those
    that turn the direction of text, or have no width, their names.
    """
    return "".join(map(_picture, _ANSI.sub("", line)))


def _picture(character: str) -> str:
    code = ord(character)
    if character == "\t":
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs"):
        return f"\u27e8U+{code:04X}\u27e9"
    return character
