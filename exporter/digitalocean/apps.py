"""Apps, deployments, instances, health, restart counts and places of logs, as model values.

What to ask the API for and how to read its answers, after DigitalOcean's OpenAPI description and
its Go client; where these disagree, both forms are accepted.
"""

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from urllib.parse import quote

from exporter.digitalocean.client import ApiRequest, Client, JsonObject
from exporter.digitalocean.deployments import created, deployment
from exporter.digitalocean.events import autoscaling_events
from exporter.digitalocean.fields import Fields
from exporter.digitalocean.instances import component_health, instance_restarts
from exporter.digitalocean.jobs import invocations
from exporter.digitalocean.refusals import Refusals
from exporter.digitalocean.specs import app
from exporter.errors import BadRequest, DeploymentEnded, InvalidResponse
from exporter.model import (
    RUN_TIME_LOGS,
    App,
    AutoscalingEvent,
    ComponentHealth,
    Deployment,
    Endpoint,
    Instance,
    InstanceRestarts,
    Invocation,
    LogLocations,
    LogType,
    Params,
    Source,
)

APPS_PER_PAGE = 200
INVOCATIONS_PER_PAGE = 100
EVENTS_READ = 100
ALL_LINES = -1
DEPLOYMENTS_READ = 20

_LIST = ApiRequest(Endpoint.APPS, "/v2/apps", "apps", {"page": 1, "per_page": APPS_PER_PAGE})


