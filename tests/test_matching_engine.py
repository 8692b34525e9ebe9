"""The engine finds in any text just what RE2 alone finds in each message."""

import re
import threading
import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.logs.lines import message_of, parse_line
from exporter.matching import engine as engine_module
from exporter.matching.engine import Engine, LineMatch, Match
from exporter.matching.patterns import compile_pattern
from exporter.model import Rule

PREFIX = b"web 2026-11-01T00:00:00.123456789Z "


def rules_of(*regexes: str) -> list[Rule]:
    return [Rule(f"r{index}", regex) for index, regex in enumerate(regexes)]


def plain_scan(rules: list[Rule], messages: list[bytes]) -> list[Match]:
    """What the engine has to find, by definition."""
    found = []
    for index, message in enumerate(messages):
        for number, rule in enumerate(rules):
            if compile_pattern(rule.regex).search(message) is None:
                continue
            exclude = rule.exclude_regex
            if exclude is not None and compile_pattern(exclude).search(message) is not None:
                continue
            found.append(Match(number, index))
    return found


# --- random rules and messages -------------------------------------------------------------------

ATOMS = st.sampled_from(
    [
        *("a", "b", "k", "s", "S", "é", "\u017f", "\u212a", "ß", " ", "-", "error", "K"),
        *(".", r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", r"\C", r"\pL", r"\PL", r"\p{Greek}"),
        *("[a-c]", "[^a]", "[^k]", "[éa]", "[a-é]", "[]a]", "[^]a]", "[a-]", r"[^\W]", r"[\D]"),
        *("[[:alpha:]]", "[^[:space:]]", "[[:^word:]]", r"[\n]", r"[^\x00-\x7f]", r"[\pL_]"),
        *(r"\x61", r"\x{e9}", r"\141", r"\.", r"\n", r"\r", r"\x00", r"\_", r"\v", r"\Qa.b\E"),
        *("(?i)task", "(?:lost|gone) away", "time-?out", "err[oO]r$", "^error", r"\berror\b"),
        *("^", "$", r"\b", r"\B", r"\A", r"\z", "(?i)", "(?s)", "(?m)", "(?-i)", "(?U)", ""),
    ]
)
QUANTIFIERS = st.sampled_from(
    ["*", "+", "?", "{2}", "{1,3}", "{0,2}", "{2,}", "*?", "{,2}", "{90}"]
)
OPENINGS = st.sampled_from(["(?:", "(", "(?i:", "(?P<x>", "(?s-i:", "(?im:"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, min_size=2, max_size=4).map("".join),
        st.tuples(inner, inner).map("|".join),
        st.tuples(OPENINGS, inner).map(lambda parts: "".join((*parts, ")"))),
        st.tuples(inner, QUANTIFIERS).map(lambda parts: f"(?:{parts[0]}){parts[1]}"),
    )


def compiles(regex: str) -> bool:
    try:
        compile_pattern(regex)
    except ValueError:
        return False
    return True


REGEXES = st.recursive(ATOMS, grown, max_leaves=8).filter(compiles)
RULES = st.lists(
    st.builds(
        Rule,
        name=st.just("r"),
        regex=REGEXES,
        exclude_regex=st.one_of(st.none(), st.none(), REGEXES),
    ),
    max_size=5,
)
PIECES = st.sampled_from(
    [
        *(b"a", b"b", b"A", b"k", b"K", b"s", b"S", b" ", b"1", b"_", b".", b"-", b"error"),
        *(b"lost away", b"timeout", b"time-out", "TA\u017f\u212a".encode()),
        *(character.encode() for character in "éÉ\u017fßẞΩ\u212a"),
        *(b"\xff", b"\xc3", b"\x80", b"\r", b"\x00", b"\t", b"\x0b", b"{,2}", b"a.b", b"a" * 300),
    ]
)
LINES = st.lists(st.lists(PIECES, max_size=12).map(b"".join), max_size=20)


@settings(max_examples=200, deadline=None)
@given(RULES, LINES)
def test_scan_is_re2_alone_on_every_message(rules: list[Rule], messages: list[bytes]):
    """On random rules and messages the engine finds what RE2 finds, no more and no less."""
    assert Engine(rules).scan(messages) == plain_scan(rules, messages)


@settings(max_examples=100, deadline=None)
@given(RULES, LINES, st.integers(0, 2), st.sampled_from([1, 60, 400]), st.booleans())
def test_scan_text_searches_the_message_behind_any_prefix(
    rules: list[Rule], messages: list[bytes], form: int, block: int, ended: bool
):
    """Prefixes, blocks of any size and a missing last newline change nothing."""
    prefixes = (b"", b"0 ", PREFIX)
    prefix = prefixes[form]
    text = b"\n".join(prefix + message for message in messages)
    text += b"\n" if messages and (ended or not messages[-1]) else b""
    starts, at = {}, 0
    for index, message in enumerate(messages):
        starts[at] = index
        at += len(prefix) + len(message) + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_module, "_BLOCK_BYTES", block)
        found = list(Engine(rules).scan_text(text, None, lambda line: line[len(prefix) :]))
    assert [Match(one.rule, starts[one.start]) for one in found] == plain_scan(rules, messages)
    ends = {start: start + len(prefix) + len(messages[index]) for start, index in starts.items()}
    assert all(one.end == ends[one.start] for one in found)


