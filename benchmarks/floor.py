"""How fast the exporter is beside a peer of the same run, held against what was noted before.

Ratios of CPU time, since those of one run say the same on any machine. ``floor.json`` has one for
each subject; ``run`` fails where the exporter is slower by more than a fifth, ``note`` writes what
it measures. For people and releases: no test runs it.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

import orjson
from prometheus_client.openmetrics.exposition import generate_latest

from benchmarks.common_rules import common_rules
from benchmarks.exposition import ACCEPT, Fleet
from benchmarks.log_texts import messages, served_lines
from benchmarks.polls import NEW_LINES, WINDOW_LINES, SetOfLines, pipeline_cases
from benchmarks.receive import Bodies, Receiver, loads
from benchmarks.streams import follow
from benchmarks.tables import print_table
from benchmarks.watched import MATCHING, default_rules
from exporter.logs.lines import message_of
from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine

NOTED = Path(__file__).with_name("floor.json")
LEAST_SPEED = 0.8
"""Of what is noted, times the speed: a fifth less fails."""

ROUNDS = 9
MATCHED_LINES = 5_000
STREAMED_LINES = 40_000
COMPONENTS = 115


@dataclass(frozen=True, slots=True)
class _Subject:
    """Work of the exporter, and a peer's beside it.

    Args:
        peer: what the peer is.
        measure: does both once and returns the seconds of each, the exporter's first.
    """

    peer: str
    measure: Callable[[], tuple[float, float]]


def run() -> None:
    """Measure, print, and exit with 1 where a subject is below its floor."""
    noted: Mapping[str, float] = json.loads(NOTED.read_text(encoding="utf-8"))
    subjects = _subjects()
    ratios = _ratios(subjects)
    speeds = {name: noted[name] / ratio for name, ratio in ratios.items()}
    print_table(
        f"CPU time beside a peer of the same run, median of {ROUNDS} pairs; below "
        f"{LEAST_SPEED:.0%} of the noted speed is a failure",
        ("", "peer", "times the peer", "noted", "speed of the noted"),
        [
            (name, subjects[name].peer, f"{ratio:.3g}", f"{noted[name]:.3g}", f"{speeds[name]:.0%}")
            for name, ratio in ratios.items()
        ],
    )
    if slow := [name for name, speed in speeds.items() if speed < LEAST_SPEED]:
        sys.exit(f"below the floor: {', '.join(slow)}")


def note() -> None:
    """Measure, and write what was measured to ``floor.json``."""
    ratios = {name: float(f"{ratio:.3g}") for name, ratio in _ratios(_subjects()).items()}
    NOTED.write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")
    print(f"{NOTED.name}: {ratios}")


def _ratios(subjects: Mapping[str, _Subject]) -> dict[str, float]:
    """The median of a subject's ratios, each of two runs behind each other, after a warm-up."""
    ratios: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(1 + ROUNDS):
        for name, subject in subjects.items():
            ours, peer = subject.measure()
            ratios[name].append(ours / peer)
    return {name: median(each[1:]) for name, each in ratios.items()}


def _subjects() -> dict[str, _Subject]:
    return {
        "matching, 20 rules": _matching(),
        **_polls(),
        "a stream, 20 lines a frame": _Subject("orjson and split", _stream),
        "a bulk body, received": _received(),
        "a scrape": _scrape(),
    }


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def _matching() -> _Subject:
    rules = common_rules(20)
    texts = served_lines("error-worker", messages(1, rules, MATCHING))
    text = b"".join(islice(texts, MATCHED_LINES))
    engine = Engine(rules, unwrap=Unwrapping())
    patterns = [re.compile((rule.regex or "").encode()) for rule in rules]

    def ours() -> int:
        return sum(1 for _ in engine.scan_text(text, message_of=message_of))

    def peer() -> int:
        found = 0
        for line in text.splitlines():
            message = line.split(b" ", 2)[2]
            found += sum(pattern.search(message) is not None for pattern in patterns)
        return found

    if ours() != peer():
        raise AssertionError("the engine and the peer find different lines")
    return _Subject("`re`, each rule on each line", lambda: (_seconds(ours), _seconds(peer)))


def _polls() -> dict[str, _Subject]:
    length = WINDOW_LINES + NEW_LINES * (ROUNDS + 1)
    log = list(islice(served_lines("web", messages(1, default_rules(), MATCHING)), length))
    naive = SetOfLines(log, NEW_LINES)
    whole = b"".join(log[:WINDOW_LINES])

    def known() -> tuple[float, float]:
        return _seconds(cases["whole pipeline, 1 % new"].prepare()), _seconds(naive.prepare())

    def first() -> tuple[float, float]:
        poll = cases["whole pipeline, all new"].prepare()
        return _seconds(poll), _seconds(lambda: [set(whole.split(b"\n")) for _ in range(10)]) / 10

    cases = {case.name: case for case in pipeline_cases()}
    return {
        "a poll, 1 % new": _Subject("a set of whole lines", known),
        "a poll, all new": _Subject("a set of whole lines", first),
    }


def _stream() -> tuple[float, float]:
    followed = follow(20, STREAMED_LINES)
    frames = followed.frames
    return followed.seconds, _seconds(lambda: [orjson.loads(f)["data"].split("\n") for f in frames])


def _received() -> _Subject:
    bodies, receiver = Bodies(), Receiver()

    def measure() -> tuple[float, float]:
        return _seconds(bodies.run(receiver.take)), _seconds(bodies.run(loads))

    return _Subject("orjson alone", measure)


def _scrape() -> _Subject:
    fleet = Fleet(COMPONENTS)

    def measure() -> tuple[float, float]:
        fleet.change(0.01)
        ours = _seconds(partial(fleet.exposition.answer, ACCEPT, ""))
        return ours, _seconds(lambda: generate_latest(fleet.registry))  # type: ignore[no-untyped-call]

    return _Subject("prometheus_client's exposition", measure)
