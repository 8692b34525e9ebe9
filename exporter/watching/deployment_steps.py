"""How long the steps of a deployment took, and why one failed."""

from collections.abc import Mapping

from exporter.model import UNKNOWN_REASON, Deployment, DeploymentStage, DeploymentStep

LONGEST_REASON = 64

_DEPLOYING = ("PENDING_DEPLOY", "DEPLOYING")


def durations(deployment: Deployment, entered: Mapping[str, float]) -> dict[DeploymentStage, float]:
    """Seconds that each step took which is over.

    Args:
        deployment: at rest.
        entered: when the phases were entered that it was seen in, in Unix seconds; they tell what
            the platform's own steps leave out.
    """
    told = {step.stage: seconds for step in deployment.steps if (seconds := _seconds(step)) >= 0}
    return _seen(deployment, entered) | dict(deployment.timing) | told


def failure(deployment: Deployment) -> tuple[DeploymentStage, str]:
    """Return which step failed and why: the platform's own code, printable and bounded."""
    for step in deployment.steps:
        if step.failed:
            return step.stage, _label(step.reason) or UNKNOWN_REASON
    return DeploymentStage.BUILD, UNKNOWN_REASON


def failure_message(deployment: Deployment) -> list[str]:
    """What the platform says to people of the step that failed, by lines; may be none."""
    for step in deployment.steps:
        if step.failed:
            name = f"{step.component}: " if step.component else ""
            return f"{name}{step.message}".splitlines() if step.message else []
    return []


def _seconds(step: DeploymentStep) -> float:
    if step.started_at is None or step.ended_at is None:
        return -1.0
    return step.ended_at - step.started_at


def _seen(deployment: Deployment, entered: Mapping[str, float]) -> dict[DeploymentStage, float]:
    began = deployment.created_at
    turned = min((entered[phase] for phase in _DEPLOYING if phase in entered), default=None)
    ended = deployment.phase_changed_at
    seen = {}
    if began is not None and turned is not None:
        seen[DeploymentStage.BUILD] = turned - began
    if turned is not None and ended is not None and deployment.phase == "ACTIVE":
        seen[DeploymentStage.DEPLOY] = ended - turned
    return {stage: seconds for stage, seconds in seen.items() if seconds >= 0}


def _label(code: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in code)
    return printable.strip()[:LONGEST_REASON]
