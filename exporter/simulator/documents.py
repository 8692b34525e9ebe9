"""The platform's state as JSON documents, in the shapes of the API's OpenAPI description."""

from collections.abc import Callable
from typing import Any

from exporter.simulator.state import (
    IN_PROGRESS_PHASES,
    App,
    ComponentSpec,
    Deployment,
    Health,
    Instance,
    Kind,
)
from exporter.simulator.timestamps import timestamp

Document = dict[str, Any]

SPEC_LISTS = {
    Kind.SERVICE: "services",
    Kind.WORKER: "workers",
    Kind.JOB: "jobs",
    Kind.STATIC_SITE: "static_sites",
    Kind.FUNCTION: "functions",
}
"""The list of an app's spec that holds each kind of component."""

MAX_POINTS = 100
"""How many points of a monitoring series one answer holds at most."""


def app_document(app: App) -> Document:
    """An app with its spec and its deployments by role; roles without one are absent."""
    document: Document = {
        "id": app.id,
        "owner_uuid": "00000000-0000-4000-8000-000000000000",
        "spec": _spec_document(app),
        "region": {"slug": app.region, "label": app.region, "continent": "europe"},
        "tier_slug": app.tier,
        "created_at": timestamp(app.created_at),
        "updated_at": timestamp(_updated_at(app)),
    }
    if app.active is not None:
        document["active_deployment"] = deployment_document(app.active)
        document["live_url"] = f"https://{app.name}.ondigitalocean.app"
    if app.activations:
        document["last_deployment_active_at"] = timestamp(app.activations[-1][0])
    under_way = app.in_progress
    if under_way is not None:
        pending = under_way.phase == "PENDING_BUILD"
        role = "pending_deployment" if pending else "in_progress_deployment"
        document[role] = deployment_document(under_way)
    return document


def deployment_document(deployment: Deployment) -> Document:
    """One deployment."""
    lists = {
        name: [{"name": component["name"]} for component in components]
        for name, components in _spec_lists(deployment.components).items()
    }
    done = len(IN_PROGRESS_PHASES)
    if deployment.in_progress:
        done = IN_PROGRESS_PHASES.index(deployment.phase)
    return {
        "id": deployment.id,
        "phase": deployment.phase,
        "cause": deployment.cause,
        "created_at": timestamp(deployment.created_at),
        "updated_at": timestamp(deployment.phase_changed_at),
        "phase_last_updated_at": timestamp(deployment.phase_changed_at),
        "progress": {
            "success_steps": done,
            "total_steps": len(IN_PROGRESS_PHASES),
            "steps": [
                _step_document(deployment, "build", IN_PROGRESS_PHASES[:2], "BuildJobFailed"),
                _step_document(
                    deployment, "deploy", IN_PROGRESS_PHASES[2:], "DeployContainerExitNonZero"
                ),
            ],
        },
        **lists,
    }


def _step_document(
    deployment: Deployment, name: str, phases: tuple[str, ...], reason: str
) -> Document:
    """A step of a deployment's progress; ``reason`` is what it says where it fails."""
    document: Document = {"name": name, "status": "PENDING"}
    began = min((deployment.entered[p] for p in phases if p in deployment.entered), default=None)
    if began is None:
        return document
    document |= {"status": "RUNNING", "started_at": timestamp(began)}
    later = [at for phase, at in deployment.entered.items() if phase not in phases and at >= began]
    if deployment.phase in phases or not later:
        return document
    last_phase = [phase for phase in deployment.entered if phase in IN_PROGRESS_PHASES][-1]
    failed = deployment.phase == "ERROR" and last_phase in phases
    document |= {"status": "ERROR" if failed else "SUCCESS", "ended_at": timestamp(min(later))}
    if failed:
        document["reason"] = {"code": reason, "message": f"the {name} step failed"}
    return document


def instances_document(app: App) -> Document:
    """The running instances of the active deployment."""
    kinds = {component.name: component.kind for component in app.components}
    instances = () if app.active is None else app.active.all_instances()
    return {
        "instances": [
            {
                "component_name": instance.component,
                "component_type": kinds[instance.component].upper(),
                "instance_name": instance.name,
                "instance_alias": instance.alias,
            }
            for instance in instances
        ]
    }


def health_document(app: App) -> Document:
    """The health of every component that runs."""
    running = {} if app.active is None else app.active.instances
    components = []
    for name, instances in running.items():
        health = app.health.get(name, Health())
        components.append(
            {
                "name": name,
                "cpu_usage_percent": health.cpu_percent,
                "memory_usage_percent": health.memory_percent,
                "replicas_desired": len(instances),
                "replicas_ready": len(instances) if health.ready is None else health.ready,
                "state": health.state,
            }
        )
    return {"app_health": {"components": components}}


def event_document(deployment: Deployment) -> Document:
    """The event that a deployment is."""
    return {
        "id": deployment.id,
        "type": "DEPLOYMENT",
        "created_at": timestamp(deployment.created_at),
        "deployment": deployment_document(deployment),
    }


def restart_count(app: App, instance: Instance, at: float) -> float:
    """How often an instance's container had ended at a time, as far as was known by then."""
    known_until = at - app.restart_count_lag
    return sum(restarted_at <= known_until for restarted_at in instance.restarted_at)


def cpu_percentage(app: App, instance: Instance, at: float) -> float:
    """CPU in use by an instance, 0 to 100."""
    return app.health.get(instance.component, Health()).cpu_percent


def memory_percentage(app: App, instance: Instance, at: float) -> float:
    """Memory in use by an instance, 0 to 100."""
    return app.health.get(instance.component, Health()).memory_percent


Measure = Callable[[App, Instance, float], float]


def monitoring_document(
    app: App, component: str | None, start: float, end: float, measure: Measure
) -> Document:
    """A monitoring series per instance, from ``start`` to ``end`` (Unix seconds) inclusive."""
    step = max(60.0, (end - start) / (MAX_POINTS - 1))
    moments = [end - step * index for index in range(int((end - start) // step), -1, -1)]
    running = app.active_at(end - app.restart_count_lag)
    instances = () if running is None else running.all_instances()
    result = [
        {
            "metric": {
                "app_component": instance.component,
                "app_component_instance": instance.alias,
                "app_uuid": app.id,
            },
            "values": [[int(at), f"{measure(app, instance, at):g}"] for at in moments],
        }
        for instance in instances
        if component in (None, instance.component)
    ]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def _spec_document(app: App) -> Document:
    document: Document = {"name": app.name, "region": app.region, **_spec_lists(app.components)}
    if app.archived:
        document["maintenance"] = {"enabled": True, "archive": True}
    return document


def _spec_lists(components: tuple[ComponentSpec, ...]) -> dict[str, list[Document]]:
    lists: dict[str, list[Document]] = {}
    for component in components:
        entry: Document = {"name": component.name}
        if component.kind in (Kind.SERVICE, Kind.WORKER, Kind.JOB):
            entry["instance_count"] = component.instances
            entry["instance_size_slug"] = component.size
        if component.sleeps_after is not None:
            entry["inactivity_sleep"] = {"after_seconds": component.sleeps_after}
        if component.job is not None:
            entry |= component.job.document()
        lists.setdefault(SPEC_LISTS[component.kind], []).append(entry)
    return lists


def _updated_at(app: App) -> float:
    return max([app.created_at, *(each.phase_changed_at for each in app.deployments)])
