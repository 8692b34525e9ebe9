"""What a start of ``match`` takes: a log of one line, with and without rules in the cache."""

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from benchmarks.tables import print_table

ROUNDS = 5
LINE = "web 2026-11-01T00:00:00.000000Z GET /healthz 200\n"


def run() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "app.log"
        log.write_text(LINE, encoding="utf-8")
        match = [sys.executable, "-m", "exporter", "match", str(log)]
        bare = [sys.executable, "-c", "pass"]
        taken: dict[str, list[float]] = {}
        for number in range(1 + ROUNDS):
            warm, cold = Path(folder) / "warm", Path(folder) / f"cold-{number}"
            for name, command, cache in (
                ("`match`, rules compiled", match, cold),
                ("`match`, rules from the cache", match, warm),
                ("Python alone", bare, warm),
            ):
                taken.setdefault(name, []).append(_cpu_seconds(command, cache))
    seconds = {name: median(each[1:]) for name, each in taken.items()}
    least = seconds["`match`, rules from the cache"]
    print_table(
        "CPU seconds of a whole process on a log of one line, with the default pack",
        ("", "s", "times the cache"),
        [(name, f"{each:.2f}", f"{each / least:.1f}") for name, each in seconds.items()],
    )


def _cpu_seconds(command: list[str], cache: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # An installed package has its bytecode: only the first run compiles it.
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
