"""docs/rules.md: what it shows is accepted, and gives the series that it says."""

import re
from pathlib import Path

import yaml

from exporter.config.document import parse_document
from exporter.config.load import check_document
from exporter.counting.ledger import Ledger
from exporter.counting.rule_metrics import Found, RuleMetrics
from exporter.matching.decision import matcher_of
from exporter.matching.engine import Engine
from exporter.matching.quantities import quantity
from exporter.model import ComponentKey, LogLine, Rule
from exporter.state.memory import MemoryState
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.table import MetricTable
from exporter.web.exposition import Exposition

PAGE = (Path(__file__).parent.parent / "docs" / "rules.md").read_text(encoding="utf-8")
WEB = ComponentKey("shop", "web")


def rules_of(block: str) -> tuple[Rule, ...]:
    """The rules of a YAML block: a file, or a list of rules."""
    text = block
    if isinstance(yaml.safe_load(block), list):
        text = "patterns:\n  rules:\n" + "".join(f"    {line}\n" for line in block.splitlines())
    config = check_document(parse_document("rules.md", text), {}, matcher_of, None)
    return config.patterns.user_rules()


def exposition(rules: tuple[Rule, ...]) -> str:
    """What a scrape shows once each rule has read the lines that it must match."""
    registry = MetricTable()
    metrics, engine = Metrics(registry), Engine(rules)
    ledger = Ledger(metrics, MemoryState(lambda: 0.0), lambda: 0.0)
    rule_metrics = RuleMetrics(metrics, ledger, engine)
    rule_metrics.publish()
    rule_metrics.open(WEB)
    for index, rule in enumerate(rules):
        lines = [LogLine(b"", 1, None, text.encode()) for text in rule.tests.match]
        rule_metrics.count(WEB, [Found(index, line) for line in lines])
    answer = Exposition(lambda: [registry]).answer("", "")
    return answer.body.decode()


def test_every_example_is_accepted_and_gives_its_series():
    """Its own lines, which loading tries, lead to the series below it; amounts aside."""
    blocks = re.findall(r"```(yaml|text)\n(.*?)```", PAGE, re.DOTALL)
    assert [kind for kind, _ in blocks] == ["yaml"] * 2 + ["yaml", "text"] * 3 + ["yaml"]
    page = ""
    for kind, block in blocks:
        if kind == "yaml":
            rules = rules_of(block)
            assert all(rule.tests.match and rule.tests.no_match for rule in rules)
            page = exposition(rules)
            continue
        shown = [line for line in block.splitlines() if line != "…"]
        for line in shown:
            series, value = line.split()
            counted = "1.0" if series.startswith("shop_payments") else value
            assert f"{series} {counted}\n" in page


def test_every_unit_of_the_page_is_read():
    """Numbers of the table of units are what it says."""
    rows = re.findall(r"^\| (`.*?) \| ([\d., ]+) \|$", PAGE, re.MULTILINE)
    told = {
        text: number
        for cell, numbers in rows
        for text, number in zip(
            re.findall("`([^`]+)`", cell), [float(n) for n in numbers.split(", ")], strict=True
        )
    }
    assert set(told) == {"1m30.5s", "42%", "1,234", "1,234,567.5"}
    assert {text: quantity(text) for text in told} == told
    base = r"^\| (`.*?) \| (?:seconds|bytes|as they are.*) \|$"
    for cell in re.findall(base, PAGE, re.MULTILINE):
        assert None not in map(quantity, re.findall("`([^`]+)`", cell))
