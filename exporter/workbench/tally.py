"""Counting: how many lines there are, and how many each rule matches."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from exporter.logs.redaction import redact
from exporter.matching.engine import Engine, LineMatch
from exporter.matching.extract import Sample, extractions_of
from exporter.model import Rule, RuleMetric
from exporter.workbench.inputs import Piece
from exporter.workbench.matches import LogMatches, sample_of
from exporter.workbench.series import SeriesTally
from exporter.workbench.stopwatch import Cost

_RULE = attrgetter("rule")


@dataclass(slots=True)
class Tally:
    """What was found: lines and bytes read, and how many lines each rule, by index, matched.

    ``series`` is what matches gave to the metrics that rules feed, by the metric's name.
    ``costs`` is what each rule cost, as far as that was watched.
    """

    lines: int = 0
    bytes: int = 0
    patterns: Counter[int] = field(default_factory=Counter)
    series: dict[str, SeriesTally] = field(default_factory=dict)
    costs: list[Cost] = field(default_factory=list)

    def add(self, more: "Tally") -> None:
        """Add what was found elsewhere."""
        self.lines += more.lines
        self.bytes += more.bytes
        self.patterns.update(more.patterns)
        for name, series in more.series.items():
            self.series.setdefault(name, SeriesTally(series.metric)).add(series)
        self.costs += [Cost() for _ in more.costs[len(self.costs) :]]
        for cost, added in zip(self.costs, more.costs, strict=False):
            cost.add(added)

    def take(self, metric: RuleMetric, sample: Sample) -> None:
        """Give a match to the metric that its rule feeds."""
        self.series.setdefault(metric.name, SeriesTally(metric)).take(sample)


class Counting:
    """Counts in one log, piece by piece.

    Args:
        engine: has ``matches.rules_of`` the rules.
        rules: the rules.
        tally: what is counted goes there; lines are counted by others.
    """

    def __init__(self, engine: Engine, rules: Sequence[Rule], tally: Tally) -> None:
        self._engine = engine
        self._rules = rules
        self._tally = tally
        self._extractions = extractions_of(engine, redact)
        self.matches = LogMatches(engine, rules)

    def count(self, piece: Piece) -> list[LineMatch]:
        """Add what counts in a piece, and its bytes; return the matches, which are counted."""
        tally, extractions = self._tally, self._extractions
        tally.bytes += piece.size
        found = list(self.matches.counted(piece))
        tally.patterns.update(map(_RULE, found))
        for match in found if extractions else ():
            rule = match.rule
            if rule in extractions and not self._rules[rule].per_event:
                extraction = extractions[rule]
                line = piece.text[match.start : match.end]
                tally.take(extraction.metric, sample_of(extraction, self._engine, line))
        self._take_over(ended=False)
        return found

    def end(self) -> None:
        """The log has ended: add what waited for the end of events."""
        self._take_over(ended=True)

    def _take_over(self, *, ended: bool) -> None:
        for rule, message, event in self.matches.waited(ended=ended):
            extraction = self._extractions[rule]
            self._tally.take(extraction.metric, extraction.sample(message, event.fields))
