"""What a line declares of itself: how bad it is, by a field, a level word or its wrapper.

``declared`` reads one message, a ``SeverityReader`` many. ``docs/severity.md`` says what is read as
what.
"""

import threading
from collections.abc import Callable, Iterable, Mapping

from exporter.matching.fields import fields_in, json_object
from exporter.matching.severity import layouts, structured, vocabulary
from exporter.model import Severity, WrappedMessage

Before = Callable[[], Iterable[bytes]]
"""Returns the messages before one, the nearest first: asked where one may be a part of more."""


def nothing_before() -> Iterable[bytes]:
    """Return no messages."""
    return ()


def declared(message: bytes, before: Before = nothing_before) -> Severity | None:
    """Return the severity that a message declares; None if it declares none.

    A line of a record that is printed over several lines has that of the record, as far as it is
    known from the lines before.
    """
    if message[:1] in SPACES and (around := structured.record_around(message, before())):
        return structured.declared_in(around)
    severity = layouts.declared_by(message, _record)
    if severity is None and isinstance(message, WrappedMessage):
        return vocabulary.of_syslog(message.severity)
    return severity


SPACES = (b" ", b"\t")
"""What lines begin with that may be a part of a record over several lines."""


def _without_line(record: Mapping[str, object]) -> dict[str, object]:
    """Return what is known around a line without the line: the first of what stands deepest."""
    first, *others = record
    inner, rest = record[first], {name: record[name] for name in others}
    return {first: _without_line(inner), **rest} if isinstance(inner, dict) else rest


def _record(text: bytes) -> Mapping[str, object]:
    if text[:1] != b"{":
        # A setting that is printed, such as LOG_LEVEL=error, declares nothing.
        pairs = fields_in(text)
        return {key: value for key, value in pairs.items() if not _is_setting(key, pairs)}
    return json_object(text.rstrip()) or structured.partial_object(text)


def _is_setting(key: str, pairs: Mapping[str, object]) -> bool:
    return key.isupper() or (len(pairs) == 1 and key.lower().startswith("log"))


class SeverityReader:
    """Reads what messages declare; one that is asked for again at once is not read again.

    Threads may share a reader.
    """

    def __init__(self) -> None:
        self._latest = threading.local()

    def read(self, message: bytes, before: Before = nothing_before) -> Severity | None:
        """Return what ``declared`` does."""
        latest = self._latest
        if getattr(latest, "message", None) is not message:
            latest.message, latest.severity = message, declared(message, before)
        severity: Severity | None = latest.severity
        return severity


def declares(message: bytes, before: Before, severities: SeverityReader) -> Severity | None:
    """Return what ``declared`` does, but of a record over several lines only by one of its lines.

    That is the first which says it. Other messages are read by ``severities``.
    """
    if message[:1] not in SPACES or not (around := structured.record_around(message, before())):
        return severities.read(message, before)
    pair = structured.pair_of(message)
    if pair is None or not structured.is_level(pair[0]):
        return None
    if structured.declared_in(_without_line(around)) is not None:
        return None
    return structured.declared_in(around)
