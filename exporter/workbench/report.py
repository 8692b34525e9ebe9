"""The result of ``match``, for people and for programs.

For programs it is one JSON object, which ``--show``, ``--explain`` and ``--unmatched`` give one key
more each; where it holds lines it is written as they are found, so that no log is too large for it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

from exporter.model import Rule
from exporter.workbench.explain import Explanation
from exporter.workbench.lines import MatchingLine
from exporter.workbench.series import series_of
from exporter.workbench.tally import Tally


def counts_of(rules: Sequence[Rule], tally: Tally, seconds: float) -> dict[str, object]:
    """The keys that the JSON result always has."""
    patterns = {rule.name: tally.patterns[index] for index, rule in enumerate(rules)}
    return {"lines": tally.lines, "bytes": tally.bytes, "patterns": patterns, "seconds": seconds}


def result_of(rules: Sequence[Rule], tally: Tally, seconds: float) -> dict[str, object]:
    """The keys of a whole count; ``series`` is among them where rules feed metrics."""
    result = counts_of(rules, tally, seconds)
    costs = {
        rule.name: {"candidates": cost.candidates, "seconds": cost.seconds}
        for rule, cost in zip(rules, tally.costs, strict=True)
    }
    if any(rule.metric for rule in rules):
        result["series"] = dict(series_of(rules, tally.series))
    return result | {"costs": costs}


def json_list(key: str, items: Iterable[object]) -> Iterator[str]:
    """The beginning of a JSON object whose first key holds a list, a line for each item."""
    yield f'{{"{key}": ['
    before = ""
    for item in items:
        yield f"{before}{json.dumps(item)}"
        before = ","


def json_rest(keys: dict[str, object]) -> str:
    """The end of the object that ``json_list`` begins."""
    return f"], {json.dumps(keys)[1:]}"


def shown_match(match: MatchingLine) -> str:
    """A matching line as ``--show`` prints it."""
    return f"{match.pattern}: {match.line}"


def shown_explanation(number: int, explanation: Explanation) -> Iterator[str]:
    """An explanation as ``--explain`` prints it; ``number`` is the line's, from 1."""
    verdict = "matches" if explanation.matches else "does not match"
    yield f"line {number} {verdict}: {explanation.line}"
    for step in explanation.steps:
        yield f"    {step}"


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
