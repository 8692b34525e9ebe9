"""``match``: the patterns over log files or standard input, offline."""

import sys
import time
from contextlib import ExitStack

from exporter.logs.redaction import redact
from exporter.matching.engine import Engine
from exporter.matching.extract import extractions_of
from exporter.options import Options
from exporter.ruleset import load_rules
from exporter.workbench.counting import count_inputs, size_of_inputs
from exporter.workbench.inputs import STANDARD_INPUT, open_inputs, pieces_of
from exporter.workbench.lines import matching_lines
from exporter.workbench.processes import cores
from exporter.workbench.progress import Progress
from exporter.workbench.report import json_report, table_report
from exporter.workbench.stopwatch import Stopwatch
from exporter.workbench.tally import Tally


def match(options: Options) -> int:
    """Print how many lines each pattern matches; raises ConfigError for what cannot be read.

    Rules that name components are tried on every line, since a file does not say whose it is.
    """
    rules = load_rules(options.configuration(credentials=False))
    stopwatch = Stopwatch(time.perf_counter)
    engine, tally = Engine(rules, stopwatch.watch), Tally()
    started = time.perf_counter()
    with ExitStack() as stack:
        streams = open_inputs(options.files or (STANDARD_INPUT,), stack)
        if options.show:
            extractions = extractions_of(engine, redact)
            for stream in streams:
                for piece in pieces_of(stream):
                    for line in matching_lines(engine, extractions, piece, tally):
                        print(line)
            tally.costs = stopwatch.take()
        else:
            progress = Progress(sys.stderr, time.monotonic, size_of_inputs(streams))
            stack.callback(progress.clear)
            tally = count_inputs(engine, streams, stopwatch, processes=cores(), notice=progress.add)
    seconds = time.perf_counter() - started
    if options.format == "json":
        print(json_report(rules, tally, seconds))
    else:
        print("\n".join(table_report(rules, tally, seconds)))
    return 0
