"""Counting: how many lines there are, and how many each rule matches."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.logs.lines import message_of
from exporter.matching.engine import Engine
from exporter.matching.extract import Extraction, Sample
from exporter.model import RuleMetric
from exporter.workbench.inputs import Piece
from exporter.workbench.series import SeriesTally
from exporter.workbench.stopwatch import Cost

Extractions = Mapping[int, Extraction]
"""What takes the samples of rules that feed a metric, by the rule's index."""


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


def count(engine: Engine, extractions: Extractions, piece: Piece, tally: Tally) -> None:
    """Add to the tally what rules match in a piece, and its bytes; not its lines."""
    tally.bytes += piece.end
    patterns = tally.patterns
    for rule, start, end in engine.scan_text(piece.text, message_of=message_of, end=piece.end):
        patterns[rule] += 1
        if rule in extractions:
            take_sample(extractions[rule], piece.text[start:end], tally)


def take_sample(extraction: Extraction, line: bytes, tally: Tally) -> None:
    """Give a line that a rule matched to the metric that the rule feeds."""
    tally.take(extraction.metric, extraction.sample(message_of(line)))
