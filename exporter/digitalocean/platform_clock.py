"""The platform's time, as its answers tell it."""

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from math import inf

_RESOLUTION_SECONDS = 1.0  # of a ``Date`` header
_STEP_SECONDS = 5.0  # an answer that is older by more is a step of the platform's clock


class PlatformClock:
    """Unix seconds as of the platform's ``Date`` headers; as of the exporter before the first.

    It never follows a step of the exporter's wall clock.

    Args:
        wall: Unix seconds of the exporter, asked for once.
        monotonic: seconds that only grow.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._at_start = wall() - monotonic()
        self._offset = self._at_start
        self._earliest, self._latest = -inf, inf  # what answers leave open for the offset

    def __call__(self) -> float:
        return self._monotonic() + self._offset

    @property
    def known(self) -> bool:
        """Whether an answer has told it."""
        return self._latest < inf

    def ahead(self) -> float:
        """By how many seconds it is ahead of what the exporter's wall clock showed at the start.

        0 as long as both agree to the resolution of the header.
        """
        ahead = self._offset - self._at_start
        return 0.0 if abs(ahead) <= _RESOLUTION_SECONDS else ahead

    def note(self, headers: Mapping[str, str], sent: float) -> None:
        """Take in the headers of an answer that has just come.

        The answer was made after the request was sent, and has come since: between the two the
        platform's time was what the header says, to the second. Where the exporter's own clock
        agrees with that it is kept, however slow the answer was; else it is corrected no further
        than to agree.

        Args:
            sent: monotonic seconds: when the request was sent.
        """
        try:
            moment = parsedate_to_datetime(headers.get("Date", "")).timestamp()
        except (ValueError, OverflowError):
            return
        earliest, latest = moment - self._monotonic(), moment + _RESOLUTION_SECONDS - sent
        if earliest > self._latest or latest < self._earliest - _STEP_SECONDS:
            self._earliest, self._latest = earliest, latest
        else:
            self._earliest = max(self._earliest, earliest)
            if latest >= self._earliest:  # else a cache may have kept the answer
                self._latest = min(self._latest, latest)
        self._offset = min(max(self._at_start, self._earliest), self._latest)
