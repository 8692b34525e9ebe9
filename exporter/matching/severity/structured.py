"""What a record of fields declares: JSON, logfmt, or lines that print one over several lines."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import cast

from exporter.matching.severity import vocabulary
from exporter.model import Severity

_NAMES = ("levelname", "levelstr", "leveltext", "levellabel", "loglevelname", "severitytext")
_LEVELS = ("level", "lvl", "severity", "loglevel", "logseverity", "errorseverity", "standardlevel")
_NUMBERS: Mapping[str, Callable[[float], Severity | None]] = {
    "severitynumber": vocabulary.of_open_telemetry,
    "levelno": vocabulary.of_python,
    "levelnumber": vocabulary.of_python,
    "levelvalue": vocabulary.of_logback,
    "loglevelid": vocabulary.of_tslog,
    "syslogseverity": vocabulary.of_syslog,
    "severitycode": vocabulary.of_syslog,
}
"""Keys without case, dots, dashes and underscores; those of the first list are asked first."""

_SHORT = ("@l", "L")  # Serilog's compact form, and zap's for development: of words and letters

_AT = "at"
"""The key of Heroku and of what logs like it, which may hold a place or a step as well."""

_AT_WORDS = frozenset({"debug", "info", "warn", "warning", "error", "fatal", "critical"})

KEYS = frozenset({*_NAMES, *_LEVELS, *_NUMBERS, "@l", "l", "s", "priority", _AT})

_RECORDS = ("log", "record", "_meta", "@fields", "syslog")
"""Objects of a record in which loggers put its level: ECS, loguru, tslog, Logstash."""

_INNER_NAMES = ("name", "levelstr", "text", "label")
"""Keys of a level that is an object itself: loguru, log4net, log4js, ECS' syslog."""

_TIMES = frozenset({"time", "timestamp", "@timestamp", "ts", "t", "@t", "datetime", "date"})
_RECORD_KEYS = _TIMES | {
    *("msg", "message", "short_message", "pid", "hostname", "logger", "channel", "@message", "M"),
}
"""Keys by which an object is known as the record of a logger: a number alone is no level."""

_PYTHON = frozenset({"levelname", "levelno", "funcName", "lineno", "pathname", "threadName"})

_SEPARATORS = str.maketrans("", "", "._-")


def declared_in(values: Mapping[str, object]) -> Severity | None:
    """Return what a record declares: by the key of its own that says it best, or by an object."""
    own = {_plain(key): value for key, value in values.items() if isinstance(key, str)}
    severity = _of_own(own, values)
    if severity is not None:
        return severity
    timed = not _TIMES.isdisjoint(values) or "@message" in values
    for key in _RECORDS:
        inner = values.get(key)
        if isinstance(inner, dict) and (timed or not _TIMES.isdisjoint(inner)):
            fields = {_plain(name): value for name, value in inner.items()}
            severity = _of_own(fields, inner) or _of_object(inner.get("syslog"))
            if severity is not None:
                return severity
    context = values.get("context")
    if isinstance(context, dict) and "sequence" in values:  # Roarr
        number = _number(context.get("logLevel"))
        return None if number is None else vocabulary.of_bunyan(number)
    return Severity.INFO if "@t" in values and ("@mt" in values or "@m" in values) else None


def _plain(key: str) -> str:
    return key.translate(_SEPARATORS).lower().removeprefix("@") if key not in _SHORT else key


def _of_own(own: Mapping[str, object], values: Mapping[str, object]) -> Severity | None:
    for key in (*_NAMES, *_LEVELS, *_SHORT):
        value = own.get(key)
        severity = None
        if isinstance(value, str):
            severity = _of_text(key, value, values)
        elif isinstance(value, dict):
            severity = _of_object(value)
        elif (number := _number(value)) is not None and key not in _SHORT:
            severity = _of_number(key, number, values)
        if severity is not None:
            return severity
    if isinstance(text := own.get(_AT), str) and text.lower() in _AT_WORDS:
        return vocabulary.of_word(text)
    for key, family in _NUMBERS.items():
        number = _number(own.get(key))
        if number is not None:
            return family(number)
        if isinstance(text := own.get(key), str) and key == "severitynumber":
            return vocabulary.of_word(text)
    if (number := _number(values.get("PRIORITY"))) is not None and "MESSAGE" in values:  # journald
        return vocabulary.of_syslog(number)
    if "msg" in values and "c" in values and isinstance(letter := own.get("s"), str):  # MongoDB
        return vocabulary.LETTERS.get(letter[:1])
    return None


def _of_text(key: str, text: str, values: Mapping[str, object]) -> Severity | None:
    severity = vocabulary.of_word(text)
    if severity is None and key not in _SHORT and (number := _number(text)) is not None:
        severity = _of_number(key, number, values)
    if severity is None and len(text.strip(" ")) == 1 and not _RECORD_KEYS.isdisjoint(values):
        severity = vocabulary.LETTERS.get(text.strip(" "))
    return severity


def _of_object(value: object) -> Severity | None:
    if not isinstance(value, dict):
        return None
    fields = {_plain(name): inner for name, inner in value.items()}
    for name in (*_INNER_NAMES, "severity"):
        inner = fields.get(name)
        if isinstance(inner, str) and (severity := vocabulary.of_word(inner)) is not None:
            return severity
        if isinstance(inner, dict) and (severity := _of_object(inner)) is not None:
            return severity
    number = _number(fields.get("no"))
    return None if number is None else vocabulary.of_python(number)


