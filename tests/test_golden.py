"""Whole logs through the whole path of a line, compared with the exposition text they must give.

A case is a folder: ``config.yml``, the two logs, and ``metrics.prom``. After a change that is
meant, ``python tests/test_golden.py`` writes the expectations anew, for a human to read.
"""

from pathlib import Path

import pytest
from collect_fixtures import KEY, RESTARTED, RUN, Site
from prometheus_client import generate_latest

from exporter.config.load import load_config
from exporter.matching.decision import matcher_of
from exporter.matching.packs import load_packs, pack_names
from exporter.model import LIVE_PART, Component, ComponentKind, LogChunk, Source
from exporter.reading.reading import Reading

GOLDEN = Path(__file__).parent / "testdata" / "golden"
INSTANCES = {"no_prefix": 1, "node_crash": 1, "python_web": 1, "several_instances": 2}
"""The cases, and how many instances the component of each has."""

FAMILIES = ("digitalocean_app_log_", "digitalocean_app_restarts", "digitalocean_app_last_restart")
CHUNK_BYTES = 50
"""So small that most lines are cut."""


def read(site: Site, component: Component, source: Source, text: bytes) -> None:
    """Read a log once, from its first byte to its last, in small chunks."""
    reading = Reading(site.pipeline, source, component, "d1", tail_lines=1000, from_first_line=True)
    for start in range(0, len(text), CHUNK_BYTES):
        reading.feed(LogChunk(text[start : start + CHUNK_BYTES], LIVE_PART))
    reading.feed(LogChunk(b"", LIVE_PART, last=True))
    reading.end()


def exposition(case: str) -> str:
    """The text of the families about lines and restarts, after two reads of each log."""
    folder = GOLDEN / case
    packs = {name: [rule.name for rule in load_packs([name])] for name in pack_names()}
    patterns = load_config(folder / "config.yml", packs, matcher_of, None).patterns
    site = Site(rules=(*load_packs(patterns.packs), *patterns.user_rules()))
    component = Component("web", ComponentKind.SERVICE, "small", INSTANCES[case])
    site.series.open_component(KEY, component)
    for _ in range(2):
        read(site, component, RUN, (folder / "run.log").read_bytes())
        read(site, component, RESTARTED, (folder / "run_restarted.log").read_bytes())
    lines = generate_latest(site.registry).decode().splitlines()
    return "".join(
        f"{line}\n"
        for line in lines
        if (words := line.removeprefix("# HELP ").removeprefix("# TYPE ")).startswith(FAMILIES)
        and not words.partition("{")[0].partition(" ")[0].endswith("_created")
    )


@pytest.mark.parametrize("case", sorted(INSTANCES))
def test_logs_give_exactly_these_metrics(case: str):
    """The counters, gauges, labels and help texts are those of the file, to the letter."""
    assert exposition(case) == (GOLDEN / case / "metrics.prom").read_text()


def test_every_folder_is_a_case():
    """No case is forgotten."""
    assert sorted(path.name for path in GOLDEN.iterdir()) == sorted(INSTANCES)


if __name__ == "__main__":
    for name in INSTANCES:
        (GOLDEN / name / "metrics.prom").write_text(exposition(name))
