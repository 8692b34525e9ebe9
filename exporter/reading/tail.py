"""How many lines of a live log to ask for: enough for what it writes, little more to read again."""

from exporter.logs.dedup.window import CLOCK_NS

LEAST = 100
ROOM = 4
"""A window has room for so many times the new lines of the busiest of the latest reads."""

_ROOM_BEHIND_RECENT = 2
"""The same of one that has to reach back behind all lines of the latest seconds."""


class TailLines:
    """The window of one source; the first is the widest, and so is each that follows a burst.

    A line of an instance whose clock is behind stands in front of those that others wrote in the
    meantime, so a window of several instances reaches back as far as clocks differ.

    Args:
        most: the most lines ever asked for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._peak = most
        self._learnt = False
        self._recent: dict[int, int] = {}  # newest timestamp (ns) of a read → its new lines

    def ask(self) -> int:
        """How many lines to ask for next."""
        recent = sum(self._recent.values())
        behind = recent + _ROOM_BEHIND_RECENT * self._peak if recent else 0
        return min(self._most, max(LEAST, ROOM * self._peak, behind))

    @property
    def busy(self) -> bool:
        """Whether the source is known to write so much that as many as can be are asked for."""
        return self._learnt and self.ask() == self._most

    def widen(self) -> None:
        """A read was cut where it may hide something: ask for the most, for some reads."""
        self._peak = self._most

    def learn(self, new: int, newest: int = 0) -> None:
        """A read brought ``new`` lines; what was learnt before counts half from then on.

        Args:
            newest: the newest timestamp (ns) that it showed, where clocks may differ; else 0.
        """
        self._peak = max(new, self._peak // 2)
        if newest:
            self._note_recent(new, newest)
        self._learnt = True

    def _note_recent(self, new: int, newest: int) -> None:
        recent = {**self._recent, newest: self._recent.get(newest, 0) + new}
        since = max(recent) - CLOCK_NS
        self._recent = {at: lines for at, lines in recent.items() if at > since}
