"""What the stage between a line and the rules costs: unwrapping, and reading severities.

Polls in which all lines are new, with each of them and without, in turns over the same lines.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import count, islice
from statistics import median

from benchmarks.log_texts import messages, served_lines
from benchmarks.tables import print_table
from benchmarks.watched import (
    MATCHING,
    WatchedComponent,
    build_pipeline,
    chunks,
    default_rules,
    watch,
)
from exporter.model import Rule
from exporter.state.memory import MemoryState

WINDOW_LINES = 10_000
ROUNDS = 15
SHARES = (0.0, MATCHING)

BOTH = "both"


def run() -> None:
    """Measure and print."""
    rules = default_rules()
    blind = [replace(rule, any_severity=True) for rule in rules if not rule.severities]
    for share in SHARES:
        text = b"".join(islice(served_lines("web", messages(1, rules, share)), WINDOW_LINES))
        cases = {
            BOTH: _component(rules, unwrap=True),
            "without unwrapping": _component(rules, unwrap=False),
            "without severities": _component(blind, unwrap=True),
            "without either": _component(blind, unwrap=False),
        }
        taken = _taken(cases, text)
        print_table(
            f"A poll of {WINDOW_LINES:,} new lines, {share:.0%} of which match: medians of "
            f"{ROUNDS} rounds, of the time and of the ratio within a round",
            ("", "CPU ms", "both, times this"),
            [
                (
                    name,
                    f"{median(each) * 1e3:.1f}",
                    f"{median(b / a for a, b in zip(each, taken[BOTH], strict=True)):.3f}",
                )
                for name, each in taken.items()
            ],
        )


def _component(rules: Sequence[Rule], *, unwrap: bool) -> WatchedComponent:
    state = MemoryState(time.time)
    return watch(build_pipeline(state, WINDOW_LINES, rules=rules, unwrap=unwrap), "web", 1)


def _taken(cases: dict[str, WatchedComponent], text: bytes) -> dict[str, list[float]]:
    """The CPU seconds of each round, without the first."""
    taken: dict[str, list[float]] = {name: [] for name in cases}
    deployments = count()
    for _ in range(1 + ROUNDS):
        for name, component in cases.items():
            deployment = f"d{next(deployments)}"
            began = time.thread_time()
            component.read(chunks(text), deployment=deployment)
            taken[name].append(time.thread_time() - began)
    return {name: each[1:] for name, each in taken.items()}
