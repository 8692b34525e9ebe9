"""The fields of a message: those of a JSON object, or the ``key=value`` pairs of logfmt.

The object is the whole message, or what follows some text and reaches to the message's end, such
as ``12:00:01 INFO {"status": 500}``: it begins at the first brace. A message without such an object
has the pairs that stand in it, each at its start or after a space. Whatever a message holds,
reading it raises nothing and takes time in proportion to its length.
"""

import json
import math
import re
import threading
from collections.abc import Mapping

Scalar = str | int | float | bool
"""What a field can be compared by; an object, a list and null are no such value."""

_SCALARS = (str, int, float)  # bool is an int

_PAIR = re.compile(
    r'(?<!\S)([^\s="]++)='
    r"""("(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+'(?=[\s,;]|\Z)|[^\s"]*+)""",
    re.DOTALL | re.ASCII,  # a space of another alphabet is part of a value
)

# More items of a list, as nginx writes one of each server that it tried: a comma and a space
# between, a colon between spaces where it was sent on.
_ITEM = r"(?:-|[0-9][^\s=\",;]*+)(?![^\s,;])"
_MORE = re.compile(rf"\s+{_ITEM}(?:(?:[,;]|\s:)\s+{_ITEM})*+", re.ASCII)
_MORE_BEHIND_COLON = re.compile(rf"(?:\s:\s+{_ITEM}(?:,\s+{_ITEM})*+)++", re.ASCII)

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


class Fields:
    """The fields of one message."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def get(self, path: str) -> Scalar | None:
        """Return the text, number or boolean at ``path``, None where there is none.

        Dots lead into objects; a key that holds dots itself wins.
        """
        found = _at(self._values, path)
        if isinstance(found, str) and not found.isascii():
            return _whole(found)
        return found if isinstance(found, _SCALARS) else None


class FieldReader:
    """Reads the fields of messages; one that is asked for again at once is not read again.

    So a message is read once for all rules that are tried on it. Threads may share a reader.
    """

    def __init__(self) -> None:
        self._latest = threading.local()

    def read(self, message: bytes) -> Fields:
        """Return the fields of ``message``: any bytes, invalid UTF-8 read as U+FFFD."""
        latest = self._latest
        if getattr(latest, "message", None) is not message:
            latest.message, latest.fields = message, Fields(_values(message))
        fields: Fields = latest.fields
        return fields


def text_of(value: Scalar) -> str:
    """Return the text of a field's value: as JSON writes it, a text without its quotes."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _whole(text: str) -> str:
    """Return the text with U+FFFD for each half of a character, which JSON can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _at(values: Mapping[str, object], path: str) -> object:
    if path in values:
        return values[path]
    end = path.rfind(".")
    while end > 0:
        inner = values.get(path[:end])
        if isinstance(inner, dict):
            found = _at(inner, path[end + 1 :])
            if found is not None:
                return found
        end = path.rfind(".", 0, end)
    return None


def json_object(text: bytes) -> Mapping[str, object] | None:
    """Return the JSON object that a text is; None if it is none."""
    return _object(text)


def fields_in(message: bytes) -> Mapping[str, object]:
    """Return the pairs of a logfmt message."""
    return _pairs(message)


def _values(message: bytes) -> Mapping[str, object]:
    start = message.find(b"{")
    if start >= 0 and (message.endswith(b"}") or message.rstrip().endswith(b"}")):
        found = _object(message[start:])
        if found is not None:
            return found
    return _pairs(message) if b"=" in message else {}


def _object(text: bytes) -> Mapping[str, object] | None:
    import orjson  # which few commands need, and takes long to load

    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = _lenient(text)
    return found if isinstance(found, dict) else None


def _lenient(text: bytes) -> object:
    """Read what programs write beyond the standard: NaN, half characters, bytes of any kind."""
    try:
        return json.loads(text.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _pairs(message: bytes) -> Mapping[str, object]:
    text = message.decode("utf-8", "replace")
    return {
        found[1]: _list_at(text, found) or _unquoted(found[2]) for found in _PAIR.finditer(text)
    }


def _list_at(text: str, found: re.Match[str]) -> str | None:
    """Return the whole list of which a value is the first item, such as ``0.000, 0.016``."""
    if not found[2] or found[2][0] in "\"'":
        return None
    more = (_MORE if found[2][-1] in ",;" else _MORE_BEHIND_COLON).match(text, found.end())
    return None if more is None else found[2] + more[0]


def _unquoted(text: str) -> str:
    quote = text[:1]
    if quote not in ('"', "'") or len(text) == 1 or text[-1] != quote:
        # In prose, pairs are often parted by more than a space.
        return text[:-1] if text.endswith((",", ";")) else text
    if "\\" not in text:
        return text[1:-1]
    if quote == "'":
        return _ESCAPED.sub(r"\1", text[1:-1])
    try:
        return str(json.loads(text, strict=False))
    except ValueError:
        return _ESCAPED.sub(r"\1", text[1:-1])
