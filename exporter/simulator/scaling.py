"""Autoscaling events of the simulated platform."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from exporter.simulator.timestamps import timestamp

if TYPE_CHECKING:
    from exporter.simulator.state import App


@dataclass(slots=True)
class Scaling:
    """One event: a component went from some instances to others; ``phase`` as in the API."""

    id: str
    created_at: float
    component: str
    before: int
    now: int
    metric: str
    phase: str = "SUCCEEDED"


def scaling_documents(app: "App") -> list[dict[str, Any]]:
    """The autoscaling events of an app as the API lists them, newest first."""
    return [
        {
            "id": event.id,
            "type": "AUTOSCALING",
            "created_at": timestamp(event.created_at),
            "autoscaling": {
                "phase": event.phase,
                "components": {
                    event.component: {
                        "from": event.before,
                        "to": event.now,
                        "triggering_metric": event.metric,
                    }
                },
            },
        }
        for event in reversed(app.scalings)
    ]
