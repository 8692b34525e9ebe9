"""Ways to search a log for rules: the program, the engine in it, and what others have.

Each gives how many lines each rule matches, by name, or how many any rule does where it tells no
more.
"""

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from exporter.logs.lines import message_of
from exporter.matching.engine import Engine
from exporter.matching.patterns import Pattern, compile_pattern
from exporter.model import Rule

ANY = "any rule"
MTAIL = "`mtail --one_shot`: the same counts"

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to search ``log``; what it finds goes by rule, or by ``ANY``.

    ``once``: it takes so long that it is timed once.
    """

    name: str
    log: Path
    search: Callable[[], Counts]
    once: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """What one run took: seconds on the wall, CPU seconds of all processes, and what it found."""

    seconds: float
    cpu_seconds: float
    counts: Counts


def take(way: Way) -> Taken:
    """Run once."""
    wall, cpu = time.perf_counter(), _cpu_seconds()
    counts = way.search()
    return Taken(time.perf_counter() - wall, _cpu_seconds() - cpu, counts)


def _cpu_seconds() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def program(log: Path, rules: Sequence[Rule], *, cores: int | None = None) -> Way:
    """``match`` from its start to its end; on so many cores, or on all."""
    config = _file(log, ".yml", _configuration(rules))
    command = [sys.executable, "-m", "exporter", "match", f"--config.file={config}"]

    def search() -> Counts:
        allowed = sorted(os.sched_getaffinity(0))
        with_cores = [] if cores is None else ["taskset", "-c", ",".join(map(str, allowed[:cores]))]
        printed = _output(*with_cores, *command, "--format=json", log)
        found: dict[str, int] = json.loads(printed)["patterns"]
        return found

    return Way("`match`" if cores is None else f"`match`, {cores} core", log, search)


def engine(log: Path, rules: Sequence[Rule]) -> Way:
    """The engine alone, in one thread of this process, over a text in memory."""
    compiled = Engine(rules)
    text = log.read_bytes()

    def search() -> Counts:
        found = Counter(one.rule for one in compiled.scan_text(text, message_of=message_of))
        return {rule.name: found[index] for index, rule in enumerate(rules)}

    return Way("its engine, one thread, without its start and reading", log, search)


def re2_lines(log: Path, rules: Sequence[Rule]) -> Way:
    """RE2, each rule on each message."""
    patterns = {rule.name: compile_pattern(rule.regex or "") for rule in rules}
    return Way("RE2, each rule on each line", log, lambda: _each_line(patterns, log), once=True)


def python_lines(log: Path, rules: Sequence[Rule]) -> Way:
    """Python's own module, each rule on each message."""
    patterns = {rule.name: re.compile((rule.regex or "").encode()) for rule in rules}
    return Way(
        "Python `re`, each rule on each line", log, lambda: _each_line(patterns, log), once=True
    )


def _each_line(patterns: Mapping[str, Pattern | re.Pattern[bytes]], log: Path) -> Counts:
    found: Counter[str] = Counter()
    for line in log.read_bytes().splitlines():
        message = message_of(line)
        found.update(name for name, one in patterns.items() if one.search(message) is not None)
    return found


def ripgrep(log: Path, rules: Sequence[Rule]) -> Iterator[Way]:
    """ripgrep, where it is installed: with all rules at once, and with each alone.

    It knows no prefix: a regex that begins with ``^`` is given what may stand before a message.
    """
    if not (rg := shutil.which("rg")):
        return
    command = [rg, "--no-config", "--text", "--count", "--include-zero"]

    def search_all() -> Counts:
        patterns = [part for rule in rules for part in ("-e", _behind_prefix(rule))]
        return {ANY: int(_output(*command, *patterns, log))}

    def search_each() -> Counts:
        return {
            rule.name: int(_output(*command, "-e", _behind_prefix(rule), log)) for rule in rules
        }

    yield Way("`rg --count`: whether any rule matches", log, search_all)
    yield Way(f"`rg --count`, {len(rules)} runs: the same counts", log, search_each, once=True)


def _behind_prefix(rule: Rule) -> str:
    return re.sub(r"(?<![\\\[])\^", r"^(?:\\S+ \\d{4}-\\d\\d-\\d\\dT\\S+ )?", rule.regex or "")


def mtail(log: Path, rules: Sequence[Rule]) -> Iterator[Way]:
    """mtail, where it is installed, from its start to its end."""
    if not (command := shutil.which("mtail")):
        return
    source = ["counter matches by rule"]
    for rule in rules:
        regex = _behind_prefix(rule).replace("/", "\\/")
        source.append(f'/{regex}/ {{\n  matches["{rule.name}"]++\n}}')
    script = _file(log, ".mtail", "\n".join(source) + "\n")
    arguments = ("--one_shot", "--one_shot_format=prometheus", "--logtostderr", "--progs", script)

    def search() -> Counts:
        printed = _output(command, *arguments, "--logs", log)
        found = re.findall(r'^matches\{.*?rule="(\w+)".*?\} (\d+)', printed, re.MULTILINE)
        return {name: int(count) for name, count in found}

    yield Way(MTAIL, log, search, once=True)


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _file(log: Path, suffix: str, text: str) -> Path:
    with tempfile.NamedTemporaryFile("w", dir=log.parent, suffix=suffix, delete=False) as file:
        file.write(text)
    return Path(file.name)


def _configuration(rules: Sequence[Rule]) -> str:
    own = [{"name": rule.name, "regex": rule.regex} for rule in rules]
    return yaml.safe_dump({"patterns": {"packs": [], "rules": own}})
