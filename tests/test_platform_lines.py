"""The platform's own lines: recognized in every wording, with what each says of an end."""

from functools import cache
from pathlib import Path

import pytest
from yaml_files import read_yaml

from exporter.logs.platform_lines import (
    TYPICAL_EXIT_CODES,
    ExitForm,
    ExitLine,
    end_reason,
    exit_line,
    exit_lines,
)
from exporter.matching.engine import Engine
from exporter.matching.packs import load_packs
from exporter.model import RestartReason as Reason

LINES = read_yaml(Path(__file__).parent / "testdata/platform_lines.yml")
PREFIXES = (b"", b"web 2026-11-01T00:00:52.123456789Z ", b"web 2026-11-01T00:00:52Z ")


@cache
def pack() -> Engine:
    return Engine(load_packs(["platform"]))


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["line"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_wording_is_recognized(case: dict, prefix: bytes):
    """Exit code and reason follow from the line, whatever prefix stands before it."""
    raw = prefix + case["line"].encode()
    found = exit_line(raw)
    assert (found.code if found else None) == case.get("code")
    assert end_reason([case["line"].encode()], case.get("code")) == case["reason"]


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["line"])
def test_every_wording_counts_by_its_rule(case: dict):
    """The pack `platform` has one rule for each kind of line, health checks by their probe."""
    found = pack().scan([case["line"].encode()])
    assert [pack().rules[match.rule].name for match in found] == case["rules"]


@pytest.mark.parametrize(
    "text",
    [
        "the component web exited with code: 137 yesterday",
        "component web exited with code: 137 and more",
        "component exited",
        "child process exited with code: 3",
        "INFO component web exited with code: none",
    ],
)
def test_a_program_that_says_similar_words_reports_no_exit(text: str):
    """Only a whole line in the platform's wording is an exit."""
    assert exit_line(text.encode()) is None
    assert exit_lines([b"a", text.encode()]) == []


def test_exits_are_found_among_other_lines():
    """Each exit is found with its position."""
    raws = [b"a", b"ERROR component web exited with code: 3", b"", b"b"]
    assert exit_lines(raws) == [(1, ExitLine(3, ExitForm.EXITED))]
    assert exit_lines([]) == []


def test_exits_have_their_own_positions_whatever_stands_between_and_within_lines():
    """Two in a row, the first and the last line, both wordings, one that says it twice."""
    other = b"component terminated with non-zero exit code: 7"
    raws = [
        b"component web exited with code: 1",
        b"component web exited with code: 2",
        b"it said: component web exited with code: 3, exited with code: 4",
        b"",
        other,
        b"x" * 9,
        b"component web exited with code: 5",
    ]
    assert [(at, line.code) for at, line in exit_lines(raws)] == [(0, 1), (1, 2), (4, 7), (6, 5)]


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        ([b"panic: runtime error: index out of range"], 2, Reason.PANIC),
        ([b"panic: x", b"ERROR component web exited with code: 137"], 137, Reason.PANIC),
        ([b"Traceback (most recent call last):", b"ValueError: no"], 1, Reason.EXCEPTION),
        ([b"listening on 8080"], 137, Reason.OUT_OF_MEMORY),
        ([b"listening on 8080"], 143, Reason.SIGNAL),
        ([b"listening on 8080"], 7, Reason.EXIT),
        ([b"listening on 8080"], None, Reason.UNKNOWN),
        ([], 127, Reason.MISSING_MODULE),
    ],
)
def test_words_come_before_the_code(words: list[bytes], code: int | None, reason: Reason):
    """The reason follows from the program's words, and from the code where those say nothing."""
    assert end_reason(words, code) == reason


@pytest.mark.found(
    "A container whose program said within a line that something `failed to launch: ` counted with "
    "the reason `configuration`.",
    how="the mutants of the platform's lines: without their own search for the launcher's words "
    "nothing changed",
)
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (b"failed to launch: profile scripts: took too long", Reason.CONFIGURATION),
        (b"ERROR failed to launch: profile scripts: took too long", Reason.CONFIGURATION),
        (b" [ERROR] failed to launch: profile scripts: took too long", Reason.CONFIGURATION),
        (b"the browser failed to launch: no fonts", Reason.EXIT),
    ],
)
def test_the_launchers_words_begin_its_line(words: bytes, reason: Reason):
    """What it cannot start is a configuration that is wrong; others fail to launch things too."""
    assert end_reason([words], 7) == reason


def test_the_exits_that_happen_most_have_series_before_the_first_of_them():
    """So a rate sees it: a plain error, and each code that says why by itself."""
    assert sorted(TYPICAL_EXIT_CODES) == [1, 126, 127, 134, 137, 139, 143, 190]
