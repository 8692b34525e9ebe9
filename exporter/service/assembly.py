"""What reads one account, built in one place from a configuration and handed in.

``account`` keeps what lasts when the configuration changes, ``application`` all accounts.
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import requests
from apscheduler.executors.pool import ThreadPoolExecutor

from exporter import __version__
from exporter.config.credentials import TokenSource
from exporter.config.durations import format_duration
from exporter.config.schema import Config, LogMode, LogScope
from exporter.counting.canary import FOLLOWED_SECONDS, Canary
from exporter.counting.crashes import Crashes
from exporter.counting.error_counts import ErrorCounts
from exporter.counting.findings import Findings
from exporter.counting.job_runs import JobRuns
from exporter.counting.notifier import Notifier
from exporter.counting.pipeline import Pipeline, ReadingLimits
from exporter.counting.rule_metrics import RuleMetrics
from exporter.counting.series import Series, SeriesSettings
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.budget import Budget
from exporter.digitalocean.client import ApiAccess, Client, OnAnswer, Timing
from exporter.digitalocean.log_content import LogContent
from exporter.digitalocean.log_streams import LogStreams
from exporter.digitalocean.observer import RequestObserver
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.digitalocean.token import EnvToken, FileToken, Token
from exporter.digitalocean.transport import RequestSettings
from exporter.errors import StateError
from exporter.logs.lines import NANOSECONDS
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.matching.selection import selects
from exporter.matching.traces.grammar import HEADS
from exporter.model import RUN_TIME_LOGS, ComponentKey, LogType, Rule, Source
from exporter.reading.app_reads import AppReads
from exporter.reading.deployment_logs import DeploymentLogs
from exporter.reading.following.follower import Follower
from exporter.reading.inbox import Inbox
from exporter.reading.invocation_logs import InvocationLogs
from exporter.reading.poller import Poller
from exporter.reading.reader import Reader
from exporter.reading.receiver import BEAT_SECONDS, Receiver
from exporter.reading.source_reads import ReadSettings, SourceReads
from exporter.reading.whole_log import WholeLogs
from exporter.scheduling import schedule as scheduling
from exporter.scheduling.pacing import CollectorSettings, Pacing
from exporter.scheduling.schedule import Pace, Schedule
from exporter.scheduling.steady import SteadyScheduler
from exporter.scheduling.timer import OneTimeJobs, Timer
from exporter.service import supervisor as supervising
from exporter.service.account_inbox import AccountInbox
from exporter.service.environment import Environment
from exporter.service.status import Status
from exporter.service.supervisor import RunningScheduler, Supervisor
from exporter.state.memory import MemoryStore
from exporter.state.sqlite import SqliteStore
from exporter.state.store import Store
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
    PlatformRead,
    PlatformReads,
    intervals,
    wanted_reads,
)

USER_AGENT = f"do-app-exporter/{__version__}"
SOON_WORKERS = 2
LOG_RETRY_SECONDS = 60.0
"""The longest time until the log of a job's run is tried again."""

SWEEP_SECONDS = 3600.0
"""How often RUN_RESTARTED is read where nothing hints at the end of a container."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connections:
    """The ways to the platform: the API with the token, and log hosts without it.

    ``stop``: set when they are given up; whoever waits or reads then does so too.
    """

    platform: AppPlatform
    content: LogContent
    streams: LogStreams
    stop: threading.Event


def build_budget(
    config: Config, stop: threading.Event, monotonic: Callable[[], float], *, parts: int = 1
) -> Budget:
    """The requests that an account, or one of the equal parts of it, may send."""
    limits = config.api_budget
    return Budget(
        limits.per_hour,
        limits.per_minute,
        limits.share,
        clock=monotonic,
        stop=stop,
        parts=parts,
    )


def connect(
    config: Config,
    token_source: TokenSource,
    budget: Budget,
    api_metrics: RequestObserver,
    clock: PlatformClock,
    monotonic: Callable[[], float],
    on_answer: OnAnswer | None = None,
    *,
    tentative_streams: bool = False,
) -> Connections:
    """Prepare the ways to the platform; nothing is sent.

    Args:
        api_metrics: hears how each request went.
        clock: is told the time by each answer of the API.
        on_answer: see ``Client``.
        tentative_streams: whether a stream that a host refuses is no error.

    Raises:
        ConfigError: the token file has become unusable since it was checked.
    """
    stop = threading.Event()
    ca_file = config.digitalocean.ca_file
    settings = RequestSettings(config.logs.timeout, USER_AGENT, ca_file)
    client = Client(
        ApiAccess(config.digitalocean.api_url, _token(token_source)),
        requests.Session(),
        budget,
        api_metrics,
        settings,
        Timing(monotonic, clock, stop, random.Random()),
        on_answer,
    )
    content = LogContent(requests.Session(), api_metrics, settings, clock=monotonic, stop=stop)
    streams = LogStreams(api_metrics, settings, clock=monotonic, tentative=tentative_streams)
    return Connections(AppPlatform(client), content, streams, stop)


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts lines and container ends, and what the pages show of it."""

    pipeline: Pipeline
    notifier: Notifier
    crashes: Crashes


