"""Answers the four logs paths: says where a log is, and issues the links."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from exporter.model import LogType
from exporter.simulator.delivery import (
    AnswerShape,
    ArchiveEncoding,
    Delivery,
    Grant,
    LogLinks,
)
from exporter.simulator.invocations import find_invocation
from exporter.simulator.log_reading import ALL_LINES, LogPlaces, LogReader, LogRequest
from exporter.simulator.lookup import UnknownTargetError, find_app
from exporter.simulator.paging import BadRequestError
from exporter.simulator.platform import Platform
from exporter.simulator.state import App

COMPONENT_LOGS = frozenset(LogType) - {LogType.JOB_INVOCATION}
KNOWN_TYPES = COMPONENT_LOGS | {"AUTOSCALE_EVENT"}
"""The values of ``type`` that name a log; UNSPECIFIED names none."""


class LogLocator:
    """Turns requests for logs into links.

    Args:
        log_host_url: where the links lead, without a path.
    """

    def __init__(
        self,
        platform: Platform,
        reader: LogReader,
        links: LogLinks,
        delivery: Delivery,
        log_host_url: str,
    ) -> None:
        self._platform = platform
        self._reader = reader
        self._links = links
        self._delivery = delivery
        self._log_host_url = log_host_url

    def answer(self, request: Request) -> dict[str, Any]:
        """The answer of any of the logs paths; without a log, an empty one.

        Raises:
            BadRequestError: ``type`` or ``tail_lines`` is missing or wrong.
            UnknownTargetError: there is no such app, deployment or component.
        """
        log_type = request.query_params.get("type", "")
        if log_type not in KNOWN_TYPES:
            raise BadRequestError("type must be one of BUILD, DEPLOY, RUN, RUN_RESTARTED")
        app_id = request.path_params["app_id"]
        name, active_id = self._platform.view(lambda apps: _identify(apps, app_id))
        deployment_id = request.path_params.get("deployment_id") or active_id
        if deployment_id is None or log_type not in COMPONENT_LOGS:
            return self._document([], live=False)
        wanted = LogRequest(
            app_id,
            deployment_id,
            request.path_params.get("component")
            or request.query_params.get("component_name")
            or None,
            LogType(log_type),
            _tail_lines(request),
            request.query_params.get("instance_name") or None,
        )
        follow = request.query_params.get("follow", "false").lower() == "true"
        return self._locate(Grant(wanted, name, follow))

    def answer_invocation(self, request: Request) -> dict[str, Any]:
        """The answer of the logs path of one run of a job.

        Raises:
            BadRequestError: ``type`` is missing or wrong.
            UnknownTargetError: there is no such app, job or run.
        """
        if request.query_params.get("type") != LogType.JOB_INVOCATION:
            raise BadRequestError("type must be JOB_INVOCATION")
        app_id, job = request.path_params["app_id"], request.path_params["job"]
        invocation_id = request.path_params["invocation_id"]

        def look(apps: Mapping[str, App]) -> str:
            app = find_app(apps, app_id)
            if find_invocation(app, invocation_id).job != job:
                raise UnknownTargetError(f"no run {invocation_id} of {job}")
            return app.name

        wanted = LogRequest(
            app_id,
            invocation_id,
            job,
            LogType.JOB_INVOCATION,
            _tail_lines(request),
            invocation_id=invocation_id,
        )
        follow = request.query_params.get("follow", "false").lower() == "true"
        return self._locate(Grant(wanted, self._platform.view(look), follow))

    def _locate(self, grant: Grant) -> dict[str, Any]:
        places: LogPlaces = self._reader.places(grant.request)
        if places.live:
            return self._document([self._live_url(grant)], live=True)
        suffix = "log.gz" if self._delivery.archive_encoding is ArchiveEncoding.GZ_FILE else "log"
        urls = [
            f"{self._log_host_url}/archives/{index}/{grant.request.log_type.lower()}.{suffix}"
            f"?token={self._links.issue(grant)}"
            for index in range(places.archives)
        ]
        return self._document(urls, live=False)

    def _live_url(self, grant: Grant) -> str:
        base = self._log_host_url
        if self._delivery.websocket_urls:
            base = "ws" + base.removeprefix("http")
        return f"{base}/?token={self._links.issue(grant)}"

    def _document(self, urls: list[str], *, live: bool) -> dict[str, Any]:
        if self._delivery.shape is AnswerShape.SPEC:
            if live:
                return {"live_url": urls[0]}
            return {"historic_urls": urls} if urls else {}
        # The documentation's example; its `url` is one more archive, after the others.
        archives = [] if live else urls
        return {
            "value": {
                "live_url": urls[0] if live else "",
                "url": archives[-1] if len(archives) > 1 else "",
                "historic_logs": archives[:-1] if len(archives) > 1 else archives,
            }
        }


def _identify(apps: Mapping[str, App], app_id: str) -> tuple[str, str | None]:
    app = find_app(apps, app_id)
    return app.name, None if app.active is None else app.active.id


def _tail_lines(request: Request) -> int:
    text = request.query_params.get("tail_lines", str(ALL_LINES))
    try:
        return int(text)
    except ValueError:
        raise BadRequestError("tail_lines must be a number") from None
