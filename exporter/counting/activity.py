"""What a component wrote in the last hour, minute by minute, for the page."""

from array import array

from exporter.model import Minutes

MINUTES = 60


class ActivityRing:
    """Counts the lines of one component by the minute in which they were counted, for an hour.

    Times are in Unix seconds. Each minute has its place, and takes it over from an older one.
    """

    def __init__(self) -> None:
        self._minute = 0
        self._lines = array("Q", bytes(8 * MINUTES))
        self._errors = array("Q", bytes(8 * MINUTES))

    def add(self, now: float, lines: int, errors: int) -> None:
        """Add lines that were just counted, and how many of them are errors."""
        minute = int(now // 60)
        self._advance(minute)
        self._lines[minute % MINUTES] += lines
        self._errors[minute % MINUTES] += errors

    def minutes(self, now: float) -> Minutes:
        """Return the last 60 minutes."""
        minute = int(now // 60)
        self._advance(minute)
        first = (minute + 1) % MINUTES
        return Minutes(
            (*self._lines[first:], *self._lines[:first]),
            (*self._errors[first:], *self._errors[:first]),
        )

    def _advance(self, minute: int) -> None:
        """Empty the places of the minutes that have passed; a clock that steps back waits."""
        for passed in range(max(self._minute, minute - MINUTES) + 1, minute + 1):
            self._lines[passed % MINUTES] = self._errors[passed % MINUTES] = 0
        self._minute = max(self._minute, minute)
