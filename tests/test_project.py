"""What holds the project together: layers, versions, pins, and nothing of one machine."""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import requires as requirements_of
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from for_each import for_each
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from programs import DEBIAN_PACKAGES, requires

import exporter

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "exporter"

LAYERS = (
    {"errors", "late_regex", "model"},
    {"logs", "matching", "scheduling"},
    {"config", "digitalocean", "receiving", "state", "telemetry"},
    {"counting", "notify", "options", "replicas", "web"},
    {"reading"},
    {"watching"},
    {"service"},
    {
        "cli",
        "commands",
        "doctor",
        "log_output",
        "workbench",
        "__main__",
    },
)
"""The areas of each floor: an area imports the floors below it, never its own."""

EXTRA_EDGES = {("errors", "model")}
"""The one edge inside a layer: an error names the endpoint that it is about."""

PURE = {"model", "errors", "logs", "matching"}
"""Areas without I/O or clock."""

IMPURE_LIBRARIES = {
    "apscheduler", "asyncio", "http", "jinja2", "prometheus_client", "requests", "socket",
    "sqlite3", "starlette", "subprocess", "time", "urllib", "uvicorn", "websockets",
}  # fmt: skip


def area_of(path: Path) -> str:
    """The part of the package that a file belongs to: ``web``, ``model``, …"""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    """The full name of everything that a file imports, wherever in it the statement stands."""
    package = (PACKAGE.name, *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def allowed(area: str, target: str) -> bool:
    """Whether an area may import ``target``, a name inside the package such as ``web.app.App``."""
    head = target.split(".")[0]
    if head == area or (area, head) in EXTRA_EDGES:
        return True
    if area == "simulator":
        return head == "model"
    height = {name: layer for layer, names in enumerate(LAYERS) for name in names}
    if height[area] == len(LAYERS) - 1:
        return head in height or head in {"simulator", "__version__"}
    if head == "__version__":
        return area == "service"
    return head in height and height[head] < height[area]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def pins() -> dict[str, Version]:
    """The constraints, by canonical name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines)
    return {canonicalize_name(name): Version(version) for name, version in pairs}


SOURCES = sorted(PACKAGE.rglob("*.py"))


@for_each(SOURCES)
def test_imports_follow_the_layers(path: Path):
    """Every import inside the package goes down the layers; pure areas import no I/O."""
    area = area_of(path)
    inner = [name for name in imports_of(path) if name.split(".")[0] == PACKAGE.name]
    if area == "__init__":
        assert inner == []
        return
    targets = [name.removeprefix(PACKAGE.name).removeprefix(".") for name in inner]
    assert [target for target in targets if not allowed(area, target)] == []
    if area in PURE:
        assert {name.split(".")[0] for name in imports_of(path)} & IMPURE_LIBRARIES == set()


@pytest.mark.parametrize(
    ("area", "target", "fine"),
    [
        ("model", "errors", False),
        ("logs", "model.LogLine", True),
        ("logs", "matching.engine", False),
        ("config", "telemetry.metrics.Metrics", False),
        ("web", "reading.poller", False),
        ("web", "counting.ledger", False),
        ("counting", "web.pages.status.StatusSource", False),
        ("counting", "reading.poller", False),
        ("reading", "watching.discovery", False),
        ("service", "commands.run", False),
        ("errors", "model.Endpoint", True),
        ("counting", "state.memory", True),
        ("reading", "cli", False),
        ("simulator", "digitalocean.client", False),
        ("simulator", "model.LogType", True),
        ("digitalocean", "simulator.state", False),
        ("commands", "simulator.server", True),
        ("logs", "", False),
    ],
)
def test_layers_are_what_the_design_says(area: str, target: str, fine: bool):
    """The rule itself forbids and allows what the design does."""
    assert allowed(area, target) is fine


def test_imports_are_found_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Relative imports and those inside functions are seen, under their full names."""
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path / "exporter")
    path = tmp_path / "exporter" / "web" / "app.py"
    path.parent.mkdir(parents=True)
    path.write_text(
        "import exporter.state.sqlite\n"
        "from . import api\n"
        "from ..reading.poller import Poller\n"
        "def late():\n    from exporter import cli\n"
    )
    assert sorted(imports_of(path)) == [
        "exporter.cli",
        "exporter.reading.poller.Poller",
        "exporter.state.sqlite",
        "exporter.web.api",
    ]


MOST_PARAMETERS = 7
"""Of a function. A dataclass is not limited: it is a record, whose fields are given by name."""


