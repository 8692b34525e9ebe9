"""Whether each endpoint beside the logs answers that a collector in use needs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exporter.config.schema import Config
from exporter.digitalocean.apps import AppPlatform
from exporter.doctor.remedies import APP_SCOPE, remedy
from exporter.doctor.verdicts import Check, failed, ok, skipped
from exporter.errors import ApiError, Forbidden, NotFound
from exporter.model import App, Endpoint
from exporter.watching.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Question:
    """What one collector asks.

    Args:
        setting: its key under ``collectors``.
        used: whether the configuration wants it.
        app: an app to ask about; None where no app has what it is about.
        ask: sends one request.
    """

    endpoint: Endpoint
    setting: str
    used: bool
    app: App | None
    ask: Callable[[AppPlatform, App, float], object]


def endpoint_checks(
    config: Config, platform: AppPlatform, inventory: Inventory, now: float
) -> Iterator[Check]:
    """Try each endpoint once, with an app that is watched; ``now``: Unix seconds."""
    app = sample_app(inventory)
    if app is None:
        return
    wanted, jobs = config.collectors, app_with_jobs(inventory)
    for question in (
        Question(Endpoint.DEPLOYMENTS, "deployments", wanted.deployments, app, _deployments),
        Question(Endpoint.HEALTH, "health", wanted.health, app, _health),
        Question(Endpoint.INSTANCES, "instances", wanted.instances, app, _instances),
        Question(
            Endpoint.RESTART_COUNT, "restart_count", wanted.restart_count, app, _restart_counts
        ),
        Question(Endpoint.JOB_INVOCATIONS, "jobs", wanted.jobs, jobs, _job_invocations),
        Question(Endpoint.EVENTS, "events", wanted.events, app, _events),
        Question(Endpoint.BANDWIDTH, "bandwidth", wanted.bandwidth, app, _bandwidth),
    ):
        yield from _check(question, platform, now)


def sample_app(inventory: Inventory) -> App | None:
    """Return a watched app with components, with an active deployment where there is one."""
    apps = [app for app in inventory.apps if app.components]
    deployed = [app for app in apps if app.active_deployment is not None]
    return next(iter((*deployed, *apps)), None)


def app_with_jobs(inventory: Inventory) -> App | None:
    """Return a watched app with a scheduled job; None if there is none."""
    found = (app for _, app, component in inventory.components() if component.scheduled)
    return next(found, None)


def _check(question: Question, platform: AppPlatform, now: float) -> Iterator[Check]:
    name, setting = f"endpoint {question.endpoint}", f"collectors.{question.setting}"
    if not question.used:
        yield skipped(name, f"{setting} is off")
        return
    if question.app is None:
        yield skipped(name, "no watched app has a scheduled job")
        return
    scope = question.endpoint.scope
    try:
        question.ask(platform, question.app, now)
    except Forbidden:
        detail = f"403: the token does not have the scope {scope}"
        words = f"give the token the scope {scope}, or set {setting}: false"
        if scope != APP_SCOPE:
            yield failed(f"scope {scope}", detail, words)
        yield failed(name, detail, words)
    except NotFound as error:
        words = f"if it stays so, this API does not have the endpoint: set {setting}: false"
        yield failed(name, error.detail, words)
    except ApiError as error:
        yield failed(name, error.detail, remedy(error))
    else:
        if scope != APP_SCOPE:
            yield ok(f"scope {scope}", f"the endpoint {question.endpoint} can be read")
        yield ok(name, "answers in a shape that is understood")


def _deployments(platform: AppPlatform, app: App, now: float) -> object:
    return platform.deployments(app.id)


def _health(platform: AppPlatform, app: App, now: float) -> object:
    return platform.health(app.id)


def _instances(platform: AppPlatform, app: App, now: float) -> object:
    return platform.instances(app.id)


def _restart_counts(platform: AppPlatform, app: App, now: float) -> object:
    return platform.restart_counts(app.id, app.components[0].name, now - 3600, now)


def _job_invocations(platform: AppPlatform, app: App, now: float) -> object:
    return next(platform.job_invocations(app.id), ())


def _events(platform: AppPlatform, app: App, now: float) -> object:
    return platform.autoscaling_events(app.id)


def _bandwidth(platform: AppPlatform, app: App, now: float) -> object:
    return platform.bandwidth([app.id])
