"""``check``: validate everything that needs no network, and print what the configuration costs.

With ``--syntax-only`` it reads the configuration file and no other: a pull request has neither the
token nor the certificates that the file names.

Where the configuration selects apps by patterns and there is a token, the apps are listed to say
which patterns match nothing; that is no fault of the configuration, nor is an API out of reach.
"""

import threading
import time

from prometheus_client import CollectorRegistry

from exporter.config.credentials import resolve_tokens
from exporter.config.durations import format_duration
from exporter.config.reading import LogMode
from exporter.config.schema import Config
from exporter.config.web_file.load import load_web_security
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.digitalocean.session import tls_context
from exporter.errors import ApiError, ConfigError
from exporter.matching.engine import Engine
from exporter.options import Options
from exporter.scheduling.pacing import Plan, plan
from exporter.service.configuration import configuration_of
from exporter.service.connections import build_budget, connect
from exporter.service.estimate import (
    available_requests_per_hour,
    demand_of,
    features,
    restarted_interval,
    seconds_per_line,
    series_per_component,
)
from exporter.service.replication import replica_name
from exporter.service.ruleset import load_rules
from exporter.telemetry.api_metrics import ApiMetrics
from exporter.telemetry.metrics import Metrics
from exporter.watching.inventory import Selection, nothing_matched

EVERYTHING = ("*",)

FLEETS = ((1, 1), (1, 10), (10, 50), (50, 250))
"""Apps and components for which the requests an hour are shown."""

MODES = (LogMode.POLL, LogMode.FOLLOW, LogMode.RECEIVE)
"""The modes that a forecast compares with the configured one."""


def check(options: Options) -> int:
    """Print what the configuration costs; raises ConfigError with every fault."""
    config = configuration_of(options, credentials=not options.syntax_only)
    if not options.syntax_only:
        load_web_security(config.web.config_file, options.web_config_text)
        tls_context(config.digitalocean.ca_file)
    rules = load_rules(config)
    given = options.config_file or options.config_text
    print(f"{options.config_name if given else 'the default configuration'}: good")
    print(f"rules: {len(rules)}")
    for name, tuning in sorted(config.patterns.tunings().items()):
        print(f"  {name}: {tuning}")
    for rule in Engine(rules).re2_only:
        cost = seconds_per_line(rule, time.thread_time) * 1e6
        print(f"  {rule.name}: tried on each line by itself, which adds {cost:.1f} µs to a line")
    series = series_per_component(config, rules)
    print(f"series per component: at most {series}")
    if config.replicas.enabled:
        _print_replicas(config)
    if options.components:
        _print_forecast(config, options.components, options.apps or 1, series)
    else:
        _print_requests(config)
    if config.discovery.include != EVERYTHING and not options.syntax_only:
        _print_unmatched(config, options)
    return 0


def _print_unmatched(config: Config, options: Options) -> None:
    try:
        tokens = resolve_tokens(config, options.environ, options.config_name)
    except ConfigError:
        return  # without a token nothing can be asked
    include = config.discovery.include
    for account, token in tokens.items():
        place = f"{account}: discovery.include" if account else "discovery.include"
        budget = build_budget(config, threading.Event(), time.monotonic)
        observer = ApiMetrics(Metrics(CollectorRegistry()))
        try:
            clock = PlatformClock(time.time, time.monotonic)
            connections = connect(
                config,
                token,
                budget,
                observer,
                clock,
                time.monotonic,
            )
            apps = connections.platform.apps()
        except (ApiError, ConfigError) as error:
            print(f"{place}: not compared with the apps that there are: {error}")
            continue
        if words := nothing_matched(Selection(include).unmatched(apps), apps):
            print(f"{place}: warning: {words}")


def _print_replicas(config: Config) -> None:
    replicas = config.replicas
    parts = "1 share" if replicas.shares == 1 else f"{replicas.shares} shares"
    print(f"replicas: this one is {replica_name(replicas.name)}, each account has {parts}")
    silence = format_duration(replicas.takeover_after)
    print(f"  the shares of a silent replica are taken over after {silence}")
    if replicas.shares > 1:
        print(f"  each share has 1/{replicas.shares} of the requests below")


def _print_requests(config: Config) -> None:
    ours = available_requests_per_hour(config)
    print(f"requests an hour, of {ours:.0f} available:")
    for apps, components in FLEETS:
        wanted = demand_of(config, apps, components)
        note = _note(config, plan(wanted, ours))
        print(f"  {components:4} components in {apps:2} apps: {wanted.total:7.0f}{note}")
    _print_features(config)


def _print_forecast(config: Config, components: int, apps: int, series: int) -> None:
    """Print what one size costs, with the logs polled, followed and received."""
    ours = available_requests_per_hour(config)
    print(f"{components} components in {apps} apps: at most {series * components} series")
    print(f"requests an hour, of {ours:.0f} available:")
    modes = (config.logs.mode, *(mode for mode in MODES if mode is not config.logs.mode))
    for mode in modes:
        logs = config.logs.model_copy(update={"mode": mode})
        configured = config.model_copy(update={"logs": logs})
        wanted = demand_of(configured, apps, components)
        what = f"logs.mode: {mode}{' (configured)' if mode is config.logs.mode else ''}"
        print(f"  {what:32} {wanted.total:7.0f}{_note(configured, plan(wanted, ours))}")
    _print_features(config)


def _print_features(config: Config) -> None:
    print("each costs, an hour:")
    for what, hourly in features(config):
        print(f"  {what:42} {hourly:7.0f}")


def _note(config: Config, planned: Plan) -> str:
    """How much longer the intervals become where the budget is too small for them."""
    if planned == Plan():
        return ""
    run = config.logs.interval * planned.stretch
    swept = restarted_interval(config) * planned.stretch * planned.sweep
    restarted = f"RUN_RESTARTED every {swept:.0f} s, or when a container has ended"
    if planned.stretch == 1:
        return f"  too many: {restarted}"
    return f"  too many: stretched {planned.stretch:.2f} times, RUN every {run:.0f} s, {restarted}"
