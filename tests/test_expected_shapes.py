"""Lines of failing and of ordinary programs, held against what a person expects of them.

The expectations were written down before the lines were tried: ``testdata/*expected_shapes.yml``.
"""

from pathlib import Path
from typing import Any

from event_counts import MILLISECOND, event_counts
from for_each import for_each
from test_events import heads
from yaml_files import read_yaml

from exporter.logs.platform_lines import end_reason
from exporter.logs.unwrap import unwrap
from exporter.matching.packs import load_packs
from exporter.matching.traces.events import OpenEvents
from exporter.model import ERRORS, LogLine

FILES = sorted(Path(__file__).with_name("testdata").glob("*expected_shapes.yml"))
SHAPES: dict[str, list[Any]] = {
    kind: [each for file in FILES for each in read_yaml(file)[kind]]
    for kind in ("quiet", "failures")
}
RULES = load_packs(["default"])
SEVERE = {rule.name for rule in RULES if rule.level in ERRORS}


def messages(text: str) -> list[bytes]:
    return text.encode().rstrip(b"\n").split(b"\n")


def counted(text: str) -> dict[str, int]:
    return event_counts(RULES, messages(text))


def events_of(text: str) -> int:
    lines = [
        LogLine(message, len(message) + 1, 10**18 + index * MILLISECOND, unwrap(message))
        for index, message in enumerate(messages(text))
    ]
    return len({id(event) for event in OpenEvents().take(lines, heads(lines), 0.0).values()})


@for_each(SHAPES["failures"], ids=lambda shape: shape["text"])
def test_a_failure_is_what_a_person_takes_it_for(shape: dict[str, Any]):
    """Its rules, how many events it is, and why the container ended."""
    text = shape["text"]
    counts = counted(text)
    assert {name: counts.get(name, 0) for name in shape.get("counts", {})} == shape.get(
        "counts", {}
    )
    if shape.get("errors"):
        assert any(name in SEVERE for name in counts)
    if "events" in shape:
        assert events_of(text) == shape["events"]
    if "reason" in shape:
        words = [unwrap(message) for message in messages(text)]
        assert end_reason(words, None) in shape["reason"]


@for_each(SHAPES["quiet"])
def test_ordinary_lines_count_for_no_rule_about_errors(line: str):
    """Lines that declare info or debug, as in public collections of logs, and counts of 0."""
    assert not SEVERE.intersection(counted(line))
