"""What happened that somebody should be told of at once, with its words."""

from dataclasses import dataclass
from enum import StrEnum


class NotifyEvent(StrEnum):
    """The kinds of event that are sent: the values of ``notify.events``."""

    CRASH = "crash"
    NEW_ERROR_GROUP = "new_error_group"
    DEPLOYMENT_FAILED = "deployment_failed"
    JOB_FAILED = "job_failed"


@dataclass(frozen=True, slots=True)
class Notification:
    """One event.

    Args:
        app, component: whose it is; ``component`` is empty where it is about an app as a whole.
        reason: why, as far as is known, in a word.
        at: when it happened, in Unix seconds.
        lines: the last lines about it, in order, redacted; empty where no text may be shown.
        exit_code: of a container or an invocation that ended; None where it is not known.
        deployment_age: seconds between the active deployment and the event; None where it is not
            known.
        account: whose app it is; empty where no account has a name.
    """

    event: NotifyEvent
    app: str
    component: str
    reason: str
    at: float
    lines: tuple[str, ...] = ()
    exit_code: int | None = None
    deployment_age: float | None = None
    account: str = ""
