"""What counts the lines of one account, built from the configuration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from weakref import WeakValueDictionary

from exporter.config.reading import LogMode
from exporter.config.schema import Config
from exporter.counting.canary import FOLLOWED_SECONDS, Canary
from exporter.counting.container_exits import ContainerExits
from exporter.counting.crashes import Crashes
from exporter.counting.error_counts import ErrorCounts
from exporter.counting.findings import Findings
from exporter.counting.notifier import Notifier
from exporter.counting.pipeline import Pipeline, ReadingLimits
from exporter.counting.received import Received
from exporter.counting.rule_metrics import RuleMetrics
from exporter.counting.series import Series, SeriesSettings
from exporter.logs.lines import NANOSECONDS
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.matching.selection import selects
from exporter.matching.traces.grammar import HEADS
from exporter.model import ComponentKey, LogType, Rule
from exporter.service.environment import Environment


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts lines and container ends, and what the pages show of it."""

    pipeline: Pipeline
    notifier: Notifier
    crashes: Crashes
    received: Received | None


_ENGINES: WeakValueDictionary[tuple[tuple[Rule, ...], bool], Engine] = WeakValueDictionary()


def engine_of(rules: tuple[Rule, ...], unwraps: bool) -> Engine:
    """Return the engine of these rules: one that is in use already, or a new one.

    An engine never changes and takes long to compile, so the accounts and shares of a process have
    one in common, and a reload that leaves the rules as they are keeps it.
    """
    engine = _ENGINES.get((rules, unwraps))
    if engine is None:
        engine = Engine(rules, unwrap=Unwrapping() if unwraps else None)
        _ENGINES[rules, unwraps] = engine
    return engine


def build_counting(config: Config, rules: Sequence[Rule], env: Environment) -> Counting:
    """Build what counts the lines of one account."""
    logs, metrics, ledger = config.logs, env.records.metrics, env.records.ledger
    engine = engine_of((*rules, *HEADS), logs.unwrap)
    rule_metrics = RuleMetrics(metrics, ledger, engine)
    wanted = config.collectors
    settings = SeriesSettings(logs.types, follows(config), jobs=wanted.jobs, events=wanted.events)
    series = Series(
        metrics,
        ledger,
        env.records.components,
        rules,
        rule_metrics,
        settings,
    )

    def start() -> int:
        """Lines up to here (Unix ns) are from before the first start, by the platform's clock."""
        return int((ledger.first_start - logs.lookback) * NANOSECONDS)

    limits = ReadingLimits(
        tail_lines=logs.tail_lines,
        max_line_bytes=logs.max_line_bytes,
        start=start,
        restarts_watched=LogType.RUN_RESTARTED in logs.types,
        run_watched=LogType.RUN in logs.types,
    )
    notifier = Notifier(
        env.notify, config.notify.events, ledger, env.platform_time, excerpts=config.web.excerpts
    )
    errors = ErrorCounts(metrics, ledger, env.platform_time, notifier)
    findings = Findings(ledger, rules, errors, env.platform_time)
    crashes = Crashes(ledger, excerpts=config.web.excerpts)
    exits = ContainerExits(
        series,
        crashes,
        notifier,
        restarts_watched=limits.restarts_watched,
        run_watched=limits.run_watched,
        unwrap=engine.unwrap,
        clock=env.platform_time,
    )
    canary = _canary(config, rules, env, limits)
    received = _received(config, env)
    pipeline = Pipeline(series, engine, limits, findings, exits, canary, received)
    return Counting(pipeline, notifier, crashes, received)


def _canary(
    config: Config, rules: Sequence[Rule], env: Environment, limits: ReadingLimits
) -> Canary:
    return Canary(
        env.records.metrics,
        env.records.ledger,
        rules,
        start=limits.start_seconds,
        interval=FOLLOWED_SECONDS if follows(config) else config.logs.interval,
        clock=env.platform_time,
    )


def _received(config: Config, env: Environment) -> Received | None:
    if not config.receive.listen_addresses:
        return None
    records = env.records
    return Received(records.ledger, records.components, receives_of(config), env.monotonic)


def follows(config: Config) -> bool:
    """Return whether live streams are read, as far as the platform gives them."""
    return config.logs.mode is LogMode.FOLLOW and LogType.RUN in config.logs.types


def receives_of(config: Config) -> Callable[[ComponentKey], bool]:
    """Return a function that says whether lines of a component are to be received."""
    globs = config.receive.components
    if not globs and config.logs.mode is LogMode.RECEIVE:
        globs = ("*",)
    return partial(_is_received, globs)


def _is_received(globs: Sequence[str], key: ComponentKey) -> bool:
    return bool(globs) and selects(globs, key)
