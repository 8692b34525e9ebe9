"""The platform's time, as its answers tell it."""

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

_RESOLUTION_SECONDS = 1.0  # of a ``Date`` header
_STEP_SECONDS = 5.0  # a larger difference is a step of the platform's clock, not a slow answer


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
        self._known = False

    def __call__(self) -> float:
        return self._monotonic() + self._offset

    @property
    def ahead(self) -> float:
        """By how many seconds it is ahead of what the exporter's wall clock showed at the start.

        0 as long as both agree to the resolution of the header.
        """
        ahead = self._offset - self._at_start
        return 0.0 if abs(ahead) <= _RESOLUTION_SECONDS else ahead

    def note(self, headers: Mapping[str, str]) -> None:
        """Take in the headers of an answer that has just come.

        Each says at least what time it was when the answer was made, to the second. So the
        offset that makes the clock latest is the nearest, as long as the platform's own clock
        does not step.
        """
        try:
            moment = parsedate_to_datetime(headers.get("Date", "")).timestamp()
        except (ValueError, OverflowError):
            return
        offset = moment - self._monotonic()
        stepped = offset < self._offset - _RESOLUTION_SECONDS - _STEP_SECONDS
        if not self._known or stepped or offset > self._offset:
            # The exporter's own clock is finer than the header where they do not contradict.
            agrees = offset <= self._at_start <= offset + _RESOLUTION_SECONDS
            self._offset = self._at_start if agrees else offset
        self._known = True
