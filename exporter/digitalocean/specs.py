"""Apps with their components, read from the specs that the API shows."""

from exporter.digitalocean.deployments import created, deployment
from exporter.digitalocean.fields import Fields
from exporter.digitalocean.jobs import job_spec
from exporter.errors import InvalidResponse
from exporter.model import FINAL_PHASES, App, Component, ComponentKind, Quiet

_KINDS = (
    ("services", ComponentKind.SERVICE),
    ("workers", ComponentKind.WORKER),
    ("jobs", ComponentKind.JOB),
)


def app(item: Fields) -> App:
    """Read an app with its components; raises InvalidResponse for a field of the wrong type."""
    spec = item.nested("spec")
    region = item.nested("region")
    active, *others = (
        deployment(found) if (found := item.nested(role)) else None
        for role in ("active_deployment", "in_progress_deployment", "pending_deployment")
    )
    present = [deployment for deployment in (*others, active) if deployment is not None]
    under_way = (deployment for deployment in others if deployment is not None)
    off = _switched_off(spec) if spec else None
    if off is None and active is None and not _was_active(item):
        off = Quiet.NOT_DEPLOYED
    identifier = item.required("id")
    return App(
        id=identifier,
        name=(spec.text("name") if spec else "") or identifier,
        region=(region.text("slug") if region else "") or (spec.text("region") if spec else ""),
        tier=item.text("tier_slug"),
        components=tuple(_components(spec, off)) if spec else (),
        active_deployment=active,
        newest_deployment=max(present, key=created, default=None),
        under_way=tuple(each for each in under_way if each.phase not in FINAL_PHASES),
    )


def _components(spec: Fields, off: Quiet | None) -> list[Component]:
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


def _was_active(item: Fields) -> bool:
    """Whether a deployment of an app has ever been active; before that there is no run-time log."""
    try:
        moment = item.time("last_deployment_active_at")
    except InvalidResponse:
        return True  # there is something
    return moment is not None and moment > 0  # some APIs write the year 1 for never


def _quiet(item: Fields) -> Quiet | None:
    """Why one component may have no instances: it sleeps without requests, or load decides."""
    names = item.names()
    if "inactivity_sleep" in names:
        return Quiet.INACTIVITY_SLEEP
    return Quiet.AUTOSCALING if "autoscaling" in names else None
