"""What each component wrote in the last hour, minute by minute, for the page."""

from array import array
from collections.abc import Callable

from exporter.model import ComponentKey, Minutes

MINUTES = 60


class Activity:
    """Counts lines by the minute in which they were counted; of an hour, in memory.

    Used under the ledger's lock, as the counts are that it goes beside.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rings: dict[ComponentKey, _Ring] = {}

    def take_over(self, before: "Activity") -> None:
        """Go on with what another has counted."""
        self._rings = before._rings

    def add(self, key: ComponentKey, lines: int, errors: int) -> None:
        """So many lines more were counted, and so many of them as errors."""
        self._rings.setdefault(key, _Ring()).add(self._minute(), lines, errors)

    def of(self, key: ComponentKey) -> Minutes:
        """The last 60 minutes of a component."""
        ring = self._rings.get(key)
        if ring is None:
            return Minutes((0,) * MINUTES, (0,) * MINUTES)
        return ring.minutes(self._minute())

    def forget(self, key: ComponentKey) -> None:
        """The component is gone."""
        self._rings.pop(key, None)

    def _minute(self) -> int:
        return int(self._clock() // 60)


class _Ring:
    """One hour of one component; each minute has its place, and takes it over from an older one."""

    def __init__(self) -> None:
        self._minute = 0
        self._lines = array("Q", bytes(8 * MINUTES))
        self._errors = array("Q", bytes(8 * MINUTES))

    def add(self, minute: int, lines: int, errors: int) -> None:
        self._go_on_to(minute)
        self._lines[minute % MINUTES] += lines
        self._errors[minute % MINUTES] += errors

    def minutes(self, minute: int) -> Minutes:
        self._go_on_to(minute)
        first = (minute + 1) % MINUTES
        return Minutes(
            (*self._lines[first:], *self._lines[:first]),
            (*self._errors[first:], *self._errors[:first]),
        )

    def _go_on_to(self, minute: int) -> None:
        """Empty the places of the minutes that have passed; a clock that steps back waits."""
        for passed in range(max(self._minute, minute - MINUTES) + 1, minute + 1):
            self._lines[passed % MINUTES] = self._errors[passed % MINUTES] = 0
        self._minute = max(self._minute, minute)
