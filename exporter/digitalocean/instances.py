"""Health and restart counts of instances, as the API and its monitoring show them."""

import math

from exporter.digitalocean.fields import Fields
from exporter.model import ComponentHealth, InstanceRestarts

_HEALTHY = {"HEALTHY": True, "UNHEALTHY": False}


def component_health(item: Fields) -> ComponentHealth:
    """Read the health of one component."""
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


def instance_restarts(series: Fields, component: str) -> InstanceRestarts | None:
    """Return the latest value of one series; None if it has no value."""
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
