"""Deployments with their steps, as the API shows them.

The shapes are those of the API's Go client; what only explains a deployment may have another form.
"""

import math
import re

from exporter.digitalocean.fields import Fields
from exporter.errors import InvalidResponse
from exporter.model import Deployment, DeploymentStage, DeploymentStep

_STAGES = frozenset(DeploymentStage)
_TIMINGS = (("build_total", DeploymentStage.BUILD), ("deploying", DeploymentStage.DEPLOY))
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(h|ms|m|s)", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)
_NO_FAILURES = frozenset({"PreviousBuildReused"})


def deployment(item: Fields) -> Deployment:
    """Read a deployment; raises InvalidResponse where a field has the wrong type."""
    return Deployment(
        id=item.required("id"),
        phase=item.text("phase") or "UNKNOWN",
        created_at=item.time("created_at"),
        phase_changed_at=item.time("phase_last_updated_at"),
        steps=_steps(item),
        cause=_cause(item),
        timing=_timing(item),
    )


def created(deployment: Deployment) -> float:
    """Return when a deployment was created, to sort by: Unix seconds, the past if unknown."""
    return -math.inf if deployment.created_at is None else deployment.created_at


def _cause(item: Fields) -> str:
    """The type of a deployment's cause; a cause in another form is no fault."""
    try:
        details = item.nested("cause_details")
        return details.text("type").strip().lower() if details else ""
    except InvalidResponse:
        return ""


def _timing(item: Fields) -> tuple[tuple[DeploymentStage, float], ...]:
    """How long stages took, where ``timing`` says it with units, such as ``1m23.5s``.

    The unit of a bare number is not documented, so such a value is ignored.
    """
    try:
        timing = item.nested("timing")
        texts = {stage: timing.text(name) for name, stage in _TIMINGS} if timing else {}
    except InvalidResponse:
        return ()
    found = ((stage, _duration(text)) for stage, text in texts.items())
    return tuple((stage, seconds) for stage, seconds in found if seconds is not None)


def _duration(text: str) -> float | None:
    """Seconds of a duration in the form of Go; None for any other text."""
    if not text or _DURATION.fullmatch(text) is None:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))


def _steps(item: Fields) -> tuple[DeploymentStep, ...]:
    """The steps ``build`` and ``deploy`` of ``progress``, after the API's Go client.

    They only explain a deployment, so steps in another form are no fault of the answer.
    """
    try:
        progress = item.nested("progress")
        steps = list(progress.objects("steps")) if progress else []
        return tuple(_step(step) for step in steps if step.text("name") in _STAGES)
    except InvalidResponse:
        return ()


def _step(step: Fields) -> DeploymentStep:
    code, message, component = _reason(step)
    return DeploymentStep(
        stage=DeploymentStage(step.text("name")),
        started_at=step.time("started_at"),
        ended_at=step.time("ended_at"),
        failed=step.text("status") == "ERROR",
        reason=code,
        message=message,
        component=component,
    )


def _reason(step: Fields) -> tuple[str, str, str]:
    """Why a step failed: its own code, or that of the innermost failed step below it.

    With the message for people, and the component that failed; empty where the answer has none.
    """
    own = step.text("component_name")
    below = [each for each in step.objects("steps") if each.text("status") != "SUCCESS"]
    for each in sorted(below, key=lambda each: each.text("status") != "ERROR"):
        code, message, component = _reason(each)
        if code:
            return code, message, component or own
    reason = step.nested("reason")
    code = reason.text("code") if reason else ""
    if reason is None or code in _NO_FAILURES:
        return "", "", ""
    return code, reason.text("message"), own
