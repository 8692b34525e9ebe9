"""The result of ``match``, for people and for programs."""

import json
from collections.abc import Iterator, Sequence

from exporter.model import Rule
from exporter.workbench.series import series_of
from exporter.workbench.tally import Tally


def json_report(rules: Sequence[Rule], tally: Tally, seconds: float) -> str:
    """The result as one JSON object; ``series`` is in it where rules feed metrics."""
    patterns = {rule.name: tally.patterns[index] for index, rule in enumerate(rules)}
    costs = {
        rule.name: {"candidates": cost.candidates, "seconds": cost.seconds}
        for rule, cost in zip(rules, tally.costs, strict=True)
    }
    result: dict[str, object] = {"lines": tally.lines, "bytes": tally.bytes, "patterns": patterns}
    if any(rule.metric for rule in rules):
        result["series"] = dict(series_of(rules, tally.series))
    result |= {"seconds": seconds, "costs": costs}
    return json.dumps(result)


def table_report(rules: Sequence[Rule], tally: Tally, seconds: float) -> Iterator[str]:
    """The result as the lines of a table; rules that no line could match are only counted.

    Lines that might match and what it took to decide on them stand beside those that match.
    """
    width = max((len(rule.name) for rule in rules), default=7)
    yield f"{'PATTERN':{width}}  {'LEVEL':8}  {'LINES':>10}  {'CANDIDATES':>10}  {'MS':>8}"
    for index, (rule, cost) in enumerate(zip(rules, tally.costs, strict=True)):
        if cost.candidates:
            counts = f"{tally.patterns[index]:>10}  {cost.candidates:>10}"
            yield f"{rule.name:{width}}  {rule.level:8}  {counts}  {cost.seconds * 1e3:>8.1f}"
    silent = sum(not tally.patterns[index] for index in range(len(rules)))
    yield f"{silent} of {len(rules)} patterns matched nothing."
    yield from _series_table(rules, tally)
    speed = tally.bytes / 1e6 / seconds if seconds else 0.0
    yield f"{tally.lines} lines, {tally.bytes} bytes in {seconds:.3f} s ({speed:.0f} MB/s)."


def _series_table(rules: Sequence[Rule], tally: Tally) -> Iterator[str]:
    """The samples of metrics that rules feed, if any do, and what these could not take."""
    samples = list(series_of(rules, tally.series))
    width = max((len(name) for name, _ in samples), default=0)
    if samples:
        yield f"{'SERIES':{width}}  {'VALUE':>10}"
    for name, value in samples:
        yield f"{name:{width}}  {value:>10.10g}"
    for name, series in tally.series.items():
        if series.unreadable:
            yield f"{series.unreadable} matches gave {name} no number that it takes."
