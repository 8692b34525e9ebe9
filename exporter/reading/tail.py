"""How many lines of a live log to ask for: enough for what it writes, little more to read again."""

LEAST = 100
ROOM = 4
"""A window has room for so many times the new lines of the busiest of the latest reads."""


class TailLines:
    """The window of one source; the first is the widest, and so is each that follows a burst.

    Args:
        most: the most lines ever asked for.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._peak = most
        self._learnt = False

    def ask(self) -> int:
        """How many lines to ask for next."""
        return min(self._most, max(LEAST, ROOM * self._peak))

    @property
    def busy(self) -> bool:
        """Whether the source is known to write so much that as many as can be are asked for."""
        return self._learnt and self.ask() == self._most

    def widen(self) -> None:
        """A read was cut where it may hide something: ask for the most, for some reads."""
        self._peak = self._most

    def learn(self, new: int) -> None:
        """A read brought ``new`` lines; what was learnt before counts half from then on."""
        self._peak = max(new, self._peak // 2)
        self._learnt = True