def _number(value: object) -> float | None:
    if isinstance(value, str):
        text = value.strip(" ")
        return float(text) if text.isdecimal() and len(text) < 7 else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return None


def _of_number(key: str, number: float, values: Mapping[str, object]) -> Severity | None:
    """Return what a number declares, by the family to which the record's keys belong."""
    if _RECORD_KEYS.isdisjoint(values) or number % 1:  # no family has fractions, but scores do
        return None
    if key == "loglevel" and number < 7:
        return vocabulary.of_dotnet(number)
    if number >= 5000:
        return vocabulary.of_logback(number)
    if number >= 100:
        family = vocabulary.of_google if key == "severity" else vocabulary.of_monolog
        return family(number)
    if key == "severity":
        return vocabulary.of_syslog(number) or vocabulary.of_open_telemetry(number)
    if number < 10:
        is_gelf = "short_message" in values or "facility" in values
        return vocabulary.of_syslog(number) if is_gelf else None
    if not _PYTHON.isdisjoint(values):
        return vocabulary.of_python(number)
    return vocabulary.of_bunyan(number)


# --- Objects that are cut off, or printed by Node.js, or printed over several lines

# A quote that nothing ends reaches to the end of the text: if its end were looked for from each
# quote anew, a text of many would cost its length squared.
_TOKEN = re.compile(
    rb"\"((?:[^\"\\]|\\.)*+)(?:\"|\\?\Z)|'((?:[^'\\]|\\.)*+)(?:'|\\?\Z)"
    rb"|([{}\[\],:])|([^\s\"'{}\[\],:]++)|.",
    re.DOTALL,
)
_MOST_TOKENS = 2_000


def partial_object(text: bytes) -> Mapping[str, object]:
    """Return what is whole of an object that may be cut off; keys and texts in any quotes."""
    root: dict[str, object] = {}
    stack: list[dict[str, object] | None] = []
    key: str | None = None
    last: object = None
    for count, token in enumerate(_TOKEN.finditer(text)):
        if count == _MOST_TOKENS:
            break
        sign = token[3]
        if sign == b":":
            key, last = last if isinstance(last, str) else None, None
        elif sign in (b"{", b"["):
            inner: dict[str, object] | None = {} if sign == b"{" else None
            if not stack:
                inner = root
            elif stack[-1] is not None and key is not None and inner is not None:
                stack[-1][key] = inner
            stack.append(inner)
            key, last = None, None
        elif sign is not None:
            if stack and stack[-1] is not None and key is not None and last is not None:
                stack[-1][key] = last
            key, last = None, None
            if sign in (b"}", b"]"):
                del stack[-1:]
                if not stack:
                    break
        elif token.lastindex is not None:
            last = _scalar(token)
    return root


def _scalar(token: re.Match[bytes]) -> object:
    if token[4] is None:
        return (token[1] if token[1] is not None else token[2]).decode("utf-8", "replace")
    text = token[4].decode("utf-8", "replace")
    return int(text) if text.isdecimal() and len(text) < 10 else text


_PAIR_LINE = re.compile(
    rb"\s+(?:\"([^\"\\]+)\"|'([^'\\]+)'|([\w@]+))\s*:\s*"
    rb"(?:\"((?:[^\"\\]|\\.)*+)\"|'((?:[^'\\]|\\.)*+)'|([\w.+-]+))\s*,?\s*$"
)
_OPENING_LINE = re.compile(rb"\s*(?:\"([^\"\\]+)\"|'([^'\\]+)'|([\w@]+))\s*:\s*[\[{]\s*$")

_MOST_LINES = 100
_SURE_INDENT = 4
"""Of a line whose record's beginning was not seen: so many spaces, or a tab, lead to its own."""


def pair_of(message: bytes) -> tuple[str, object] | None:
    """Return the key and value of a line that is one pair of a record printed over lines."""
    found = _PAIR_LINE.match(message)
    if found is None:
        return None
    key = cast(bytes, found[1] or found[2] or found[3]).decode("utf-8", "replace")
    if found[6] is None:
        text = found[4] if found[4] is not None else found[5]
        return key, text.decode("utf-8", "replace")
    number = found[6].decode("utf-8", "replace")
    return key, int(number) if number.isdecimal() and len(number) < 10 else number


def is_level(key: str) -> bool:
    """Return whether a key of this name may hold a level."""
    return _plain(key).lower() in KEYS


def record_around(message: bytes, before: Iterable[bytes]) -> Mapping[str, object]:
    """Return what is known of the record, printed over lines, in which a line stands.

    Args:
        before: the messages before it, the nearest first.
    """
    indent = _indent(message)
    if not indent:
        return {}
    values: dict[str, object] = {}
    if (pair := pair_of(message)) is not None:
        values[pair[0]] = pair[1]
    for count, line in enumerate(before):
        depth = _indent(line)
        if count == _MOST_LINES:
            return {}
        if depth > indent or not line.strip():
            continue
        if depth == indent:
            if (pair := pair_of(line)) is not None:
                values.setdefault(*pair)
        elif line.strip(b" \t\r,[") == b"{":  # also the next of a list
            return {} if depth else values
        elif (opening := _OPENING_LINE.match(line)) is not None and depth:
            key = cast(bytes, opening[1] or opening[2] or opening[3]).decode("utf-8", "replace")
            values, indent = {key: values}, depth
        else:
            return {}
    sure = message[:1] == b"\t" or indent <= _SURE_INDENT
    return values if sure and message.lstrip()[:1] == b'"' else {}


def _indent(message: bytes) -> int:
    return len(message) - len(message.lstrip())
