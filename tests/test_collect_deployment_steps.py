"""What the steps of a deployment took, as the platform tells it or as its phases were seen."""

from dataclasses import replace

import pytest

from exporter.model import Deployment, DeploymentStage, DeploymentStep
from exporter.watching.deployment_steps import durations, failure, failure_message

BUILD, DEPLOY = DeploymentStage.BUILD, DeploymentStage.DEPLOY


def deployment(phase: str = "ACTIVE", *steps: DeploymentStep) -> Deployment:
    return Deployment("d1", phase, created_at=1000.0, phase_changed_at=1100.0, steps=steps)


@pytest.mark.parametrize(
    ("seen", "entered", "expected"),
    [
        (deployment(), {}, {}),
        (deployment(), {"BUILDING": 1010.0}, {}),
        (deployment(), {"PENDING_DEPLOY": 1060.0, "DEPLOYING": 1070.0}, {BUILD: 60, DEPLOY: 40}),
        (deployment("ERROR"), {"DEPLOYING": 1070.0}, {BUILD: 70}),
        (deployment("ACTIVE", DeploymentStep(BUILD, 1005.0, 1055.0)), {}, {BUILD: 50}),
        (
            deployment("ACTIVE", DeploymentStep(BUILD, 1005.0, 1055.0)),
            {"DEPLOYING": 1070.0},
            {BUILD: 50, DEPLOY: 30},
        ),
        (deployment("ERROR", DeploymentStep(DEPLOY, 1060.0, None)), {}, {}),
        (deployment("ACTIVE", DeploymentStep(DEPLOY, 1060.0, 1050.0)), {}, {}),
    ],
)
def test_durations_are_the_platforms_own_or_those_of_the_phases(
    seen: Deployment, entered: dict[str, float], expected: dict[DeploymentStage, float]
):
    """What the platform says of a step wins; what nobody saw has no duration."""
    assert durations(seen, entered) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((), (BUILD, "unknown")),
        ((DeploymentStep(BUILD), DeploymentStep(DEPLOY, failed=True)), (DEPLOY, "unknown")),
        (
            (DeploymentStep(BUILD, failed=True, reason="BuildJobFailed"),),
            (BUILD, "BuildJobFailed"),
        ),
        ((DeploymentStep(BUILD, failed=True, reason="Über-Fail 2 "),), (BUILD, "Über-Fail 2")),
        ((DeploymentStep(BUILD, failed=True, reason="x" * 100),), (BUILD, "x" * 64)),
    ],
)
def test_failure_names_the_step_and_the_platforms_word(
    steps: tuple[DeploymentStep, ...], expected: tuple[DeploymentStage, str]
):
    """The reason is a label value: as the platform has it, bounded, and never empty."""
    assert failure(deployment("ERROR", *steps)) == expected


@pytest.mark.parametrize(
    ("step", "lines"),
    [
        (DeploymentStep(BUILD, failed=True), []),
        (DeploymentStep(BUILD, failed=True, message="no\nspace"), ["no", "space"]),
        (DeploymentStep(DEPLOY, failed=True, message="exit 3", component="web"), ["web: exit 3"]),
        (DeploymentStep(DEPLOY, message="fine"), []),
    ],
)
def test_what_the_platform_says_of_a_failed_step_names_its_component(
    step: DeploymentStep, lines: list[str]
):
    """Of the step that failed alone; nothing is made up."""
    assert failure_message(deployment("ERROR", step)) == lines


def test_timing_tells_what_steps_leave_out():
    """The platform's own sums count where its steps have no times."""
    timed = replace(deployment("ACTIVE"), timing=((BUILD, 83.5),))
    assert durations(timed, {})[BUILD] == 83.5
