"""Answers of the API as model values: both shapes, what is missing, and what is of a wrong type."""

from typing import Any

import pytest
import requests_mock
from digitalocean_fixtures import API, Rig

from exporter.digitalocean.apps import AppPlatform
from exporter.errors import InvalidResponse
from exporter.model import (
    App,
    Component,
    ComponentHealth,
    ComponentKey,
    ComponentKind,
    Deployment,
    Instance,
    InstanceRestarts,
    LogLocations,
    LogType,
    Quiet,
    Source,
)

SOURCE = Source("app 1", ComponentKey("shop", "web/1"), LogType.RUN_RESTARTED)
LOGS = f"{API}/v2/apps/app%201/deployments/dep-1/components/web%2F1/logs"


@pytest.fixture
def api():
    with requests_mock.Mocker() as mocker:
        yield mocker


@pytest.fixture
def platform():
    rig = Rig()
    yield AppPlatform(rig.client)
    rig.session.close()


def locations(platform: AppPlatform, **options: Any) -> LogLocations:
    return platform.log_locations(
        SOURCE, "dep-1", tail_lines=1000, pod_connection_timeout="3m", **options
    )


def test_app_with_everything(platform: AppPlatform, api: requests_mock.Mocker):
    """Services, workers and jobs become components; static sites and functions do not."""
    item = {
        "id": "app-1",
        "spec": {
            "name": "shop",
            "region": "ams",
            "services": [{"name": "web", "instance_count": 2, "instance_size_slug": "s-1"}],
            "workers": [{"name": "mail", "instance_count": 1, "autoscaling": {"min": 1}}],
            "jobs": [{"name": "migrate"}],
            "static_sites": [{"name": "docs"}],
            "functions": [{"name": "fn"}],
        },
        "region": {"slug": "ams3"},
        "tier_slug": "basic",
        "active_deployment": {
            "id": "dep-1",
            "phase": "ACTIVE",
            "created_at": "2026-11-01T00:00:00Z",
            "phase_last_updated_at": "2026-11-01T00:00:30.5+00:00",
        },
        "in_progress_deployment": {
            "id": "dep-3",
            "phase": "BUILDING",
            "created_at": "2026-11-01T03:00:00.123456789+01:00",
        },
        "pending_deployment": {"id": "dep-2", "created_at": "2026-11-01T01:00:00Z"},
    }
    api.get(f"{API}/v2/apps", json={"apps": [item]})
    active = Deployment("dep-1", "ACTIVE", 1793491200.0, 1793491230.5)
    assert platform.apps() == (
        App(
            id="app-1",
            name="shop",
            region="ams3",
            tier="basic",
            components=(
                Component("web", ComponentKind.SERVICE, "s-1", 2),
                Component("mail", ComponentKind.WORKER, quiet=Quiet.AUTOSCALING),
                Component("migrate", ComponentKind.JOB, "", None),
            ),
            active_deployment=active,
            newest_deployment=Deployment("dep-3", "BUILDING", 1793498400.123456),
            under_way=(
                Deployment("dep-3", "BUILDING", 1793498400.123456),
                Deployment("dep-2", "UNKNOWN", 1793494800.0),
            ),
        ),
    )
    assert api.request_history[0].qs == {"page": ["1"], "per_page": ["200"]}


@pytest.mark.parametrize(
    ("spec", "service", "quiet"),
    [
        ({}, {}, None),
        ({}, {"inactivity_sleep": None, "autoscaling": None}, None),
        ({}, {"inactivity_sleep": {"after_seconds": 300}}, Quiet.INACTIVITY_SLEEP),
        ({}, {"inactivity_sleep": {}, "autoscaling": {"min": 1}}, Quiet.INACTIVITY_SLEEP),
        ({}, {"autoscaling": {}}, Quiet.AUTOSCALING),
        ({"maintenance": {}}, {}, None),
        ({"maintenance": {"enabled": False, "archive": False}}, {}, None),
        ({"maintenance": {"enabled": True}}, {"autoscaling": {}}, Quiet.MAINTENANCE),
        ({"maintenance": {"enabled": True, "archive": True}}, {}, Quiet.ARCHIVED),
        ({"maintenance": {"archive": True}}, {"inactivity_sleep": {}}, Quiet.ARCHIVED),
        ({"maintenance": "soon"}, {}, None),
        ({"maintenance": {"archive": "yes"}}, {"inactivity_sleep": {}}, Quiet.INACTIVITY_SLEEP),
    ],
)
def test_a_spec_says_what_is_quiet_on_purpose(
    platform: AppPlatform,
    api: requests_mock.Mocker,
    spec: dict[str, Any],
    service: dict[str, Any],
    quiet: Quiet | None,
):
    """Sleep, maintenance, archives and autoscaling; what cannot be read says nothing."""
    services = [{"name": "web", "instance_count": 2, **service}]
    told = {"id": "a", "spec": {"services": services, **spec}, "active_deployment": {"id": "d"}}
    api.get(f"{API}/v2/apps", json={"apps": [told]})
    ((web,),) = (found.components for found in platform.apps())
    assert web.quiet is quiet
    assert web.instance_count == (None if service.get("autoscaling") is not None else 2)