@settings(max_examples=100, deadline=None)
@given(RULES, LINES, st.data())
def test_match_and_run_see_the_same_messages(
    rules: list[Rule], messages: list[bytes], data: st.DataObject
):
    """On lines as they are served, whatever ends them, the messages are those that are polled."""
    forms = [b"%b", PREFIX + b"%b", PREFIX.rstrip() + b"%b", b"web 2026-13-01T00:00:00Z %b"]
    lines = [data.draw(st.sampled_from(forms)) % message for message in messages]
    lines = [line + data.draw(st.sampled_from([b"", b"\r"])) for line in lines]
    text = b"".join(line + b"\n" for line in lines)
    engine = Engine(rules)
    found = [
        Match(one.rule, text.count(b"\n", 0, one.start))
        for one in engine.scan_text(text, message_of=message_of)
    ]
    assert found == plain_scan(rules, [parse_line(line).message for line in lines])
    assert engine.scan(lines, message_of=message_of) == found


@settings(max_examples=100, deadline=None)
@given(RULES, st.lists(st.lists(PIECES | st.just(b"\n"), max_size=8).map(b"".join), max_size=8))
def test_messages_may_hold_newlines(rules: list[Rule], messages: list[bytes]):
    """A message with a newline is one message, searched whole."""
    assert Engine(rules).scan(messages) == plain_scan(rules, messages)


# --- single points -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("regex", "message", "found"),
    [
        ("(?i)task", "TA\u017f\u212a".encode(), True),
        ("(?i)[k]", "\u212a".encode(), True),
        ("(?i)[^k]", "\u212a".encode(), False),
        (r"(?i)\w", "\u017f".encode(), True),
        ("a.b", "aéb".encode(), True),
        ("a.b", b"a\xffb", False),
        ("a..b", "aéb".encode(), False),
        ("a[^x]b", "a😀b".encode(), True),
        ("^$", b"", True),
        ("^$", b"\r", False),
        ("x$", b"x\r", False),
        (r"a\x00b", b"a\x00b", True),
        (r"\bk", "ék".encode(), True),
        ("a$", b"a\nb", False),
        ("(?m)a$", b"a\nb", True),
        ("a.b", b"a\nb", False),
        ("(?s)a.b", b"a\nb", True),
        (r"\Ab", b"a\nb", False),
        ("", b"", True),
    ],
)
def test_what_re2_says_of_bytes_holds(regex: str, message: bytes, found: bool):
    """Case variants, bytes that are no UTF-8, line ends and empty matches are RE2's."""
    others = [b"zz", b"zzz"]
    wanted = [Match(0, 1)] if found else []
    assert [one for one in Engine(rules_of(regex)).scan([b"q", message]) if one.message] == wanted
    assert Engine(rules_of("never")).scan([*others, message]) == []


