"""``check``: validate all that needs no network, and say what the configuration costs."""

import time

from exporter.config.schema import Config
from exporter.config.web_load import load_web_security
from exporter.costs import requests_per_hour, seconds_per_line, series_per_component
from exporter.matching.engine import Engine
from exporter.options import Options
from exporter.ruleset import load_rules

FLEETS = ((1, 1), (1, 10), (10, 50), (50, 250))
"""Apps and components for which the requests an hour are shown."""

GRANTED = 5000
"""Requests an hour that the platform grants a token (its documentation of rate limits)."""


def check(options: Options) -> int:
    """Print what the configuration costs; raises ConfigError with every fault."""
    config = options.configuration()
    load_web_security(config.web.config_file)
    rules = load_rules(config)
    print(f"{options.config_file or 'the default configuration'}: good")
    print(f"rules: {len(rules)}")
    for rule in Engine(rules).re2_only:
        cost = seconds_per_line(rule, time.thread_time) * 1e6
        print(f"  {rule.name}: tried on each line by itself, which adds {cost:.1f} µs to a line")
    print(f"series per component: at most {series_per_component(config, rules)}")
    _print_requests(config)
    return 0


def _print_requests(config: Config) -> None:
    budget = config.api_budget
    ours = budget.per_hour * budget.share if budget else float(GRANTED)
    print(f"requests an hour, of {ours:.0f} to be had:")
    for apps, components in FLEETS:
        hourly = requests_per_hour(config, apps, components)
        note = "" if hourly <= ours else "  too many: lengthen logs.interval or exclude components"
        print(f"  {components:4} components in {apps:2} apps: {hourly:7.0f}{note}")
