"""How the program's own log looks: logfmt or JSON, one line an event, tracebacks when debugging.

Only this program's loggers write here. Those of libraries stay silent below WARNING, since at
DEBUG some would print request lines, and with them the credentials of log URLs.
"""

import json
import logging
import os
import sys
from datetime import UTC, datetime
from typing import TextIO

from exporter.logs.redaction import redact_lines

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")

_COLOURS = {"warning": "\x1b[33m", "error": "\x1b[31m"}
_PLAIN = "\x1b[0m"
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


class _EventFormatter(logging.Formatter):
    """Turns a record into ordered pairs; ``fields`` of ``extra`` follow the message."""

    def __init__(self, *, tracebacks: bool) -> None:
        super().__init__()
        self._tracebacks = tracebacks

    def pairs(self, record: logging.LogRecord) -> dict[str, str]:
        """What the record says, in the order in which it is written."""
        at = datetime.fromtimestamp(record.created, UTC)
        pairs = {
            "ts": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "msg": record.getMessage(),
        }
        fields: dict[str, object] = getattr(record, "fields", {})
        pairs.update({name: str(value) for name, value in fields.items() if value != ""})
        if record.exc_info and record.exc_info[1] is not None:
            # Nobody foresaw it, so nobody knows what it holds.
            pairs["error"] = _redact(f"{type(record.exc_info[1]).__name__}: {record.exc_info[1]}")
            if self._tracebacks:
                pairs["traceback"] = _redact(self.formatException(record.exc_info))
        return pairs


class LogfmtFormatter(_EventFormatter):
    """``ts=… level=info msg="…" source="shop/web RUN"``"""

    def __init__(self, *, tracebacks: bool, colours: bool = False) -> None:
        super().__init__(tracebacks=tracebacks)
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """One line of ``key=value``, quoted where need be."""
        pairs = self.pairs(record)
        line = " ".join(f"{key}={_quote(value)}" for key, value in pairs.items())
        colour = _COLOURS.get(pairs["level"]) if self._colours else None
        return f"{colour}{line}{_PLAIN}" if colour else line


class JsonFormatter(_EventFormatter):
    """``{"ts": "…", "level": "info", "msg": "…", "source": "shop/web RUN"}``"""

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        return _printable(json.dumps(self.pairs(record), ensure_ascii=False))


def configure_logging(level: str, form: str, stream: TextIO = sys.stderr) -> None:
    """Send this program's log to ``stream``, and of libraries what is at least a warning.

    On a terminal warnings and errors have a colour, unless NO_COLOR is set (https://no-color.org).
    """
    tracebacks = level == "debug"
    colours = stream.isatty() and not os.environ.get("NO_COLOR")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        JsonFormatter(tracebacks=tracebacks)
        if form == "json"
        else LogfmtFormatter(tracebacks=tracebacks, colours=colours)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # The scheduler warns of runs that it skips, which is what it is told to do.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    logging.getLogger("exporter").setLevel(level.upper())


def _redact(text: str) -> str:
    return "\n".join(redact_lines(text.splitlines()))


def _quote(value: str) -> str:
    if value and all(char.isprintable() and char not in ' "=\\' for char in value):
        return value
    return '"' + _printable("".join(_ESCAPES.get(char, char) for char in value)) + '"'


def _printable(text: str) -> str:
    """``text`` on one line that no terminal obeys: the rest escaped as JSON does."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
