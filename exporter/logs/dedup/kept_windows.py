"""The lines of the latest windows of each log: what the next ones are compared with."""

from __future__ import annotations  # arrays cannot be subscripted when the program runs

from array import array
from collections.abc import Collection, Iterable, Mapping

from exporter.logs.dedup.window import Window
from exporter.model import LogType

_EARLIER = 10
_EARLIER_READ = 2
"""How many RUN windows before the latest are kept once RUN_RESTARTED was read: that read may have
begun before one of them."""


class KeptWindows:
    """The latest window of each log, and those of RUN since RUN_RESTARTED was read.

    What a container showed in RUN leaves that log when the container ends, and is shown again by
    RUN_RESTARTED.

    Args:
        latest: the lines of the latest whole window of each log.
        earlier: those of RUN's windows before it, the oldest first.
    """

    def __init__(
        self, latest: Mapping[LogType, array[int]] | None = None, earlier: Iterable[array[int]] = ()
    ) -> None:
        self.latest = dict(latest or {})
        self.earlier = list(earlier)
        self._shown: dict[LogType, int] = {}  # what identifies each of the latest

    def __contains__(self, log_type: LogType) -> bool:
        return log_type in self.latest

    def of(self, log_type: LogType) -> Collection[int]:
        """The lines of the latest window of a log; none if it was never read whole."""
        return self.latest.get(log_type, ())

    def all(self) -> list[array[int]]:
        """All of them."""
        return [*self.latest.values(), *self.earlier]

    def shows(self, log_type: LogType, identity: int) -> bool:
        """Whether a window of this identity is the latest of its log once more."""
        return self._shown.get(log_type) == identity

    def streamed(self, log_type: LogType) -> bool:
        """Whether the latest lines of a log were not one window: a stream brought them."""
        return log_type not in self._shown

    def keep(self, window: Window, identity: int | None) -> bool:
        """Keep a whole window; return whether it differs from the one before.

        Args:
            identity: what identifies it; None if it is the latest once more.
        """
        log_type = window.log_type
        if log_type is LogType.RUN_RESTARTED:
            del self.earlier[:-_EARLIER_READ]
        if identity is None:
            return False
        before, lines = self.latest.get(log_type), array("Q", window.seen)
        self.latest[log_type], self._shown[log_type] = lines, identity
        if before == lines:
            return False
        if log_type is LogType.RUN and before is not None:
            self.earlier.append(before)
            del self.earlier[:-_EARLIER]
        return True

    def replace_run(self, lines: Iterable[int]) -> None:
        """Keep other lines for RUN's latest window, which were not shown as one."""
        self.latest[LogType.RUN] = array("Q", lines)
        self._shown.pop(LogType.RUN, None)

    def close_run(self) -> bool:
        """Expect no more of RUN's latest window; return whether there was one."""
        if LogType.RUN not in self.latest:
            return False
        self.earlier.append(self.latest[LogType.RUN])
        self.replace_run(())
        return True
