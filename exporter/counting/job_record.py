"""What is remembered of one job between two looks at its runs, as one document."""

import json
from dataclasses import dataclass, field

from exporter.counting.ledger import Ledger
from exporter.counting.once import Once
from exporter.errors import StateError
from exporter.model import ComponentKey, JobSpec

KIND = "job"
"""Of the document of a job."""


@dataclass(slots=True)
class DueLog:
    """The log of a run that has ended and is to be read.

    Args:
        failed: whether the run failed, so that its last words are kept.
        ran: whether it is known to have run, so that it must have a log.
    """

    deployment_id: str
    failed: bool
    ran: bool


@dataclass(slots=True)
class JobRecord:
    """One job.

    Args:
        once: which of its runs were counted.
        due: the logs that are to be read, by invocation.
        schedule: its schedule, as text.
        since: from when on that schedule is known to be in force, in Unix seconds.
        latest: when the latest run ended of which the duration is shown, in Unix seconds.
    """

    once: Once = field(default_factory=Once)
    due: dict[str, DueLog] = field(default_factory=dict)
    schedule: str = ""
    since: float = 0.0
    latest: float = 0.0

    def follow(self, spec: JobSpec, deployed_at: float | None, now: float) -> None:
        """Take note of the schedule; one that is new is in force from now on.

        Args:
            deployed_at: when the app's active deployment became active: the first schedule that
                is seen is in force since then.
        """
        schedule = f"{spec.cron} {spec.time_zone}"
        if schedule != self.schedule:
            first = not self.schedule
            self.since = deployed_at if first and deployed_at is not None else now
            self.schedule = schedule

    def to_bytes(self) -> bytes:
        """All of it, for ``load``."""
        due = {key: [log.deployment_id, log.failed, log.ran] for key, log in self.due.items()}
        document = {
            "once": self.once.to_json(),
            "due": due,
            "schedule": self.schedule,
            "since": self.since,
            "latest": self.latest,
        }
        return json.dumps(document).encode()


def load(ledger: Ledger, key: ComponentKey) -> JobRecord | None:
    """What is kept of a job, under the ledger's lock; None if nothing is.

    Raises:
        StateError: it cannot be read.
    """
    data = ledger.documents.kept(KIND, key.parts).get("")
    if data is None:
        return None
    try:
        document = json.loads(data)
        return JobRecord(
            once=Once.from_json(document["once"]),
            due={name: DueLog(*log) for name, log in document["due"].items()},
            schedule=document["schedule"],
            since=document["since"],
            latest=document["latest"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"state of {key}: its runs cannot be read: {error!r}") from None


def save(ledger: Ledger, key: ComponentKey, record: JobRecord) -> None:
    """Keep what is remembered of a job, under the ledger's lock."""
    ledger.documents.keep(KIND, key.parts, "", record.to_bytes())
