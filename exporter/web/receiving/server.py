"""The server that senders push logs to: its sockets, who is let in, and what it takes up."""

from collections.abc import Callable, Sequence

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Scope

from exporter.errors import RequestRefused
from exporter.receiving import otlp
from exporter.receiving.body import BodyLimits
from exporter.receiving.intake import Intake
from exporter.receiving.records import Format
from exporter.web.http.connections import Limits as ConnectionLimits
from exporter.web.http.guard import Credentials, Guard, basic_credentials
from exporter.web.http.security import SecurityFile
from exporter.web.http.server import WebServer
from exporter.web.receiving.app import Limits, ReceivingApp, media_type_of, refusal
from exporter.web.receiving.paths import HEALTHY_PATH, Push, request_of

_REQUEST_SECONDS = 60.0
"""How long a request may take to arrive: a batch is larger than the question for a page."""

DATADOG_USER = "datadog"
OTLP_USER = "otlp"


def build_server(
    intake: Intake,
    addresses: Sequence[tuple[str, int]],
    security: SecurityFile,
    *,
    attributes: otlp.AttributeNames,
    max_body_bytes: int,
    monotonic: Callable[[], float],
) -> WebServer:
    """A server that counts what is pushed to it.

    Args:
        addresses: host and port each.
        security: TLS, and the users that senders name.
        attributes: of OTLP records, those that name app and component.
        max_body_bytes: how large a body may be.
        monotonic: seconds that only grow.
    """
    app = ReceivingApp(intake, attributes, Limits(BodyLimits(max_body_bytes)))

    def refuse(scope: Scope, status: int, reason: str, headers: dict[str, str]) -> Response:
        kind = "unauthorized" if status == 401 else "busy"
        retry_after = None if status == 401 else 1
        error = RequestRefused(kind, reason, status, retry_after=retry_after)
        format = _format(scope)
        intake.note_refusal(format, error)
        response = refusal(format, media_type_of(Headers(scope=scope)), error)
        response.headers.update(headers)
        return response

    guarded = Guard(
        app,
        security,
        open_paths=frozenset({HEALTHY_PATH}),
        clock=monotonic,
        credentials=credentials,
        refuse=refuse,
    )
    return WebServer(guarded, addresses, security, ConnectionLimits(request=_REQUEST_SECONDS))


def credentials(scope: Scope) -> Credentials | None:
    """The user and the password that a sender gives.

    Basic authentication does for every format. A key of Datadog is the password of the user
    ``datadog``, a bearer token that of ``otlp``.
    """
    if given := basic_credentials(scope):
        return given
    headers = Headers(scope=scope)
    push = _push(scope)
    if push is None:
        return None
    if push.format is Format.DATADOG:
        query = QueryParams(scope["query_string"])
        key = push.key or headers.get("dd-api-key", "") or query.get("dd-api-key", "")
        return (DATADOG_USER, key.encode()) if key else None
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if push.format is Format.OTLP and scheme.lower() == "bearer" and token.strip():
        return OTLP_USER, token.strip().encode()
    return None


def _format(scope: Scope) -> Format:
    push = _push(scope)
    return Format.OPEN_SEARCH if push is None else push.format


def _push(scope: Scope) -> Push | None:
    try:
        asked = request_of(scope["method"], scope["raw_path"])
    except RequestRefused:
        return None
    return asked if isinstance(asked, Push) else None