@pytest.mark.found(
    "A regex that repeats what stands before a group of flags missed lines.",
    how="make fuzz TARGET=rules: the input (=)(?)?",
)
@pytest.mark.parametrize("flags", ["(?i)", "(?)", "(?-i)", "(?s-i)"])
@pytest.mark.parametrize("quantifier", ["*", "?", "{0,2}", "*?"])
def test_a_quantifier_behind_flags_repeats_what_stands_before_them(flags: str, quantifier: str):
    """RE2 reads x(?i)* as x*, so a line without an x matches."""
    regex = f"failed: x{flags}{quantifier}no card"
    messages = [b"failed: no card", b"failed: xno card", b"fine"]
    found = Engine(rules_of(regex)).scan(messages)
    assert [match.message for match in found] == [0, 1]


@pytest.mark.found(
    "A match at the very end of a text without a newline was missed.",
    how="a property that holds the scan against RE2 line by line",
)
def test_a_match_at_the_very_end_of_a_text_without_newline_is_found():
    """Among these rules Hyperscan misses a match that `$` ends at the end of the data."""
    engine = Engine(rules_of("ß", "(?i:(?-i:é)|error)", "[]a]"))
    for length in range(60):
        line = b"-" * length + "ß".encode()
        assert list(engine.scan_text(line)) == [LineMatch(0, 0, length + 2)]


def test_no_rules_and_no_messages_find_nothing():
    """Nothing in, nothing out."""
    assert Engine([]).scan([b"error"]) == []
    assert Engine(rules_of("error", ".*")).scan([]) == []
    assert list(Engine(rules_of("error", ".*")).scan_text(b"")) == []


def test_a_message_counts_once_per_rule():
    """Ten errors in a message are one match of each of two rules."""
    engine = Engine(rules_of("error", "er+or"))
    assert engine.scan([b"error " * 10]) == [Match(0, 0), Match(1, 0)]


def test_exclude_regex_takes_a_message_out():
    """A message in which exclude_regex is found does not count; others do."""
    engine = Engine([Rule("declined", "declined", exclude_regex="test card")])
    assert engine.scan([b"declined: test card", b"declined"]) == [Match(0, 1)]


def test_only_enabled_rules_are_found():
    """Rules that are not enabled find nothing, whether Hyperscan proposes for them or not."""
    engine = Engine(rules_of("a", ".*", "a+", ""))
    assert engine.scan([b"a"], enabled=frozenset({1, 2})) == [Match(1, 0), Match(2, 0)]
    assert engine.scan([b"a"], enabled=()) == []


def test_a_rule_is_not_searched_in_the_prefix():
    """What stands in the platform's prefix is no part of the message, for anchors either."""
    engine = Engine(rules_of("error", "^error", r"^\d"))
    text = b"error-worker 2026-11-01T00:00:00Z fine\nerror-worker 2026-11-01T00:00:00Z error 1\n"
    length = len(b"error-worker 2026-11-01T00:00:00Z ")
    found = list(engine.scan_text(text, message_of=lambda line: line[length:]))
    assert found == [LineMatch(0, 39, 80), LineMatch(1, 39, 80)]


def test_an_empty_message_is_found_without_a_space_before_it():
    """The platform's prefix may end a line; what is found in nothing is found there."""
    text = PREFIX + b"\n" + PREFIX.rstrip() + b"\nweb\r\n" + PREFIX + b"\r\n"
    found = Engine(rules_of("^$", "^(?:$|x)", "web$")).scan_text(text, message_of=message_of)
    assert [(one.rule, text.count(b"\n", 0, one.start)) for one in found] == [
        *((0, 0), (1, 0), (0, 1), (1, 1), (2, 2), (0, 3), (1, 3)),
    ]


def test_rules_that_hyperscan_cannot_propose_for_are_named():
    """What matches everywhere or needs a newline runs by RE2 alone, and says so."""
    engine = Engine(rules_of("error", ".*", r"a\nb", r"(?:error|)", r"\Qa.b\E", "(?i)task"))
    assert [rule.regex for rule in engine.re2_only] == [".*", r"a\nb", "(?:error|)"]


def test_a_bad_regex_names_its_rule():
    """A rule that RE2 refuses is refused by name and reason."""
    with pytest.raises(ValueError, match=r"rule broken: missing \): \(a"):
        Engine([Rule("fine", "a"), Rule("broken", "x", exclude_regex="(a")])


