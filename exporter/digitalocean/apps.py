"""Apps, deployments, instances, health, restart counts and places of logs, as model values.

What to ask the API for and how to read its answers, after DigitalOcean's OpenAPI description and
its Go client; where these disagree, both forms are accepted.
"""

import math
import re
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from urllib.parse import quote

from exporter.digitalocean.client import Client, JsonObject
from exporter.digitalocean.events import autoscaling_events
from exporter.digitalocean.fields import Fields
from exporter.digitalocean.jobs import invocations, job_spec
from exporter.digitalocean.refusals import Refusals
from exporter.errors import BadRequest, DeploymentEnded, InvalidResponse
from exporter.model import (
    FINAL_PHASES,
    RUN_TIME_LOGS,
    App,
    AutoscalingEvent,
    Component,
    ComponentHealth,
    ComponentKind,
    Deployment,
    DeploymentStage,
    DeploymentStep,
    Endpoint,
    Instance,
    InstanceRestarts,
    Invocation,
    LogLocations,
    LogType,
    Params,
    Quiet,
    Source,
)

APPS_PER_PAGE = 200
INVOCATIONS_PER_PAGE = 100
EVENTS_READ = 100
ALL_LINES = -1
DEPLOYMENTS_READ = 20

_KINDS = (
    ("services", ComponentKind.SERVICE),
    ("workers", ComponentKind.WORKER),
    ("jobs", ComponentKind.JOB),
)
_STAGES = frozenset(DeploymentStage)
_TIMINGS = (("build_total", DeploymentStage.BUILD), ("deploying", DeploymentStage.DEPLOY))
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|ms|m|s)", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)
_NO_FAILURES = frozenset({"PreviousBuildReused"})
_HEALTHY = {"HEALTHY": True, "UNHEALTHY": False}


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
            return _app(Fields(Endpoint.APPS, item))

        params = {"page": 1, "per_page": APPS_PER_PAGE}
        pages = self._client.pages(
            Endpoint.APPS, "/v2/apps", "apps", params, target="apps", parse=parse
        )
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

        params = {"page": 1, "per_page": APPS_PER_PAGE}
        pages = self._client.pages(
            Endpoint.APPS, "/v2/apps", "apps", params, target="apps", parse=parse
        )
        return tuple(pages)

    def deployments(self, app_id: str) -> tuple[Deployment, ...]:
        """The latest 20 deployments of an app, newest first.

        One page is enough: it only has to reach back to the previous look.
        """

        def parse(answer: JsonObject) -> tuple[Deployment, ...]:
            found = Fields(Endpoint.DEPLOYMENTS, answer).objects("deployments")
            return tuple(sorted(map(_deployment, found), key=_created, reverse=True))

        path = f"/v2/apps/{_quote(app_id)}/deployments"
        params = {"page": 1, "per_page": DEPLOYMENTS_READ}
        return self._client.get(Endpoint.DEPLOYMENTS, path, params, target=app_id, parse=parse)

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
        return self._client.get(Endpoint.INSTANCES, path, target=app_id, parse=parse)

    def health(self, app_id: str) -> tuple[ComponentHealth, ...]:
        """The health of an app's components."""

        def parse(answer: JsonObject) -> tuple[ComponentHealth, ...]:
            health = Fields(Endpoint.HEALTH, answer).nested("app_health")
            return tuple(map(_health, health.objects("components"))) if health else ()

        path = f"/v2/apps/{_quote(app_id)}/health"
        return self._client.get(Endpoint.HEALTH, path, target=app_id, parse=parse)

    def restart_counts(
        self, app_id: str, component: str | None, start: float, end: float
    ) -> tuple[InstanceRestarts, ...]:
        """The latest restart count of each instance between two times (Unix seconds).

        The token needs the scope ``monitoring:read`` for this.

        Args:
            component: the only one to ask for; None for all of the app.

        Returns:
            the counts; their ``component`` is empty where the answer does not name it.
        """

        def parse(answer: JsonObject) -> tuple[InstanceRestarts, ...]:
            data = Fields(Endpoint.RESTART_COUNT, answer).nested("data")
            found = (
                (_restarts(series, component or "") for series in data.objects("result"))
                if data
                else ()
            )
            return tuple(restarts for restarts in found if restarts is not None)

        params: dict[str, str | int] = {
            "app_id": app_id,
            **({} if component is None else {"app_component": component}),
            "start": int(start),
            "end": int(end),
        }
        return self._client.get(
            Endpoint.RESTART_COUNT,
            "/v2/monitoring/metrics/apps/restart_count",
            params,
            target=app_id if component is None else (app_id, component),
            parse=parse,
        )

    def job_invocations(self, app_id: str) -> Iterator[tuple[Invocation, ...]]:
        """The runs of an app's jobs, a page of at most 100 at a time, in the API's order.

        Each page is one request, sent when it is asked for.
        """

        def parse(page: JsonObject) -> tuple[Invocation, ...]:
            return invocations(Fields(Endpoint.JOB_INVOCATIONS, page))

        path = f"/v2/apps/{_quote(app_id)}/job-invocations"
        params = {"page": 1, "per_page": INVOCATIONS_PER_PAGE}
        return self._client.answers(
            Endpoint.JOB_INVOCATIONS, path, params, target=app_id, parse=parse
        )

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
        return self._client.get(Endpoint.EVENTS, path, params, target=app_id, parse=parse)

    def bandwidth(self, app_ids: Sequence[str]) -> Mapping[str, float]:
        """The bytes that each app sent on the last full day, by its id: one request for all."""

        def parse(answer: JsonObject) -> dict[str, float]:
            return {
                item.required("app_id"): item.amount("bandwidth_bytes") or 0.0
                for item in Fields(Endpoint.BANDWIDTH, answer).objects("app_bandwidth_usage")
            }

        return self._client.get(
            Endpoint.BANDWIDTH,
            "/v2/apps/metrics/bandwidth_daily",
            target="bandwidth",
            parse=parse,
            body={"app_ids": list(app_ids)},
        )

    def invocation_log_locations(
        self,
        source: Source,
        invocation_id: str,
        deployment_id: str,
        *,
        pod_connection_timeout: str,
    ) -> LogLocations:
        """Where the whole log of one run of a job is to be had; nowhere, when there is no log."""
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
        """Where a log of one deployment is to be had; nowhere, when there is no log.

        Raises:
            DeploymentEnded: it is a run-time log of a deployment that has ended, or may have.

        Args:
            tail_lines: how many of its latest lines to serve, -1 for all.
            pod_connection_timeout: a duration as the API takes it, such as ``3m``.
            follow: whether the live log goes on as new lines come.
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
        """Where a log of all components of one deployment is to be had, as one text.

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
            locations = self._client.get(
                Endpoint.LOGS,
                path,
                params,
                target=target,
                parse=parse,
                urgent=urgent,
                is_answer=is_answer,
            )
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


