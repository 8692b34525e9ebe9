"""What real loggers print at each level, held against what is read and counted.

``make recordings`` runs the loggers again, see ``recordings/record.py``.
"""

import re
from pathlib import Path

import pytest
from event_counts import event_counts
from for_each import for_each

from exporter.logs.unwrap import unwrap
from exporter.matching.packs import load_packs
from exporter.matching.severity import declared
from exporter.model import Severity

RECORDINGS = Path(__file__).parent / "testdata" / "recordings"
LEVELS = {
    b"one": {Severity.DEBUG, Severity.TRACE},
    b"two": {Severity.INFO},
    b"three": {Severity.WARNING},
    b"four": {Severity.ERROR},
    b"five": {Severity.CRITICAL},
}
ORDER = re.compile(rb"order (one|two|three|four|five)\b")
RULES = [rule for rule in load_packs(["system"]) if rule.name in ("system_error", "system_fatal")]

HARMLESS = {
    "node: npmlog": "writes info in small letters, without a sign",
    "node: consola_fancy": "writes a sign in the place of debug and info",
    "perl: mojo_short": "writes debug as syslog's 6, which is info",
}
"""Loggers of which lines at info and below declare nothing or the other one, and why."""

APART = {
    "java: jul_xml": "XML over several lines",
    "java: log4j1_xml": "XML over several lines",
    "erlang: default": "the level is in the line above",
    "python: opentelemetry_console": "JSON over several lines, with the level below",
}
"""Loggers that write the level in another line than the message: it counts there, and why."""


def recorded() -> dict[str, list[bytes]]:
    """Return what each logger printed, by language and name."""
    found: dict[str, list[bytes]] = {}
    for path in sorted(RECORDINGS.glob("*.txt")):
        _, *parts = re.split(rb"^=== (\w+)\n", path.read_bytes(), flags=re.MULTILINE)
        for name, text in zip(parts[::2], parts[1::2], strict=True):
            found[f"{path.stem}: {name.decode()}"] = text.rstrip(b"\n").split(b"\n")
    return found


RECORDED = recorded()


def test_there_is_a_recording_of_each_language():
    """An empty folder would pass everything."""
    languages = {name.partition(":")[0] for name in RECORDED}
    assert languages == {
        *("python", "node", "go", "ruby", "elixir", "php", "erlang", "perl", "java", "rust", "cpp")
    }
    assert sum(len(ORDER.findall(b"\n".join(lines))) for lines in RECORDED.values()) > 800


@pytest.mark.found(
    "Levels that LogTape, Dancer2, Log4perl, Transformers, spdlog, Log4j's list of JSON and its "
    "syslog layout print were not read, nor `ERROR` before a file such as `code.py:12`.",
    how="120 more loggers of eleven languages that were run",
)
@for_each(sorted(RECORDED.keys() - APART))
def test_each_line_declares_the_level_that_it_was_logged_at(name: str):
    """Each order was logged at a level of its own, whatever the logger makes of it."""
    before: list[bytes] = []
    for line in RECORDED[name]:
        message = unwrap(line)
        if (order := ORDER.search(line)) is not None:
            severity = declared(message, lambda: reversed(before))
            if name in HARMLESS and order[1] in (b"one", b"two"):
                assert severity in (None, Severity.DEBUG, Severity.INFO), line
            else:
                assert severity in LEVELS[order[1]], line
        before.append(message)


@for_each(RECORDED)
def test_errors_are_counted_and_nothing_else_is(name: str):
    """As many as were logged at error and critical, one each."""
    lines = RECORDED[name]
    wanted = {
        "system_error": sum(b"order four" in line for line in lines),
        "system_fatal": sum(b"order five" in line for line in lines),
    }
    counts = event_counts(RULES, lines)
    assert {rule: counts.get(rule, 0) for rule in wanted} == wanted
