"""What always holds of counts, checked while the program runs: cheap enough to stay on.

A breach is a bug of the exporter. It is counted as an internal error of the part ``invariants``,
and logged once with what is known of it: names and numbers, no text of any log.
"""

import logging
from collections.abc import Iterable

from exporter.state.store import ValueKey
from exporter.telemetry.internal_errors import Part
from exporter.telemetry.metrics import Metrics

LOG = logging.getLogger(__name__)

_MOST_REMEMBERED = 1000  # breaches that were logged; past it each is logged once more


class Invariants:
    """Checks the counts of one account; called within the ledger's transactions.

    Args:
        metrics: count the breaches.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._errors = metrics.internal_errors
        self._lines = metrics.log_lines.name
        self._logged: set[tuple[str, object]] = set()

    def counted(self, series: tuple[str, ...], before: float, after: float, new: int) -> None:
        """Lines were counted: as many as were new.

        Args:
            series: the labels of the count.
            before: where it stood.
            after: where it stands.
            new: how many lines were new.
        """
        if after != before + new:
            self._breach(
                "what was counted is not what was new",
                series,
                before=before,
                after=after,
                new=new,
            )

    def grows(self, series: ValueKey, shown: float, value: float) -> bool:
        """A counter is about to show another value; return False if it would fall."""
        if value >= shown:
            return True
        self._breach("a counter would fall", series, shown=shown, value=value)
        return False

    def cursors_move(self, changed: Iterable[ValueKey], moved: Iterable[tuple[str, ...]]) -> None:
        """A batch is about to be saved: the run-time lines in it are there with their cursors.

        Args:
            changed: the values in the batch.
            moved: the components of which it holds where their logs were read to.
        """
        lines, known = self._lines, None
        for key in changed:
            if key.metric == lines and key.labels[-1] == "RUN":
                known = set(moved) if known is None else known
                if key.labels[:2] not in known:
                    self._breach("a cursor stands behind its counts", key, cursors=len(known))

    def _breach(self, what: str, subject: object, **numbers: float) -> None:
        self._errors.labels(Part.INVARIANTS).inc()
        if len(self._logged) >= _MOST_REMEMBERED:
            self._logged.clear()
        level = logging.DEBUG if (what, subject) in self._logged else logging.ERROR
        self._logged.add((what, subject))
        LOG.log(
            level,
            "internal error: an invariant does not hold; it is a bug of the exporter: please "
            "report it",
            extra={
                "fields": {
                    "part": Part.INVARIANTS,
                    "invariant": what,
                    "series": subject,
                    **numbers,
                }
            },
        )
