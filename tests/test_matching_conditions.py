"""Rules on fields: what holds, and that no line is missed before its fields are read."""

import json
import math

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from exporter.matching.conditions import Condition, plain_number, proposal
from exporter.matching.engine import Engine
from exporter.matching.fields import FieldReader
from exporter.matching.patterns import compile_pattern
from exporter.matching.prefilter.candidates import Candidates
from exporter.model import FieldCondition, Rule

ERRORS = FieldCondition("level", ("error", "fatal"))
DECLINED = FieldCondition("msg", ("declined",), "declined")


def matches(condition: FieldCondition, *messages: bytes) -> list[bool]:
    rule = Rule("r", fields=(condition,))
    found = {match.message for match in Engine([rule]).scan(messages)}
    return [index in found for index in range(len(messages))]


def test_a_list_holds_where_the_field_equals_one_of_it():
    """Equal is the whole text, with its case."""
    lines = (
        b'{"level":"error"}',
        b'{"level":"fatal"}',
        b"level=fatal",
        b'{"level":"errors"}',
        b'{"level":"ERROR"}',
        b'{"lvl":"error"}',
        b"error",
        b'{"level":"err\\u006fr"}',
    )
    assert matches(ERRORS, *lines) == [True, True, True, False, False, False, False, True]


@pytest.mark.parametrize(
    ("wanted", "holds", "fails"),
    [
        (500, [b"500", b"500.0", b"5e2", b'"500"', b'"5e2"', b"499.99999999999999999999"],
         [b"50", b"5000", b'"500ms"', b"true", b"null", b"[500]"]),
        (1, [b"1", b"1.0", b'"1"', b"0.1e1"], [b"true", b'"true"', b"11"]),
        (0, [b"0", b"-0", b"0.0", b'"0"', b"0e5"], [b"false", b'""']),
        (-1.5, [b"-1.5", b"-15e-1", b'"-1.50"'], [b"1.5"]),
        (True, [b"true", b'"true"'], [b"1", b'"True"', b"false"]),
        (False, [b"false"], [b"0", b"null"]),
        ("500", [b"500", b'"500"', b'"5\\u00300"'], [b"500.0", b'"5000"']),
        ("0", [b"0", b"-0"], [b"0.0"]),
        ("1.5", [b"1.5", b"1.50", b"15e-1"], [b'"1.50"']),
        ("Infinity", [b"1e999", b"Infinity"], [b"-Infinity"]),
        ("true", [b"true", b'"true"'], [b'"TRUE"']),
        ("", [b'""'], [b"0", b"null"]),
        ("a/b", [b'"a/b"', b'"a\\/b"'], [b'"a"']),
        ("a\N{REPLACEMENT CHARACTER}", [b'"a\xff"', b'"a\\ufffd"'], [b'"a"']),
    ],
)  # fmt: skip
def test_numbers_and_booleans_are_compared_by_value(wanted, holds, fails):
    """However a number is written, and as its text in logfmt; never with a boolean."""
    condition = FieldCondition("x.v", (wanted,))
    lines = [b'{"x": {"v" : ' + value + b"}}" for value in (*holds, *fails)]
    assert matches(condition, *lines) == [True] * len(holds) + [False] * len(fails)


@pytest.mark.parametrize(
    ("wanted", "holds", "fails"),
    [
        ("declined", [b'"declined"', b'"payment declined: 51"', b'"declin\\u0065d"'], [b'"fine"']),
        ("^5..$", [b"500", b'"503"'], [b"5000", b"50", b'"x500"']),
        ("^1500.0$", [b"1.5e3", b"1500.0"], [b"1500"]),
        ("a+b", [b'"a+b"', b'"aab"'], [b'"a"']),
        ("(?i)timed? ?out|^late$", [b'"Timeout"', b'"late"'], [b'"too late"']),
        ("^$", [b'""'], [b'"x"', b"null"]),
        (r"\bx\b", [b'"x"', b'"a x"'], [b'"ax"']),
        ("a\nb", [b'"a\\nb"'], [b'"a b"']),
        (r"\x{FFFD}", [b'"\xff"'], [b'"a"']),
        ("[$^]", [b'"$"', b'"^"'], [b'"a"']),
        ("", [b'""', b"0", b'"x"'], [b"null", b"{}"]),
    ],
)  # fmt: skip
def test_a_single_text_is_equal_or_found_as_a_regex(wanted, holds, fails):
    """The regex is searched in the field's text, whose ends are the field's own."""
    condition = FieldCondition("v", (wanted,), wanted)
    lines = [b'{"v":' + value + b',"w":1}' for value in (*holds, *fails)]
    assert matches(condition, *lines) == [True] * len(holds) + [False] * len(fails)


def test_every_condition_must_hold_and_the_exclusion_must_not():
    """Conditions are joined by 'and'; the exclusion is searched in the whole message."""
    rule = Rule("r", fields=(ERRORS, DECLINED), exclude_regex='"card":"test')
    lines = (
        b'{"level":"error","msg":"declined","card":"real"}',
        b'{"level":"error","msg":"declined","card":"test-1"}',
        b'{"level":"info","msg":"declined"}',
        b'{"level":"error","msg":"approved"}',
    )
    assert [match.message for match in Engine([rule]).scan(lines)] == [0]


def test_lines_that_cannot_match_are_not_read():
    """What is proposed asks for the most telling text, or for the key where no text is sure."""
    assert proposal([ERRORS]) == r"""level[\s"':=]*error|level[\s"':=]*fatal|\\"""
    chosen = proposal([ERRORS, DECLINED])
    assert chosen is not None
    search = compile_pattern(chosen).search
    assert search(b'{"msg":"card declined"}') and not search(b'{"level":"error","msg":"ok"}')
    keyed = proposal([FieldCondition("a.b", (0,)), FieldCondition("c", (".*",), ".*")])
    assert keyed is not None
    assert not compile_pattern(keyed).search(b'{"level":"error","msg":"ok"}')


