"""The image by the text of its recipe: what goes in, who runs it, and how it is told to be well."""

import json
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def instructions() -> list[tuple[str, str]]:
    """Every instruction of the Dockerfile with its arguments, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    pairs = (line.split(None, 1) for line in lines if line.strip())
    return [(name.upper(), arguments) for name, arguments in pairs]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, its FROM first."""
    found: list[list[tuple[str, str]]] = []
    for instruction in instructions():
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def arguments_of(name: str, stage: list[tuple[str, str]]) -> list[str]:
    return [arguments for instruction, arguments in stage if instruction == name]


def test_hadolint_has_nothing_to_say():
    """The linter for such recipes finds no fault."""
    hadolint = Path(sys.executable).with_name("hadolint")
    linted = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (linted.returncode, linted.stdout) == (0, "")


def test_bases_are_slim_and_pinned_to_a_python():
    """Both stages stand on the same slim image of a named Python, never on `latest`."""
    bases = [stage[0][1].split()[0] for stage in stages()]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim", bases[0])


def test_dependencies_come_from_the_constraints_as_wheels():
    """The build installs with the pinned versions, and compiles nothing."""
    steps = [step for run in arguments_of("RUN", stages()[0]) for step in run.split("&&")]
    installs = [step for step in steps if " install " in step]
    assert installs
    for run in installs:
        assert "--constraint constraints.txt" in run
        assert "--only-binary=:all:" in run
        assert "--no-cache-dir" in run


def test_last_stage_runs_nothing_while_building():
    """The last stage takes the finished environment: no package manager runs there."""
    last = stages()[-1]
    assert arguments_of("RUN", last) == []
    assert arguments_of("COPY", last) == [
        "--from=build /opt/do-app-exporter /opt/do-app-exporter",
        "--from=build --chown=65532:65532 /state /var/lib/do-app-exporter",
    ]
    assert "--without-pip" in " ".join(arguments_of("RUN", stages()[0]))


def test_user_is_a_number_other_than_root():
    """The user is numeric, so that `runAsNonRoot` can check it, and set after every copy."""
    last = stages()[-1]
    (user,) = arguments_of("USER", last)
    uid, gid = map(int, user.split(":"))
    assert uid >= 1000
    assert gid >= 1000


def test_read_only_root_works():
    """Nothing is written at run time: no byte code, no work directory of its own."""
    last = stages()[-1]
    assert "PYTHONDONTWRITEBYTECODE=1" in " ".join(arguments_of("ENV", last))
    assert arguments_of("WORKDIR", last) == ["/"]
    assert arguments_of("VOLUME", last) == []


def test_entry_point_is_the_command_and_gets_signals():
    """The command of the distribution is process 1, without a shell that keeps signals."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    (entry,) = arguments_of("ENTRYPOINT", stages()[-1])
    assert json.loads(entry) == list(scripts)
    assert arguments_of("EXPOSE", stages()[-1]) == ["10046"]


def test_revision_reaches_the_program():
    """The build argument becomes the variable that the program reads, and a label."""
    last = stages()[-1]
    assert arguments_of("ARG", last) == ["REVISION=unknown"]
    assert "DO_APP_EXPORTER_REVISION=${REVISION}" in " ".join(arguments_of("ENV", last))
    labels = dict(re.findall(r'(org\.opencontainers\.\S+)="([^"]*)"', str(last)))
    assert labels["org.opencontainers.image.revision"] == "${REVISION}"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def test_health_check_tells_well_from_ill():
    """The check is valid Python that asks the health endpoint of the default port."""
    (check,) = arguments_of("HEALTHCHECK", stages()[-1])
    program, flag, code = json.loads(check[check.index("[") :])
    assert (program, flag) == ("python", "-c")
    compile(code, "healthcheck", "exec")
    assert "http://127.0.0.1:10046/-/healthy" in code


@pytest.mark.parametrize("present", [True, False], ids=["copied", "left out"])
def test_context_is_what_is_copied(present: bool):
    """The context holds what the build copies, and neither tests, git nor an environment."""
    copied = " ".join(arguments_of("COPY", stages()[0])).split()
    sources = {name.strip("/") for name in copied if not name.startswith("./")}
    if present:
        assert all((ROOT / name).exists() for name in sources)
        assert all(_in_context(name) for name in sources)
    else:
        names = ("tests", ".git", ".venv", "Dockerfile", "exporter/web/__pycache__", "secret.env")
        assert [name for name in names if _in_context(name)] == []


def _in_context(name: str) -> bool:
    """Whether .dockerignore lets a path through; as in Docker, the last rule that fits decides."""
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    ignored = False
    for rule in rules:
        pattern = rule.removeprefix("!").removeprefix("**/")
        whole = name if "**" not in rule else name.rsplit("/", 1)[-1]
        if fnmatch(whole, pattern) or whole.startswith(f"{pattern}/"):
            ignored = not rule.startswith("!")
    return not ignored
