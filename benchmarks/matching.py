"""20 rules over a log of 100 MB in which 2 % of the lines match, beside other ways to search."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.log_texts import messages
from benchmarks.tables import print_table
from benchmarks.timing import Case, Run, median_seconds
from benchmarks.watched import MATCHING, default_rules
from exporter.logs.lines import message_of
from exporter.matching.engine import Engine
from exporter.matching.patterns import Pattern, compile_pattern
from exporter.model import Rule

RULES = 20
LOG_BYTES = 110_000_000
BLOCK_LINES = 50_000
SAMPLE_BYTES = 2_000_000
ROUNDS = 3


@dataclass(slots=True)
class Way:
    """A way to search: ``search`` gives how many lines match, of the log or of the sample."""

    name: str
    size: int
    search: Callable[[], int]
    matched: int = 0

    def prepare(self) -> Run:
        return self.run

    def run(self) -> None:
        self.matched = self.search()


def run() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        log, sample = Path(folder) / "app.log", Path(folder) / "sample.log"
        rules = _rules()
        _write(log, rules)
        with log.open("rb") as file:
            text = file.read(SAMPLE_BYTES)
        sample.write_bytes(text[: text.rfind(b"\n") + 1])
        ways = [*_own(log, sample, rules), *_programs(log, sample, rules)]
        seconds = median_seconds([Case(way.name, way.prepare) for way in ways], ROUNDS)
        size = log.stat().st_size
    speed = {way.name: way.size / seconds[way.name] / 1e6 for way in ways}
    fastest = speed[ways[0].name]
    rows = [
        (
            way.name,
            f"{way.size / 1e6:.1f}",
            f"{way.matched:,}",
            f"{seconds[way.name]:.2f}",
            f"{speed[way.name]:.1f}",
            f"{fastest / speed[way.name]:.1f}",
        )
        for way in ways
    ]
    print_table(
        f"Matching: {RULES} rules of the default pack over {size / 1e6:.0f} MB, "
        f"{MATCHING:.0%} of the lines match; the slow ways read its first "
        f"{SAMPLE_BYTES / 1e6:.0f} MB",
        ("", "MB read", "lines matched", "s", "MB/s", "times the engine"),
        rows,
    )


def _rules() -> tuple[Rule, ...]:
    """Rules from all over the pack that other programs can have too: a regex and no exclusion."""
    plain = [rule for rule in default_rules() if rule.exclude_regex is None]
    return tuple(plain[index * len(plain) // RULES] for index in range(RULES))


def _write(log: Path, rules: Sequence[Rule]) -> None:
    texts = messages(1, rules, MATCHING)
    with log.open("wb") as file:
        while file.tell() < LOG_BYTES:
            file.write(b"\n".join((*islice(texts, BLOCK_LINES), b"")))


def _own(log: Path, sample: Path, rules: Sequence[Rule]) -> list[Way]:
    """The engine, then what it is made of and what Python has, a line and a rule at a time."""
    engine = Engine(rules)
    regexes = _regexes(rules)
    re2_patterns = [compile_pattern(regex) for regex in regexes]
    re_patterns = [re.compile(regex.encode()) for regex in regexes]
    size = sample.stat().st_size

    def scan() -> int:
        found = engine.scan_text(log.read_bytes(), message_of=message_of)
        return len({match.start for match in found})

    return [
        Way("the engine: which rules match each line", log.stat().st_size, scan),
        Way("RE2, each rule on each line", size, lambda: _search(re2_patterns, sample)),
        Way("Python re, each rule on each line", size, lambda: _search(re_patterns, sample)),
    ]


def _regexes(rules: Sequence[Rule]) -> list[str]:
    """The regex of each rule; those of the packs have one."""
    return [rule.regex for rule in rules if rule.regex is not None]


def _search(patterns: Sequence[Pattern | re.Pattern[bytes]], sample: Path) -> int:
    """How many lines match; every rule is tried, since each has its own count."""
    matched = 0
    for line in sample.read_bytes().split(b"\n"):
        found = [pattern for pattern in patterns if pattern.search(line) is not None]
        matched += bool(found)
    return matched


def _programs(log: Path, sample: Path, rules: Sequence[Rule]) -> list[Way]:
    """The programs that are installed, each from its start to its end."""
    size = log.stat().st_size
    ways = []
    if rg := shutil.which("rg"):
        command = [rg, "--no-config", "--text", "--count"]
        command += [argument for regex in _regexes(rules) for argument in ("-e", regex)]
        ways.append(
            Way("rg --count: whether any rule matches", size, lambda: int(_output(*command, log)))
        )
    if mtail := shutil.which("mtail"):
        program = sample.with_suffix(".mtail")
        program.write_text(_mtail_program(rules), encoding="utf-8")
        ways.append(
            Way(
                "mtail --one_shot: the same counters",
                sample.stat().st_size,
                lambda: _mtail(mtail, program, sample),
            )
        )
    return ways


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _mtail(mtail: str, program: Path, log: Path) -> int:
    """How many lines matched any rule, by mtail's own metrics."""
    arguments = ("--one_shot", "--one_shot_format=prometheus", "--logtostderr")
    printed = _output(mtail, *arguments, "--progs", program, "--logs", log)
    found = re.search(r"^any_rule\{.*\} (\d+)", printed, re.MULTILINE)
    return int(found[1]) if found else 0


def _mtail_program(rules: Sequence[Rule]) -> str:
    lines = ["counter matches by rule", "counter any_rule", "hidden gauge matched"]
    lines.append("matched = 0")
    for rule, regex in zip(rules, _regexes(rules), strict=True):
        regex = regex.replace("/", "\\/")
        lines.append(f'/{regex}/ {{\n  matches["{rule.name}"]++\n  matched = 1\n}}')
    lines.append("matched == 1 {\n  any_rule++\n}")
    return "\n".join(lines) + "\n"
