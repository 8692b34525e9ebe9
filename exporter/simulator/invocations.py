"""Runs of jobs on the simulated platform, as state and as the API shows them."""

from dataclasses import dataclass, field
from typing import Any

from exporter.simulator.lookup import UnknownTargetError
from exporter.simulator.state import App, Container, Deployment
from exporter.simulator.timestamps import timestamp

RETENTION_LINES = 10_000


@dataclass(slots=True)
class Invocation:
    """One run of a job; times are Unix seconds.

    ``archived``: its log is an archive once it has ended, else it stays a live one.
    """

    id: str
    job: str
    deployment_id: str
    trigger: str
    created_at: float
    phase: str = "PENDING"
    started_at: float | None = None
    completed_at: float | None = None
    archived: bool = True
    log: Container = field(default_factory=lambda: Container(RETENTION_LINES))

    def as_deployment(self) -> Deployment:
        """Its log in place of a deployment's, under way as long as the run."""
        live = self.completed_at is None or not self.archived
        phase = "DEPLOYING" if live else "ACTIVE"
        return Deployment(
            self.id, self.trigger, self.created_at, (), phase, deploy={self.job: self.log}
        )


def find_invocation(app: App, invocation_id: str) -> Invocation:
    """One run of an app's jobs by its id; raises UnknownTargetError where there is none."""
    for invocation in reversed(app.invocations):
        if invocation.id == invocation_id:
            return invocation
    raise UnknownTargetError(f"no run {invocation_id}")


def invocation_documents(app: App, jobs: str = "") -> list[dict[str, Any]]:
    """The runs of an app's jobs as the API lists them, newest first.

    Args:
        jobs: names of jobs, with commas between them; empty for all.
    """
    wanted = set(jobs.split(",")) if jobs else None
    return [
        _document(invocation)
        for invocation in reversed(app.invocations)
        if wanted is None or invocation.job in wanted
    ]


def _document(invocation: Invocation) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": invocation.id,
        "job_name": invocation.job,
        "deployment_id": invocation.deployment_id,
        "phase": invocation.phase,
        "trigger": {"type": invocation.trigger},
        "created_at": timestamp(invocation.created_at),
    }
    for name in ("started_at", "completed_at"):
        if (at := getattr(invocation, name)) is not None:
            document[name] = timestamp(at)
    return document