def functions_of(tree: ast.AST, owner: str = "") -> Iterator[tuple[str, int]]:
    """The name of each function with the number of its parameters, ``self`` not counted."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from functions_of(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            number = len([*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs])
            static = any(ast.unparse(each) == "staticmethod" for each in node.decorator_list)
            yield owner + node.name, number - (bool(owner) and not static)
            yield from functions_of(node)
        else:
            yield from functions_of(node, owner)


def test_no_function_takes_many_parameters():
    """Values that belong together travel as one, so a call can be read."""
    found = {
        f"{path.relative_to(PACKAGE)}: {name}": number
        for path in SOURCES
        for name, number in functions_of(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {name: n for name, n in found.items() if n > MOST_PARAMETERS} == {}


def test_parts_call_each_other_by_name():
    """Nothing that runs an account is wired with a lambda, which a search does not find.

    Keys to sort by are no calls from one part to another.
    """
    found = []
    for path in SOURCES:
        if area_of(path) not in {"counting", "reading", "service", "watching", "scheduling"}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        keys = {
            id(keyword.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            for keyword in node.keywords
            if keyword.arg == "key"
        }
        found += [
            f"{path.relative_to(PACKAGE)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Lambda) and id(node) not in keys
        ]
    assert found == []


def test_the_lock_of_an_account_is_taken_as_a_transaction():
    """No part but the ledger and a scrape takes it: ``with ledger.transaction()`` says what for."""
    takes = re.compile(r"\b_?(ledger|pipeline|components|metrics|table)\.lock\b")
    found = {
        str(path.relative_to(PACKAGE))
        for path in SOURCES
        if takes.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"counting/ledger.py", "web/exposition.py"}


def test_python_versions_agree():
    """pyproject, the tools, README and the image speak of the same Python."""
    settings = project()
    supported = SpecifierSet(settings["project"]["requires-python"])
    least = str(supported).removeprefix(">=")
    assert re.fullmatch(r"3\.\d+", least)
    assert settings["tool"]["mypy"]["python_version"] == least
    assert settings["tool"]["ruff"]["target-version"] == f"py{least.replace('.', '')}"
    images = re.findall(
        r"^FROM python:([\d.]+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert images
    assert all(image in supported for image in images)
    readme = re.findall(r"Python (3\.\d+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert least in readme
    assert all(mentioned in supported for mentioned in readme)


def test_changelog_begins_with_this_version():
    """The newest release of CHANGELOG is the version of the package."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## \[?(\d[^\]\s]*)", text, re.MULTILINE)
    assert released[0] == exporter.__version__


def test_constraints_are_names_and_versions():
    """Each line pins one package exactly; no URL, path, option or hash; sorted, none twice."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==\d[\w.!+]*", line)] == []
    assert lines == sorted(lines, key=str.upper)
    assert len(pins()) == len(lines)


def test_constraints_satisfy_the_project():
    """Every requirement of the project and its extras is pinned, within its range."""
    table = project()["project"]
    wanted = [*table["dependencies"], *chain(*table["optional-dependencies"].values())]
    pinned = pins()
    for requirement in map(Requirement, wanted):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), requirement


def test_constraints_pin_what_the_requirements_require():
    """What the pinned packages need in turn is pinned too, as far as it is installed here."""
    pinned = pins()
    unpinned = {
        f"{name} needs {requirement.name}"
        for name in pinned
        for requirement in _installed_requirements(name)
        if canonicalize_name(requirement.name) not in pinned
    }
    assert unpinned == set()


@requires("git")
def test_no_file_names_a_place_of_one_machine():
    """No file of the repository holds an absolute path of the machine that it was written on."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listing.returncode:
        pytest.skip("not a git checkout")
    place = re.compile(rb"(?<![\w.])/(?:work|root)\b")
    files = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    assert ROOT / "pyproject.toml" in files
    assert [f for f in files if f.is_file() and place.search(f.read_bytes())] == []


def test_every_program_that_tests_need_gets_installed():
    """The reasons for skipping and the script that installs name the same packages."""
    script = (ROOT / ".ci" / "system-packages").read_text(encoding="utf-8")
    listed = dict(re.findall(r'^  "(\S+) (\S+)"$', script, re.MULTILINE))
    given = {"git", "make"}  # the checkout and the command that got us here
    assert listed == {p: name for p, name in DEBIAN_PACKAGES.items() if p not in given}


def _installed_requirements(name: str) -> list[Requirement]:
    try:
        listed = requirements_of(name) or []
    except PackageNotFoundError:
        return []
    found = map(Requirement, listed)
    return [r for r in found if r.marker is None or r.marker.evaluate({"extra": ""})]
