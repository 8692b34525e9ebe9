"""Runs the jobs of a simulated platform: begun, ended and logged one by one, or by schedule.

``Jobs`` is what a test or a play moves; ``JobPlay`` moves it by the cron expressions of the specs.
"""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from cronsim import CronSim

from exporter.simulator.invocations import Invocation, find_invocation
from exporter.simulator.lookup import UnknownTargetError, find_app
from exporter.simulator.platform import Platform
from exporter.simulator.state import App, Line

T = TypeVar("T")

NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class JobTruth:
    """What really happened.

    Args:
        ended: runs that ended, by app, job, phase and trigger, the latter two in lower case.
        lines: lines written by runs that ended, by app and job.
    """

    ended: Mapping[tuple[str, str, str, str], int]
    lines: Mapping[tuple[str, str], int]


class Jobs:
    """The runs of a platform's jobs; thread-safe.

    Args:
        clock: Unix seconds.
        seed: of ids.
    """

    def __init__(self, platform: Platform, clock: Callable[[], float], *, seed: int = 0) -> None:
        self._platform = platform
        self._clock = clock
        self._rng = random.Random(seed)
        self._lock = threading.Lock()
        self._ended: Counter[tuple[str, str, str, str]] = Counter()
        self._lines: Counter[tuple[str, str]] = Counter()
        self.archived = True
        """Whether the logs of runs that end from now on become archives."""

    def begin(self, app: str, job: str, *, trigger: str = "SCHEDULE", started: bool = True) -> str:
        """Begin a run of a job; return its id. It is pending unless ``started``."""
        now = self._clock()

        def make(state: App) -> str:
            if job not in {component.name for component in state.components}:
                raise UnknownTargetError(f"{app} has no component {job}")
            identifier = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
            active = "" if state.active is None else state.active.id
            run = Invocation(identifier, job, active, trigger, now, archived=self.archived)
            if started:
                run.phase, run.started_at = "RUNNING", now
            state.invocations.append(run)
            return identifier

        return self._change(app, make)

    def write(self, app: str, invocation_id: str, *messages: str) -> None:
        """Write lines to the log of a run."""

        def append(state: App) -> None:
            run = find_invocation(state, invocation_id)
            for message in messages:
                last = run.log.lines[-1].timestamp_ns if run.log.lines else 0
                at = max(int(self._clock() * NANOSECONDS), last + 1)
                second, fraction = divmod(at, NANOSECONDS)
                moment = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
                text = f"{run.job} {moment}.{fraction:09}Z {message}\n".encode()
                run.log.append(Line(text, at, len(run.log.lines)))

        self._change(app, append)

    def end(self, app: str, invocation_id: str, phase: str = "SUCCEEDED") -> None:
        """End a run in a final phase."""
        now = self._clock()

        def finish(state: App) -> None:
            run = find_invocation(state, invocation_id)
            run.phase, run.completed_at = phase, now
            trigger = run.trigger.lower().removesuffix("d")
            self._ended[app, run.job, phase.lower(), trigger] += 1
            self._lines[app, run.job] += len(run.log.lines)

        self._change(app, finish)

    def run(self, app: str, job: str, *messages: str, phase: str = "SUCCEEDED") -> str:
        """Begin a run, write its lines and end it at once; return its id."""
        invocation_id = self.begin(app, job)
        self.write(app, invocation_id, *messages)
        self.end(app, invocation_id, phase)
        return invocation_id

    def truth(self) -> JobTruth:
        """What happened so far."""
        with self._lock:
            return JobTruth(dict(self._ended), dict(self._lines))

    def _change(self, app: str, change: Callable[[App], T]) -> T:
        app_id = self._platform.app_id(app)
        with self._lock:
            return self._platform.view(lambda apps: change(find_app(apps, app_id)))


class JobPlay:
    """Runs the scheduled jobs of every app of a platform by their cron expressions.

    Args:
        rng: the chance of it.
        seconds: how long a run takes, from and to.
        failing: the share of runs that fail.
    """

    def __init__(
        self,
        platform: Platform,
        jobs: Jobs,
        rng: random.Random,
        *,
        seconds: tuple[float, float] = (2.0, 20.0),
        failing: float = 0.2,
    ) -> None:
        self._platform = platform
        self._jobs = jobs
        self._rng = rng
        self._seconds = seconds
        self._failing = failing
        self._due: dict[tuple[str, str], float] = {}
        self._running: dict[str, tuple[str, str, float]] = {}  # id → app, job, its end

    def step(self, now: float) -> None:
        """Let begin and end what is due at ``now`` (Unix seconds), which never goes back."""
        for invocation_id, (app, job, until) in list(self._running.items()):
            if now >= until:
                del self._running[invocation_id]
                self._end(app, job, invocation_id)
        for app, job, cron, time_zone in self._platform.view(_scheduled):
            if (app, job) not in self._due:
                self._due[app, job] = _next(cron, time_zone, now)
            elif now >= self._due[app, job]:
                self._due[app, job] = _next(cron, time_zone, now)
                self._begin(app, job, now)

    def _begin(self, app: str, job: str, now: float) -> None:
        invocation_id = self._jobs.begin(app, job)
        self._jobs.write(app, invocation_id, f"{job} begins", "reading 812 orders")
        self._running[invocation_id] = app, job, now + self._rng.uniform(*self._seconds)

    def _end(self, app: str, job: str, invocation_id: str) -> None:
        if self._rng.random() >= self._failing:
            self._jobs.write(app, invocation_id, f"{job} is done")
            self._jobs.end(app, invocation_id)
            return
        self._jobs.write(
            app,
            invocation_id,
            "Traceback (most recent call last):",
            '  File "/app/report.py", line 12, in <module>',
            "ConnectionRefusedError: [Errno 111] Connection refused",
            f"ERROR component {job} exited with code: 1",
        )
        self._jobs.end(app, invocation_id, "FAILED")


def _scheduled(apps: Mapping[str, App]) -> list[tuple[str, str, str, str]]:
    return [
        (app.name, component.name, component.job.cron, component.job.time_zone)
        for app in apps.values()
        for component in app.components
        if component.job is not None and component.job.cron
    ]


def _next(cron: str, time_zone: str, after: float) -> float:
    moment = datetime.fromtimestamp(int(after), UTC).astimezone(ZoneInfo(time_zone))
    return float(next(CronSim(cron, moment)).timestamp())
