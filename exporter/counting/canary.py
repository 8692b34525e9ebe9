"""What arrives of the canary's lines: missing, repeated and late ones, by component.

What is known of each run is a document beside the counts, so it lasts over restarts of either side.
"""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from exporter.counting.component import WatchedComponent
from exporter.counting.ledger import Ledger
from exporter.errors import StateError
from exporter.logs.canary_line import parse_canary_line
from exporter.logs.canary_runs import CanaryRuns
from exporter.matching.packs import CANARY_RULE
from exporter.model import ComponentKey, Rule
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.table import Counter

LOG = logging.getLogger(__name__)

DOCUMENT = "canary"

HOLE_SECONDS = 10.0
TAIL_SECONDS = 20.0
"""How long lines are waited for, beside several intervals of reading."""

FOLLOWED_SECONDS = 5.0
"""What stands for the interval where logs are followed."""


class Canary:
    """The canaries of every component; the ledger's lock is held around every call.

    Args:
        rules: the rules in force; the one of the pack ``canary`` finds the lines.
        start: returns Unix seconds; lines before it do not count.
        interval: seconds between two reads of a log.
        clock: Unix seconds.
    """

    def __init__(
        self,
        metrics: Metrics,
        ledger: Ledger,
        rules: Sequence[Rule],
        *,
        start: Callable[[], float],
        interval: float,
        clock: Callable[[], float],
    ) -> None:
        self._metrics = metrics
        self._ledger = ledger
        self._start = start
        self._waits = HOLE_SECONDS + 2 * interval, TAIL_SECONDS + 3 * interval
        self._clock = clock
        self.rules = frozenset(
            position for position, rule in enumerate(rules) if rule.name == CANARY_RULE
        )

    def add(self, component: WatchedComponent, messages: Iterable[bytes]) -> None:
        """Note new lines of a component in which the rule found the canary."""
        key, runs = component.key, self._runs(component)
        now, repeated = self._clock(), 0
        delay = self._metrics.canary_delay.labels(*key.parts)
        for message in messages:
            line = parse_canary_line(message)
            if line is None:  # a rule of the user that has the name of the pack's
                continue
            repeated += runs.add(line, now)
            delay.observe(max(0.0, now - line.written_at))
        if repeated:
            self._ledger.add(self._metrics.canary_lines_repeated, key.parts, repeated)
        self._keep(key, runs)

    def gap(self, component: WatchedComponent, since: float, until: float) -> None:
        """Note that the exporter announced missing lines of a component.

        Args:
            since, until: Unix seconds between which they were written; 0 where it is not known.
        """
        if self.rules and (runs := self._runs(component)):
            key = component.key
            explained = runs.gap(since, until or self._clock())
            self._count(self._metrics.canary_lines_announced, key, explained)
            self._keep(key, runs)

    def settle(self, component: WatchedComponent) -> None:
        """Count lines that have had their time to arrive; their log was just read."""
        if not self.rules or not (runs := self._runs(component)):
            return
        key = component.key
        judged = runs.settle(self._clock())
        self._count(self._metrics.canary_lines_missing, key, judged.missing)
        self._count(self._metrics.canary_lines_announced, key, judged.announced)
        if judged.missing > judged.announced:
            lines = judged.missing - judged.announced
            LOG.error(
                "lines of the canary are missing and no gap was announced",
                extra={"fields": {"source": key, "lines": lines}},
            )
        self._keep(key, runs)

    def _count(self, metric: Counter, key: ComponentKey, lines: int) -> None:
        if lines:
            self._ledger.add(metric, key.parts, lines)

    def _keep(self, key: ComponentKey, runs: CanaryRuns) -> None:
        if runs:
            self._ledger.documents.keep(DOCUMENT, key.parts, "", partial(_written, runs))
        else:
            self._ledger.documents.discard(DOCUMENT, key.parts, "")

    def _runs(self, component: WatchedComponent) -> CanaryRuns:
        if component.canary is None:
            key = component.key
            runs = CanaryRuns(self._start(), *self._waits)
            document = self._ledger.documents.kept(DOCUMENT, key.parts).get("")
            if document is not None:
                try:
                    runs.restore(json.loads(document))
                except ValueError as error:
                    raise StateError(f"state of {key}: {error}") from None
            component.canary = runs
        return component.canary


def _written(runs: CanaryRuns) -> bytes:
    return json.dumps(runs.to_json()).encode()
