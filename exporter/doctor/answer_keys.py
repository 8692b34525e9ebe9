"""Keys of the API's answers: those that are new to the exporter, and those it misses."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.model import Endpoint


@dataclass(frozen=True, slots=True)
class Place:
    """One kind of object in the answers of an endpoint.

    Args:
        path: where it is, from the top; lists are looked into.
        needed: keys that the exporter cannot do without.
        known: other keys that the API documents.
    """

    endpoint: Endpoint
    path: tuple[str, ...]
    needed: frozenset[str]
    known: frozenset[str]

    def __str__(self) -> str:
        return ".".join((self.endpoint, *self.path))


def _place(endpoint: Endpoint, path: str, needed: str, known: str) -> Place:
    return Place(endpoint, tuple(path.split()), frozenset(needed.split()), frozenset(known.split()))


_DEPLOYMENT = (
    "cause cause_details cloned_from created_at functions jobs loadbalancer_id phase "
    "phase_last_updated_at pinned previous_deployment_id progress services spec static_sites "
    "tier_slug timing updated_at workers"
)

PLACES = (
    _place(Endpoint.APPS, "", "apps", "links meta"),
    _place(
        Endpoint.APPS,
        "apps",
        "id spec",
        "active_deployment build_config created_at dedicated_ips default_ingress disaster_recovery "
        "domains in_progress_deployment last_deployment_active_at last_deployment_created_at "
        "live_domain live_url live_url_base owner_uuid pending_deployment pinned_deployment "
        "project_id region tier_slug updated_at vpc vpc_id",
    ),
    _place(
        Endpoint.APPS,
        "apps spec",
        "name",
        "alerts databases disable_edge_cache disable_email_obfuscation domains egress "
        "enhanced_threat_control_enabled envs features functions ingress jobs maintenance region "
        "services static_sites vpc workers",
    ),
    _place(Endpoint.DEPLOYMENTS, "", "deployments", "links meta"),
    _place(Endpoint.DEPLOYMENTS, "deployments", "id phase", _DEPLOYMENT),
    _place(
        Endpoint.LOGS, "", "", "live_url historic_urls historic_logs url value historic_archives"
    ),
    _place(Endpoint.HEALTH, "", "app_health", ""),
    _place(
        Endpoint.HEALTH,
        "app_health components",
        "name",
        "cpu_usage_percent memory_usage_percent replicas_desired replicas_ready state",
    ),
    _place(Endpoint.INSTANCES, "", "instances", ""),
    _place(
        Endpoint.INSTANCES,
        "instances",
        "component_name instance_name",
        "component_type instance_alias",
    ),
    _place(Endpoint.RESTART_COUNT, "", "data", "status"),
    _place(Endpoint.JOB_INVOCATIONS, "", "job_invocations", "links meta"),
    _place(
        Endpoint.JOB_INVOCATIONS,
        "job_invocations",
        "id job_name phase",
        "completed_at created_at deployment_id started_at trigger",
    ),
    _place(Endpoint.JOB_INVOCATIONS, "job_invocations trigger", "type", "manual scheduled"),
    _place(Endpoint.EVENTS, "", "events", "links meta"),
    _place(Endpoint.EVENTS, "events", "id type", "autoscaling created_at deployment deployment_id"),
    _place(Endpoint.EVENTS, "events autoscaling", "phase", "components"),
    _place(Endpoint.BANDWIDTH, "", "app_bandwidth_usage", "date"),
    _place(Endpoint.BANDWIDTH, "app_bandwidth_usage", "app_id bandwidth_bytes", ""),
)


EMPTY = {
    *("apps", "deployments", "instances", "app_health"),
    *("job_invocations", "events", "app_bandwidth_usage"),
}
"""Keys of lists that an answer leaves out where they are empty."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is otherwise at one place: keys not known to us, and needed keys that were absent."""

    place: Place
    new: tuple[str, ...]
    missing: tuple[str, ...]


def differences(answers: Mapping[Endpoint, Iterable[Mapping[str, Any]]]) -> Iterator[Difference]:
    """Yield what is otherwise in the answers than documented, place by place."""
    for place in PLACES:
        found = [each for answer in answers.get(place.endpoint, ()) for each in _at(place, answer)]
        keys = {key for each in found for key in each}
        new = tuple(sorted(keys - place.needed - place.known))
        absent = {key for each in found for key in place.needed if key not in each}
        # An empty list is left out of the answer.
        empty = EMPTY if not place.path else set()
        if new or absent - empty:
            yield Difference(place, new, tuple(sorted(absent - empty)))


def _at(place: Place, answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Any] = [answer]
    for name in place.path:
        below = [each.get(name) for each in found if isinstance(each, dict)]
        found = [
            each for value in below for each in (value if isinstance(value, list) else [value])
        ]
    return [each for each in found if isinstance(each, dict)]
