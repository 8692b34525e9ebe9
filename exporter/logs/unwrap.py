"""The stage between a line and the rules: a message as the program meant it.

Escape sequences, text that was overwritten, and prefixes of process managers and container
runtimes are taken off. How to use it:

- ``unwrap(message)`` for one message, that is a line without the platform's prefix. It returns the
  same object where there is nothing to take off.
- ``Engine(rules, unwrap=Unwrapping())`` for whole texts: the engine finds by ``marks``, in the
  scan that it makes anyway, which lines have anything to take off.
- ``LogLines.of(lines, engine.unwrap)`` makes lines whose ``message`` is unwrapped; ``raw``, which
  is the line's identity, never changes.

- A container's last words are unwrapped before ``restart_reason`` sees them, so what a process
  manager says of its children stands there without its prefix: ``exited with code 1``.

``logs.unwrap: false`` puts ``None`` in place of the stage everywhere.
"""

import re

from exporter.logs import terminal, wrappers
from exporter.model import WrappedMessage

_MOST_WRAPPERS = 4

_OVERWRITTEN = re.compile(rb"\r[^\n]")


def unwrap(message: bytes) -> bytes:
    """Return a message without what stands around it; ``message`` itself if it stands alone.

    A wrapper that declares a syslog severity leaves it on the result, see ``WrappedMessage``.
    """
    text = terminal.shown(message)
    severity = None
    for _ in range(_MOST_WRAPPERS):
        inner = wrappers.peel(text)
        if inner is text:
            break
        if isinstance(inner, WrappedMessage):
            severity = inner.severity
        text = terminal.shown(inner)
    return text if severity is None else WrappedMessage.of(bytes(text), severity)


class Unwrapping:
    """``unwrap``, with what an engine needs to apply it only where it changes something."""

    marks = (*terminal.MARKS, *wrappers.MARKS)
    """Regexes for Hyperscan: one is found in each line whose message ``unwrap`` changes.

    But for those that hold a carriage return, for which Hyperscan takes longer than this does.
    """

    def also_marked(self, text: bytes, start: int, end: int) -> list[int]:
        """Return the newlines of lines, by their offset in ``text``, with text behind a return."""
        if text.find(b"\r", start, end) < 0:
            return []
        ends = (text.find(b"\n", found.end()) for found in _OVERWRITTEN.finditer(text, start, end))
        return list(dict.fromkeys(ends))

    def __call__(self, message: bytes) -> bytes:
        """Return the unwrapped message."""
        return unwrap(message)
