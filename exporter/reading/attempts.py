"""Attempts at logs that are read whole: how often one is tried, and when it is given up."""

import logging
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from exporter.counting.pipeline import Pipeline
from exporter.errors import ApiError, InternalError, NotFound
from exporter.model import Endpoint, GapReason, Source

LOG = logging.getLogger(__name__)

ATTEMPTS = 10

L = TypeVar("L", bound=Hashable)


class Attempts(Generic[L]):
    """Counts the attempts at each log; what is given up is a gap. Used on one thread at a time."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._made: dict[L, int] = {}

    def made(self, log: L) -> int:
        """Count one more attempt at a log; return how many there were."""
        self._made[log] = self._made.get(log, 0) + 1
        return self._made[log]

    def is_last(
        self,
        log: L,
        source: Source,
        error: ApiError | InternalError,
        fields: dict[str, object],
        *,
        expected: bool = True,
    ) -> bool:
        """Count an attempt that failed; return whether the log is given up.

        It is if it is not there, or fails again and again. The first failure is logged, and the
        last.

        Args:
            fields: what identifies the log in these messages.
            expected: whether there must be a log; then it is a gap if there is none.
        """
        fields = {"source": source, **fields, "problem": error}
        made = self.made(log)
        gone = isinstance(error, NotFound) and error.endpoint is Endpoint.LOGS
        if not gone and made < ATTEMPTS:
            if made == 1:
                LOG.warning("log cannot be read, trying again", extra={"fields": fields})
            return False
        if expected or not gone:
            LOG.warning("log given up: it cannot be read", extra={"fields": fields})
            self._pipeline.count_gap(source, GapReason.ARCHIVE)
        return True

    def end(self, log: L) -> None:
        """Forget a log that needs no further attempt."""
        self._made.pop(log, None)

    def forget(self, is_gone: Callable[[L], bool]) -> None:
        """Forget the logs for which ``is_gone`` is true."""
        for log in list(filter(is_gone, self._made)):
            del self._made[log]
