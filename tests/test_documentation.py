"""The pages as a reader takes them: commands run, configurations are good, links lead somewhere."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from exporter_process import ExporterProcess, simulated
from for_each import for_each
from programs import requires
from simulated_traffic import simulator
from waiting import LIMIT_SECONDS

from exporter.cli import parse
from exporter.config.document import parse_document
from exporter.config.load import check_document
from exporter.config.schema import Config
from exporter.config.web_file.schema import WebFile
from exporter.matching.decision import matcher_of
from exporter.matching.packs import PackedRules

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "dashboards" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

_BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

ELSEWHERE = {
    "cd", "chmod", "cp", "curl", "docker", "doctl", "exec", "export", "git", "helm", "htpasswd",
    "install", "journalctl", "kubectl", "mv", "pip", "printf", "python3", "rm", "systemctl",
}  # fmt: skip
"""Programs that need an engine, a cluster, an account or root, or that make an environment."""

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
"""In the place of one that a page leaves open."""


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "deploy").glob("*.md")), ids=str)
def test_page_about_deploying_names_its_way_of_availability(page: Path) -> None:
    """One exporter, two that share nothing, or replicas: it says which, and where that stands."""
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert "This page shows one exporter" in text
    assert "share nothing" in text
    assert "one truth" in text
    assert "high-availability.md" in text


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> Iterator[str]:
    """The texts of the fenced blocks of some languages, without what they are indented by."""
    for indent, language, text in _BLOCK.findall(page.read_text(encoding="utf-8")):
        if language in languages:
            yield "\n".join(line.removeprefix(indent) for line in text.splitlines())


def commands(page: Path) -> Iterator[list[str]]:
    """The commands behind prompts, continued lines joined; variables and comments left out."""
    for block in blocks(page, "console"):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if line.startswith(("$ ", "# ")):
                words = shlex.split(line[2:], comments=True)
                while words and re.fullmatch(r"\w+=.*", words[0], re.DOTALL):
                    words = words[1:]
                if words:
                    yield words


COMMANDS = [(page, words) for page in PAGES for words in commands(page)]


def of(program: str) -> list[list[str]]:
    """The documented commands of one program."""
    return [words for _, words in COMMANDS if words[0].rpartition("/")[2] == program]


def test_every_documented_program_is_tried_or_known_to_be_elsewhere():
    """A command of a new kind needs a test here, or a reason not to have one."""
    tried = {"do-app-exporter", "make", "pkill", "promtool", "amtool", "sed", "python", ".ci/run"}
    programs = {words[0] if "ci/" in words[0] else Path(words[0]).name for _, words in COMMANDS}
    assert programs - ELSEWHERE <= tried


def test_documented_commands_have_flags_that_exist():
    """The program takes each as it is written, and files of the project are there."""
    found = of("do-app-exporter")
    assert len(found) > 10
    for words in found:
        if words[1:2] != ["demo"]:
            parse([word for word in words[1:] if word != "…"], {})
        for word in words:
            file = word.partition("=")[2] or word
            if file.startswith(("examples/", "deploy/", "dashboards/")):
                assert (ROOT / file).exists(), words


def test_documented_targets_exist():
    """Whatever `make` is asked for in the pages."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for words in of("make"):
        assert {word for word in words[1:] if "=" not in word} <= targets


def test_reload_by_signal_and_request_work_as_written(tmp_path: Path):
    """`pkill` finds the program by its name, and the address of the request is right."""
    with (
        simulator() as (_, server),
        ExporterProcess(
            tmp_path,
            simulated(server.api_url),
            token=server.token,
            arguments=["--web.enable-lifecycle"],
            installed=True,
        ) as exporter,
    ):
        for words in of("pkill"):
            assert words[:3] == ["pkill", "-HUP", "-x"]
            found = subprocess.run(
                ["pgrep", "-x", words[3]], capture_output=True, text=True, check=True
            )
            assert str(exporter.pid) in found.stdout.split()
        (request,) = [words for words in of("curl") if "-X" in words]
        path = request[-1].removeprefix("http://localhost:10046")
        assert requests.post(f"{exporter.url}{path}", timeout=LIMIT_SECONDS).status_code == 200


@requires("promtool")
def test_rules_pass_as_written(tmp_path: Path):
    """Those of the project, and the copy with runbooks elsewhere that a guide makes."""
    for words in of("promtool"):
        assert subprocess.run(words, cwd=ROOT, capture_output=True, check=False).returncode == 0
    (replaced,) = of("sed")
    program, expression, file = replaced[:3]
    done = subprocess.run([program, expression, file], cwd=ROOT, capture_output=True, text=True,
                          check=True)  # fmt: skip
    runbooks = set(re.findall(r'runbook_url: "(.*)/', done.stdout))
    assert runbooks == {"https://wiki.example.com/runbooks"}


def configurations() -> Iterator[tuple[str, dict[str, Any], type]]:
    """Every YAML block that is a configuration, or a part of one."""
    for page in PAGES:
        for text in blocks(page, "yaml"):
            data = yaml.safe_load(text.replace("$2y$10$…", HASH).replace("…", "x"))
            if page.name == "kubernetes.md":
                continue  # these are values of the chart
            for model in (Config, WebFile):
                if isinstance(data, dict) and data and data.keys() <= model.model_fields.keys():
                    yield name_of(page), data, model


CONFIGURATIONS = list(configurations())


@pytest.mark.parametrize(
    ("data", "model"), [c[1:] for c in CONFIGURATIONS], ids=[c[0] for c in CONFIGURATIONS]
)
def test_documented_configurations_are_good(data: dict[str, Any], model: type):
    """`check` would take each of them, secrets and files aside."""
    if model is WebFile:
        WebFile.model_validate(data)
        return
    document = parse_document("page", yaml.safe_dump(data))
    check_document(document, PackedRules(), matcher_of, None)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = _HEADING.findall(re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S))
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@for_each(PAGES)
def test_links_lead_somewhere(page: Path):
    """To a file of the project, and to a heading that it has."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def test_every_page_can_be_found():
    """The README or a page that it leads to links to each page."""
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in _LINK.findall(page.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:|#", link)
    }
    assert {page for page in PAGES if page.name != "README.md"} - linked == set()