class AppPlatform:
    """The App Platform of one account.

    Every method sends one request (``apps`` one for each 200 apps, ``job_invocations`` one for
    each page) and raises what ``Client.get`` raises; ``InvalidResponse`` names the field whose
    type is wrong. Missing fields are no fault.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._refusals = Refusals(clock)

    def apps(self) -> tuple[App, ...]:
        """Every app that the token can see, with the components that have run-time logs."""

        def parse(item: JsonObject) -> App:
            return app(Fields(Endpoint.APPS, item))

        pages = self._client.pages(_LIST, "apps", parse)
        number = self._refusals.begin_list()
        apps = tuple(pages)
        self._refusals.listed(number, apps)
        return apps

    def specs(self) -> tuple[tuple[str, JsonObject], ...]:
        """The name of every app that the token can see, with its spec as the API has it."""

        def parse(item: JsonObject) -> tuple[str, JsonObject]:
            spec = item.get("spec")
            if not isinstance(spec, dict):
                raise InvalidResponse(Endpoint.APPS, "spec is no object")
            return Fields(Endpoint.APPS, spec).required("name"), spec

        return tuple(self._client.pages(_LIST, "apps", parse))

    def deployments(self, app_id: str) -> tuple[Deployment, ...]:
        """The latest 20 deployments of an app, newest first.

        One page is enough: it only has to reach back to the previous look.
        """

        def parse(answer: JsonObject) -> tuple[Deployment, ...]:
            found = Fields(Endpoint.DEPLOYMENTS, answer).objects("deployments")
            return tuple(sorted(map(deployment, found), key=created, reverse=True))

        path = f"/v2/apps/{_quote(app_id)}/deployments"
        params = {"page": 1, "per_page": DEPLOYMENTS_READ}
        return self._client.get(ApiRequest(Endpoint.DEPLOYMENTS, path, app_id, params), parse)

    def instances(self, app_id: str) -> tuple[Instance, ...]:
        """The running instances of an app."""

        def parse(answer: JsonObject) -> tuple[Instance, ...]:
            return tuple(
                Instance(
                    component=item.text("component_name"),
                    name=item.text("instance_name"),
                    alias=item.text("instance_alias"),
                )
                for item in Fields(Endpoint.INSTANCES, answer).objects("instances")
            )

        path = f"/v2/apps/{_quote(app_id)}/instances"
        return self._client.get(ApiRequest(Endpoint.INSTANCES, path, app_id), parse)

    def health(self, app_id: str) -> tuple[ComponentHealth, ...]:
        """The health of an app's components."""

        def parse(answer: JsonObject) -> tuple[ComponentHealth, ...]:
            health = Fields(Endpoint.HEALTH, answer).nested("app_health")
            return tuple(map(component_health, health.objects("components"))) if health else ()

        path = f"/v2/apps/{_quote(app_id)}/health"
        return self._client.get(ApiRequest(Endpoint.HEALTH, path, app_id), parse)

    def restart_counts(
        self, app_id: str, component: str | None, start: float, end: float
    ) -> tuple[InstanceRestarts, ...]:
        """The latest restart count of each instance between two times (Unix seconds).

        The token needs the scope ``monitoring:read`` for this.

        Args:
            component: the only one to ask for; None for all of the app.

        Returns:
            the counts; their ``component`` is empty where neither the question nor the answer
            names it. Counts of another component than the one asked for are left out.
        """

        def parse(answer: JsonObject) -> tuple[InstanceRestarts, ...]:
            data = Fields(Endpoint.RESTART_COUNT, answer).nested("data")
            found = (
                (instance_restarts(series, component or "") for series in data.objects("result"))
                if data
                else ()
            )
            return tuple(
                each for each in found if each is not None and component in (None, each.component)
            )

        params: dict[str, str | int] = {
            "app_id": app_id,
            **({} if component is None else {"app_component": component}),
            "start": int(start),
            "end": int(end),
        }
        path = "/v2/monitoring/metrics/apps/restart_count"
        target = app_id if component is None else (app_id, component)
        return self._client.get(ApiRequest(Endpoint.RESTART_COUNT, path, target, params), parse)

    def job_invocations(self, app_id: str) -> Iterator[tuple[Invocation, ...]]:
        """The runs of an app's jobs, a page of at most 100 at a time, in the API's order.

        Each page is one request, sent when it is asked for.
        """

        def parse(page: JsonObject) -> tuple[Invocation, ...]:
            return invocations(Fields(Endpoint.JOB_INVOCATIONS, page))

        path = f"/v2/apps/{_quote(app_id)}/job-invocations"
        params = {"page": 1, "per_page": INVOCATIONS_PER_PAGE}
        request = ApiRequest(Endpoint.JOB_INVOCATIONS, path, app_id, params)
        return self._client.answers(request, parse)

    def autoscaling_events(self, app_id: str) -> tuple[AutoscalingEvent, ...]:
        """The latest events by which the platform changed the number of instances."""

        def parse(answer: JsonObject) -> tuple[AutoscalingEvent, ...]:
            return autoscaling_events(Fields(Endpoint.EVENTS, answer))

        path = f"/v2/apps/{_quote(app_id)}/events"
        params: dict[str, str | int] = {
            "event_types": "AUTOSCALING",
            "page": 1,
            "per_page": EVENTS_READ,
        }
        return self._client.get(ApiRequest(Endpoint.EVENTS, path, app_id, params), parse)

    def bandwidth(self, app_ids: Sequence[str]) -> Mapping[str, float]:
        """The bytes that each app sent on the last full day, by its id: one request for all."""

        def parse(answer: JsonObject) -> dict[str, float]:
            return {
                item.required("app_id"): item.amount("bandwidth_bytes") or 0.0
                for item in Fields(Endpoint.BANDWIDTH, answer).objects("app_bandwidth_usage")
            }

        path, body = "/v2/apps/metrics/bandwidth_daily", {"app_ids": list(app_ids)}
        return self._client.get(ApiRequest(Endpoint.BANDWIDTH, path, "bandwidth", body=body), parse)

    def invocation_log_locations(
        self,
        source: Source,
        invocation_id: str,
        deployment_id: str,
        *,
        pod_connection_timeout: str,
    ) -> LogLocations:
        """Return the addresses of the whole log of one run of a job; none if there is no log."""
        path = (
            f"/v2/apps/{_quote(source.app_id)}/jobs/{_quote(source.key.component)}"
            f"/invocations/{_quote(invocation_id)}/logs"
        )
        params: dict[str, str | int] = {
            "type": source.log_type.value,
            "follow": "false",
            "tail_lines": ALL_LINES,
            "pod_connection_timeout": pod_connection_timeout,
        }
        if deployment_id:
            params["deployment_id"] = deployment_id
        run = (source.app_id, invocation_id)
        return self._locations(path, params, source, run, urgent=False)

    def log_locations(
        self,
        source: Source,
        deployment_id: str,
        *,
        tail_lines: int,
        pod_connection_timeout: str,
        follow: bool = False,
        urgent: bool = False,
    ) -> LogLocations:
        """Return the addresses of a log of one deployment; none if there is no log.

        Raises:
            DeploymentEnded: it is a run-time log of a deployment that has ended, or may have.

        Args:
            tail_lines: how many of its latest lines to serve, -1 for all.
            pod_connection_timeout: a duration as the API takes it, such as ``3m``.
            follow: whether the live log stays open for new lines.
            urgent: whether to go before others that wait for the budget.
        """
        path = (
            f"/v2/apps/{_quote(source.app_id)}/deployments/{_quote(deployment_id)}"
            f"/components/{_quote(source.key.component)}/logs"
        )
        params: dict[str, str | int] = {
            "type": source.log_type.value,
            "follow": "true" if follow else "false",
            "tail_lines": tail_lines,
            "pod_connection_timeout": pod_connection_timeout,
        }
        return self._locations(path, params, source, (source.app_id, deployment_id), urgent)

    def app_log_locations(
        self,
        app_id: str,
        deployment_id: str,
        log_type: LogType,
        *,
        tail_lines: int,
        pod_connection_timeout: str,
        urgent: bool = False,
    ) -> LogLocations:
        """Return the addresses of a log of all components of one deployment, as one text.

        Raises:
            DeploymentEnded: as ``log_locations``.
        """
        path = f"/v2/apps/{_quote(app_id)}/deployments/{_quote(deployment_id)}/logs"
        params: dict[str, str | int] = {
            "type": log_type.value,
            "follow": "false",
            "tail_lines": tail_lines,
            "pod_connection_timeout": pod_connection_timeout,
        }
        deployment = (app_id, deployment_id)
        return self._locations(path, params, (app_id, log_type), deployment, urgent)

    def _locations(
        self,
        path: str,
        params: Params,
        target: Hashable,
        deployment: tuple[str, str],
        urgent: bool,
    ) -> LogLocations:
        run_time = params["type"] in RUN_TIME_LOGS

        def parse(answer: JsonObject) -> LogLocations:
            return _log_locations(Fields(Endpoint.LOGS, answer))

        answered = False

        def is_answer(refusal: BadRequest) -> bool:
            nonlocal answered
            # A build that was reused or failed has left no log of what did not happen.
            answered = not run_time or self._refusals.has_ended(*deployment, refusal.detail)
            return answered

        try:
            request = ApiRequest(Endpoint.LOGS, path, target, params, urgent=urgent)
            locations = self._client.get(request, parse, is_answer=is_answer)
        except BadRequest as refusal:
            if not answered:
                raise
            if not run_time:
                return LogLocations()
            raise DeploymentEnded(refusal.detail) from None
        self._refusals.served(*deployment)
        return locations


def _quote(name: str) -> str:
    return quote(name, safe="")


def _log_locations(answer: Fields) -> LogLocations:
    """Read ``{live_url, historic_urls}``, or ``{value: {live_url, url, historic_logs}}``."""
    body = answer.nested("value") or answer
    live_url = body.text("live_url") or None
    archives = [*body.texts("historic_urls"), *body.texts("historic_logs")]
    if url := body.text("url"):
        archives.append(url)
    # One text under two names would be read, and paid for, twice.
    distinct = tuple(dict.fromkeys(found for found in archives if found != live_url))
    return LogLocations(live_url=live_url, archive_urls=distinct)
