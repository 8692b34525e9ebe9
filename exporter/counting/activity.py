"""What a component wrote in the last hour, minute by minute, for the page."""

from array import array
from statistics import median

from exporter.model import Minutes

MINUTES = 60
SPAN = 10
"""Minutes in a span of which errors are held against the usual."""

DAY = 144
"""Spans in a day."""

LEAST = 6
"""Spans that must be known before anything is usual."""


class ActivityRing:
    """Counts the lines of one component by the minute in which they were counted, for an hour.

    Times are in Unix seconds. Each minute has its place, and takes it over from an older one.
    """

    def __init__(self) -> None:
        self._minute = 0
        self._lines = array("Q", bytes(8 * MINUTES))
        self._errors = array("Q", bytes(8 * MINUTES))
        self._spans: dict[int, int] = {}  # errors of each span of the last day that had any

    def add(self, now: float, lines: int, errors: int) -> None:
        """Add lines that were just counted, and how many of them are errors."""
        minute = int(now // 60)
        self._advance(minute)
        self._lines[minute % MINUTES] += lines
        self._errors[minute % MINUTES] += errors
        if errors:
            self._add_to_span(minute // SPAN, errors)

    def minutes(self, now: float, since: float) -> Minutes:
        """Return the last 60 minutes; ``since``: from when on all lines were counted."""
        minute = int(now // 60)
        self._advance(minute)
        first = (minute + 1) % MINUTES
        return Minutes(
            (*self._lines[first:], *self._lines[:first]),
            (*self._errors[first:], *self._errors[:first]),
            self._usual(minute // SPAN, int(since // 60) // SPAN + 1),
        )

    def _add_to_span(self, span: int, errors: int) -> None:
        self._spans[span] = self._spans.get(span, 0) + errors
        if len(self._spans) > DAY:
            self._spans = {each: n for each, n in self._spans.items() if each >= span - DAY}

    def _usual(self, span: int, first: int) -> float | None:
        """The median of the spans of the last day that are over and known whole."""
        known = range(max(first, span - DAY), span)
        if len(known) < LEAST:
            return None
        return float(median(self._spans.get(each, 0) for each in known))

    def _advance(self, minute: int) -> None:
        """Empty the places of the minutes that have passed; a clock that steps back waits."""
        for passed in range(max(self._minute, minute - MINUTES) + 1, minute + 1):
            self._lines[passed % MINUTES] = self._errors[passed % MINUTES] = 0
        self._minute = max(self._minute, minute)
