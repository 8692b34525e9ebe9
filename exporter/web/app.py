"""The endpoints: which path answers what, and the headers that every answer carries.

What they show is handed in; nothing here knows how they come about.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.errors import ExporterError
from exporter.web.api import COMPONENT_PATH, COMPONENTS_PATH, CRASHES_PATH, Api
from exporter.web.exposition import Exposition
from exporter.web.http.guard import Guard
from exporter.web.http.security import SecurityFile
from exporter.web.pages.alerts import Alerts
from exporter.web.pages.page import About, Pages
from exporter.web.pages.status import StatusSource

HEALTHY_PATH = "/-/healthy"
READY_PATH = "/-/ready"
RELOAD_PATH = "/-/reload"
ALERTS_PATH = "/alerts"
STATIC_FILES = {
    "style.css": "text/css",
    "refresh.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""What pages need, with the media type of each."""

DOCUMENTATION_URL = "https://docs.digitalocean.com/products/app-platform/how-to/view-logs/"

CONCURRENT_RENDERS = 4
PIECE_BYTES = 256 << 10
"""Renders at one time. More would only share the interpreter, and take every worker thread."""

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Which endpoints there are beside the fixed ones.

    Args:
        telemetry_path: the path of the metrics; ``/`` puts them in place of the page.
        reload: loads the configuration again, raises ConfigError where it is refused; None
            disables the endpoint.
        alerts: knows the states of alerts; None where no Prometheus was named.
    """

    telemetry_path: str
    reload: Callable[[], None] | None = None
    alerts: Alerts | None = None

    def links(self) -> dict[str, str]:
        """The text and the relative address of each link at the top of a page."""
        return {
            **({"Alerts": ALERTS_PATH.lstrip("/")} if self.alerts else {}),
            "Metrics": self.telemetry_path.lstrip("/"),
            "Healthy": HEALTHY_PATH.lstrip("/"),
            "Ready": READY_PATH.lstrip("/"),
            "Documentation of App Platform logs": DOCUMENTATION_URL,
        }


def create_app(
    exposition: Exposition,
    status: StatusSource,
    about: Callable[[], About],
    security: SecurityFile,
    *,
    clock: Callable[[], float],
    monotonic: Callable[[], float],
    options: WebOptions,
) -> ASGIApp:
    """The application that serves the metrics, the health checks and the page.

    Args:
        exposition: renders the metrics.
        status: the state of the reading.
        about: returns what pages show of the exporter itself.
        security: who is let in, and the headers of every answer.
        clock: Unix seconds, for the ages on the page.
        monotonic: seconds that only grow, for the rate limit.
    """
    reload, alerts = options.reload, options.alerts
    pages = Pages(status, about, options.links(), clock)
    api = Api(status, about, clock)
    renders = asyncio.Semaphore(CONCURRENT_RENDERS)
    # The first route that fits answers, so the telemetry path hides no health check.
    app = Starlette(
        routes=[
            Route(HEALTHY_PATH, _check(status.healthy, "Healthy")),
            Route(READY_PATH, _check(status.ready, "Ready")),
            *([Route(ALERTS_PATH, _alerts(pages, alerts, renders))] if alerts else []),
            *([Route(RELOAD_PATH, _reload(reload), methods=["POST"])] if reload else []),
            Route(options.telemetry_path, _metrics(exposition, renders)),
            *(Route(f"/static/{name}", _static(name)) for name in STATIC_FILES),
            Route("/components/{app}/{component}", _component(pages, renders)),
            Route(COMPONENTS_PATH, _listed(api, renders)),
            Route(COMPONENT_PATH, _of_component(api.component, renders)),
            Route(CRASHES_PATH, _of_component(api.crashes, renders)),
            Route("/", _overview(pages, renders)),
        ],
        exception_handlers={HTTPException: _refuse, Exception: _fail},
    )
    app.router.redirect_slashes = False
    open_paths = frozenset({HEALTHY_PATH, READY_PATH})
    return Guard(app, security, open_paths=open_paths, clock=monotonic)


def _metrics(exposition: Exposition, renders: asyncio.Semaphore) -> Endpoint:
    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "")
        accept_encoding = request.headers.get("accept-encoding", "")
        async with renders:
            answer = await run_in_threadpool(exposition.answer, accept, accept_encoding)
        return _Body(answer.body, answer.headers)

    return metrics


class _Body(Response):
    """A body sent in pieces, each once the client has taken those before: none is held twice."""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(headers={**headers, "Content-Length": str(len(body))})
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        for at in range(0, len(self._body), PIECE_BYTES):
            piece = self._body[at : at + PIECE_BYTES]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


def _check(check: Callable[[], tuple[bool, str]], good: str) -> Endpoint:
    # On the loop itself: no slow scrape can keep a thread from it.
    async def answer(request: Request) -> Response:
        passed, reason = check()
        if passed:
            return PlainTextResponse(f"{good}.\n")
        return PlainTextResponse(f"{reason}\n", status_code=503)

    return answer


def _reload(reload: Callable[[], None]) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            await run_in_threadpool(reload)
        except ExporterError as error:
            return PlainTextResponse(
                f"refused, the old configuration stays in force:\n{error}\n", 500
            )
        return PlainTextResponse("Reloaded.\n")

    return answer


def _overview(pages: Pages, renders: asyncio.Semaphore) -> Endpoint:
    async def overview(request: Request) -> Response:
        async with renders:
            html = await run_in_threadpool(pages.overview, request.query_params)
        return HTMLResponse(html)

    return overview


def _alerts(pages: Pages, alerts: Alerts, renders: asyncio.Semaphore) -> Endpoint:
    async def standing(request: Request) -> Response:
        async with renders:
            html = await run_in_threadpool(pages.alerts, alerts)
        return HTMLResponse(html)

    return standing


def _component(pages: Pages, renders: asyncio.Semaphore) -> Endpoint:
    async def component(request: Request) -> Response:
        names = request.path_params
        async with renders:
            html = await run_in_threadpool(
                pages.component,
                names["app"],
                names["component"],
                request.query_params.get("account", ""),
            )
        if html is None:
            raise HTTPException(404, "No such component is watched")
        return HTMLResponse(html)

    return component


def _listed(api: Api, renders: asyncio.Semaphore) -> Endpoint:
    async def listed(request: Request) -> Response:
        async with renders:
            document = await run_in_threadpool(api.components)
        return JSONResponse(document)

    return listed


def _of_component(
    find: Callable[[str, str, str], dict[str, Any] | None], renders: asyncio.Semaphore
) -> Endpoint:
    async def of_component(request: Request) -> Response:
        names = request.path_params
        account = request.query_params.get("account", "")
        async with renders:
            document = await run_in_threadpool(find, names["app"], names["component"], account)
        if document is None:
            return JSONResponse({"error": "no such component is watched"}, 404)
        return JSONResponse(document)

    return of_component


def _static(name: str) -> Endpoint:
    content = files("exporter.web.pages").joinpath("static", name).read_bytes()

    async def static(request: Request) -> Response:
        headers = {"Cache-Control": "max-age=3600"}
        return Response(content, media_type=STATIC_FILES[name], headers=headers)

    return static


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)


async def _fail(request: Request, error: Exception) -> Response:
    # The error itself goes on to the server, which logs it.
    return PlainTextResponse("Internal Server Error\n", status_code=500)
