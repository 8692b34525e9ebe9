"""One component as the pages show it: its state, and what a person needs at once."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from exporter.model import ComponentKind, ComponentStatus
from exporter.web.pages.causes import distinct
from exporter.web.pages.charts import Mark
from exporter.web.pages.condition import BROKEN, Condition, State

CONTROL_PANEL = "https://cloud.digitalocean.com/apps"
KEPT_CRASHES = 5
"""How many are kept: with so many there may have been more."""

NOTE_SECONDS = 86400.0
"""How long a past crash is worth a note."""


@dataclass(frozen=True, slots=True)
class Row:
    """One component with its condition."""

    status: ComponentStatus
    condition: Condition

    @property
    def name(self) -> str:
        """App and component."""
        return str(self.status)

    @property
    def path(self) -> str:
        """Where its page is, relative to the overview."""
        key, account = self.status.key, self.status.account
        query = f"?{urlencode({'account': account})}" if account else ""
        return f"components/{quote(key.app, safe='')}/{quote(key.component, safe='')}{query}"

    @property
    def is_broken(self) -> bool:
        """Whether it needs somebody."""
        return self.condition.state in BROKEN

    @property
    def last_line(self) -> float | None:
        """The newest line's own time, in Unix seconds."""
        times = [source.last_line for source in self.status.sources if source.last_line]
        return max(times, default=None)

    @property
    def last_read(self) -> float | None:
        """When one of its logs was last read, in Unix seconds."""
        times = [source.last_read for source in self.status.sources if source.last_read]
        job = self.status.job
        return max([*times, *([job.last_read] if job and job.last_read else [])], default=None)

    @property
    def lines(self) -> int:
        """Lines of the last hour."""
        return sum(self.status.minutes.lines)

    @property
    def errors(self) -> int:
        """Error lines of the last hour."""
        return sum(self.status.minutes.errors)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why its logs, or the runs of a job, cannot be read; each cause once."""
        if self.status.job is not None:
            return (self.status.job.problem,) if self.status.job.problem else ()
        if self.status.kind is ComponentKind.JOB:
            return ()
        return distinct([each.problem for each in self.status.sources if each.state == "down"])

    @property
    def replicas(self) -> str:
        """Ready and wanted instances, in words; empty where nothing is known."""
        health = self.status.health
        if health is None or health.replicas_desired is None:
            return ""
        ready = health.replicas_ready if health.replicas_ready is not None else "?"
        return f"{ready} of {health.replicas_desired} ready"

    @property
    def crashes(self) -> str:
        """Container ends of the last hour, in words."""
        number = self.condition.crashes
        return f"{number} or more" if number >= KEPT_CRASHES else str(number)

    @property
    def telling(self) -> str:
        """The last line that tells what is wrong; empty where none is kept."""
        crash = next(iter(self.status.crashes), None)
        errors = self.status.recent_errors
        if crash is not None and self.condition.state in (State.DOWN, State.CRASHING):
            return next((line for line in reversed(crash.lines) if line.strip()), "")
        job = self.status.job
        if self.condition.state is State.FAILED and job is not None and job.runs:
            return next((line for line in reversed(job.runs[0].lines) if line.strip()), "")
        if self.condition.new_groups:
            return self.condition.new_groups[0].sample
        return errors[0].text if errors else ""

    @property
    def deployed_before(self) -> float | None:
        """Seconds between the active deployment and the beginning of what is wrong."""
        since, deployed = self.condition.since, self.status.deployed_at
        return since - deployed if since and deployed and since >= deployed else None

    @property
    def control_panel(self) -> str:
        """The address of its app in DigitalOcean's control panel; empty where it has no id."""
        app = self.status.app_id
        return f"{CONTROL_PANEL}/{quote(app, safe='')}" if app else ""

    @property
    def command(self) -> str:
        """What shows its log in a terminal; empty for a job, whose runs have a log each."""
        if self.status.job is not None:
            return ""
        ended = self.condition.crashes and self.condition.state is not State.ERRORS_UP
        log = "run_restarted" if ended else "run"
        app = self.status.app_id or self.status.key.app
        return f"doctl apps logs {app} {self.status.key.component} --type {log} --tail 100"

    def marks(self, now: float) -> tuple[Mark, ...]:
        """Crashes and the deployment, to be seen over the charts."""
        marks = [
            Mark(now - crash.at, "crash", "a container ended") for crash in self.status.crashes
        ]
        if self.status.deployed_at is not None:
            marks.append(Mark(now - self.status.deployed_at, "deployment", "deployed"))
        return tuple(mark for mark in marks if 0 <= mark.ago < 3600)
