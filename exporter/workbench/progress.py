"""How far the reading of logs has come, on a terminal."""

from collections.abc import Callable
from typing import TextIO

_PATIENCE = 1.0
"""Seconds before there is anything to see: most logs are read by then."""

_STEP = 0.2
"""Seconds between two looks."""


class Progress:
    """One line that changes, and goes in the end; nothing where ``out`` is no terminal.

    Args:
        out: where the line stands.
        clock: seconds.
        total: bytes that there are to read; None where nobody knows.
    """

    def __init__(self, out: TextIO, clock: Callable[[], float], total: int | None) -> None:
        self._out = out
        self._clock = clock
        self._total = total
        self._read = 0
        self._shown = False
        self._next = clock() + _PATIENCE if out.isatty() else float("inf")

    def add(self, read: int) -> None:
        """So many more bytes were read."""
        self._read += read
        if self._next < float("inf") and (now := self._clock()) >= self._next:
            self._next = now + _STEP
            self._show()

    def clear(self) -> None:
        """Leave the line as it was before."""
        if self._shown:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def _show(self) -> None:
        text = f"{self._read / 1e6:.0f} MB read"
        if self._total:
            text += f", {min(1.0, self._read / self._total):.0%}"
        self._out.write(f"\r\x1b[K{text}")
        self._out.flush()
        self._shown = True