@dataclass(frozen=True, slots=True)
class Reading:
    """What reads the logs of sources, by turns or over streams."""

    schedule: Schedule[Source]
    reads: SourceReads
    poller: Poller
    follower: Follower | None

    @property
    def reader(self) -> Reader:
        """What discovery tells which sources there are."""
        return self.follower or self.poller


@dataclass(frozen=True, slots=True)
class AccountParts:
    """All parts that watch one account, on one scheduler."""

    supervisor: Supervisor
    timer: Timer
    counting: Counting
    reading: Reading
    discovery: Discovery
    deployments: Deployments
    deployment_logs: DeploymentLogs
    platform_metrics: PlatformMetrics
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
    counting = _build_counting(config, rules, env)
    reading = _build_reading(config, env, counting.pipeline, pacing, timer, internal_errors)
    deployment_logs = _build_deployment_logs(config, env, counting.pipeline, internal_errors)
    deployments = Deployments(
        env.platform, records.metrics, records.ledger, deployment_logs, counting.notifier
    )
    schedule = reading.schedule
    platform_metrics = PlatformMetrics(
        env.platform, records.metrics, deployments, records.components, env.platform_time, schedule
    )
    receiver = _build_receiver(config, env, counting.pipeline, reading, platform_metrics)
    reader = receiver or reading.reader
    discovery = _build_discovery(
        config, env, reader, counting.pipeline, deployments, internal_errors
    )
    failures = Failures()
    jobs = _build_jobs(config, env, counting.pipeline, failures, internal_errors)
    platform_reads = _build_platform_reads(
        env, pacing, settings, platform_metrics, internal_errors, counting, jobs, failures
    )
    internal_errors.watch_jobs(env.scheduler)
    supervisor = Supervisor(
        RunningScheduler(env.scheduler, env.schedule_clock),
        discovery,
        timer,
        reader,
        platform_reads,
        records.ledger,
        pacing,
    )
    status = Status(
        supervisor,
        discovery,
        platform_metrics,
        records.api_metrics,
        counting.pipeline,
        pacing,
        jobs,
    )
    return AccountParts(
        supervisor,
        timer,
        counting,
        reading,
        discovery,
        deployments,
        deployment_logs,
        platform_metrics,
        internal_errors,
        status,
        AccountInbox(receiver, receiver.inbox, discovery) if receiver else None,
    )


def _build_discovery(
    config: Config,
    env: Environment,
    reader: Reader,
    pipeline: Pipeline,
    deployments: Deployments,
    internal_errors: InternalErrors,
) -> Discovery:
    selection = Selection(config.discovery.include, config.discovery.exclude)
    return Discovery(
        env.platform,
        reader,
        pipeline,
        deployments,
        env.records.api_metrics,
        DiscoverySettings(selection, _run_time_logs(config), config.collectors.jobs, env.share),
        internal_errors,
    )


def _run_time_logs(config: Config) -> tuple[LogType, ...]:
    return tuple(log_type for log_type in config.logs.types if log_type in RUN_TIME_LOGS)


def _follows(config: Config) -> bool:
    return config.logs.mode is LogMode.FOLLOW and LogType.RUN in config.logs.types


def _discovery_timer(settings: CollectorSettings, env: Environment) -> Timer:
    return Timer(
        env.scheduler,
        "discovery",
        supervising.PLATFORM_EXECUTOR,
        env.schedule_clock,
        min_gap=min(settings.poll_interval, supervising.RETRY_SECONDS),
    )


