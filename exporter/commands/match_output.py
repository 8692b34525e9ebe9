"""What ``match`` does once it has its rules and logs: count, show lines, or explain one rule."""

import dataclasses
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from exporter.logs.redaction import redact
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.model import Rule
from exporter.options import Options
from exporter.workbench.counting import count_inputs, size_of_inputs
from exporter.workbench.database_cache import user_cache
from exporter.workbench.explain import Explainer, Explanation
from exporter.workbench.inputs import Input
from exporter.workbench.lines import first_lines, matching_lines
from exporter.workbench.matches import rules_of
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


def explain(rule: Rule, logs: Sequence[Input], options: Options, unwrap: Unwrapping | None) -> None:
    """Print why a rule matches each line of the logs, or why it does not."""
    explainer, tally = Explainer(rule, redact, unwrap), Tally()
    started = time.perf_counter()
    explanations = map(explainer.explain, first_lines(logs, options.limit, tally))
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


def count(
    rules: Sequence[Rule],
    logs: Sequence[Input],
    lines: Callable[[], int],
    options: Options,
    unwrap: Unwrapping | None,
) -> None:
    """Print how many lines of the logs each rule matches.

    Args:
        lines: says how many lines those inputs have that can be read from any place.
    """
    stopwatch = Stopwatch(time.perf_counter)
    engine = Engine(rules_of(rules), stopwatch.watch, unwrap, user_cache(options.environ))
    started = time.perf_counter()
    with _progress(logs) as progress:
        tally = count_inputs(engine, rules, logs, stopwatch, processes=cores(), notice=progress.add)
        tally.lines += lines()
    seconds = time.perf_counter() - started
    if options.format == "json":
        print(json.dumps(result_of(rules, tally, seconds)))
    else:
        _print_all(table_report(rules, tally, seconds))


def show(
    rules: Sequence[Rule], logs: Sequence[Input], options: Options, unwrap: Unwrapping | None
) -> None:
    """Print lines of the logs beside the counts: those that match, those that look like errors."""
    stopwatch = Stopwatch(time.perf_counter)
    engine = Engine(rules_of(rules), stopwatch.watch, unwrap, user_cache(options.environ))
    unmatched = _unmatched(unwrap) if options.unmatched else None
    started = time.perf_counter()
    with _progress(logs) as progress:
        tally = _count_lines(engine, rules, logs, options, unmatched, progress)
    seconds = time.perf_counter() - started
    tally.costs = stopwatch.take()[: len(rules)]
    if options.format == "json":
        result = result_of(rules, tally, seconds) | (unmatched.as_json() if unmatched else {})
        print(json_rest(result) if options.show else json.dumps(result))
        return
    _print_all(table_report(rules, tally, seconds))
    if unmatched is not None:
        _print_all(unmatched.as_table(options.limit))


@contextmanager
def _progress(logs: Sequence[Input]) -> Iterator[Progress]:
    progress = Progress(sys.stderr, time.monotonic, size_of_inputs(logs))
    try:
        yield progress
    finally:
        progress.clear()


def _unmatched(unwrap: Unwrapping | None) -> "Unmatched":
    # What tells kinds apart takes longer to load than most logs take to read.
    from exporter.workbench.unmatched import Unmatched

    return Unmatched(redact, unwrap)


def _count_lines(
    engine: Engine,
    rules: Sequence[Rule],
    logs: Sequence[Input],
    options: Options,
    unmatched: "Unmatched | None",
    progress: Progress,
) -> Tally:
    tally = Tally()
    # A terminal that shows lines needs no word on how far they are.
    watched = options.show and sys.stdout.isatty()
    notice = deque[int](maxlen=0).append if watched else progress.add
    look = unmatched.look if unmatched else None
    lines = matching_lines(engine, rules, logs, tally, look, notice)
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
