"""``check``: validate all that needs no network, and say what the configuration costs."""

import time

from exporter.collect.pacing import Plan, plan
from exporter.config.schema import Config
from exporter.config.web_load import load_web_security
from exporter.configuration import configuration_of
from exporter.costs import (
    demand_of,
    features,
    requests_to_be_had,
    restarted_interval,
    seconds_per_line,
    series_per_component,
)
from exporter.matching.engine import Engine
from exporter.options import Options
from exporter.ruleset import load_rules

FLEETS = ((1, 1), (1, 10), (10, 50), (50, 250))
"""Apps and components for which the requests an hour are shown."""


def check(options: Options) -> int:
    """Print what the configuration costs; raises ConfigError with every fault."""
    config = configuration_of(options)
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
    ours = requests_to_be_had(config)
    print(f"requests an hour, of {ours:.0f} to be had:")
    for apps, components in FLEETS:
        wanted = demand_of(config, apps, components)
        note = _note(config, plan(wanted, ours))
        print(f"  {components:4} components in {apps:2} apps: {wanted.total:7.0f}{note}")
    print("each costs, an hour:")
    for what, hourly in features(config):
        print(f"  {what:42} {hourly:7.0f}")


def _note(config: Config, planned: Plan) -> str:
    """What becomes of the intervals where the budget does not reach for them."""
    if planned == Plan():
        return ""
    run = config.logs.interval * planned.stretch
    swept = restarted_interval(config) * planned.stretch * planned.sweep
    restarted = f"RUN_RESTARTED every {swept:.0f} s, or when a container has ended"
    if planned.stretch == 1:
        return f"  too many: {restarted}"
    return f"  too many: stretched {planned.stretch:.2f} times, RUN every {run:.0f} s, {restarted}"
