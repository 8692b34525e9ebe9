"""Finds apps, deployments and instances, and says so when there is no such thing."""

from collections.abc import Mapping

from exporter.simulator.state import App, Deployment, Instance


class UnknownTargetError(LookupError):
    """There is no such app, deployment, component or instance."""


class LogRefusedError(Exception):
    """A log of a deployment that has ended, which the platform refuses."""


def find_app(apps: Mapping[str, App], key: str) -> App:
    """One app by whatever ``apps`` is keyed with."""
    if key not in apps:
        raise UnknownTargetError(f"no app {key}")
    return apps[key]


def find_deployment(app: App, deployment_id: str) -> Deployment:
    """One deployment of an app by its id."""
    for deployment in app.deployments:
        if deployment.id == deployment_id:
            return deployment
    raise UnknownTargetError(f"no deployment {deployment_id}")


def deployment_under_way(app: App) -> Deployment:
    """The deployment of an app that is under way."""
    if (deployment := app.in_progress) is None:
        raise UnknownTargetError(f"{app.name} has no deployment under way")
    return deployment


def find_instance(app: App, component: str, index: int, deployment_id: str | None) -> Instance:
    """One running instance, of the active deployment unless another is named."""
    deployment = app.active if deployment_id is None else find_deployment(app, deployment_id)
    if deployment is None or not deployment.live:
        raise UnknownTargetError(f"{app.name} has no running deployment")
    try:
        return deployment.instances[component][index]
    except (KeyError, IndexError):
        raise UnknownTargetError(
            f"{app.name} has no running instance {component}-{index}"
        ) from None
