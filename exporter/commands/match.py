"""``match``: the patterns over log files or standard input, offline."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from exporter.config.suggestions import nearest
from exporter.errors import ConfigError, Fault
from exporter.model import Rule
from exporter.options import Options
from exporter.workbench.inputs import STANDARD_INPUT, open_inputs
from exporter.workbench.newlines import lines_of
from exporter.workbench.processes import beside, cores
from exporter.workbench.rules_cache import rules_cache


def match(options: Options) -> int:
    """Print how many lines each pattern matches; raises ConfigError for what cannot be read.

    Rules that name components are tried on every line, since a file does not say whose it is.
    """
    explained, shown = options.explain is not None, options.show or options.unmatched
    if explained and shown:
        problem = "it shows lines in a way of its own, as --show and --unmatched do"
        raise ConfigError((Fault("--explain", "", problem, "give one of them"),))
    with ExitStack() as stack:
        logs = open_inputs(options.files or (STANDARD_INPUT,), stack)
        if not (explained or shown):
            lines = stack.enter_context(beside(partial(lines_of, logs), cores()))
        # To load what follows takes as long as to count the lines of 500 MB.
        from exporter.commands import match_output
        from exporter.logs.unwrap import Unwrapping

        rules, unwraps = chosen_rules(options)
        unwrap = Unwrapping() if unwraps else None
        if options.explain is not None:
            match_output.explain(_named(rules, options.explain), logs, options, unwrap)
        elif shown:
            match_output.show(rules, logs, options, unwrap)
        else:
            match_output.count(rules, logs, lines, options, unwrap)
    return 0


def chosen_rules(options: Options) -> tuple[tuple[Rule, ...], bool]:
    """Return the rules to apply, and whether messages are unwrapped.

    What they were at an earlier start is kept: to load what reads them takes longer than
    everything else at a start.
    """
    cache, read = rules_cache(options), partial(_read_rules, options)
    return read() if cache is None else cache.load_or(options, read)


def _read_rules(options: Options) -> tuple[tuple[Rule, ...], bool]:
    """Read the rules of the configuration; without one these are the defaults."""
    if options.config_file is None and not options.config_text:
        from exporter.matching.packs import DEFAULT, load_packs

        return load_packs([DEFAULT]), True
    from exporter.service.configuration import configuration_of
    from exporter.service.ruleset import load_rules

    config = configuration_of(options, credentials=False)
    return load_rules(config), config.logs.unwrap


def _named(rules: Sequence[Rule], name: str) -> Rule:
    for rule in rules:
        if rule.name == name:
            return rule
    near = nearest(name, [rule.name for rule in rules])
    remedy = f"did you mean {near}?" if near else "docs/patterns.md and your file have the names"
    raise ConfigError((Fault("--explain", "", f"there is no rule {name!r}", remedy),))
