"""``match``: the patterns over log files or standard input, offline."""

import dataclasses
import json
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO

from exporter.config.suggestions import nearest
from exporter.configuration import configuration_of
from exporter.errors import ConfigError, Fault
from exporter.logs.redaction import redact
from exporter.matching.engine import Engine
from exporter.matching.extract import extractions_of
from exporter.model import Rule
from exporter.options import Options
from exporter.ruleset import load_rules
from exporter.workbench.counting import count_inputs, size_of_inputs
from exporter.workbench.explain import Explainer, Explanation
from exporter.workbench.inputs import STANDARD_INPUT, open_inputs
from exporter.workbench.lines import first_lines, matching_lines
from exporter.workbench.processes import cores
from exporter.workbench.progress import Progress
from exporter.workbench.report import (
    counts_of,
    json_list,
    json_rest,
    result_of,
    shown_explanation,
    shown_match,
    table_report,
)
from exporter.workbench.stopwatch import Stopwatch
from exporter.workbench.tally import Tally

if TYPE_CHECKING:
    from exporter.workbench.unmatched import Unmatched


def match(options: Options) -> int:
    """Print how many lines each pattern matches; raises ConfigError for what cannot be read.

    Rules that name components are tried on every line, since a file does not say whose it is.
    """
    if options.explain is not None and (options.show or options.unmatched):
        problem = "it shows lines in a way of its own, as --show and --unmatched do"
        raise ConfigError((Fault("--explain", "", problem, "give one of them"),))
    rules = load_rules(configuration_of(options, credentials=False))
    explained = None if options.explain is None else _named(rules, options.explain)
    with ExitStack() as stack:
        streams = open_inputs(options.files or (STANDARD_INPUT,), stack)
        if explained is not None:
            _explain(explained, streams, options)
        else:
            _count(rules, streams, options, stack)
    return 0


def _named(rules: Sequence[Rule], name: str) -> Rule:
    for rule in rules:
        if rule.name == name:
            return rule
    near = nearest(name, [rule.name for rule in rules])
    remedy = f"did you mean {near}?" if near else "docs/patterns.md and your file have the names"
    raise ConfigError((Fault("--explain", "", f"there is no rule {name!r}", remedy),))


def _explain(rule: Rule, streams: Sequence[BinaryIO], options: Options) -> None:
    explainer, tally = Explainer(rule, redact), Tally()
    started = time.perf_counter()
    explanations = map(explainer.explain, first_lines(streams, options.limit, tally))
    if options.format == "json":
        _print_all(json_list("explained", _tallied(explanations, tally)))
        print(json_rest(counts_of([rule], tally, time.perf_counter() - started)))
        return
    for number, explanation in enumerate(explanations, 1):
        _print_all(shown_explanation(number, explanation))


def _tallied(explanations: Iterable[Explanation], tally: Tally) -> Iterator[dict[str, object]]:
    for explanation in explanations:
        tally.patterns[0] += explanation.matches
        yield dataclasses.asdict(explanation)


def _count(
    rules: Sequence[Rule], streams: Sequence[BinaryIO], options: Options, stack: ExitStack
) -> None:
    stopwatch = Stopwatch(time.perf_counter)
    engine = Engine(rules, stopwatch.watch)
    progress = Progress(sys.stderr, time.monotonic, size_of_inputs(streams))
    stack.callback(progress.clear)
    unmatched = _unmatched() if options.unmatched else None
    started = time.perf_counter()
    if options.show or unmatched is not None:
        tally = _count_lines(engine, streams, options, unmatched, progress)
        tally.costs = stopwatch.take()
    else:
        tally = count_inputs(engine, streams, stopwatch, processes=cores(), notice=progress.add)
    seconds = time.perf_counter() - started
    progress.clear()
    if options.format == "json":
        result = result_of(rules, tally, seconds) | (unmatched.as_json() if unmatched else {})
        print(json_rest(result) if options.show else json.dumps(result))
        return
    _print_all(table_report(rules, tally, seconds))
    if unmatched is not None:
        _print_all(unmatched.as_table(options.limit))


def _unmatched() -> "Unmatched":
    # What tells kinds apart takes longer to load than most logs take to read.
    from exporter.workbench.unmatched import Unmatched

    return Unmatched(redact)


def _count_lines(
    engine: Engine,
    streams: Sequence[BinaryIO],
    options: Options,
    unmatched: "Unmatched | None",
    progress: Progress,
) -> Tally:
    tally, extractions = Tally(), extractions_of(engine, redact)
    # A terminal that shows lines needs no word on how far they are.
    watched = options.show and sys.stdout.isatty()
    notice = deque[int](maxlen=0).append if watched else progress.add
    look = unmatched.look if unmatched else None
    lines = matching_lines(engine, extractions, streams, tally, look, notice)
    if not options.show:
        deque(lines, maxlen=0)
    elif options.format == "json":
        _print_all(json_list("matches", (line._asdict() for line in lines)))
    else:
        _print_all(map(shown_match, lines))
    return tally


def _print_all(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)
