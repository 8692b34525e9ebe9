"""What counts the lines of one account, built from the configuration."""

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.config.schema import Config, LogMode
from exporter.counting.canary import FOLLOWED_SECONDS, Canary
from exporter.counting.crashes import Crashes
from exporter.counting.error_counts import ErrorCounts
from exporter.counting.findings import Findings
from exporter.counting.notifier import Notifier
from exporter.counting.pipeline import Pipeline, ReadingLimits
from exporter.counting.rule_metrics import RuleMetrics
from exporter.counting.series import Series, SeriesSettings
from exporter.logs.lines import NANOSECONDS
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.matching.traces.grammar import HEADS
from exporter.model import LogType, Rule
from exporter.service.environment import Environment


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts lines and container ends, and what the pages show of it."""

    pipeline: Pipeline
    notifier: Notifier
    crashes: Crashes


def build_counting(config: Config, rules: Sequence[Rule], env: Environment) -> Counting:
    """Build what counts the lines of one account."""
    logs, metrics, ledger = config.logs, env.records.metrics, env.records.ledger
    engine = Engine((*rules, *HEADS), unwrap=Unwrapping() if logs.unwrap else None)
    rule_metrics = RuleMetrics(metrics, ledger, engine)
    followed = follows(config)
    series = Series(
        metrics,
        ledger,
        env.records.components,
        rules,
        rule_metrics,
        SeriesSettings(
            logs.types, followed, jobs=config.collectors.jobs, events=config.collectors.events
        ),
    )

    def start() -> int:
        """Lines up to here (Unix ns) are from before the first start, by the platform's clock."""
        error = env.start_error() if ledger.saved_at is None else 0.0
        return int((ledger.first_start - logs.lookback + error) * NANOSECONDS)

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
    canary = Canary(
        metrics,
        ledger,
        rules,
        start=limits.start() / NANOSECONDS,
        interval=FOLLOWED_SECONDS if followed else logs.interval,
        clock=env.platform_time,
    )
    pipeline = Pipeline(series, engine, limits, findings, crashes, canary, notifier)
    return Counting(pipeline, notifier, crashes)


def follows(config: Config) -> bool:
    """Return whether live streams are read, as far as the platform gives them."""
    return config.logs.mode is LogMode.FOLLOW and LogType.RUN in config.logs.types
