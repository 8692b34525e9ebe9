"""``destinations``: the piece of app spec that makes the platform push, and which apps have it."""

import sys
import threading
import time

from prometheus_client import CollectorRegistry

from exporter.config.credentials import resolve_tokens
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.errors import ConfigError, Fault
from exporter.options import Options
from exporter.receiving.destinations import SpecComponent, components_of, spec_piece
from exporter.service.configuration import configuration_of
from exporter.service.connections import build_budget, connect
from exporter.telemetry.api_metrics import ApiMetrics
from exporter.telemetry.metrics import Metrics

_ANY = SpecComponent("services", "<component>", frozenset())


def destinations(options: Options) -> int:
    """Print the piece for each app, or with ``--check`` what each component does.

    Returns:
        0; with ``--check`` 1 if a component does not push to the URL.

    Raises:
        ConfigError: the configuration or a flag cannot be used.
        ApiError: the apps cannot be listed.
    """
    url = options.url or ""
    if not url.startswith("https://"):
        problem = "the platform pushes to an https:// address only" if url else "it is missing"
        raise ConfigError((Fault("--url", "", problem, "such as https://logs.example.com"),))
    if options.app is None and not options.check:
        print(spec_piece(url, [_ANY]), end="")
        return 0
    apps = _specs(options)
    if options.app is not None and options.app not in apps:
        known = f"the token sees {', '.join(sorted(apps)) or 'no app'}"
        raise ConfigError((Fault("--app", "", f"there is no app {options.app!r}", known),))
    wanted = {name: spec for name, spec in apps.items() if options.app in (None, name)}
    if options.check:
        return _check(url, wanted)
    for name, components in wanted.items():
        print(f"# {name}\n{spec_piece(url, components)}", end="")
    return 0


def _check(url: str, apps: dict[str, tuple[SpecComponent, ...]]) -> int:
    missing = 0
    for name, components in sorted(apps.items()):
        for component in components:
            pushes = component.pushes_to(url)
            missing += not pushes
            print(f"{'pushes' if pushes else 'does not':8}  {name}/{component.name}")
    if missing:
        print(f"{missing} of these do not push to {url}", file=sys.stderr)
    return 1 if missing else 0


def _specs(options: Options) -> dict[str, tuple[SpecComponent, ...]]:
    """The components of every app that the tokens see, by the app's name."""
    config = configuration_of(options)
    tokens = resolve_tokens(config, options.environ, options.config_name)
    found: dict[str, tuple[SpecComponent, ...]] = {}
    for token in tokens.values():
        budget = build_budget(config, threading.Event(), time.monotonic)
        metrics = ApiMetrics(Metrics(CollectorRegistry()))
        clock = PlatformClock(time.time, time.monotonic)
        connections = connect(config, token, budget, metrics, clock, time.monotonic)
        for name, spec in connections.platform.specs():
            found[name] = components_of(spec)
    return found
