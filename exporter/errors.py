"""Every exception that this program raises on purpose.

    ExporterError
    ├── ConfigError            the configuration cannot be used; carries every fault found
    ├── StateError             counts and cursors could not be loaded or kept
    │   ├── StateFenced        another exporter owns the state by now
    │   └── StateRolledBack    the store holds less than was saved there
    ├── ListenError            an address cannot be listened on
    ├── PrometheusError        the Prometheus that the page asks does not answer
    ├── RequestRefused         a request with pushed logs is not taken; carries what to answer
    ├── Stopping               the program is shutting down: what waited gives up
    ├── DeploymentEnded        a run-time log is gone, since its deployment has ended
    ├── InternalError          what nobody foresaw, counted and outlived
    └── ApiError               a request or a log could not be read
        ├── Unauthorized       401: the token is wrong or revoked
        ├── Forbidden          403: the token lacks a scope
        ├── NotFound           404
        ├── TooManyRequests    429, or the pause that a 429 asked for
        ├── ServerError        500
        ├── UnexpectedStatus   any other status
        │   └── BadRequest     400
        ├── RequestTimeout     no answer in time
        ├── ConnectionFailed   no connection, or one that broke
        └── InvalidResponse    an answer that is not what the API documents

Foreign exceptions are translated once, at the boundary where they enter. No message carries the
token, nor a log URL, whose query is a credential.
"""

from dataclasses import dataclass
from typing import ClassVar

from exporter.model import Endpoint


class ExporterError(Exception):
    """The root: everything that the program reports instead of crashing."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake in a configuration: where it stands, what is wrong, what would be right."""

    file: str
    place: str
    problem: str
    remedy: str
    line: int | None = None

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        places = "".join(f"{part}: " for part in (where, self.place) if part)
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{places}{self.problem}{remedy}"


class ConfigError(ExporterError):
    """The configuration cannot be used; ``faults`` holds every mistake found, in file order."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class StateError(ExporterError):
    """Counts and cursors could not be loaded or kept."""


class StateFenced(StateError):
    """Another exporter owns the state by now; nothing of the batch was kept."""


class StateRolledBack(StateError):
    """The store holds less than was saved there: it was restored, failed over, or emptied.

    Nothing of the batch was kept. Everything that is known should be saved again.
    """


class ListenError(ExporterError):
    """An address cannot be listened on: in use, not this machine's, or not to be resolved."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"cannot listen on {address}: {reason}")
        self.address = address
        self.reason = reason


class PrometheusError(ExporterError):
    """The Prometheus that the page asks does not answer, or not as one does."""


class RequestRefused(ExporterError):
    """A request with pushed logs is not taken, and nothing of it is counted.

    Args:
        kind: the value of the label ``error``: one of ``REFUSALS``.
        detail: why, for the sender.
        status: the HTTP status of the answer.
        retry_after: seconds after which the sender may try again; None where that is no use.
    """

    def __init__(self, kind: str, detail: str, status: int, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.status = status
        self.retry_after = retry_after


REFUSALS = (
    "unauthorized",
    "not_found",
    "invalid_body",
    "too_large",
    "unsupported_encoding",
    "busy",
    "unavailable",
)
"""Every kind of refusal once, for the series that exist at 0."""


class Stopping(ExporterError):
    """The program is shutting down: whatever waited or read gives up; nothing failed."""


class DeploymentEnded(ExporterError):
    """A run-time log cannot be had any more, since its deployment has ended; nothing failed."""


class InternalError(ExporterError):
    """What nobody foresaw, at the boundary of a job or task; its cause is in the log."""

    kind: ClassVar[str] = "internal"

    def __init__(self) -> None:
        super().__init__("internal error, see the log")


class ApiError(ExporterError):
    """A request or a log could not be read; ``kind`` is the value of the label ``error``."""

    kind: ClassVar[str] = "unexpected"

    def __init__(self, endpoint: Endpoint, detail: str) -> None:
        super().__init__(f"{endpoint}: {detail}")
        self.endpoint = endpoint
        self.detail = detail


class Unauthorized(ApiError):
    """401: the token is wrong or revoked."""

    kind = "unauthorized"


class Forbidden(ApiError):
    """403: the token lacks the scope of this endpoint."""

    kind = "forbidden"


class NotFound(ApiError):
    """404: there is no such app, deployment, component or archive."""

    kind = "not_found"


class TooManyRequests(ApiError):
    """429; ``retry_after`` is how many seconds the API asked to wait, None if it did not say."""

    kind = "too_many_requests"

    def __init__(self, endpoint: Endpoint, detail: str, retry_after: float | None = None) -> None:
        super().__init__(endpoint, detail)
        self.retry_after = retry_after


class ServerError(ApiError):
    """500: the API failed."""

    kind = "server_error"


class UnexpectedStatus(ApiError):
    """Any status that the API does not document; ``status`` is its number."""

    kind = "unexpected"

    def __init__(self, endpoint: Endpoint, detail: str, status: int) -> None:
        super().__init__(endpoint, detail)
        self.status = status


class BadRequest(UnexpectedStatus):
    """400: the request is refused; the platform means by it that there is no such log, too."""


class RequestTimeout(ApiError):
    """No answer in time."""

    kind = "timeout"


class ConnectionFailed(ApiError):
    """No connection, or one that broke before the answer was whole."""

    kind = "connection"


class InvalidResponse(ApiError):
    """An answer that is not what the API documents: no JSON, or of another shape."""

    kind = "invalid_response"


API_ERRORS: tuple[type[ApiError], ...] = (
    Unauthorized,
    NotFound,
    Forbidden,
    TooManyRequests,
    ServerError,
    UnexpectedStatus,
    RequestTimeout,
    ConnectionFailed,
    InvalidResponse,
)
"""Every kind of API error once, for the series that exist at 0."""
