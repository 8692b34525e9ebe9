"""``match``: the patterns over log files or standard input, offline."""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from exporter.assembly import load_rules
from exporter.errors import ConfigError, Fault
from exporter.logs.lines import prefix_length
from exporter.matching.engine import Engine
from exporter.model import Rule
from exporter.options import Options

CHUNK_BYTES = 4 << 20


@dataclass(slots=True)
class Tally:
    """What was found: lines and bytes read, and how many lines each rule matched."""

    lines: int = 0
    bytes: int = 0
    patterns: Counter[int] = field(default_factory=Counter)


def match(options: Options) -> int:
    """Print how many lines each pattern matches; raises ConfigError for what cannot be read.

    Rules that name components are tried on every line, since a file does not say whose it is.
    """
    rules = load_rules(options.configuration(credentials=False))
    engine, tally = Engine(rules), Tally()
    started = time.perf_counter()
    with ExitStack() as stack:
        for stream in [_open(name, stack) for name in options.files or ("-",)]:
            for text in _whole_lines(stream):
                _scan(engine, text, tally, show=options.show)
    seconds = time.perf_counter() - started
    if options.format == "json":
        _print_json(rules, tally, seconds)
    else:
        _print_table(rules, tally, seconds)
    return 0


def _open(name: str, stack: ExitStack) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(Path(name).open("rb"))
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise ConfigError((Fault(name, "", problem, "name a log file, or - for input"),)) from None


def _whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The stream in pieces that end with a line, however long that is."""
    kept: list[bytes] = []
    while data := stream.read(CHUNK_BYTES):
        end = data.rfind(b"\n") + 1
        if not end:
            kept.append(data)
            continue
        yield b"".join((*kept, data[:end]))
        kept = [data[end:]]
    if rest := b"".join(kept):
        yield rest


def _scan(engine: Engine, text: bytes, tally: Tally, *, show: bool) -> None:
    tally.bytes += len(text)
    tally.lines += text.count(b"\n") + (not text.endswith(b"\n"))
    for found in engine.scan_text(text, prefix_length=prefix_length):
        tally.patterns[found.rule] += 1
        if show:
            line = text[found.start : found.end].decode("utf-8", "replace")
            print(f"{engine.rules[found.rule].name}: {line}")


def _print_json(rules: tuple[Rule, ...], tally: Tally, seconds: float) -> None:
    patterns = {rule.name: tally.patterns[index] for index, rule in enumerate(rules)}
    result = {"lines": tally.lines, "bytes": tally.bytes, "patterns": patterns, "seconds": seconds}
    print(json.dumps(result))


def _print_table(rules: tuple[Rule, ...], tally: Tally, seconds: float) -> None:
    width = max((len(rule.name) for rule in rules), default=7)
    print(f"{'PATTERN':{width}}  {'LEVEL':8}  {'LINES':>10}")
    for index, rule in enumerate(rules):
        if tally.patterns[index]:
            print(f"{rule.name:{width}}  {rule.level:8}  {tally.patterns[index]:>10}")
    silent = sum(not tally.patterns[index] for index in range(len(rules)))
    print(f"{silent} of {len(rules)} patterns matched nothing.")
    speed = tally.bytes / 1e6 / seconds if seconds else 0.0
    print(f"{tally.lines} lines, {tally.bytes} bytes in {seconds:.3f} s ({speed:.0f} MB/s).")
