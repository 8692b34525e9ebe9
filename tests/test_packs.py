"""The packs that ship: their own examples hold, and ordinary lines are no errors."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from event_counts import event_counts
from for_each import for_each
from ordinary_lines import ordinary_lines
from yaml_files import read_yaml

from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.matching.packs import OPT_IN, load_packs, pack_names
from exporter.model import Level, Rule

RULES = load_packs(["default"])
TESTDATA = Path(__file__).parent / "testdata"
ORDINARY = ordinary_lines()
FAILURES = [
    pytest.param(case["text"], case["rules"], id=f"{file.stem} {case['case']}")
    for file in sorted((TESTDATA / "error_lines").glob("*.yml"))
    for case in read_yaml(file)
]


@cache
def all_packs() -> Engine:
    return Engine(RULES, unwrap=Unwrapping())


def names_found(engine: Engine, lines: list[bytes]) -> Counter[str]:
    return Counter(engine.rules[match.rule].name for match in engine.scan(lines))


def test_default_is_all_packs_and_every_name_is_unique():
    """`default` holds the rules of every other pack once, but for those that are opt-in."""
    names = [name for name in pack_names() if name != "default" and name not in OPT_IN]
    singles = [rule for name in names for rule in load_packs([name])]
    assert list(RULES) == singles
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert load_packs(["default", "python", "default"]) == RULES


def test_pack_names_are_those_that_are_documented():
    """The packs are those of the documentation."""
    assert pack_names() == (
        "default", "canary", "dotnet", "elixir", "go", "http", "java", "mysql", "node", "php",
        "platform", "postgres", "python", "redis", "ruby", "rust", "system",
    )  # fmt: skip


def test_an_unknown_pack_is_refused_with_the_known_names():
    """A pack that does not exist is refused with the list of those that do."""
    with pytest.raises(ValueError, match=r"unknown pack 'perl'; there are default, canary, dotnet"):
        load_packs(["python", "perl"])


def test_no_pack_is_no_rule():
    """An empty list of packs gives no rules."""
    assert load_packs([]) == ()


@for_each((*RULES, *load_packs(OPT_IN)), ids=lambda rule: rule.name)
def test_the_examples_of_a_rule_hold(rule: Rule):
    """A shipped rule matches each of its examples, and none of its counter-examples."""
    engine = Engine([rule], unwrap=Unwrapping())
    assert engine.re2_only == ()
    for line in rule.tests.match:
        assert len(engine.scan([line.encode()])) == 1, line
    for line in rule.tests.no_match:
        assert engine.scan([line.encode()]) == [], line


def test_counter_examples_are_near_misses():
    """No rule's counter-examples are mere repetitions of its examples."""
    for rule in RULES:
        assert not set(rule.tests.match) & set(rule.tests.no_match)


def test_no_ordinary_line_is_an_error():
    """On thousands of ordinary lines no rule of level error or critical matches."""
    assert len(ORDINARY) >= 5000
    found = [
        (RULES[match.rule].name, ORDINARY[match.message])
        for match in all_packs().scan(ORDINARY)
        if RULES[match.rule].level in (Level.ERROR, Level.CRITICAL)
    ]
    assert found == []


def test_ordinary_lines_are_full_of_traps():
    """Rules that look for words and numbers alone would fire on them, hundreds of times each."""
    text = [line.decode() for line in ORDINARY]
    for word in ("error", "exception", "fatal", "timeout", "failed", "panic", "500", "503"):
        assert sum(word in line.lower() for line in text) >= 100, word


@for_each(FAILURES)
def test_what_failing_programs_print_is_found(text: str, counts: dict[str, int]):
    """Each failure counts by the rules that are about it, as often as it should, and no other."""
    assert event_counts(RULES, [line.encode() for line in text.splitlines()]) == counts


@pytest.mark.parametrize(
    "name", [name for name in pack_names() if name not in {"default", *OPT_IN}]
)
def test_a_pack_alone_finds_what_it_finds_among_all(name: str):
    """A pack chosen singly has the same rules, and they match the same lines."""
    pack = load_packs([name])
    lines = [line.encode() for rule in RULES for line in rule.tests.match]
    among_all = names_found(all_packs(), lines)
    alone = names_found(Engine(pack, unwrap=Unwrapping()), lines)
    assert alone == {rule.name: among_all[rule.name] for rule in pack}


PYTHON_TRACE = b"""\
Traceback (most recent call last):
  File "/app/shop/orders.py", line 12, in pay
    raise ValueError("no card")
ValueError: no card
"""
JAVA_TRACE = b"""\
Exception in thread "main" java.lang.IllegalStateException: boom
\tat com.acme.Orders.process(Orders.java:12)
\tat com.acme.Main.main(Main.java:3)
Caused by: java.io.IOException: broken
\tat com.acme.Orders.read(Orders.java:7)
\t... 1 more
"""
GO_TRACE = b"""\
panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.main()
\t/app/main.go:9 +0x1d
exit status 2
"""
NODE_TRACE = b"""\
/app/server.js:3
    return user.id;
                ^

TypeError: Cannot read properties of undefined (reading 'id')
    at handler (/app/server.js:3:17)
    at Object.<anonymous> (/app/server.js:7:1)
    at Module._compile (node:internal/modules/cjs/loader:1376:14)

Node.js v20.11.1
"""
RUBY_TRACE = b"""\
app.rb:3:in `pay': no card (ArgumentError)
\tfrom app.rb:7:in `<main>'
"""


@pytest.mark.parametrize(
    ("trace", "counts"),
    [
        (PYTHON_TRACE, {"python_exception": 1}),
        (JAVA_TRACE, {"java_exception": 1}),
        (GO_TRACE, {"go_panic": 1}),
        (NODE_TRACE, {"node_error": 1, "node_uncaught_exception": 1}),
        (RUBY_TRACE, {"ruby_exception": 1}),
    ],
    ids=["python", "java", "go", "node", "ruby"],
)
def test_a_stack_trace_counts_once(trace: bytes, counts: dict[str, int]):
    """A stack trace counts by its head or its last line; its frames count for nothing."""
    assert event_counts(RULES, trace.splitlines()) == counts
