"""The shares that run in a process: how a replica starts and ends them, and what they report."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from exporter.replicas.layout import Share
from exporter.state.coordination import Claim


class Holdings(Protocol):
    """The shares that run in this process. No call waits for one to start or to end."""

    def start(self, share: Share, claim: Claim) -> None:
        """Load a share and read its apps; report ``FAILED`` if that cannot be done."""
        ...

    def withdraw(self, share: Share, claim: Claim, *, save: bool) -> None:
        """Show a share no longer from now on, then end it.

        Args:
            save: save what was counted, and report ``ENDED`` then, or ``FAILED`` where the share
                could not be ended.
        """
        ...


class Happened(StrEnum):
    """What a share reports."""

    ENDED = "ended"
    FAILED = "failed"
    FENCED = "fenced"


@dataclass(frozen=True, slots=True)
class Report:
    """What happened to a share that was started for a claim."""

    share: Share
    claim: Claim
    happened: Happened
