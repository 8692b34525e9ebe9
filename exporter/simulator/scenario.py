"""What happens on the simulated platform when nobody scripts it: the play of demo and simulate.

``Scenario`` is pure: time comes in with each step, chance from a seed.
"""

import random
from dataclasses import dataclass

from exporter.model import FINAL_PHASES, LogType
from exporter.simulator.job_schedule import JobSchedule
from exporter.simulator.jobs import JobPlay, Jobs
from exporter.simulator.log_texts import GO, JAVA, NODE, PYTHON, RUBY, Voice
from exporter.simulator.platform import EXITED, TERMINATED, Platform
from exporter.simulator.state import ComponentSpec, Health, Kind

LINES_PER_SECOND = 20.0
"""Everyday lines of all components together."""

CATCH_UP_SECONDS = 2.0
"""A step that comes late makes up for so much time at most."""

PHASE_SECONDS = 3.0
"""How long each phase of a deployment takes but the last."""

ROLLOUT_SECONDS = 10.0
"""How long old and new containers run side by side."""

RECOVERY_SECONDS = 10.0
"""How long a component counts as unhealthy after a crash."""

EXIT_CODES = (1, 1, 134, 137)
"""What the platform says that containers which crash exit with."""

TOLD = ((EXITED,), (EXITED, TERMINATED))
"""How the platform reports a crash: in one wording or in both."""

TOLD_OF_ONE = (*TOLD, (EXITED, EXITED))
"""How it reports the only instance; with several, a line shown twice could be two exits."""

SIGTERM_CODE = 143
"""What containers exit with that a deployment replaces."""

LAUNCH_FAILED_CODE = 190
LAUNCH_FAILED = (
    "ERROR: failed to launch: determine start command: when there is no default process a command "
    "is required"
)
LAUNCH_FAILED_SHARE = 0.15
"""How many of the crashes are containers that found no command to start."""

UNREADY = (
    "Readiness probe failed: dial tcp 10.244.30.119:8080: connect: connection refused",
    "Readiness probe failed: HTTP probe failed with statuscode: 503",
    "Liveness probe failed: i/o timeout",
)
"""Why a service fails its health checks while it starts again."""

FAILING_SHARE = 0.25
"""How many of the deployments fail."""


@dataclass(frozen=True, slots=True)
class Role:
    """One component of the play: whose it is, what it is, how it writes."""

    app: str
    spec: ComponentSpec
    voice: Voice


ROLES = (
    Role("shop", ComponentSpec("web", Kind.SERVICE, 2), PYTHON),
    Role("shop", ComponentSpec("emails", Kind.WORKER), NODE),
    Role("shop", ComponentSpec("invoices", Kind.JOB), GO),
    Role("blog", ComponentSpec("api", Kind.SERVICE, 2), RUBY),
    Role("blog", ComponentSpec("search", Kind.WORKER), JAVA),
)
"""Every component that writes."""

STATIC_SITE = ComponentSpec("frontend", Kind.STATIC_SITE)
"""One component without run-time logs, as apps often have."""

REPORT = ComponentSpec("report", Kind.JOB, job=JobSchedule("* * * * *", timeout=60))
"""A scheduled job: it runs every minute, and fails now and then."""

FIRST_CRASH = ROLES[1]
"""The component whose crash everybody gets to see in the first minute."""