@pytest.mark.parametrize(
    ("app", "quiet"),
    [
        ({}, Quiet.NOT_DEPLOYED),
        ({"in_progress_deployment": {"id": "d"}}, Quiet.NOT_DEPLOYED),
        ({"last_deployment_active_at": None}, Quiet.NOT_DEPLOYED),
        ({"last_deployment_active_at": "0001-01-01T00:00:00Z"}, Quiet.NOT_DEPLOYED),
        ({"last_deployment_active_at": "2026-11-01T00:00:00Z"}, None),
        ({"last_deployment_active_at": "yesterday"}, None),
        ({"active_deployment": {"id": "d"}}, None),
        ({"spec": {"maintenance": {"archive": True}}}, Quiet.ARCHIVED),
    ],
)
def test_an_app_that_was_never_active_is_quiet(
    platform: AppPlatform, api: requests_mock.Mocker, app: dict[str, Any], quiet: Quiet | None
):
    """It has no log yet; one that was active and is not any more should have one."""
    spec = {"services": [{"name": "web"}], **app.get("spec", {})}
    api.get(f"{API}/v2/apps", json={"apps": [{"id": "a", **app, "spec": spec}]})
    ((web,),) = (found.components for found in platform.apps())
    assert web.quiet is quiet


def test_app_with_almost_nothing(platform: AppPlatform, api: requests_mock.Mocker):
    """Only the id is needed; the newest deployment may be the active one."""
    deployment = {"id": "d", "created_at": None}
    api.get(
        f"{API}/v2/apps", json={"apps": [{"id": "a"}, {"id": "b", "active_deployment": deployment}]}
    )
    first, second = platform.apps()
    assert first == App(id="a", name="a")
    assert second.active_deployment == second.newest_deployment == Deployment("d", "UNKNOWN")


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ({}, "id: not"),
        ({"id": 7}, "id: not"),
        ({"id": "a", "spec": []}, "spec: not"),
        ({"id": "a", "spec": {"name": 1}}, "spec.name: not"),
        ({"id": "a", "spec": {"services": {}}}, "spec.services: not"),
        ({"id": "a", "spec": {"jobs": ["x"]}}, r"spec.jobs\[0\]: not"),
        ({"id": "a", "spec": {"jobs": [{}]}}, r"spec.jobs\[0\].name: not"),
        (
            {"id": "a", "spec": {"jobs": [{"name": "j", "instance_count": "2"}]}},
            "instance_count: not a number",
        ),
        (
            {"id": "a", "spec": {"jobs": [{"name": "j", "instance_count": True}]}},
            "instance_count: not a number",
        ),
        (
            {"id": "a", "spec": {"jobs": [{"name": "j", "instance_count": 1.5}]}},
            "instance_count: not a whole number",
        ),
        ({"id": "a", "active_deployment": {"id": "d", "created_at": "soon"}}, "created_at: not"),
    ],
)
def test_wrong_type_names_its_field(
    platform: AppPlatform, api: requests_mock.Mocker, item: dict[str, Any], field: str
):
    """A field of another type than documented is an invalid response that says which."""
    api.get(f"{API}/v2/apps", json={"apps": [item]})
    with pytest.raises(InvalidResponse, match=field):
        platform.apps()


def test_deployments_newest_first(platform: AppPlatform, api: requests_mock.Mocker):
    """Deployments are sorted by creation, one page of 20."""
    api.get(
        f"{API}/v2/apps/a%2Fb/deployments",
        json={
            "deployments": [
                {"id": "1", "phase": "SUPERSEDED", "created_at": "2026-11-01T00:00:00Z"},
                {"id": "2", "phase": "ACTIVE", "created_at": "2026-11-02T00:00:00Z"},
                {"id": "0", "phase": "ERROR"},
            ]
        },
    )
    assert [found.id for found in platform.deployments("a/b")] == ["2", "1", "0"]
    assert api.request_history[0].qs == {"page": ["1"], "per_page": ["20"]}


def test_instances(platform: AppPlatform, api: requests_mock.Mocker):
    """Instances carry the component, the ephemeral name and the stable alias."""
    item = {"component_name": "web", "instance_name": "web-76b8-6p8kq", "instance_alias": "web-0"}
    api.get(f"{API}/v2/apps/a/instances", json={"instances": [item]})
    assert platform.instances("a") == (Instance("web", "web-76b8-6p8kq", "web-0"),)


