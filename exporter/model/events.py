"""What the platform does to an app by itself: autoscaling."""

from dataclasses import dataclass
from enum import StrEnum


class ScalingTrigger(StrEnum):
    """Why the number of instances changed: the value of the label ``trigger``."""

    CPU = "cpu"
    REQUESTS_PER_SECOND = "requests_per_second"
    REQUEST_DURATION = "request_duration"
    SCALE_FROM_ZERO = "scale_from_zero"
    SCALE_TO_ZERO = "scale_to_zero"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Scaling:
    """The change of one component: to more instances, or to fewer."""

    component: str
    up: bool
    trigger: ScalingTrigger

    @property
    def direction(self) -> str:
        """The value of the label ``direction``."""
        return "up" if self.up else "down"


@dataclass(frozen=True, slots=True)
class AutoscalingEvent:
    """One autoscaling event.

    Args:
        created_at: Unix seconds; None where it is not told.
        over: whether it has come to its end, so that nothing of it changes any more.
        changes: what it changed; nothing where it failed.
    """

    id: str
    created_at: float | None
    over: bool
    changes: tuple[Scaling, ...]
