"""``match``: the patterns over log files or standard input, offline."""

import time
from contextlib import ExitStack

from exporter.matching.engine import Engine
from exporter.options import Options
from exporter.ruleset import load_rules
from exporter.workbench.inputs import STANDARD_INPUT, open_inputs, whole_lines
from exporter.workbench.lines import matching_lines
from exporter.workbench.report import json_report, table_report
from exporter.workbench.tally import Tally, count


def match(options: Options) -> int:
    """Print how many lines each pattern matches; raises ConfigError for what cannot be read.

    Rules that name components are tried on every line, since a file does not say whose it is.
    """
    rules = load_rules(options.configuration(credentials=False))
    engine, tally = Engine(rules), Tally()
    started = time.perf_counter()
    with ExitStack() as stack:
        for stream in open_inputs(options.files or (STANDARD_INPUT,), stack):
            for text in whole_lines(stream):
                if options.show:
                    for line in matching_lines(engine, text, tally):
                        print(line)
                else:
                    count(engine, text, tally)
    seconds = time.perf_counter() - started
    if options.format == "json":
        print(json_report(rules, tally, seconds))
    else:
        print("\n".join(table_report(rules, tally, seconds)))
    return 0