def test_health(platform: AppPlatform, api: requests_mock.Mocker):
    """Percent becomes a ratio, the state a truth value, and silence None."""
    components = [
        {
            "name": "web",
            "cpu_usage_percent": 12.5,
            "memory_usage_percent": 50,
            "replicas_desired": 2,
            "replicas_ready": 1.0,
            "state": "HEALTHY",
        },
        {"name": "mail", "state": "UNHEALTHY"},
        {"name": "job", "state": "UNKNOWN"},
        {"name": "new", "state": "SOMETHING_NEW"},
    ]
    api.get(f"{API}/v2/apps/a/health", json={"app_health": {"components": components}})
    assert platform.health("a") == (
        ComponentHealth("web", True, 2, 1, 0.125, 0.5),
        ComponentHealth("mail", False, None, None, None, None),
        ComponentHealth("job", None, None, None, None, None),
        ComponentHealth("new", None, None, None, None, None),
    )


@pytest.mark.parametrize("body", [{}, {"app_health": None}, {"app_health": {}}])
def test_no_health(platform: AppPlatform, api: requests_mock.Mocker, body: dict[str, Any]):
    """An app without health has none."""
    api.get(f"{API}/v2/apps/a/health", json=body)
    assert platform.health("a") == ()


def test_restart_counts(platform: AppPlatform, api: requests_mock.Mocker):
    """The latest value of each series counts, wherever it stands; an empty series has none."""

    def series(alias: str, values: Any) -> dict[str, Any]:
        labels = {"app_component": "web", "app_component_instance": alias, "app_uuid": "a"}
        return {"metric": labels, "values": values}

    result = [
        series("web-0", [[100, "3"], [300, "5"], [200, "4"]]),
        series("web-1", [[100.5, "0"]]),
        series("web-2", []),
        series("web-3", [[100, "NaN"]]),
    ]
    url = f"{API}/v2/monitoring/metrics/apps/restart_count"
    api.get(url, json={"status": "success", "data": {"resultType": "matrix", "result": result}})
    assert platform.restart_counts("a", "web", 100.7, 400.2) == (
        InstanceRestarts("web", "web-0", 5),
        InstanceRestarts("web", "web-1", 0),
    )
    asked = {"app_id": ["a"], "app_component": ["web"], "start": ["100"], "end": ["400"]}
    assert api.request_history[0].qs == asked
    assert platform.restart_counts("a", None, 0, 1)[0] == InstanceRestarts("web", "web-0", 5)
    assert "app_component" not in api.request_history[1].qs
    api.get(url, json={"data": {"result": [{"values": [[1, "2"]]}]}})
    assert platform.restart_counts("a", None, 0, 1) == (InstanceRestarts("", "", 2),)
    api.get(url, json={"data": {"result": [{"values": [["x"]]}]}})
    with pytest.raises(InvalidResponse, match=r"data.result\[0\].values: not a list of pairs"):
        platform.restart_counts("a", "web", 0, 1)
    api.get(url, json={"status": "success"})
    assert platform.restart_counts("a", "web", 0, 1) == ()


@pytest.mark.found(
    "Where the API answered with the restart counts of one component whichever was asked for, each "
    "component of the app was shown with them.",
    how="A second platform, written from what is known of the API",
)
def test_restart_counts_are_of_the_component_that_the_answer_names(
    platform: AppPlatform, api: requests_mock.Mocker
):
    """Asked for one, what is said of others is left out; what names none is of the one."""
    names: tuple[dict[str, str], ...] = ({"app_component": "web"}, {"app_component": "jobs"}, {})
    result = [{"metric": each, "values": [[1, n]]} for n, each in enumerate(names)]
    url = f"{API}/v2/monitoring/metrics/apps/restart_count"
    api.get(url, json={"data": {"result": result}})
    asked = ("web", "jobs", "mail", None)
    counted = {
        component: [(each.component, each.count) for each in found]
        for component in asked
        for found in [platform.restart_counts("a", component, 0, 1)]
    }
    assert counted == {
        "web": [("web", 0), ("web", 2)],
        "jobs": [("jobs", 1), ("jobs", 2)],
        "mail": [("mail", 2)],
        None: [("web", 0), ("jobs", 1), ("", 2)],
    }


