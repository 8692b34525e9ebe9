"""What reads one account, built in one place from a configuration and handed in.

``account`` keeps what lasts when the configuration changes, ``application`` all accounts.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import requests
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from exporter import __version__
from exporter.collect import collector as collecting
from exporter.collect import schedule as scheduling
from exporter.collect.activity import Activity
from exporter.collect.api_metrics import ApiMetrics
from exporter.collect.app_reads import AppReads
from exporter.collect.canary import FOLLOWED_SECONDS, Canary
from exporter.collect.collector import Collector
from exporter.collect.crashes import Crashes
from exporter.collect.deployment_logs import DeploymentLogs
from exporter.collect.deployments import Deployments
from exporter.collect.discovery import Discovery, DiscoverySettings
from exporter.collect.error_counts import ErrorCounts
from exporter.collect.findings import Findings
from exporter.collect.follower import Follower
from exporter.collect.inbox import Inbox
from exporter.collect.internal_errors import InternalErrors
from exporter.collect.inventory import Selection
from exporter.collect.ledger import Ledger
from exporter.collect.open_stream import Streams
from exporter.collect.pacing import CollectorSettings, Fleet, Pacing
from exporter.collect.past_deployments import PastDeployments
from exporter.collect.pipeline import Pipeline, ReadingLimits
from exporter.collect.platform_metrics import PlatformMetrics
from exporter.collect.platform_reads import (
    PlatformRead,
    PlatformReads,
    intervals,
    wanted_reads,
)
from exporter.collect.poller import Poller
from exporter.collect.reader import Reader
from exporter.collect.receiver import BEAT_SECONDS, AccountInbox, Receiver
from exporter.collect.restart_counts import RestartCounts
from exporter.collect.rule_metrics import RuleMetrics
from exporter.collect.schedule import Schedule
from exporter.collect.series import Series
from exporter.collect.source_reads import ReadSettings, SourceReads
from exporter.collect.status import Status
from exporter.config.credentials import TokenSource
from exporter.config.durations import format_duration
from exporter.config.schema import Config, LogMode, LogScope
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.budget import Budget
from exporter.digitalocean.client import Client, OnAnswer
from exporter.digitalocean.log_content import LogContent
from exporter.digitalocean.log_streams import LogStreams
from exporter.digitalocean.observer import RequestObserver
from exporter.digitalocean.token import EnvToken, FileToken, Token
from exporter.errors import StateError
from exporter.logs.lines import NANOSECONDS
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.matching.selection import selects
from exporter.matching.traces import HEADS
from exporter.metrics import Metrics
from exporter.model import RUN_TIME_LOGS, ComponentKey, LogType, Source
from exporter.ruleset import load_rules
from exporter.state.memory import MemoryState
from exporter.state.sqlite import SqliteState
from exporter.state.store import State

USER_AGENT = f"do-app-exporter/{__version__}"
SOON_WORKERS = 2
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


def build_budget(config: Config, stop: threading.Event, monotonic: Callable[[], float]) -> Budget:
    """The requests that an account may send by a configuration."""
    limits = config.api_budget
    return Budget(
        limits.per_hour,
        limits.per_minute,
        limits.share,
        clock=monotonic,
        stop=stop,
    )


def connect(
    config: Config,
    token_source: TokenSource,
    budget: Budget,
    api_metrics: RequestObserver,
    clock: Callable[[], float],
    monotonic: Callable[[], float],
    on_answer: OnAnswer | None = None,
) -> Connections:
    """Prepare the ways to the platform; nothing is sent.

    Args:
        api_metrics: hears how each request went.
        on_answer: see ``Client``.

    Raises:
        ConfigError: the token file has become unusable since it was checked.
    """
    stop = threading.Event()
    client = Client(
        config.digitalocean.api_url,
        _token(token_source),
        requests.Session(),
        budget,
        api_metrics,
        stop=stop,
        timeout=config.logs.timeout,
        clock=monotonic,
        wall_clock=clock,
        rng=random.Random(),
        user_agent=USER_AGENT,
        ca_file=config.digitalocean.ca_file,
        on_answer=on_answer,
    )
    content = LogContent(
        requests.Session(),
        api_metrics,
        timeout=config.logs.timeout,
        clock=monotonic,
        user_agent=USER_AGENT,
        stop=stop,
        ca_file=config.digitalocean.ca_file,
    )
    streams = LogStreams(
        api_metrics,
        timeout=config.logs.timeout,
        clock=monotonic,
        user_agent=USER_AGENT,
        ca_file=config.digitalocean.ca_file,
    )
    return Connections(AppPlatform(client), content, streams, stop)


@dataclass(frozen=True, slots=True)
class ReadingParts:
    """What reads: discovery and poller on one schedule, which the collector starts and stops.

    ``follower``: stands between the two where logs are followed.
    """

    collector: Collector
    discovery: Discovery
    poller: Poller
    platform_metrics: PlatformMetrics
    status: Status
    follower: Follower | None
    pipeline: Pipeline
    account_inbox: AccountInbox | None = None

    def start(self) -> None:
        """Begin to read."""
        if self.follower is not None:
            self.follower.start()
        self.collector.start()

    def stop(self) -> None:
        """Begin no more reads; those under way end by themselves."""
        if self.follower is not None:
            self.follower.stop()
        self.collector.stop()


def assemble_reading(
    config: Config,
    metrics: Metrics,
    api_metrics: ApiMetrics,
    budget: Budget,
    platform: AppPlatform,
    content: LogContent,
    ledger: Ledger,
    scheduler: BaseScheduler,
    clock: Callable[[], float],
    streams: Streams | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    retry_unknown: Callable[[], None] | None = None,
) -> ReadingParts:
    """Build what reads the platform and counts into the ledger.

    Args:
        streams: needed where logs are followed.
        retry_unknown: called now and then where logs are received: lines may have come of
            components that are known by now.
    """
    rules, logs = load_rules(config), config.logs
    engine = Engine((*rules, *HEADS), unwrap=Unwrapping() if logs.unwrap else None)
    rule_metrics = RuleMetrics(metrics, ledger, engine)
    follows = logs.mode is LogMode.FOLLOW and LogType.RUN in logs.types
    series = Series(metrics, ledger, rules, logs.types, rule_metrics, followed=follows)
    limits = ReadingLimits(
        tail_lines=logs.tail_lines,
        max_line_bytes=logs.max_line_bytes,
        start=int((ledger.first_start - logs.lookback) * NANOSECONDS),
        restarts_watched=LogType.RUN_RESTARTED in logs.types,
    )
    internal_errors = InternalErrors(metrics)
    restart_counts = RestartCounts()
    errors = ErrorCounts(metrics, ledger, clock)
    findings = Findings(ledger, rules, errors, clock)
    activity, crashes = Activity(clock), Crashes(ledger, excerpts=config.web.excerpts)
    canary = Canary(
        metrics,
        ledger,
        rules,
        start=limits.start / NANOSECONDS,
        interval=FOLLOWED_SECONDS if follows else logs.interval,
        clock=clock,
    )
    parts = (restart_counts, findings, activity, crashes, canary)
    pipeline = Pipeline(metrics, series, ledger, engine, rules, limits, *parts)
    run_time = tuple(log_type for log_type in logs.types if log_type in RUN_TIME_LOGS)
    deployment_logs = DeploymentLogs(
        scheduler,
        platform,
        content,
        pipeline,
        executor=scheduling.EXECUTOR,
        log_types=tuple(log_type for log_type in logs.types if log_type not in run_time),
        pod_connection_timeout=format_duration(logs.pod_connection_timeout),
        clock=clock,
        internal_errors=internal_errors,
    )
    deployments = Deployments(platform, metrics, ledger, deployment_logs)
    settings = collector_settings(config)
    pacing = Pacing(budget, settings, lambda: _fleet(discovery, poller), clock)
    schedule: Schedule[Source] = Schedule(
        scheduler,
        pacing.log_interval,
        first_delay=pacing.first_delay,
        defer=budget.delay,
        forget=api_metrics.forget,
        clock=clock,
        rng=random.Random(),
    )
    past = PastDeployments(pipeline.release)
    reads = SourceReads(
        platform,
        content,
        pipeline,
        past,
        ReadSettings(logs.tail_lines, format_duration(logs.pod_connection_timeout)),
        read_soon=schedule.soon,
        on_deployment_gone=lambda: collector.discover_soon(),
        internal_errors=internal_errors,
    )
    poller = Poller(
        schedule,
        reads,
        past,
        pipeline,
        clock=clock,
        internal_errors=internal_errors,
        app_reads=AppReads(platform, content, reads) if logs.scope is LogScope.APP else None,
    )
    follower = None
    if follows and streams is not None:
        follower = Follower(
            poller,
            reads,
            platform,
            streams,
            pipeline,
            clock=clock,
            rng=random.Random(),
            internal_errors=internal_errors,
        )
    reader: Reader = follower or poller
    platform_metrics = PlatformMetrics(
        platform,
        metrics,
        deployments,
        restart_counts,
        clock,
        on_restart_hint=poller.restart_hinted,
    )
    receives, receiver, inbox = receives_of(config), None, None
    if config.receive.listen_addresses:
        inbox = pipeline.judge = Inbox(pipeline, receives, clock, monotonic)
        reader = receiver = Receiver(
            reader, poller, inbox, receives, platform_metrics.health_of, clock
        )
        scheduler.add_job(
            receiver.beat,
            "interval",
            seconds=BEAT_SECONDS,
            executor=collecting.HEARTBEAT_EXECUTOR,
        )
        if retry_unknown is not None:
            scheduler.add_job(
                retry_unknown,
                "interval",
                seconds=BEAT_SECONDS,
                executor=collecting.PLATFORM_EXECUTOR,
            )
    selection = Selection(config.discovery.include, config.discovery.exclude)
    discovery = Discovery(
        platform,
        reader,
        pipeline,
        deployments,
        api_metrics,
        DiscoverySettings(selection, run_time),
    )
    platform_schedule: Schedule[PlatformRead] = Schedule(
        scheduler,
        intervals(pacing),
        first_delay=pacing.first_delay,
        defer=budget.delay,
        forget=lambda read: None,
        clock=clock,
        rng=random.Random(),
        executors=(collecting.PLATFORM_EXECUTOR, collecting.PLATFORM_EXECUTOR),
    )
    collector = Collector(
        scheduler,
        discovery,
        reader,
        PlatformReads(platform_schedule, platform_metrics, wanted_reads(settings), internal_errors),
        ledger,
        pacing,
        poller.repace,
        settings,
        clock,
        internal_errors,
    )
    status = Status(
        collector,
        discovery,
        platform_metrics,
        api_metrics,
        activity,
        crashes,
        errors,
        budget,
        pacing,
        ledger.lock,
    )
    account_inbox = AccountInbox(receiver, inbox, discovery) if receiver and inbox else None
    return ReadingParts(
        collector, discovery, poller, platform_metrics, status, follower, pipeline, account_inbox
    )


def receives_of(config: Config) -> Callable[[ComponentKey], bool]:
    """Tells whether lines of a component are to be received."""
    globs = config.receive.components
    if not globs and config.logs.mode is LogMode.RECEIVE:
        globs = ("*",)
    return lambda key: bool(globs) and selects(globs, key)


def _fleet(discovery: Discovery, poller: Poller) -> Fleet:
    """What there is to ask for now."""
    polled = poller.polled()
    return Fleet(
        apps=len(discovery.inventory.apps),
        components=len(discovery.inventory.keys()),
        run=polled[LogType.RUN],
        restarted=polled[LogType.RUN_RESTARTED],
    )


def open_state(config: Config, clock: Callable[[], float]) -> State:
    """The state that the configuration names; raises StateError where it cannot be used."""
    if config.state.redis_url is not None:
        return _redis_state(config.state.redis_url, clock)
    path = config.state.sqlite_path
    return MemoryState(clock) if path is None else SqliteState(path, clock)


def _redis_state(url: str, clock: Callable[[], float]) -> State:
    try:
        from exporter.state.redis import RedisState
    except ImportError:
        remedy = "pip install 'do-app-exporter[redis]'"
        raise StateError(f"state.url: the package redis is not installed; {remedy}") from None
    return RedisState(url, clock)


def collector_settings(config: Config) -> CollectorSettings:
    """What the configuration says of intervals and of the platform's own numbers."""
    wanted = config.collectors
    return CollectorSettings(
        discovery_interval=config.discovery.interval,
        poll_interval=config.logs.interval,
        restarted_interval=(
            max(config.logs.interval, SWEEP_SECONDS)
            if config.logs.mode is not LogMode.POLL  # other signs tell of a container's end
            else config.logs.interval
        ),
        health=wanted.health,
        instances=wanted.instances,
        restart_count=wanted.restart_count,
        deployments=wanted.deployments,
    )


def build_scheduler(workers: int) -> BackgroundScheduler:
    """A pool for logs by turns, one for logs asked for, and a thread each for everything else.

    No daemon, since its workers inherit that: the interpreter waits for them at the end either
    way, so ``shut_down`` has to see them.
    """
    return BackgroundScheduler(
        daemon=False,
        executors={
            scheduling.EXECUTOR: ThreadPoolExecutor(workers),
            scheduling.SOON_EXECUTOR: ThreadPoolExecutor(SOON_WORKERS),
            collecting.PLATFORM_EXECUTOR: ThreadPoolExecutor(1),
            collecting.HEARTBEAT_EXECUTOR: ThreadPoolExecutor(1),
            collecting.LEDGER_EXECUTOR: ThreadPoolExecutor(1),
        },
        timezone="UTC",
    )


def _token(source: TokenSource) -> Token:
    if source.file is not None:
        return FileToken(source.file)
    return EnvToken(source.token or "")
