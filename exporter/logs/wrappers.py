"""Prefixes that process managers, syslog and container runtimes put before a program's own line.

Used by ``unwrap``. Only what cannot be the program's own words is taken off.
"""

from collections.abc import Callable

from exporter.late_regex import compile_late
from exporter.model import WrappedMessage

_LEVEL = (
    rb"(?:trace|debug|info|notice|warn|warning|error|err|crit|critical|fatal|panic|alert|emerg)"
)
_TIME = rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d"
_ZONE = rb"(?:Z|[+-]\d\d:?\d\d)"
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"

# A host and a program as syslog names them: neither a level nor the name of an exception.
_HOST = rb"(?![A-Z]+\b)[\w][\w.:-]{0,254}"
_PROGRAM = rb"(?:[\w./@-]{1,100}\[\d+\]|(?!" + _LEVEL + rb":)[a-z][\w./@-]{0,99})"

_STDOUT = rb"std(?:out|err)"

_SCRIPT = rb"(?:start|serve|dev|worker)(?::[\w-]{1,20})?"
"""The scripts of a package that run on, by which tools for several packages name their output."""

_PREFIXES = (
    # Docker with timestamps, and CRI: time, stream, and whether the line is whole.
    _TIME + rb"\.\d{9}Z (?:" + _STDOUT + rb" [FP] )?",
    _TIME + rb"(?:\.\d{1,9})?" + _ZONE + rb" " + _STDOUT + rb" [FP] ",
    # PM2 with times: its default, and that of its documentation.
    _TIME + rb": ",
    rb"20\d\d-\d\d-\d\d \d\d:\d\d(?::\d\d)? [+-]\d\d:\d\d: ",
    # PM2 with names; supervisor-stdout; foreman, honcho; Docker Compose; overmind.
    rb"\d{1,4}\|[\w.@-]{1,60} *\| ?",
    rb"[A-Za-z][\w.:-]{0,60} " + _STDOUT + rb" \| ?",
    rb"\d\d:\d\d:\d\d [A-Za-z][\w.-]{0,60} *\|(?: |$)",
    rb"[A-Za-z][\w.-]{0,60}[._-]\d{1,4} +\|(?: |$)",
    rb"(?!" + _LEVEL + rb" )[a-z][a-z0-9_-]{0,40} +\|(?:$| (?!.* \|)| (?=\d{4}-))",
    # concurrently by number, but for what it says itself of a child; Turborepo; pnpm -r.
    rb"\[\d{1,2}\] (?!.* exited with code \w+$)",
    rb"@?[\w./-]{1,60}:" + _SCRIPT + rb": ?",
    rb"@?[\w.-]{1,40}/[\w./-]{1,60} " + _SCRIPT + rb": ?",
    # Lerna, by the package's name in its scope.
    rb"@[\w.-]{1,40}/[\w.-]{1,60}: ",
    # s6-log and the TAI64N of runit and daemontools.
    rb"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9}  ",
    rb"@[0-9a-f]{24} ",
    # What PHP says through php-fpm.
    rb"(?:\[[^\]\n]{10,40}\] )?NOTICE: PHP message: ",
    # Syslog as files and journals have it.
    _MONTH + rb" [ 0-3]?\d \d\d:\d\d:\d\d(?:\.\d{1,6})? " + _HOST + rb" " + _PROGRAM + rb": ",
    _TIME + rb"(?:\.\d{1,9})?" + _ZONE + rb" " + _HOST + rb" [\w./@-]{1,100}\[\d+\]: ",
    # Heroku and what drains its logs: the process by its name and number.
    _TIME + rb"(?:\.\d{1,9})?" + _ZONE + rb" (?:" + _HOST + rb" )?(?:app|heroku)\[[\w.-]{1,60}\]: ",
)
_PREFIX = compile_late(rb"|".join(rb"(?:" + each + rb")" for each in _PREFIXES))

# Syslog with a priority: RFC 5424, RFC 3164, and the bare one that systemd reads.
_PRIORITY = compile_late(
    rb"<(\d{1,3})>(?:1 (?:-|" + _TIME + rb"(?:\.\d{1,6})?" + _ZONE + rb") \S+ \S+ \S+ \S+"
    rb" (?:-|(?:\[(?:[^\]\\]|\\.)*\])+)(?: (?:\xef\xbb\xbf)?|$)"
    rb"|(?:" + _MONTH + rb" [ 0-3]?\d \d\d:\d\d:\d\d "
    rb"(?:(?:[\w.:-]+ )?[\w./@-]{1,100}(?:\[\d+\])?: |" + _HOST + rb" ))?)"
)
_LARGEST_PRIORITY = 191