class Scenario:
    """Plays on a platform: apps write, err, crash and are deployed.

    Errors begin within 20 seconds, the first crash comes within 40, the first deployment within
    two and a half minutes.

    Args:
        platform: where; the apps are made here.
        rng: the chance of it; the same seed gives the same play.
        lines_per_second: everyday lines of all components together.
    """

    def __init__(
        self,
        platform: Platform,
        rng: random.Random,
        *,
        lines_per_second: float = LINES_PER_SECOND,
    ) -> None:
        self._platform = platform
        self._rng = rng
        self._rate = lines_per_second
        self._now: float | None = None
        self._owed = 0.0
        self._next_error: dict[Role, float] = {}
        self._next_crash = 0.0
        self._next_deployment = 0.0
        self._next_phase: float | None = None
        self._crashed = False
        self._deploying = ""
        self._fails = False
        self._recoveries: dict[Role, float] = {}
        for app in dict.fromkeys(role.app for role in ROLES):
            own = [role.spec for role in ROLES if role.app == app]
            platform.create_app(app, [*own, STATIC_SITE, REPORT] if app == "shop" else own)
        jobs = Jobs(platform, lambda: self._now or 0.0, seed=rng.getrandbits(32))
        self._jobs = JobPlay(platform, jobs, random.Random(rng.getrandbits(32)))

    def step(self, now: float) -> None:
        """Let happen what is due at ``now`` (Unix seconds), which never goes back."""
        if self._now is None:
            self._open(now)
            return
        self._owed += min(now - self._now, CATCH_UP_SECONDS) * self._rate
        self._now = now
        self._write_everyday()
        self._err(now)
        if now >= self._next_crash:
            self._crash(self._rng.choice(ROLES) if self._crashed else FIRST_CRASH, now)
        for role, at in list(self._recoveries.items()):
            if now >= at:
                self._recover(role)
        self._deploy(now)
        self._jobs.step(now)

    def _open(self, now: float) -> None:
        self._now = now
        for role in ROLES:
            self._next_error[role] = now + self._rng.uniform(2, 20)
            for index in range(role.spec.instances):
                self._platform.write(role.app, role.spec.name, index, role.voice.start)
        self._next_crash = now + self._rng.uniform(20, 40)
        self._next_deployment = now + self._rng.uniform(90, 150)

    def _write_everyday(self) -> None:
        while self._owed >= 1:
            self._owed -= 1
            role = self._rng.choice(ROLES)
            self._say(role, self._rng.choice(role.voice.everyday)(self._rng))

    def _err(self, now: float) -> None:
        for role, at in self._next_error.items():
            if now >= at:
                self._say(role, self._rng.choice(role.voice.errors)(self._rng))
                self._next_error[role] = now + self._rng.uniform(5, 30)

    def _say(self, role: Role, text: str) -> None:
        index = self._rng.randrange(role.spec.instances)
        self._platform.write(role.app, role.spec.name, index, text)

    def _crash(self, role: Role, now: float) -> None:
        name = role.spec.name
        index = self._rng.randrange(role.spec.instances)
        last_words, code = self._end(role)
        told = self._rng.choice(TOLD_OF_ONE if role.spec.instances == 1 else TOLD)
        self._platform.crash(role.app, name, index, [last_words], exit_code=code, told=told)
        self._crashed = True
        if role.spec.kind is Kind.SERVICE:
            attempts, why = self._rng.randint(1, 9), self._rng.choice(UNREADY)
            words = f"ERROR failed health checks after {attempts} attempts with error {why}"
            self._platform.tell(role.app, name, index, words)
        self._platform.write(role.app, name, index, role.voice.start)
        ready = role.spec.instances - 1
        self._platform.set_health(role.app, name, Health("UNHEALTHY", ready=ready))
        self._recoveries[role] = now + RECOVERY_SECONDS
        self._next_crash = now + self._rng.uniform(60, 150)

    def _end(self, role: Role) -> tuple[str, int]:
        """The last words of a container and its exit code; the first crash is the program's own."""
        if self._crashed and self._rng.random() < LAUNCH_FAILED_SHARE:
            return LAUNCH_FAILED, LAUNCH_FAILED_CODE
        return self._rng.choice(role.voice.last_words)(self._rng), self._rng.choice(EXIT_CODES)

    def _recover(self, role: Role) -> None:
        usage = self._rng.uniform(5, 80), self._rng.uniform(20, 90)
        self._platform.set_health(role.app, role.spec.name, Health("HEALTHY", *usage))
        del self._recoveries[role]

    def _deploy(self, now: float) -> None:
        if self._next_phase is None:
            if now >= self._next_deployment:
                self._deploying = self._rng.choice(sorted({role.app for role in ROLES}))
                self._fails = self._rng.random() < FAILING_SHARE
                self._platform.begin_deployment(self._deploying, cause="commit pushed to main")
                self._next_phase = now + PHASE_SECONDS
        elif now >= self._next_phase:
            phase = self._advance()
            self._next_phase = now + (ROLLOUT_SECONDS if phase == "DEPLOYING" else PHASE_SECONDS)
            if phase in FINAL_PHASES:
                self._next_phase = None
                self._next_deployment = now + self._rng.uniform(180, 400)

    def _advance(self) -> str:
        """Move the deployment on; return the phase that it is in then."""
        roles = [role for role in ROLES if role.app == self._deploying]
        last_words = {role.spec.name: [role.voice.stop] for role in roles}
        phase = self._platform.advance_deployment(
            self._deploying, last_words, exit_code=SIGTERM_CODE
        )
        for role in roles:
            self._write_of_phase(role, phase)
        if phase == "BUILDING" and self._fails:
            self._platform.write_deployment_log(
                self._deploying, roles[0].spec.name, LogType.BUILD, "ERROR: failed to build image"
            )
            self._platform.end_deployment(self._deploying, "ERROR")
            return "ERROR"
        return phase

    def _write_of_phase(self, role: Role, phase: str) -> None:
        name = role.spec.name
        if phase == "BUILDING":
            self._platform.write_deployment_log(
                role.app, name, LogType.BUILD, f"=> Building {name} from Dockerfile"
            )
        elif phase == "DEPLOYING":
            self._platform.write_deployment_log(role.app, name, LogType.DEPLOY, f"starting {name}")
            under_way = self._platform.under_way_deployment_id(role.app)
            for index in range(role.spec.instances):  # beside the old ones, which go on
                self._platform.write(
                    role.app, name, index, role.voice.start, deployment_id=under_way
                )
