"""The result of ``match``, for people and for programs."""

import json
from collections.abc import Iterator, Sequence

from exporter.model import Rule
from exporter.workbench.tally import Tally


def json_report(rules: Sequence[Rule], tally: Tally, seconds: float) -> str:
    """The result as one JSON object."""
    patterns = {rule.name: tally.patterns[index] for index, rule in enumerate(rules)}
    result = {"lines": tally.lines, "bytes": tally.bytes, "patterns": patterns, "seconds": seconds}
    return json.dumps(result)


def table_report(rules: Sequence[Rule], tally: Tally, seconds: float) -> Iterator[str]:
    """The result as the lines of a table; rules that matched nothing are only counted."""
    width = max((len(rule.name) for rule in rules), default=7)
    yield f"{'PATTERN':{width}}  {'LEVEL':8}  {'LINES':>10}"
    for index, rule in enumerate(rules):
        if tally.patterns[index]:
            yield f"{rule.name:{width}}  {rule.level:8}  {tally.patterns[index]:>10}"
    silent = sum(not tally.patterns[index] for index in range(len(rules)))
    yield f"{silent} of {len(rules)} patterns matched nothing."
    speed = tally.bytes / 1e6 / seconds if seconds else 0.0
    yield f"{tally.lines} lines, {tally.bytes} bytes in {seconds:.3f} s ({speed:.0f} MB/s)."
