"""Logs as people save them from the control panel, turned into the form of the API.

A log has such a form where its lines have it throughout; that a program's own lines begin with a
time is no such form, unless all of them do, and then it makes no difference.
"""

import re
from collections.abc import Callable

from exporter.late_regex import compile_late

_LOOKED_AT = 50
_SHARE = 0.9

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MONTH = rf"({'|'.join(_MONTHS)}) ([ 0-3]?\d) (\d\d:\d\d:\d\d)".encode()
_TIME = rb"\[(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\]"

Turn = Callable[[bytes], bytes]
"""Turns whole lines of a form into lines of the API's."""

_YEAR = b"2000"
"""Of times that have none; they only tell how far lines are apart."""

_NAME = b"log"
"""Of lines that name no component."""


def _date(found: "re.Match[bytes]", group: int) -> bytes:
    month = _MONTHS.index(found[group].decode()) + 1
    return b"%s-%02d-%02dT%sZ" % (_YEAR, month, int(found[group + 1]), found[group + 2])


_FORMS: tuple[tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], bytes], float], ...] = (
    (
        compile_late(rb"^\[([a-z0-9][a-z0-9-]*)\] " + _TIME + rb" ?", re.MULTILINE),
        lambda found: b"%s %sT%sZ " % (found[1], found[2], found[3]),
        _SHARE,
    ),
    (
        compile_late(rb"^" + _TIME + rb" ?", re.MULTILINE),
        lambda found: b"%s %sT%sZ " % (_NAME, found[1], found[2]),
        _SHARE,
    ),
    (
        compile_late(rb"^" + _MONTH + rb" \[([a-z0-9][a-z0-9-]*)\] ?", re.MULTILINE),
        lambda found: b"%s %s " % (found[4], _date(found, 1)),
        _SHARE,
    ),
    (  # the time alone, on the line before its message
        compile_late(rb"^" + _MONTH + rb"[ \t]*\r?\n", re.MULTILINE),
        lambda found: b"%s %s " % (_NAME, _date(found, 1)),
        0.4,
    ),
)


def form_of(beginning: bytes) -> Turn | None:
    """Return what turns a log that begins so into the API's form; None if it needs nothing."""
    lines = [line for line in beginning.split(b"\n") if line.strip()][:_LOOKED_AT]
    for regex, prefix_of, share in _FORMS:
        if lines and sum(bool(regex.match(line + b"\n")) for line in lines) >= share * len(lines):
            return lambda text: regex.sub(prefix_of, text)
    return None