def _app(item: Fields) -> App:
    spec = item.nested("spec")
    region = item.nested("region")
    active, *others = (
        _deployment(found) if (found := item.nested(role)) else None
        for role in ("active_deployment", "in_progress_deployment", "pending_deployment")
    )
    present = [deployment for deployment in (*others, active) if deployment is not None]
    under_way = (deployment for deployment in others if deployment is not None)
    identifier = item.required("id")
    return App(
        id=identifier,
        name=(spec.text("name") if spec else "") or identifier,
        region=(region.text("slug") if region else "") or (spec.text("region") if spec else ""),
        tier=item.text("tier_slug"),
        components=tuple(_components(spec)) if spec else (),
        active_deployment=active,
        newest_deployment=max(present, key=_created, default=None),
        under_way=tuple(each for each in under_way if each.phase not in FINAL_PHASES),
    )


def _components(spec: Fields) -> list[Component]:
    off = _switched_off(spec)
    return [
        Component(
            name=item.required("name"),
            kind=kind,
            job=job_spec(item) if kind is ComponentKind.JOB else None,
            instance_size=item.text("instance_size_slug"),
            # The platform chooses then; the number in the spec is left from before.
            instance_count=None if item.nested("autoscaling") else item.count("instance_count"),
            quiet=off or _quiet(item),
        )
        for name, kind in _KINDS
        for item in spec.objects(name)
    ]


