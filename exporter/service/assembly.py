"""What reads one account, built in one place from a configuration and handed in.

``account`` keeps what lasts when the configuration changes, ``application`` all accounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.config.schema import Config
from exporter.counting.pipeline import Pipeline
from exporter.model import RUN_TIME_LOGS, Rule, Source
from exporter.reading.deployment_logs import DeploymentLogs
from exporter.scheduling.pacing import CollectorSettings, Pacing
from exporter.scheduling.schedule import Pace, Schedule
from exporter.scheduling.timer import Timer
from exporter.service import supervisor as supervising
from exporter.service.account_inbox import AccountInbox
from exporter.service.counting_parts import Counting, build_counting
from exporter.service.environment import Environment
from exporter.service.intervals import collector_settings
from exporter.service.reading_parts import (
    Reading,
    build_deployment_logs,
    build_jobs,
    build_reading,
    build_receiver,
)
from exporter.service.status import Status
from exporter.service.supervisor import RunningScheduler, Supervisor
from exporter.telemetry.internal_errors import InternalErrors, Part
from exporter.watching.autoscaling import Autoscaling
from exporter.watching.bandwidth import Bandwidth
from exporter.watching.deployments import Deployments
from exporter.watching.discovery import Discovery, DiscoverySettings
from exporter.watching.failures import Failures
from exporter.watching.inventory import Selection
from exporter.watching.jobs import Jobs
from exporter.watching.platform_metrics import PlatformMetrics
from exporter.watching.platform_reads import (
    AppReader,
    PlatformIntervals,
    PlatformRead,
    PlatformReads,
    wanted_reads,
)


@dataclass(frozen=True, slots=True)
class Watching:
    """What observes the apps and deployments of an account."""

    discovery: Discovery
    deployments: Deployments
    deployment_logs: DeploymentLogs
    platform_metrics: PlatformMetrics


@dataclass(frozen=True, slots=True)
class AccountParts:
    """All parts that watch one account, on one scheduler."""

    supervisor: Supervisor
    timer: Timer
    counting: Counting
    reading: Reading
    watching: Watching
    internal_errors: InternalErrors
    status: Status
    inbox: AccountInbox | None

    def start(self) -> None:
        """Begin to read."""
        if self.reading.follower is not None:
            self.reading.follower.start()
        self.supervisor.start()

    def stop(self) -> None:
        """Begin no more reads; those under way end by themselves."""
        if self.reading.follower is not None:
            self.reading.follower.stop()
        self.supervisor.stop()


def build_account(config: Config, rules: Sequence[Rule], environment: Environment) -> AccountParts:
    """Build everything that reads and counts one account; nothing is started."""
    env, records = environment, environment.records
    settings = collector_settings(config)
    internal_errors = InternalErrors(records.metrics.internal_errors, Part)
    pacing = Pacing(env.budget, settings, env.schedule_clock)
    timer = _discovery_timer(settings, env)
    counting = build_counting(config, rules, env)
    pipeline = counting.pipeline
    reading = build_reading(config, env, pipeline, pacing, timer, internal_errors)
    deployment_logs = build_deployment_logs(config, env, pipeline, internal_errors)
    deployments = Deployments(
        env.platform, records.metrics, records.ledger, deployment_logs, counting.notifier
    )
    platform_metrics = _platform_metrics(env, deployments, reading.schedule)
    receiver = build_receiver(env, counting, reading, platform_metrics)
    reader = receiver or reading.reader
    selected = _discovery_settings(config, env)
    discovery = Discovery(
        env.platform, reader, pipeline, deployments, records.api_metrics, selected, internal_errors
    )
    failures = Failures()
    jobs = build_jobs(config, env, counting, failures, internal_errors)
    platform_reads = PlatformReads(
        _platform_schedule(env, pacing),
        platform_metrics,
        wanted_reads(settings),
        internal_errors,
        readers=_app_readers(settings, env, pipeline, jobs, failures),
        bandwidth=_bandwidth(settings, env, failures),
    )
    internal_errors.watch_jobs(env.scheduler)
    scheduler = RunningScheduler(env.scheduler, env.schedule_clock)
    supervisor = Supervisor(
        scheduler, discovery, timer, reader, platform_reads, records.ledger, pacing
    )
    status = Status(
        supervisor, discovery, platform_metrics, records.api_metrics, counting, pacing, jobs
    )
    inbox = AccountInbox(receiver, receiver.inbox, discovery) if receiver else None
    watching = Watching(discovery, deployments, deployment_logs, platform_metrics)
    return AccountParts(
        supervisor, timer, counting, reading, watching, internal_errors, status, inbox
    )


def rebuild_account(
    config: Config, rules: Sequence[Rule], environment: Environment, before: AccountParts
) -> AccountParts:
    """Build an account by another configuration; it continues where ``before`` has stopped."""
    with environment.records.ledger.transaction():  # nothing is counted between one and the other
        parts = build_account(config, rules, environment)
        parts.counting.pipeline.series.replace(before.counting.pipeline.series)
    parts.supervisor.resume(before.supervisor.known())
    return parts


def _discovery_timer(settings: CollectorSettings, env: Environment) -> Timer:
    return Timer(
        env.scheduler,
        "discovery",
        supervising.PLATFORM_EXECUTOR,
        env.schedule_clock,
        min_gap=min(settings.poll_interval, supervising.RETRY_SECONDS),
    )


def _discovery_settings(config: Config, env: Environment) -> DiscoverySettings:
    selection = Selection(config.discovery.include, config.discovery.exclude)
    log_types = tuple(each for each in config.logs.types if each in RUN_TIME_LOGS)
    return DiscoverySettings(selection, log_types, config.collectors.jobs, env.share)


def _platform_metrics(
    env: Environment, deployments: Deployments, schedule: Schedule[Source]
) -> PlatformMetrics:
    records = env.records
    return PlatformMetrics(
        env.platform,
        records.metrics,
        records.ledger,
        deployments,
        records.components,
        env.platform_time,
        schedule,
    )


def _platform_schedule(env: Environment, pacing: Pacing) -> Schedule[PlatformRead]:
    """The schedule of what is asked of each app, on the thread of the discovery."""
    return Schedule(
        env.scheduler,
        Pace(PlatformIntervals(pacing), pacing.first_delay, env.budget.delay),
        env.schedule_clock,
        env.rng,
        executors=(supervising.PLATFORM_EXECUTOR, supervising.PLATFORM_EXECUTOR),
    )


def _app_readers(
    settings: CollectorSettings,
    env: Environment,
    pipeline: Pipeline,
    jobs: Jobs,
    failures: Failures,
) -> list[AppReader]:
    """What else is read of each app that has it."""
    readers: list[AppReader] = [jobs] if settings.jobs else []
    if settings.events:
        start = pipeline.limits.start_seconds
        metrics, ledger = env.records.metrics, env.records.ledger
        readers.append(
            Autoscaling(env.platform, metrics, ledger, pipeline.series, failures, start=start)
        )
    return readers


def _bandwidth(
    settings: CollectorSettings, env: Environment, failures: Failures
) -> Bandwidth | None:
    if not settings.bandwidth:
        return None
    return Bandwidth(env.platform, env.records.metrics, failures, env.clock)