def test_rules_on_fields_are_proposed_by_hyperscan():
    """None of the usual conditions sends every line to be read."""
    rules = [
        Rule(name, fields=(condition,))
        for name, condition in {
            "list": ERRORS,
            "text": DECLINED,
            "status": FieldCondition("http.status", ("^5..$",), "^5..$"),
            "number": FieldCondition("level", (50, 60)),
            "any": FieldCondition("error", ("",), ""),
        }.items()
    ]
    assert Engine(rules).re2_only == ()


KEYS = st.sampled_from(["a", "level", "a.b", "x-y", "\N{GREEK SMALL LETTER ALPHA}", "k/", "b"])
TEXTS = st.one_of(
    st.sampled_from(["error", "5", "-0", "1.5", "a/b", 'q"', "true", "NaN", "1000.0", "\n", ""]),
    st.text(max_size=4),
)
NUMBERS = st.one_of(
    st.integers(-20, 20),
    st.sampled_from([500, 0.1, 1e16, 2**53, 2**64, 10**25, 5e-324, 1e308, 0.0, 99999999]),
    st.floats(allow_nan=False, allow_infinity=False),
)
FOUND = st.sampled_from(
    [
        ("^5..$", 500), ("^5..$", "5xx"), ("a|^b$", "b"), ("(?i)ERR", "error"), (r"^\w+$", "a"),
        ("[^a]", "\xe9"), (r"\bx", "x"), ("[]^$]", "^"), ("^a|b", "a"),
        (r"\Q^a\E", "^a"), (r"\.0$", 1000.0), (r"^1000\.0", 1000.0), (r"\x{e9}", "\xe9"),
        (r"e\+16", 1e16), ("^-", -5), (r"\x{FFFD}", "x"), ("(?:^|x)y", "y"), ("1(?:.)0", 120),
        (r"\Ax\z", "x"), ("a.b", "a/b"), ("(?s)a.b", "a\nb"), ("^5$|^6$", 6), ("true", True),
        ("(?i)straSSe|kilo", "\N{KELVIN SIGN}ilo"), ("a$", "a"), ("^0$", -0.0), ("inf", "inf"),
        ("^Inf", float("inf")), ("a+b", "a+b"), ("[[:^alpha:]$]x", "$x"), (r"[\]$]x", "]x"),
    ]
)  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> tuple[FieldCondition, bytes]:
    """A condition, and a message that probably meets it."""
    path = ".".join(draw(st.lists(KEYS, min_size=1, max_size=2)))
    if draw(st.booleans()):
        regex, value = draw(FOUND)
        return FieldCondition(path, (regex,), regex), draw(messages(path, value))
    wanted = draw(st.one_of(TEXTS, NUMBERS, st.booleans()))
    if isinstance(wanted, str) and plain_number(wanted) is not None:
        value = draw(st.sampled_from([wanted, float(wanted)]))
    else:
        value = wanted
    others = draw(st.lists(st.one_of(TEXTS, NUMBERS), max_size=1))
    return FieldCondition(path, (*others, wanted)), draw(messages(path, value))


@st.composite
def messages(draw: st.DrawFn, path: str, value: str | float) -> bytes:
    """A message with a field, in one of the many ways to write it."""
    form = json.dumps(value, ensure_ascii=draw(st.booleans()))
    if not isinstance(value, str | bool):
        forms = [form, f'"{form}"']
        if math.isfinite(value):
            forms.append(f"{value:.25e}")
        if isinstance(value, int) and 0 < value < 1e15:
            forms.append(f"{value - 1}.{'9' * 30}")
        form = draw(st.sampled_from(forms))
    elif isinstance(value, str) and draw(st.booleans()):
        form = '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 65536 else c for c in value) + '"'
    if draw(st.booleans()):
        plain = json.loads(form) if form.startswith('"') and draw(st.booleans()) else form
        text = f"{draw(st.sampled_from(['', 'x ']))}{path}={plain}{draw(st.sampled_from(' ,'))}"
    else:
        space = draw(st.sampled_from(["", " "]))
        for key in reversed(path.split(".") if draw(st.booleans()) else [path]):
            form = f"{{{json.dumps(key, ensure_ascii=draw(st.booleans()))}{space}:{space}{form}}}"
        text = form
    data = text.encode("utf-8", "surrogatepass")
    return data.replace(b"x", b"\xff") if draw(st.booleans()) else data


@settings(max_examples=300)
@given(cases())
def test_what_is_proposed_misses_no_message(case):
    """The proposal is found in each message whose fields meet the condition."""
    condition, message = case
    if not Condition(condition).holds(FieldReader().read(message.replace(b"\n", b" "))):
        event("does not hold")
        return
    event("holds")
    candidates = Candidates([proposal([condition])])
    line = message.replace(b"\n", b" ") + b"\n"
    assert candidates.missing or candidates.find(line, frozenset({0}))[0]


@given(st.lists(cases(), min_size=1, max_size=4))
def test_the_engine_finds_what_the_conditions_say(chosen):
    """Rules on fields give the same over a block of lines as each over each line."""
    rules = [Rule(f"r{index}", fields=(case[0],)) for index, case in enumerate(chosen)]
    engine = Engine(rules)
    lines = [case[1].replace(b"\n", b" ") for case in chosen]
    found = [(match.message, match.rule) for match in engine.scan(lines)]
    assert found == [
        (index, rule)
        for index, line in enumerate(lines)
        for rule, decision in enumerate(engine.decisions)
        if decision.matches(line)
    ]
