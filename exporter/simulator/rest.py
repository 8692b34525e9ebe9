"""The simulated platform's REST API: tokens, rate limit, paging, documented errors.

Paths and shapes as in DigitalOcean's OpenAPI description, for pydo, doctl and the exporter.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from exporter.model import Endpoint
from exporter.simulator import documents
from exporter.simulator.disruption import ConnectionDroppedError, Disruption
from exporter.simulator.documents import Document
from exporter.simulator.faults import Channel, Faults
from exporter.simulator.invocations import invocation_documents
from exporter.simulator.log_locations import LogLocator
from exporter.simulator.lookup import LogRefusedError, UnknownTargetError, find_app, find_deployment
from exporter.simulator.paging import BadRequestError, paged
from exporter.simulator.platform import Platform
from exporter.simulator.rate_limit import RateLimit
from exporter.simulator.request_log import ReceivedRequest, RequestLog
from exporter.simulator.scaling import scaling_documents
from exporter.simulator.state import App

View = Callable[[Request], Document]


SCOPE_OF_MONITORING = "monitoring:read"
USUAL_SCOPE = "app:read"
ALL_SCOPES = frozenset({USUAL_SCOPE, SCOPE_OF_MONITORING})


@dataclass(slots=True)
class Tokens:
    """The API token that is valid now, and the scopes that it has."""

    valid: str
    scopes: frozenset[str] = ALL_SCOPES


class RestApi:
    """The API's ASGI application in ``app``."""

    def __init__(
        self,
        platform: Platform,
        locator: LogLocator,
        tokens: Tokens,
        rate_limit: RateLimit,
        faults: Faults,
        disruption: Disruption,
        requests: RequestLog,
    ) -> None:
        self._platform = platform
        self._locator = locator
        self._tokens = tokens
        self._rate_limit = rate_limit
        self._faults = faults
        self._disruption = disruption
        self._requests = requests
        self.app = Starlette(routes=self._routes())

    def _routes(self) -> list[Route]:
        app = "/v2/apps/{app_id}"
        component = "/components/{component}"
        deployment = "/deployments/{deployment_id}"
        monitoring = "/v2/monitoring/metrics/apps"
        logs = self._locator.answer
        views: list[tuple[str, Endpoint | None, View]] = [
            ("/v2/apps", Endpoint.APPS, self._list_apps),
            (app, Endpoint.APPS, self._get_app),
            (f"{app}/deployments", Endpoint.DEPLOYMENTS, self._list_deployments),
            (f"{app}{deployment}", Endpoint.DEPLOYMENTS, self._get_deployment),
            (f"{app}/logs", Endpoint.LOGS, logs),
            (f"{app}{component}/logs", Endpoint.LOGS, logs),
            (f"{app}{deployment}/logs", Endpoint.LOGS, logs),
            (f"{app}{deployment}{component}/logs", Endpoint.LOGS, logs),
            (f"{app}/instances", Endpoint.INSTANCES, self._of_app(documents.instances_document)),
            (f"{app}/health", Endpoint.HEALTH, self._of_app(documents.health_document)),
            (f"{app}/events", Endpoint.EVENTS, self._list_events),
            (f"{app}/job-invocations", Endpoint.JOB_INVOCATIONS, self._list_invocations),
            (
                f"{app}/jobs/{{job}}/invocations/{{invocation_id}}/logs",
                Endpoint.LOGS,
                self._locator.answer_invocation,
            ),
            (
                f"{monitoring}/restart_count",
                Endpoint.RESTART_COUNT,
                self._monitoring(documents.restart_count),
            ),
            (
                f"{monitoring}/cpu_percentage",
                Endpoint.HEALTH,
                self._monitoring(documents.cpu_percentage),
            ),
            (
                f"{monitoring}/memory_percentage",
                Endpoint.HEALTH,
                self._monitoring(documents.memory_percentage),
            ),
            ("/{path:path}", None, _nowhere),
        ]
        bandwidth = self._serve(Endpoint.BANDWIDTH, self._bandwidth)
        return [
            Route("/v2/apps/metrics/bandwidth_daily", bandwidth, methods=["POST"]),
            *(
                Route(path, self._serve(endpoint, view), methods=["GET"])
                for path, endpoint, view in views
            ),
        ]

    def _serve(self, endpoint: Endpoint | None, view: View) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            self._requests.record(
                ReceivedRequest(
                    endpoint, request.url.path, dict(request.query_params), dict(request.headers)
                )
            )
            request.state.json = await _json_body(request)
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            verdict = self._rate_limit.check(token)
            if token != self._tokens.valid:
                response = error_response(401, "unauthorized", "Unable to authenticate you")
            elif _scope_of(request.url.path) not in self._tokens.scopes:
                message = "You do not have permission to perform this action."
                response = error_response(403, "forbidden", message)
            elif not verdict.allowed:
                response = error_response(429, "too_many_requests", "API rate limit exceeded")
            else:
                response = await self._disturbed(endpoint, view, request)
            for name, value in verdict.headers.items():
                response.headers.setdefault(name, value)
            return response

        return answer

    async def _disturbed(self, endpoint: Endpoint | None, view: View, request: Request) -> Response:
        if endpoint is None:
            return _respond(view, request)
        action = self._faults.take(
            endpoint,
            Channel.REST,
            app=self._app_name(request),
            component=request.path_params.get("component")
            or request.query_params.get("component_name"),
        )
        try:
            own = await self._disruption.before(action, request.scope)
        except ConnectionDroppedError:
            return Response()
        if own is not None:
            return own
        return self._disruption.cut(action, _respond(view, request), request.scope)

    def _app_name(self, request: Request) -> str | None:
        app_id = request.path_params.get("app_id", request.query_params.get("app_id", ""))

        def look(apps: Mapping[str, App]) -> str | None:
            return apps[app_id].name if app_id in apps else None

        return self._platform.view(look)

    def _list_apps(self, request: Request) -> Document:
        everything = self._platform.view(
            lambda apps: [documents.app_document(app) for app in apps.values()]
        )
        return paged(request, "apps", everything)

    def _get_app(self, request: Request) -> Document:
        return self._of_app(lambda app: {"app": documents.app_document(app)})(request)

    def _list_deployments(self, request: Request) -> Document:
        return paged(request, "deployments", self._deployments(request, "deployment"))

    def _list_events(self, request: Request) -> Document:
        wanted = ",".join(request.query_params.getlist("event_types"))
        events: list[Document] = []
        if not wanted or "DEPLOYMENT" in wanted:
            events += self._deployments(request, "event")
        if not wanted or "AUTOSCALING" in wanted:
            events += self._platform.view(
                lambda apps: scaling_documents(find_app(apps, request.path_params["app_id"]))
            )
        events.sort(key=lambda event: str(event["created_at"]), reverse=True)
        return paged(request, "events", events)

    def _list_invocations(self, request: Request) -> Document:
        jobs = ",".join(request.query_params.getlist("job_names"))
        everything = self._platform.view(
            lambda apps: invocation_documents(find_app(apps, request.path_params["app_id"]), jobs)
        )
        return paged(request, "job_invocations", everything)

    def _bandwidth(self, request: Request) -> Document:
        wanted = getattr(request.state, "json", {}).get("app_ids", [])
        return self._platform.view(
            lambda apps: {
                "app_bandwidth_usage": [
                    {"app_id": app.id, "bandwidth_bytes": str(app.bandwidth_bytes)}
                    for app in apps.values()
                    if app.id in wanted
                ]
            }
        )

    def _deployments(self, request: Request, kind: str) -> list[Document]:
        make = documents.event_document if kind == "event" else documents.deployment_document

        def look(apps: Mapping[str, App]) -> list[Document]:
            app = find_app(apps, request.path_params["app_id"])
            return [make(deployment) for deployment in reversed(app.deployments)]

        return self._platform.view(look)

    def _get_deployment(self, request: Request) -> Document:
        def show(app: App) -> Document:
            deployment = find_deployment(app, request.path_params["deployment_id"])
            return {"deployment": documents.deployment_document(deployment)}

        return self._of_app(show)(request)

    def _of_app(self, show: Callable[[App], Document]) -> View:
        def view(request: Request) -> Document:
            return self._platform.view(
                lambda apps: show(find_app(apps, request.path_params["app_id"]))
            )

        return view

    def _monitoring(self, measure: documents.Measure) -> View:
        def view(request: Request) -> Document:
            query = request.query_params
            try:
                app_id, start, end = query["app_id"], float(query["start"]), float(query["end"])
            except (KeyError, ValueError):
                raise BadRequestError("app_id, start and end (Unix seconds) are required") from None
            component = query.get("app_component")
            return self._platform.view(
                lambda apps: documents.monitoring_document(
                    find_app(apps, app_id), component, start, end, measure
                )
            )

        return view


def error_response(status: int, error_id: str, message: str) -> Response:
    """An error in the API's documented shape."""
    request_id = str(uuid.uuid4())
    document = {"id": error_id, "message": message, "request_id": request_id}
    return JSONResponse(document, status, headers={"x-request-id": request_id})


def _scope_of(path: str) -> str:
    """The scope that a token needs for a path."""
    return SCOPE_OF_MONITORING if path.startswith("/v2/monitoring/") else USUAL_SCOPE


def _respond(view: View, request: Request) -> Response:
    try:
        return JSONResponse(view(request))
    except UnknownTargetError as missing:
        return error_response(404, "not_found", str(missing))
    except (BadRequestError, LogRefusedError) as mistake:
        return error_response(400, "bad_request", str(mistake))


async def _json_body(request: Request) -> Document:
    """The object that a request carries; an empty one where it carries none."""
    if request.method != "POST":
        return {}
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _nowhere(request: Request) -> Document:
    raise UnknownTargetError("the resource you were accessing could not be found")