def _build_counting(config: Config, rules: Sequence[Rule], env: Environment) -> Counting:
    logs, metrics, ledger = config.logs, env.records.metrics, env.records.ledger
    engine = Engine((*rules, *HEADS), unwrap=Unwrapping() if logs.unwrap else None)
    rule_metrics = RuleMetrics(metrics, ledger, engine)
    followed = _follows(config)
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


def _build_reading(
    config: Config,
    env: Environment,
    pipeline: Pipeline,
    pacing: Pacing,
    discovery: Timer,
    internal_errors: InternalErrors,
) -> Reading:
    logs = config.logs
    schedule: Schedule[Source] = Schedule(
        env.scheduler,
        Pace(pacing.log_interval, pacing.first_delay, env.budget.delay),
        env.schedule_clock,
        env.rng,
        forget=env.records.api_metrics.forget,
    )
    reads = SourceReads(
        env.platform,
        env.content,
        pipeline,
        ReadSettings(logs.tail_lines, format_duration(logs.pod_connection_timeout)),
        schedule,
        discovery,
        internal_errors,
    )
    by_app = logs.scope is LogScope.APP
    poller = Poller(
        schedule,
        reads,
        pipeline,
        clock=env.clock,
        internal_errors=internal_errors,
        app_reads=AppReads(env.platform, env.content, reads) if by_app else None,
    )
    follower = None
    if _follows(config) and env.streams is not None:
        follower = Follower(
            poller,
            reads,
            env.platform,
            env.streams,
            pipeline,
            rng=env.rng,
            internal_errors=internal_errors,
        )
    return Reading(schedule, reads, poller, follower)


def _build_receiver(
    config: Config,
    env: Environment,
    pipeline: Pipeline,
    reading: Reading,
    platform_metrics: PlatformMetrics,
) -> Receiver | None:
    if not config.receive.listen_addresses:
        return None
    receives = receives_of(config)
    inbox = pipeline.judge = Inbox(pipeline, receives, env.platform_time, env.monotonic)
    receiver = Receiver(
        reading.reader, reading.poller, inbox, receives, platform_metrics.health_of, env.clock
    )
    jobs = [(receiver.beat, supervising.HEARTBEAT_EXECUTOR)]
    if env.retry_unknown is not None:
        jobs.append((env.retry_unknown, supervising.PLATFORM_EXECUTOR))
    for job, executor in jobs:
        env.scheduler.add_job(job, "interval", seconds=BEAT_SECONDS, executor=executor)
    return receiver


def receives_of(config: Config) -> Callable[[ComponentKey], bool]:
    """Tells whether lines of a component are to be received."""
    globs = config.receive.components
    if not globs and config.logs.mode is LogMode.RECEIVE:
        globs = ("*",)
    return lambda key: bool(globs) and selects(globs, key)


def _build_deployment_logs(
    config: Config, env: Environment, pipeline: Pipeline, internal_errors: InternalErrors
) -> DeploymentLogs:
    return DeploymentLogs(
        _whole_logs(config, env, pipeline),
        pipeline,
        _one_time_jobs(env),
        [log_type for log_type in config.logs.types if log_type not in RUN_TIME_LOGS],
        env.clock,
        internal_errors,
    )


def _build_jobs(
    config: Config,
    env: Environment,
    pipeline: Pipeline,
    failures: Failures,
    internal_errors: InternalErrors,
) -> Jobs:
    runs = JobRuns(env.records.ledger, excerpts=config.web.excerpts)
    invocation_logs = InvocationLogs(
        _whole_logs(config, env, pipeline),
        pipeline,
        _one_time_jobs(env),
        runs,
        min(config.logs.interval, LOG_RETRY_SECONDS),
        env.platform_time,
        internal_errors,
    )
    start = pipeline.limits.start() / NANOSECONDS
    return Jobs(env.platform, pipeline, invocation_logs, runs, failures, start=start)


def _whole_logs(config: Config, env: Environment, pipeline: Pipeline) -> WholeLogs:
    return WholeLogs(
        env.platform,
        env.content,
        max_line_bytes=pipeline.limits.max_line_bytes,
        pod_connection_timeout=format_duration(config.logs.pod_connection_timeout),
    )


