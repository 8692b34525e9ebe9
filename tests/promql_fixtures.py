"""What a PromQL expression names, by regular expressions: promtool tells only whether it parses."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from waiting import LIMIT_SECONDS

from exporter.telemetry.program_metrics import all_declarations

ROOT = Path(__file__).parent.parent
TARGET_LABELS = {"job", "instance", "account"}
ALERT_LABELS = {"alertname", "alertstate", "severity"}
DECLARED = {metric.name: metric for metric in all_declarations()}

_METRIC = re.compile(r"(?<![\w:])(?:digitalocean_app|process|python|scrape)_\w+")
_SELECTOR = re.compile(r"((?:digitalocean_app|process|python|scrape)_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
_GROWN = re.compile(
    r"(max by \([\w, ]+\) \([\w:]+\{[^}]*\})\) - \(\1 offset [$\w]+\) or 0 \* \1\)\)"
)
_MODIFIER = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


def metrics_of(expr: str) -> set[str]:
    """The full names of the metrics; names of recording rules are no metrics."""
    return set(_METRIC.findall(expr))


def selectors_of(expr: str) -> list[tuple[str, str]]:
    """Each metric with the text between its braces, in order."""
    return [
        (name, matchers) for name, matchers in _SELECTOR.findall(re.sub(r"\w*:[\w:]+", "", expr))
    ]


def family_of(name: str) -> str:
    """The declared name that a sample's name belongs to."""
    for suffix in ("_bucket", "_sum", "_count"):
        family = name.removesuffix(suffix)
        if family != name and family in DECLARED and DECLARED[family].type == "histogram":
            return family
    return name


def undeclared(expr: str, others: frozenset[str] = frozenset()) -> set[str]:
    """The metrics and labels of ``expr`` that the program does not declare; ``others`` are fine."""
    wrong = {name for name in metrics_of(expr) - others if family_of(name) not in DECLARED}
    for name, matchers in selectors_of(expr):
        if family_of(name) in DECLARED:
            known = TARGET_LABELS | set(DECLARED[family_of(name)].labels)
            wrong |= {
                f"{name}{{{label}}}" for label in _MATCHER.findall(matchers) if label not in known
            }
    labels = TARGET_LABELS | {"le"} | (ALERT_LABELS if "ALERTS{" in expr else set())
    labels |= {label for m in DECLARED.values() for label in m.labels}
    for group in _MODIFIER.findall(expr):
        wrong |= {label for label in re.split(r"[\s,]+", group.strip()) if label} - labels
    return wrong


def outer_groups(expr: str) -> list[set[str]]:
    """The labels that aggregations keep, without those within another aggregation."""
    groups, end = [], 0
    for modifier in re.finditer(r"\bby \(([^)]*)\) \(", expr):
        if modifier.start() < end:
            continue
        groups.append(set(modifier[1].split(", ")))
        depth, end = 1, modifier.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(expr[end], 0)
            end += 1
    return groups


def bare_counters(expr: str) -> set[str]:
    """The counters that stand outside of rate, irate and increase.

    A value less the same value a while ago, or less 0 where there was none, is an increase as well.
    """
    inside = re.sub(r"\b(?:rate|irate|increase)\([\w:]+(?:\{[^}]*\})?\[", "", expr)
    inside = _GROWN.sub("", inside)
    suffixes = ("_total", "_bucket", "_sum", "_count")
    return {name for name in metrics_of(inside) if name.endswith(suffixes)}


def promtool(*arguments: str, cwd: Path = ROOT) -> None:
    """Run promtool, which must find nothing wrong.

    Skips the test where promtool is absent; fails it with promtool's words.
    """
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed (Debian package: prometheus)")
    result = subprocess.run(
        [path, *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_SECONDS,
    )
    assert result.returncode == 0, result.stdout + result.stderr