def _switched_off(spec: Fields) -> Quiet | None:
    """Why a whole app is quiet: ``maintenance{enabled, archive}``, where ``archive`` says more."""
    try:
        maintenance = spec.nested("maintenance")
        if maintenance is None:
            return None
        if maintenance.flag("archive"):
            return Quiet.ARCHIVED
        return Quiet.MAINTENANCE if maintenance.flag("enabled") else None
    except InvalidResponse:
        return None  # it only keeps alerts quiet


def _quiet(item: Fields) -> Quiet | None:
    """Why one component may have no instances: it sleeps without requests, or load decides."""
    names = item.names()
    if "inactivity_sleep" in names:
        return Quiet.INACTIVITY_SLEEP
    return Quiet.AUTOSCALING if "autoscaling" in names else None


def _deployment(item: Fields) -> Deployment:
    return Deployment(
        id=item.required("id"),
        phase=item.text("phase") or "UNKNOWN",
        created_at=item.time("created_at"),
        phase_changed_at=item.time("phase_last_updated_at"),
        steps=_steps(item),
        cause=_cause(item),
        timing=_timing(item),
    )


def _cause(item: Fields) -> str:
    """The type of a deployment's cause; a cause that is told otherwise is no fault."""
    try:
        details = item.nested("cause_details")
        return details.text("type").strip().lower() if details else ""
    except InvalidResponse:
        return ""


def _timing(item: Fields) -> tuple[tuple[DeploymentStage, float], ...]:
    """How long stages took, where ``timing`` says it with units, such as ``1m23.5s``.

    The unit of a bare number is not documented, so such a value is ignored.
    """
    try:
        timing = item.nested("timing")
        texts = {stage: timing.text(name) for name, stage in _TIMINGS} if timing else {}
    except InvalidResponse:
        return ()
    found = ((stage, _duration(text)) for stage, text in texts.items())
    return tuple((stage, seconds) for stage, seconds in found if seconds is not None)


def _duration(text: str) -> float | None:
    """Seconds of a duration in the form of Go; None for any other text."""
    if not text or _DURATION.fullmatch(text) is None:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))


def _steps(item: Fields) -> tuple[DeploymentStep, ...]:
    """The steps ``build`` and ``deploy`` of ``progress``, after the API's Go client.

    They only explain a deployment, so one that is not told this way is no fault of the answer.
    """
    try:
        progress = item.nested("progress")
        steps = list(progress.objects("steps")) if progress else []
        return tuple(_step(step) for step in steps if step.text("name") in _STAGES)
    except InvalidResponse:
        return ()


def _step(step: Fields) -> DeploymentStep:
    return DeploymentStep(
        stage=DeploymentStage(step.text("name")),
        started_at=step.time("started_at"),
        ended_at=step.time("ended_at"),
        failed=step.text("status") == "ERROR",
        reason=_reason(step),
    )


def _reason(step: Fields) -> str:
    """Why a step failed: its own code, or that of the innermost failed step below it."""
    below = [each for each in step.objects("steps") if each.text("status") != "SUCCESS"]
    for each in sorted(below, key=lambda each: each.text("status") != "ERROR"):
        if found := _reason(each):
            return found
    reason = step.nested("reason")
    code = reason.text("code") if reason else ""
    return "" if code in _NO_FAILURES else code


def _created(deployment: Deployment) -> float:
    return -math.inf if deployment.created_at is None else deployment.created_at


def _health(item: Fields) -> ComponentHealth:
    return ComponentHealth(
        component=item.required("name"),
        healthy=_HEALTHY.get(item.text("state")),
        replicas_desired=item.count("replicas_desired"),
        replicas_ready=item.count("replicas_ready"),
        cpu_usage_ratio=_ratio(item.number("cpu_usage_percent")),
        memory_usage_ratio=_ratio(item.number("memory_usage_percent")),
    )


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _restarts(series: Fields, component: str) -> InstanceRestarts | None:
    """The latest value of one series, None if it has no value."""
    labels = series.nested("metric")
    points = series.array("values")
    if not points:
        return None
    try:
        _, count = max((float(moment), float(value)) for moment, value in points)
    except (TypeError, ValueError):
        raise series.wrong("values", "list of pairs of a time and a number") from None
    if not math.isfinite(count):
        return None
    return InstanceRestarts(
        component=(labels.text("app_component") if labels else "") or component,
        component_instance=labels.text("app_component_instance") if labels else "",
        count=count,
    )


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
