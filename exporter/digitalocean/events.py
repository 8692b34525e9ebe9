"""The platform's autoscaling events, in the shape of the API's Go client."""

from exporter.digitalocean.fields import Fields
from exporter.model import AutoscalingEvent, Scaling, ScalingTrigger

_TRIGGERS = {trigger.value for trigger in ScalingTrigger}
_PENDING = frozenset({"PENDING", "IN_PROGRESS"})
_WITHOUT_EFFECT = frozenset({"FAILED", "CANCELED"})


def autoscaling_events(answer: Fields) -> tuple[AutoscalingEvent, ...]:
    """The autoscaling events of one answer; others, and those without an id, are left out."""
    return tuple(
        _event(item)
        for item in answer.objects("events")
        if item.text("type") in ("AUTOSCALING", "") and item.text("id")
    )


def _event(item: Fields) -> AutoscalingEvent:
    scaling = item.nested("autoscaling")
    phase = scaling.text("phase") if scaling else ""
    return AutoscalingEvent(
        id=item.text("id"),
        created_at=item.time("created_at"),
        over=phase not in _PENDING,
        changes=tuple(_changes(scaling)) if scaling and phase not in _WITHOUT_EFFECT else (),
    )


def _changes(scaling: Fields) -> list[Scaling]:
    components = scaling.nested("components")
    if components is None:
        return []
    found = []
    for name in components.names():
        part = components.nested(name)
        before, now = (part.number("from"), part.number("to")) if part else (None, None)
        # The API may leave out a zero, as for a component that scales to it.
        before, now = before or 0, now or 0
        if part is not None and before != now:
            found.append(Scaling(name, now > before, _trigger(part)))
    return found


def _trigger(part: Fields) -> ScalingTrigger:
    word = part.text("triggering_metric").lower()
    return ScalingTrigger(word) if word in _TRIGGERS else ScalingTrigger.OTHER
