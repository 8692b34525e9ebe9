"""What reads the logs of one account, built from the configuration."""

from dataclasses import dataclass

from exporter.config.durations import format_duration
from exporter.config.reading import LogScope
from exporter.config.schema import Config
from exporter.counting.job_runs import JobRuns
from exporter.counting.pipeline import Pipeline
from exporter.model import RUN_TIME_LOGS, Source
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
from exporter.scheduling.pacing import Pacing
from exporter.scheduling.schedule import Pace, Schedule
from exporter.scheduling.timer import OneTimeJobs, Timer
from exporter.service import supervisor as supervising
from exporter.service.counting_parts import Counting, follows
from exporter.service.environment import Environment
from exporter.telemetry.internal_errors import InternalErrors
from exporter.watching.failures import Failures
from exporter.watching.jobs import Jobs
from exporter.watching.platform_metrics import PlatformMetrics

LOG_RETRY_SECONDS = 60.0
"""The longest time until the log of a job's run is tried again."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What reads the logs of sources, by polling or over streams."""

    schedule: Schedule[Source]
    reads: SourceReads
    poller: Poller
    follower: Follower | None

    @property
    def reader(self) -> Reader:
        """The reader to which discovery reports the sources that there are."""
        return self.follower or self.poller


def build_reading(
    config: Config,
    env: Environment,
    pipeline: Pipeline,
    pacing: Pacing,
    discovery: Timer,
    internal_errors: InternalErrors,
) -> Reading:
    """Build what polls the logs of sources or follows them, as the configuration says."""
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
    app_reads = None
    if logs.scope is LogScope.APP:
        app_reads = AppReads(env.platform, env.content, reads)
    poller = Poller(
        schedule,
        reads,
        pipeline,
        clock=env.clock,
        internal_errors=internal_errors,
        app_reads=app_reads,
    )
    follower = None
    if follows(config) and env.streams is not None:
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


def build_receiver(
    env: Environment,
    counting: Counting,
    reading: Reading,
    platform_metrics: PlatformMetrics,
) -> Receiver | None:
    """Build what takes pushed lines; None where none are received."""
    received = counting.received
    if received is None:
        return None
    inbox = Inbox(counting.pipeline, received, env.platform_time, env.monotonic)
    receiver = Receiver(
        reading.reader,
        reading.poller,
        inbox,
        received.receives,
        platform_metrics.health_of,
        env.clock,
    )
    jobs = [(receiver.beat, supervising.HEARTBEAT_EXECUTOR)]
    if env.retry_unknown is not None:
        jobs.append((env.retry_unknown, supervising.PLATFORM_EXECUTOR))
    for job, executor in jobs:
        env.scheduler.add_job(job, "interval", seconds=BEAT_SECONDS, executor=executor)
    return receiver


def build_deployment_logs(
    config: Config, env: Environment, pipeline: Pipeline, internal_errors: InternalErrors
) -> DeploymentLogs:
    """Build what reads the BUILD and DEPLOY logs."""
    return DeploymentLogs(
        _whole_logs(config, env, pipeline),
        pipeline,
        _one_time_jobs(env),
        [log_type for log_type in config.logs.types if log_type not in RUN_TIME_LOGS],
        env.clock,
        internal_errors,
    )


def build_jobs(
    config: Config,
    env: Environment,
    counting: Counting,
    failures: Failures,
    internal_errors: InternalErrors,
) -> Jobs:
    """Build what watches the runs of jobs and reads their logs."""
    pipeline = counting.pipeline
    runs = JobRuns(env.records.ledger, counting.notifier, excerpts=config.web.excerpts)
    invocation_logs = InvocationLogs(
        _whole_logs(config, env, pipeline),
        pipeline,
        _one_time_jobs(env),
        runs,
        min(config.logs.interval, LOG_RETRY_SECONDS),
        env.platform_time,
        internal_errors,
    )
    start = pipeline.limits.start_seconds
    return Jobs(env.platform, pipeline, invocation_logs, runs, failures, start=start)


def _whole_logs(config: Config, env: Environment, pipeline: Pipeline) -> WholeLogs:
    return WholeLogs(
        env.platform,
        env.content,
        forget=env.records.api_metrics.forget,
        max_line_bytes=pipeline.limits.max_line_bytes,
        pod_connection_timeout=format_duration(config.logs.pod_connection_timeout),
    )


def _one_time_jobs(env: Environment) -> OneTimeJobs:
    return OneTimeJobs(env.scheduler, scheduling.EXECUTOR, env.schedule_clock)
