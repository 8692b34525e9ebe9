"""Rules over a log of 190 MB in which 2 % of the lines match, beside other ways to search."""

import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks import searchers
from benchmarks.common_rules import common_rules
from benchmarks.log_texts import messages, served_lines
from benchmarks.searchers import ANY, MTAIL, Taken, Way, take
from benchmarks.service_rules import service_rules
from benchmarks.tables import print_table
from benchmarks.timing import Case, Run, median_seconds
from benchmarks.watched import MATCHING, default_rules
from exporter.logs.lines import message_of
from exporter.matching.engine import Engine
from exporter.model import Rule

RULES = 20
LOG_BYTES = 190_000_000
BLOCK_LINES = 100_000
SAMPLE_BYTES = 2_000_000
ROUNDS = 3

GROWTH = (1, 5, 20)
"""Rules of those that are common; then the default pack, then as many of services."""

SERVICE_RULES = 200
GROWTH_BYTES = 20_000_000

CALLS = (1, 20, 600)
"""Lines of a call: a frame of one line or of twenty, and what a poll brings at once."""


def run() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        log, sample = Path(folder) / "app.log", Path(folder) / "sample.log"
        rules = common_rules(RULES)
        _write(log, rules)
        with log.open("rb") as file:
            text = file.read(SAMPLE_BYTES)
        sample.write_bytes(text[: text.rfind(b"\n") + 1])
        _compare(log, sample, rules)
    _growth()
    _calls()


def _write(log: Path, rules: Sequence[Rule]) -> None:
    """A log as the platform serves it; a block of it is written again and again."""
    texts = served_lines("error-worker", messages(1, rules, MATCHING))
    block = b"".join(islice(texts, BLOCK_LINES))
    with log.open("wb") as file:
        while file.tell() < LOG_BYTES:
            file.write(block)


def _compare(log: Path, sample: Path, rules: Sequence[Rule]) -> None:
    ways = [
        searchers.program(log, rules),
        searchers.program(log, rules, cores=1),
        searchers.engine(log, rules),
        *searchers.ripgrep(log, rules),
        searchers.re2_lines(sample, rules),
        searchers.python_lines(sample, rules),
        *searchers.mtail(sample, rules),
    ]
    taken: Mapping[str, list[Taken]] = {way.name: [] for way in ways}
    for number in range(1 + ROUNDS):
        for way in ways:
            if number == 0 or not way.once:
                taken[way.name].append(take(way))
    speeds = {way.name: _speed(way, taken[way.name]) for way in ways}
    rows = [_row(way, taken[way.name], speeds[way.name], speeds.get(MTAIL)) for way in ways]
    print_table(
        f"{len(rules)} rules over {log.stat().st_size / 1e6:.0f} MB with the "
        f"platform's prefix, {MATCHING:.0%} of the lines match; the slow ways read the first "
        f"{SAMPLE_BYTES / 1e6:.0f} MB",
        ("", "matches", "s", "CPU s", "MB/s", "times mtail"),
        rows,
    )
    print(f"Counts per rule: {_agreement(ways, taken)}.\n")


def _speed(way: Way, taken: Sequence[Taken]) -> float:
    """MB/s on the wall; where a way ran more than once, without the first run."""
    seconds = median(one.seconds for one in taken[-ROUNDS:])
    return way.log.stat().st_size / seconds / 1e6


def _row(way: Way, taken: Sequence[Taken], speed: float, mtail: float | None) -> tuple[str, ...]:
    return (
        way.name,
        f"{sum(taken[-1].counts.values()):,}",
        f"{median(one.seconds for one in taken[-ROUNDS:]):.2f}",
        f"{median(one.cpu_seconds for one in taken[-ROUNDS:]):.2f}",
        _figure(speed),
        "" if mtail is None else _figure(speed / mtail),
    )


def _figure(number: float) -> str:
    return f"{number:,.1f}" if number < 100 else f"{number:,.0f}"


def _agreement(ways: Sequence[Way], taken: Mapping[str, list[Taken]]) -> str:
    """Which ways that tell them differ from the first over the same log."""
    first = {way.log: taken[way.name][-1].counts for way in reversed(ways)}
    differing = [
        way.name
        for way in ways
        if ANY not in taken[way.name][-1].counts
        and _without_zeros(taken[way.name][-1].counts) != _without_zeros(first[way.log])
    ]
    return f"others from {', '.join(differing)}" if differing else "all who tell them agree"


def _without_zeros(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _growth() -> None:
    """What more rules cost: the same text, in one thread."""
    pack, services = default_rules(), service_rules(SERVICE_RULES)
    texts = served_lines("web", messages(2, (*common_rules(RULES), *pack, *services), MATCHING))
    text = b"".join(islice(texts, GROWTH_BYTES // 110))
    sets = {str(count): common_rules(count) for count in GROWTH}
    sets |= {f"{len(pack)}, the pack": pack, f"{len(services)}, of services": services}
    engines = {name: Engine(rules) for name, rules in sets.items()}

    def scan(name: str) -> Run:
        return lambda: sum(1 for _ in engines[name].scan_text(text, message_of=message_of))

    cases = [Case(name, lambda name=name: scan(name)) for name in sets]  # type: ignore[misc]
    seconds = median_seconds(cases, ROUNDS, time.thread_time)
    alone = seconds[str(GROWTH[0])]
    rows = [
        (
            name,
            f"{sum(1 for _ in engines[name].scan_text(text, message_of=message_of)):,}",
            f"{len(text) / taken / 1e6:,.0f}",
            f"{taken / alone:.1f}",
        )
        for name, taken in seconds.items()
    ]
    print_table(
        f"What more rules cost the engine: {len(text) / 1e6:.0f} MB, one thread, CPU time",
        ("rules", "matches", "MB/s", "times one rule"),
        rows,
    )


def _calls() -> None:
    """What a call costs: little text at a time, as polls and streams bring it."""
    rules = default_rules()
    engine, enabled = Engine(rules), frozenset(range(len(rules)))
    texts = list(islice(messages(3, rules, MATCHING), 60_000))

    def calls(lines: int) -> Run:
        batches = [texts[at : at + lines] for at in range(0, len(texts), lines)]
        return lambda: [engine.scan(batch, enabled) for batch in batches]

    cases = [Case(str(lines), lambda lines=lines: calls(lines)) for lines in CALLS]  # type: ignore[misc]
    seconds = median_seconds(cases, ROUNDS, time.thread_time)
    size = sum(map(len, texts))
    rows = [
        (
            name,
            f"{taken / (len(texts) / int(name)) * 1e6:.1f}",
            f"{len(texts) / int(name) / taken:,.0f}",
            f"{size / taken / 1e6:,.0f}",
        )
        for name, taken in seconds.items()
    ]
    print_table(
        f"Calls of the engine with few messages: {len(rules)} rules, one thread, CPU time",
        ("messages in a call", "µs a call", "calls/s", "MB/s"),
        rows,
    )