def test_a_pattern_that_matches_at_every_byte_is_reported_once_a_line():
    """`\\w` and its like cost one report a line, not one a byte."""
    engine = Engine(rules_of(r"\w", r"\w+$", "a", "[^x]"))
    block = (b"a" * 1000 + b"\n") * 100
    reports, _ = engine._candidates.find(block, frozenset(range(4)))
    assert {index: len(places) for index, places in reports.items()} == dict.fromkeys(range(4), 100)


EVIL = [
    *("(a+)+$", "(a|aa)+$", "(a|a)*x", "(a*)*b", "(.*a){20}", "(.*a){20}x", ".*.*.*.*=.*x"),
    *("a{0,60}a{60}x", "(a?){50}a{50}x", "(?:a{1,30}){1,30}x", "a.{900}b", "[ab]*a[ab]{18}x"),
    *(
        "aaaa",
        "a|aa|aaa|aaaa|aaaaa",
        "(?:aaaa|aaab|a+)+",
        "a",
        "[^b]",
        r"\w+",
        r"(\w+\s?)*$",
        "^a+b",
    ),
]


@pytest.mark.parametrize("regex", EVIL)
def test_a_line_is_no_more_than_one_candidate_of_a_rule(regex: str):
    """However often and however long a regex is found in a line, RE2 is asked once for it."""
    engine = Engine(rules_of(regex))
    text = (b"a" * 20_000 + b"\n" + b"ab" * 10_000 + b"\n") * 3
    candidates, _ = engine._candidates.find(text, None)
    assert len(candidates) == len(set(candidates)) <= 6


@pytest.mark.parametrize("regex", EVIL)
@pytest.mark.parametrize("unit", [b"a", b"ab", b"=a"])
def test_a_scan_takes_linear_time(regex: str, unit: bytes):
    """Four times the line takes about four times the time, never the sixteen of a square.

    A megabyte would take the square of it hours.
    """
    engine = Engine(rules_of(regex))

    def seconds(size: int) -> float:
        line = unit * (size // len(unit)) + b"!"
        engine.scan([line[:100]])
        started = time.thread_time()
        engine.scan([line])
        return time.thread_time() - started

    quarter, whole = min(seconds(250_000) for _ in range(3)), seconds(1_000_000)
    assert whole < 12 * quarter + 0.1


@pytest.mark.parametrize(
    "regex", ["a?" * 3000 + "b", "a" * 5000, "|".join(["ab.c"] * 500), "(?:a|b)" * 400, "x.?" * 300]
)
def test_a_long_regex_is_a_regex_as_any_other(regex: str):
    """What RE2 takes the engine takes, however long it is."""
    message = b"ab" + b"a" * 5000 + b"xabzc"
    assert Engine(rules_of(regex)).scan([message]) == plain_scan(rules_of(regex), [message])


def test_threads_share_an_engine():
    """Several threads scan with one engine at a time and each finds its own."""
    engine = Engine(rules_of("error [0-9]+", r"\bpanic\b"))
    messages = [b"fine", b"error 12", b"x" * 5000, b"a panic"] * 500
    expected = engine.scan(messages)
    assert len(expected) == 1000
    results: list[list[Match]] = []

    def work() -> None:
        results.extend(engine.scan(messages) for _ in range(5))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 20


@pytest.mark.found(
    "Rules such as `\\\\{.*\\\\}$` missed lines that Hyperscan did not propose.",
    how="Hyperscan held against RE2",
)
@given(tail=st.text("x }a)bc0", max_size=60), end=st.sampled_from(["}", " }", ")", "c", "0", "x"]))
@pytest.mark.parametrize("regex", [r"Os \{.*[})]$", r"Os.*c$", r"\{[^0]*\d$", r"Os.*(?:\}|a)$"])
def test_the_end_of_a_line_behind_anything_is_found(regex: str, tail: str, end: str):
    """Hyperscan itself misses some of these where it is asked for the line's end."""
    message = f"Error: Os {{{tail}{end}".encode()
    engine = _engine(regex)
    assert bool(engine.scan([message])) is (re.search(regex.encode(), message) is not None)


@cache
def _engine(regex: str) -> Engine:
    return Engine([Rule("a", regex)])
