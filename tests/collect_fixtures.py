"""A platform made of values, a clock that is stepped, and everything in between as it is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from threading import Event
from typing import Any

from apscheduler.schedulers.base import BaseScheduler

from exporter.config.reading import LogMode, LogScope
from exporter.config.schema import Config
from exporter.counting.component import Components
from exporter.digitalocean.budget import Budget
from exporter.errors import ApiError, NotFound, ServerError
from exporter.model import (
    LIVE_PART,
    App,
    Component,
    ComponentKey,
    ComponentKind,
    Deployment,
    Endpoint,
    GapReason,
    LogChunk,
    LogLocations,
    LogType,
    Rule,
    Source,
)
from exporter.scheduling.pacing import CollectorSettings
from exporter.service.assembly import AccountParts, build_account, rebuild_account
from exporter.service.environment import Environment, Records
from exporter.service.supervisor import Supervisor
from exporter.state.memory import MemoryState
from exporter.state.store import State
from exporter.telemetry.table import MetricTable
from exporter.watching.inventory import Selection

NS = 1_000_000_000
ALL_OFF = CollectorSettings(300.0, 60.0, False, False, False, False)
START = 1_793_491_200.0  # 2026-11-01T00:00:00Z
WEB = Component("web", ComponentKind.SERVICE, "small", 1)
JOBS = Component("jobs", ComponentKind.WORKER, "big", 1)
KEY = ComponentKey("shop", "web")
RUN = Source("app-1", KEY, LogType.RUN)
RESTARTED = Source("app-1", KEY, LogType.RUN_RESTARTED)
RULES = (Rule("oops", "oops"), Rule("any_digit", r"\d"))
IDENTITY = {"app": "shop", "component": "web"}
LOG = IDENTITY | {"log_type": "RUN"}


def line(second: float, message: str = "hello", component: str = "web") -> bytes:
    """A line as served, with its newline, ``second`` seconds (below an hour) after START."""
    minutes, ns = divmod(round(second * NS), 60 * NS)
    time = f"2026-11-01T00:{minutes:02}:{ns // NS:02}.{ns % NS:09}Z"
    return f"{component} {time} {message}\n".encode()


def deployment(name: str, phase: str = "ACTIVE", changed: float | None = None) -> Deployment:
    return Deployment(name, phase, START, None if changed is None else START + changed)


def app(
    name: str = "shop",
    *components: Component,
    active: str | None = "d1",
    app_id: str = "app-1",
) -> App:
    running = None if active is None else deployment(active)
    return App(app_id, name, "ams", "basic", components or (WEB,), running, running)


def server_error(detail: str = "status 500") -> ApiError:
    return ServerError(Endpoint.LOGS, detail)


def not_found(endpoint: Endpoint = Endpoint.LOGS) -> ApiError:
    return NotFound(endpoint, "status 404")


@dataclass
class Clock:
    """Unix seconds, as the test wants them."""

    now: float = START

    def __call__(self) -> float:
        return self.now


class SteppedScheduler(BaseScheduler):
    """A scheduler whose jobs wait until the test runs them."""

    def start(self) -> None:
        super().start(paused=True)

    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait)

    def wakeup(self) -> None:
        """Nothing sleeps here."""

    def due(self, name: object) -> float | None:
        """When a job is due, in seconds after START; None if there is none."""
        job = self.get_job(str(name))
        return None if job is None else round(job.next_run_time.timestamp() - START, 3)

    def step(self, name: object) -> None:
        """Take a job off the schedule and run it."""
        job = self.get_job(str(name))
        assert job is not None
        job.remove()
        job.func(*job.args)


@dataclass
class Log:
    """A log as the platform has it; ``error`` refuses it, ``breaks`` ends its live text.

    An archive that is an exception cannot be read.
    """

    live: bytes | None = b""
    archives: tuple[bytes | Exception, ...] = ()
    error: Exception | None = None
    breaks: Exception | None = None


@dataclass
class FakePlatform:
    """Both ways to the platform, from memory; what is an exception is raised."""

    listing: Any = ()
    deployed: dict[str, Any] = field(default_factory=dict)
    healths: Any = ()
    running: Any = ()
    restarts: dict[str | None, Any] = field(default_factory=dict)
    counted: list[str | None] = field(default_factory=list)
    logs: dict[tuple[str, LogType], Log] = field(default_factory=dict)
    asked: list[tuple[str, str, LogType]] = field(default_factory=list)
    during: Callable[[Source], None] = lambda source: None

    def apps(self) -> Any:
        return answer(self.listing)

    def deployments(self, app_id: str) -> Any:
        return answer(self.deployed.get(app_id, ()))

    def health(self, app_id: str) -> Any:
        return answer(self.healths)

    def instances(self, app_id: str) -> Any:
        return answer(self.running)

    def restart_counts(self, app_id: str, component: str | None, start: float, end: float) -> Any:
        self.counted.append(component)
        if component is not None:
            return answer(self.restarts.get(component, ()))
        if None in self.restarts:
            return answer(self.restarts[None])
        return tuple(count for counts in self.restarts.values() for count in answer(counts))

    def log_locations(self, source: Source, deployment_id: str, **options: Any) -> LogLocations:
        self.asked.append((deployment_id, source.key.component, source.log_type))
        log = self.log(deployment_id, source.log_type)
        if log.error is not None:
            raise log.error
        place = f"{deployment_id} {source.log_type}"
        return LogLocations(
            None if log.live is None else place,
            tuple(f"{place} {part}" for part in range(len(log.archives))),
        )

    def log(self, deployment_id: str, log_type: LogType = LogType.RUN) -> Log:
        return self.logs.setdefault((deployment_id, log_type), Log())

    def read(
        self, locations: LogLocations, *, target: Source, past_failures: bool = False
    ) -> Iterator[LogChunk]:
        self.during(target)
        failed: Exception | None = None
        for part, place in enumerate(locations.archive_urls):
            deployment_id, log_type, _ = place.split()
            archive = self.log(deployment_id, LogType(log_type)).archives[part]
            if isinstance(archive, Exception):
                failed = archive
                if not past_failures:
                    break
                continue
            yield LogChunk(archive, part)
            yield LogChunk(b"", part, last=True)
        if locations.live_url is not None:
            deployment_id, log_type = locations.live_url.split()
            log = self.log(deployment_id, LogType(log_type))
            yield LogChunk(log.live or b"", LIVE_PART)
            if log.breaks is not None:
                raise log.breaks
            yield LogChunk(b"", LIVE_PART, last=True)
        if failed is not None:
            raise failed


def answer(value: Any) -> Any:
    if isinstance(value, Exception):
        raise value
    return value


@dataclass
class Site:
    """An account as production builds it, around a fake platform, clock and schedule."""

    rules: tuple[Rule, ...] = RULES
    tail_lines: int = 1000
    interval: float = 60.0
    log_types: tuple[LogType, ...] = (LogType.RUN, LogType.RUN_RESTARTED)
    selection: Selection = field(default_factory=Selection)
    scheduler: Any = field(default_factory=SteppedScheduler)
    clock: Clock = field(default_factory=Clock)
    state: State | None = None  # None: in memory
    followed: bool = False
    scope: LogScope = LogScope.COMPONENT
    excerpts: bool = True

    def __post_init__(self) -> None:
        self.platform: Any = FakePlatform()
        self.registry = MetricTable()
        state = self.state or MemoryState(self.clock)
        self.records = Records.open(self.registry, state, self.clock)
        self.metrics, self.ledger = self.records.metrics, self.records.ledger
        self.api_metrics = self.records.api_metrics
        self.early_discoveries: list[float] = []
        self.build(ALL_OFF)
        self.series.rule_metrics.publish()

    def build(self, settings: CollectorSettings) -> AccountParts:
        """Build the account over what was counted; nothing else of an earlier one is left."""
        self.components = Components()
        self.records = replace(self.records, components=self.components)
        config = self.config(settings)
        return self._adopt(build_account(config, self.rules, self.environment()))

    def reload(self, settings: CollectorSettings) -> AccountParts:
        """Build the account over what was counted and what is open, as a reload does."""
        config = self.config(settings)
        return self._adopt(rebuild_account(config, self.rules, self.environment(), self.parts))

    def _adopt(self, parts: AccountParts) -> AccountParts:
        self.parts = parts
        counting, reading = parts.counting, parts.reading
        self.pipeline, self.crashes = counting.pipeline, counting.crashes
        self.series = self.pipeline.series
        self.schedule, self.reads, self.past = reading.schedule, reading.reads, reading.reads.past
        self.poller = reading.poller
        watching, self.internal_errors = parts.watching, parts.internal_errors
        self.discovery, self.deployments = watching.discovery, watching.deployments
        self.deployment_logs = watching.deployment_logs
        self.timer = parts.timer
        run_soon = self.timer.run_soon

        def ask() -> None:
            self.early_discoveries.append(self.clock())
            run_soon()

        self.timer.run_soon = ask
        return parts

    def supervisor(self, settings: CollectorSettings) -> Supervisor:
        """The supervisor of an account with these settings, in the place of the first."""
        self.series.rule_metrics.withdraw()
        self.build(settings)
        self.series.rule_metrics.publish()
        return self.parts.supervisor

    def environment(self) -> Environment:
        """What the account stands on; the budget hinders nothing."""
        budget = Budget(10**9, 10**9, 1.0, clock=self.clock, stop=Event())
        return Environment(
            self.clock,
            Random(7),
            self.scheduler,
            self.platform,
            self.platform,
            None,
            budget,
            self.records,
        )

    def config(self, settings: CollectorSettings) -> Config:
        """The configuration of the site; its values need not be those that a user may choose."""
        config = Config.model_validate({})
        discovery = {
            "interval": settings.discovery_interval,
            "include": list(self.selection.include),
            "exclude": list(self.selection.exclude),
        }
        logs = {
            "types": list(self.log_types),
            "interval": min(self.interval, settings.poll_interval),
            "tail_lines": self.tail_lines,
            "lookback": 1e-6,  # so that a line of the very start counts
            "mode": LogMode.FOLLOW if self.followed else LogMode.POLL,
            "scope": self.scope,
        }
        collectors = {
            name: getattr(settings, name)
            for name in ("health", "instances", "restart_count", "deployments")
        }
        parts = {
            "discovery": config.discovery.model_copy(update=discovery),
            "logs": config.logs.model_copy(update=logs),
            "collectors": config.collectors.model_copy(update=collectors),
            "web": config.web.model_copy(update={"excerpts": self.excerpts}),
        }
        return config.model_copy(update=parts)

    def watch(self, active: str = "d1", *sources: Source, **options: Any) -> None:
        """Watch both logs of the component (or ``sources``), its series open."""
        if not self.scheduler.running:
            self.scheduler.start()
        self.series.open_component(KEY, WEB)
        for source in sources or (RUN, RESTARTED):
            self.poller.watch(source, WEB, deployment(active), **options)

    def value(self, name: str, **labels: str) -> float | None:
        """A sample of ``digitalocean_app_<name>``; of shop/web where nothing else is said."""
        return self.registry.get_sample_value(f"digitalocean_app_{name}", labels or LOG)

    def gaps(self, reason: GapReason | None = None, **labels: str) -> float | None:
        """The gaps of one reason, or of all; None where the component has no such series."""
        reasons = GapReason if reason is None else (reason,)
        values = [self.value("log_gaps_total", **(labels or LOG), reason=each) for each in reasons]
        return None if None in values else sum(value or 0 for value in values)

    def lines(self) -> float | None:
        return self.value("log_lines_total")

    def samples(self, **labels: str) -> set[str]:
        """The names of all samples that carry these labels, creation times aside."""
        return {
            sample.name
            for family in self.registry.collect()
            for sample in family.samples
            if not sample.name.endswith("_created") and labels.items() <= sample.labels.items()
        }