def _one_time_jobs(env: Environment) -> OneTimeJobs:
    return OneTimeJobs(env.scheduler, scheduling.EXECUTOR, env.schedule_clock)


def _build_platform_reads(
    env: Environment,
    pacing: Pacing,
    settings: CollectorSettings,
    platform_metrics: PlatformMetrics,
    internal_errors: InternalErrors,
    counting: Counting,
    jobs: Jobs,
    failures: Failures,
) -> PlatformReads:
    pipeline, metrics = counting.pipeline, env.records.metrics
    readers: list[AppReader] = [jobs] if settings.jobs else []
    if settings.events:
        start = pipeline.limits.start() / NANOSECONDS
        ledger, series = env.records.ledger, pipeline.series
        readers.append(Autoscaling(env.platform, metrics, ledger, series, failures, start=start))
    schedule: Schedule[PlatformRead] = Schedule(
        env.scheduler,
        Pace(intervals(pacing), pacing.first_delay, env.budget.delay),
        env.schedule_clock,
        env.rng,
        executors=(supervising.PLATFORM_EXECUTOR, supervising.PLATFORM_EXECUTOR),
    )
    bandwidth = Bandwidth(env.platform, metrics, failures, env.clock)
    return PlatformReads(
        schedule,
        platform_metrics,
        wanted_reads(settings),
        internal_errors,
        readers=readers,
        bandwidth=bandwidth if settings.bandwidth else None,
    )


def open_store(config: Config, clock: Callable[[], float]) -> Store:
    """Open the store that the configuration names; raises StateError where it cannot be used."""
    if config.state.redis_url is not None:
        return _redis_store(config.state.redis_url, clock)
    if config.state.postgresql_url is not None:
        return _postgresql_store(config.state.postgresql_url, clock)
    path = config.state.sqlite_path
    return MemoryStore(clock) if path is None else SqliteStore(path, clock)


def _redis_store(url: str, clock: Callable[[], float]) -> Store:
    try:
        from exporter.state.redis import RedisStore
    except ImportError:
        raise _not_installed("redis", "redis") from None
    return RedisStore(url, clock)


def _postgresql_store(url: str, clock: Callable[[], float]) -> Store:
    try:
        from exporter.state.postgresql import PostgresqlStore
    except ImportError:
        raise _not_installed("psycopg", "postgresql") from None
    return PostgresqlStore(url, clock)


def _not_installed(package: str, extra: str) -> StateError:
    remedy = f"pip install 'do-app-exporter[{extra}]'"
    return StateError(f"state.url: the package {package} is not installed; {remedy}")


def collector_settings(config: Config) -> CollectorSettings:
    """What the configuration says of intervals and of the platform's own numbers."""
    wanted = config.collectors
    return CollectorSettings(
        discovery_interval=config.discovery.interval,
        poll_interval=config.logs.interval,
        restarted_interval=(
            max(config.logs.interval, SWEEP_SECONDS)
            if config.logs.mode
            in (LogMode.FOLLOW, LogMode.RECEIVE)  # other signs tell of a container's end
            else config.logs.interval
        ),
        health=wanted.health,
        instances=wanted.instances,
        restart_count=wanted.restart_count,
        deployments=wanted.deployments,
        jobs=wanted.jobs,
        events=wanted.events,
        bandwidth=wanted.bandwidth,
    )


def build_scheduler(workers: int, steady: Callable[[], float]) -> SteadyScheduler:
    """A pool for logs by turns, one for logs asked for, and a thread each for everything else.

    No daemon, since its workers inherit that: the interpreter waits for them at the end either
    way, so ``shut_down`` has to see them.
    """
    return SteadyScheduler(
        steady,
        daemon=False,
        executors={
            scheduling.EXECUTOR: ThreadPoolExecutor(workers),
            scheduling.SOON_EXECUTOR: ThreadPoolExecutor(SOON_WORKERS),
            supervising.PLATFORM_EXECUTOR: ThreadPoolExecutor(1),
            supervising.HEARTBEAT_EXECUTOR: ThreadPoolExecutor(1),
            supervising.LEDGER_EXECUTOR: ThreadPoolExecutor(1),
        },
        timezone="UTC",
    )


def _token(source: TokenSource) -> Token:
    if source.file is not None:
        return FileToken(source.file)
    return EnvToken(source.token or "")
