"""What Hyperscan looks for: at least what RE2 finds, and little more."""

import pytest

from exporter.matching.prefilter.literals import Literal, literals_of
from exporter.matching.prefilter.proposal import propose
from exporter.matching.prefilter.syntax import parse
from exporter.matching.prefilter.trimming import trimmed


def words(regex: str) -> set[Literal] | None:
    found = literals_of(trimmed(parse(regex)))
    return None if found is None else set(found)


@pytest.mark.parametrize(
    ("regex", "expected"),
    [
        ("Traceback", {Literal(b"Traceback", False)}),
        (r"\bpanic: $", {Literal(b"panic: ", False)}),
        ("(?i)timeout", {Literal(b"timeout", True)}),
        ("[Tt]imeout", {Literal(b"timeout", True)}),
        ("[TX]imeout", {Literal(b"Timeout", False), Literal(b"Ximeout", False)}),
        ("time-?out", {Literal(b"timeout", False), Literal(b"time-out", False)}),
        ("a{4}", {Literal(b"aaaa", False)}),
        ("caf\u00e9", {Literal("caf\u00e9".encode(), False)}),
        ("(?i)disc", {Literal(b"disc", True), Literal("di\u017fc".encode(), True)}),
        ("lost|gone", {Literal(b"lost", False), Literal(b"gone", False)}),
        ("(?:lost|gone) away", {Literal(b"lost away", False), Literal(b"gone away", False)}),
        ("lost|g.ne", None),
        ("abc", None),
        ("lost \\d", None),
        ("(?:a|b)(?:a|b)(?:a|b)(?:a|b)(?:a|b)(?:a|b)(?:a|b)", None),
    ],
)
def test_a_regex_of_words_is_those_words(regex: str, expected: set[Literal] | None):
    """Where a regex asks for certain words alone, they are what is looked for, up to 64 of them."""
    assert words(regex) == expected


def test_only_the_branches_that_are_no_words_need_an_expression():
    """Of an alternation each branch is looked for in the cheapest way."""
    proposed = propose(r"out of memory|killed (?:by|with) signal|exit \d+")
    assert proposed is not None
    patterns = [expression.pattern for expression in proposed]
    assert len([pattern for pattern in patterns if pattern.endswith(r"\n)")]) == 1
    assert [pattern.replace("\\x20", " ") for pattern in patterns[:3]] == [
        "killed by signal",
        "killed with signal",
        "out of memory",
    ]


def test_a_regex_that_begins_with_a_word_keeps_it():
    """The word at the start is looked for, not only a shorter or more common one behind it."""
    proposed = propose(r"Can't connect to (?:local )?(?:server|.*host)")
    assert proposed is not None
    assert all("connect" in expression.pattern for expression in proposed)
