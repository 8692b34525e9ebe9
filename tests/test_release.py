"""What a release rests on: workflows, issue forms, the chart's version, the notes."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import exporter

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = [GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml" for name in ("bug", "counting", "idea")]


def document(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)


def release(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / ".ci" / "release"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-issue-forms", FORMS),
        ("github-issue-config", [GITHUB / "ISSUE_TEMPLATE" / "config.yml"]),
    ],
)
def test_github_takes_the_files(schema: str, files: list[Path]):
    """Each fits the schema that is published for its kind."""
    assert files
    program = Path(sys.executable).with_name("check-jsonschema")
    done = subprocess.run(
        [program, "--builtin-schema", f"vendor.{schema}", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in document(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_run_what_is_here(path: Path):
    """Programs and targets that a step runs exist, and no step puts foreign text into a shell."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in (step["run"] for step in steps(path) if "run" in step):
        assert "${{" not in command
        for program in re.findall(r"(?<![\w/])\.ci/\w+", command):
            assert (ROOT / program).is_file(), program
        for target in re.findall(r"\bmake (\S+)", command):
            assert target in targets
        for chart in re.findall(r"helm package (\S+)", command):
            assert (ROOT / chart / "Chart.yaml").is_file()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_have_no_more_rights_than_they_need(path: Path):
    """They may read, and jobs that write say what; a checkout leaves no credential behind."""
    workflow = document(path)
    assert workflow["permissions"] == {"contents": "read"}
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


def test_jobs_wait_for_jobs_that_exist():
    """And nothing is published before the tests have passed."""
    jobs = document(GITHUB / "workflows" / "release.yml")["jobs"]

    def before(name: str) -> set[str]:
        needs = jobs[name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        assert direct <= jobs.keys()
        return direct.union(*map(before, direct))

    assert all("check" in before(name) for name in jobs if name != "check")


def test_the_image_is_for_two_architectures_and_says_what_is_in_it():
    """With an SBOM and with provenance."""
    (build,) = [
        step["with"]
        for step in steps(GITHUB / "workflows" / "release.yml")
        if step.get("uses", "").startswith("docker/build-push-action@")
    ]
    assert build["platforms"] == "linux/amd64,linux/arm64"
    assert (build["sbom"], build["provenance"]) == ("true", "mode=max")


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms_ask_for_what_doctor_saw(path: Path):
    """Its report names nobody and shows what the platform answers."""
    fields = document(path)["body"]
    (asked,) = [field for field in fields if field.get("id") == "report"]
    assert "do-app-exporter doctor --report=" in asked["attributes"]["description"]


def test_only_the_tag_of_the_version_is_released():
    """Any other stops the release with both versions."""
    assert release("version", f"v{exporter.__version__}").returncode == 0
    other = release("version", "v9.9.9")
    assert other.returncode == 1
    assert "9.9.9" in other.stderr
    assert exporter.__version__ in other.stderr


def test_a_release_without_notes_is_refused():
    """The changelog has to have a section of the version."""
    assert release("notes", "v9.9.9").returncode == 1


def test_notes_are_the_changelogs_section():
    """Those of what is not released yet, for want of a release."""
    notes = release("notes", "Unreleased")
    assert notes.returncode == 0
    assert notes.stdout.startswith("### ")
    assert "## [" not in notes.stdout.replace("### ", "")


def test_the_chart_has_the_programs_version():
    """Until it is packaged with that of the tag."""
    chart = document(ROOT / "deploy" / "kubernetes" / "do-app-exporter" / "Chart.yaml")
    assert chart["version"] == chart["appVersion"] == exporter.__version__
