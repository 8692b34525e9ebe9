"""Datadog's log intake: `POST /api/v2/logs` and the older `/v1/input/{key}`.

A body is a JSON array of entries, one entry, or one entry a line. The platform's agent names app
and component in `do_app_name` and `do_component_name`; they are looked for in `ddtags` as well.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from exporter.errors import RequestRefused
from exporter.receiving.records import Record, text_of, time_of

_TEXT_FIELDS = ("message", "log", "msg")
_TIME_FIELDS = ("timestamp", "date", "@timestamp", "time")


def parse_entries(body: bytes) -> tuple[Record, ...]:
    """The entries of a body, in its order; an entry without a text is an empty line.

    Raises:
        RequestRefused: the body is neither; nothing of it is taken.
    """
    return tuple(_record(entry) for entry in _entries(body))


def error_answer(status: int, reason: str) -> bytes:
    """The body of an answer to a request of which nothing is taken."""
    return orjson.dumps({"errors": [{"status": str(status), "detail": reason}]})


def _entries(body: bytes) -> Iterable[Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _by_line(body)
    return document if isinstance(document, list) else [document]


def _by_line(body: bytes) -> list[Any]:
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) < 2:
        raise _invalid("it is no JSON")
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            raise _invalid(f"entry {number} is no JSON") from None
    return entries


def _record(entry: Any) -> Record:  # noqa: ANN401  (whatever JSON can hold)
    if not isinstance(entry, dict):
        raise _invalid("an entry is no JSON object")
    tags = _tags(entry)
    text = next((entry[name] for name in _TEXT_FIELDS if name in entry), "")
    time = next((entry[name] for name in _TIME_FIELDS if name in entry), None)
    try:
        line = text_of(text)
    except ValueError as error:
        raise _invalid(f"an entry has a text that is no line: {error}") from None
    return Record(
        _name(entry, tags, "do_app_name"),
        _name(entry, tags, "do_component_name"),
        time_of(time),
        line,
    )


def _name(entry: Mapping[str, Any], tags: Mapping[str, str], field: str) -> str:
    value = entry.get(field)
    return value if isinstance(value, str) and value else tags.get(field, "")


def _tags(entry: Mapping[str, Any]) -> dict[str, str]:
    """`ddtags` as a mapping: `env:prod,do_app_name:shop`."""
    text = entry.get("ddtags")
    if not isinstance(text, str) or not text:
        return {}
    pairs = (tag.strip().partition(":") for tag in text.split(","))
    return {name: value for name, colon, value in pairs if colon}


def _invalid(reason: str) -> RequestRefused:
    return RequestRefused("invalid_body", f"the body cannot be read: {reason}", 400)