_FPM = compile_late(
    rb"(?:\[[^\]\n]{10,40}\] )?(?:WARNING: )?\[pool [^\]\n]{1,60}\] child \d+ said into "
    + _STDOUT
    + rb': "(.*?)(?:"(?:, pipe is closed)?)?$'
)

_RUNTIME_KEYS = {"log", "stream", "time", "attrs", "logtag"}
_PM2_KEYS = {"message", "timestamp", "type", "process_id", "app_name"}
_IN_RUNTIMES = rb'"stream"\s*:\s*"' + _STDOUT + rb'"'
_IN_PM2S = rb'"process_id"\s*:'
_IN_JSON = compile_late(_IN_RUNTIMES + rb"|" + _IN_PM2S)

# A message begins with its line or behind the platform's time. Hyperscan is fastest where it can
# look for a literal first, so both are looked for one by one, and dates begin with their century.
# Marks say less than prefixes do where that is faster to find: whoever adds one measures it.
_DATE = rb"20\d\d-\d\d-\d\d"
_BEGINNINGS = (
    rb"\[\d{1,2}\] ",
    _DATE + rb"T\d\d:\d\d:\d\d\.\d{9}Z ",
    _DATE + rb"T\d\d:\d\d:\d\d: ",
    rb"@[\w.-]",
    _DATE + rb" \d\d:\d\d(?::\d\d)? [+-]\d\d:\d\d: ",
    _DATE + rb" \d\d:\d\d:\d\d\.\d{9}  ",
    _MONTH + rb" [ 0-3]?\d \d\d:\d\d:\d\d",
    rb"<\d{1,3}>",
)

MARKS = (
    rb" \|",
    _STDOUT + rb" [FP] ",
    rb"[0-9]\|[A-Za-z]",
    rb"[ :](?:start|serve|dev|worker):",
    rb"NOTICE: PHP message: ",
    rb"\] child \d+ said into ",
    rb"[0-9]\]: ",  # behind a program and its process
    rb"Z (?:app|heroku)\[",
    rb"[+-]\d\d:\d\d (?:app|heroku)\[",
    _IN_RUNTIMES,
    _IN_PM2S,
    *(start + beginning for beginning in _BEGINNINGS for start in (rb"^", rb"Z ")),
)
"""Regexes for Hyperscan, of which one is found in each line from whose message ``peel`` takes
something off, with the platform's prefix or without."""


def peel(message: bytes) -> bytes:
    """Return a message without the outermost wrapper; ``message`` itself where there is none."""
    found = _PREFIX.match(message)
    if found is not None:
        return message[found.end() :]
    special = _SPECIAL.get(message[:1])
    return message if special is None else special(message)


def _without_priority(message: bytes) -> bytes:
    found = _PRIORITY.match(message)
    if found is None or (priority := int(found[1])) > _LARGEST_PRIORITY:
        return message
    if found.end() == found.end(1) + 1 and priority > 7:
        return message  # a number that stands alone is a level, from 0 to 7
    return WrappedMessage.of(message[found.end() :], priority % 8)


def _out_of_fpm(message: bytes) -> bytes:
    found = _FPM.match(message)
    return message if found is None else found[1]


def _out_of_json(message: bytes) -> bytes:
    """What a runtime's JSON, or PM2's, holds as the text of one line."""
    if _IN_JSON.search(message) is None:
        return message
    import orjson  # which few messages need, and takes long to load

    try:
        values = orjson.loads(message)
    except orjson.JSONDecodeError:
        return message
    keys = values.keys()
    if keys <= _RUNTIME_KEYS and "stream" in keys:
        text = values.get("log")
    elif keys <= _PM2_KEYS and "process_id" in keys:
        text = values.get("message")
    else:
        return message
    if not isinstance(text, str) or "\n" in (text := text.rstrip("\n")):
        return message
    return text.encode("utf-8", "replace")


_SPECIAL: dict[bytes, Callable[[bytes], bytes]] = {
    b"<": _without_priority,
    b"[": _out_of_fpm,
    b"W": _out_of_fpm,
    b"{": _out_of_json,
}
