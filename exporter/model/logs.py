"""Logs: which there are, where their text is, and what is in it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from exporter.model.apps import ComponentKey


class LogType(StrEnum):
    """The logs that the platform keeps of a component; values as in the API's ``type``."""

    RUN = "RUN"
    RUN_RESTARTED = "RUN_RESTARTED"
    BUILD = "BUILD"
    DEPLOY = "DEPLOY"
    JOB_INVOCATION = "JOB_INVOCATION"


class RestartReason(StrEnum):
    """Why a container ended, as far as its own last words tell."""

    OUT_OF_MEMORY = "out_of_memory"
    PANIC = "panic"
    EXCEPTION = "exception"
    SIGNAL = "signal"
    HEALTH_CHECK = "health_check"
    PORT_IN_USE = "port_in_use"
    MISSING_MODULE = "missing_module"
    CONFIGURATION = "configuration"
    EXIT = "exit"
    UNKNOWN = "unknown"


class GapReason(StrEnum):
    """Why lines of a log could not be seen: the value of the label ``reason`` of gaps."""

    WINDOW = "window"
    """The log moved on further between two reads than could be read back."""
    RESTART = "restart"
    """Containers ended unseen."""
    DEPLOYMENT = "deployment"
    """The last lines before another deployment took over."""
    ARCHIVE = "archive"
    """An archive, or the log of a build or a deployment, could not be read whole."""


RUN_TIME_LOGS = frozenset({LogType.RUN, LogType.RUN_RESTARTED})
"""The logs of containers, which grow; those of a deployment's own steps end with it."""


@dataclass(frozen=True, slots=True)
class Source:
    """One log of one component: what a poll reads."""

    app_id: str
    key: "ComponentKey"
    log_type: LogType

    def __str__(self) -> str:
        return f"{self.key} {self.log_type}"


@dataclass(frozen=True, slots=True)
class LogLocations:
    """The addresses of the text of a log.

    The URLs carry credentials of their own, so they stay out of ``repr``. Nothing in either
    field means that there is no log, which is no error.
    """

    live_url: str | None = field(default=None, repr=False)
    archive_urls: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Some bytes of a log, cut anywhere; ``part`` numbers the archives from 0, live text is -1.

    ``last`` marks the end of its part, reached in good order.
    """

    data: bytes
    part: int
    last: bool = False


LIVE_PART = -1
"""``LogChunk.part`` of live text."""


class WrappedMessage(bytes):
    """A message that was taken out of a wrapper which declares a syslog severity, 0 to 7."""

    severity: int

    @classmethod
    def of(cls, message: bytes, severity: int) -> "WrappedMessage":
        """Return ``message`` with the severity that its wrapper declares."""
        wrapped = cls(message)
        wrapped.severity = severity
        return wrapped


class LogLine(NamedTuple):
    """One line of a log.

    Args:
        raw: the line as served without its newline, cut at the configured length.
        size: bytes as served, the newline and what was cut off included.
        timestamp: the platform's own time in nanoseconds, None on a line without prefix.
        message: what the program wrote: ``raw`` without component and timestamp, and without
            what stands around it (``logs.unwrap``).
    """

    raw: bytes
    size: int
    timestamp: int | None
    message: bytes