@pytest.mark.parametrize(("follow", "text"), [(False, "false"), (True, "true")])
def test_logs_request(platform: AppPlatform, api: requests_mock.Mocker, follow: bool, text: str):
    """Names are quoted in the path; type, follow, tail_lines and the time-out are passed on."""
    api.get(LOGS, json={})
    locations(platform, follow=follow)
    (request,) = api.request_history
    assert request.url.startswith(LOGS)
    assert request.query == (
        f"type=run_restarted&follow={text}&tail_lines=1000&pod_connection_timeout=3m"
    )
    assert "type=RUN_RESTARTED" in request.url


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, LogLocations()),
        ({"live_url": "", "historic_urls": []}, LogLocations()),
        ({"live_url": None, "historic_urls": None}, LogLocations()),
        ({"value": {}}, LogLocations()),
        ({"value": None, "live_url": "https://l"}, LogLocations("https://l")),
        (
            {"live_url": "https://l", "historic_urls": ["https://1", "", "https://2"]},
            LogLocations("https://l", ("https://1", "https://2")),
        ),
        (
            {
                "value": {
                    "live_url": "https://l",
                    "url": "https://u",
                    "historic_logs": ["https://1"],
                }
            },
            LogLocations("https://l", ("https://1", "https://u")),
        ),
        (
            {"value": {"live_url": "https://l", "url": "https://l"}},
            LogLocations("https://l"),
        ),
        (
            {"value": {"url": "https://1", "historic_logs": ["https://1"]}},
            LogLocations(None, ("https://1",)),
        ),
    ],
)
def test_both_shapes_of_the_logs_answer(
    platform: AppPlatform, api: requests_mock.Mocker, body: dict[str, Any], expected: LogLocations
):
    """The specification's shape and the documentation's give the same; empty is no error."""
    api.get(LOGS, json=body)
    assert locations(platform) == expected


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"value": []},
        {"value": "x"},
        {"live_url": 1},
        {"live_url": {}},
        {"historic_urls": "https://1"},
        {"historic_urls": [1]},
        {"value": {"url": ["x"]}},
    ],
)
def test_logs_answer_of_another_shape(platform: AppPlatform, api: requests_mock.Mocker, body: Any):
    """What is neither shape could not be read; it is not the same as no logs."""
    api.get(LOGS, json=body)
    with pytest.raises(InvalidResponse):
        locations(platform)


@pytest.mark.parametrize(
    ("timing", "expected"),
    [
        ({"build_total": "1m23.5s", "deploying": "250ms"}, {"build": 83.5, "deploy": 0.25}),
        ({"build_total": "1h2m3s"}, {"build": 3723.0}),
        ({"build_total": "83", "deploying": ""}, {}),
        ({"build_total": 83}, {}),
        ({"build_total": "soon"}, {}),
        (None, {}),
        ("short", {}),
    ],
)
def test_timing_is_read_where_it_has_a_unit(
    platform: AppPlatform, api: requests_mock.Mocker, timing: Any, expected: dict[str, float]
):
    """A bare number could be of any unit, and what cannot be read is no fault."""
    body = {"deployments": [{"id": "d1", "timing": timing, "cause_details": {"type": "MANUAL"}}]}
    api.get(f"{API}/v2/apps/a/deployments", json=body)
    (found,) = platform.deployments("a")
    assert dict(found.timing) == expected
    assert found.cause == "manual"


@pytest.mark.parametrize("details", [None, {}, "MANUAL", {"type": 5}])
def test_a_cause_that_is_not_told_is_no_fault(
    platform: AppPlatform, api: requests_mock.Mocker, details: Any
):
    """A deployment without a readable cause is read all the same."""
    body = {"deployments": [{"id": "d1", "cause_details": details}]}
    api.get(f"{API}/v2/apps/a/deployments", json=body)
    assert platform.deployments("a")[0].cause == ""


def test_a_reused_build_is_no_reason(platform: AppPlatform, api: requests_mock.Mocker):
    """The reason of a failed deployment is that of its failed step, wherever that stands."""
    build = {"name": "build", "status": "SUCCESS", "reason": {"code": "PreviousBuildReused"}}
    why = {"code": "DeployContainerExitNonZero", "message": "exit code 3"}
    wait = {"name": "wait", "status": "ERROR", "reason": why}
    done = {"name": "deploy", "status": "SUCCESS", "reason": {"code": "PreviousBuildReused"}}
    web = {"name": "web", "component_name": "web", "steps": [done, wait]}
    deploy = {"name": "deploy", "status": "ERROR", "steps": [web]}
    body = {"deployments": [{"id": "d1", "progress": {"steps": [build, deploy]}}]}
    api.get(f"{API}/v2/apps/a/deployments", json=body)
    steps = platform.deployments("a")[0].steps
    assert [step.reason for step in steps] == ["", "DeployContainerExitNonZero"]
    assert [step.message for step in steps] == ["", "exit code 3"]
    assert [step.component for step in steps] == ["", "web"]
