"""``python -m fuzz TARGET MINUTES``: fuzz on from the corpus, then keep what reaches new code."""

import argparse
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

from fuzz.corpora import packed, read_corpus, unpack, write_corpus
from fuzz.targets import NAMES, check_of, seeds_of

BUILD = Path("build") / "fuzz"
SECONDS_AN_INPUT = 60
"""CPU seconds after which libFuzzer reports an input as too slow."""

MEGABYTES = 2048


def main() -> int:
    """Fuzz; the exit status is 1 if an input broke a promise."""
    logging.disable(logging.CRITICAL)
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("minutes", type=float)
    options = parser.parse_args()
    folder = BUILD / options.target
    corpus, findings = folder / "corpus", folder / "findings"
    findings.mkdir(parents=True, exist_ok=True)
    unpack((*seeds_of(options.target), *read_corpus(options.target)), corpus)
    seconds = max(1, int(options.minutes * 60))
    limits = [f"-timeout={SECONDS_AN_INPUT}", f"-rss_limit_mb={MEGABYTES}", "-max_len=4096"]
    ran = _libfuzzer(
        options.target,
        *limits,
        f"-max_total_time={seconds}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        str(corpus),
    )
    runs = re.search(r"number_of_executed_units: (\d+)", ran.stderr)
    print(f"{options.target}: {runs[1] if runs else '?'} inputs in {seconds} s")
    if ran.returncode:
        print(ran.stdout[-6_000:], ran.stderr[-1_500:], sep="\n")
        print(f"a promise was broken; the input is in {findings}")
        return 1
    smallest = folder / "smallest"
    shutil.rmtree(smallest, ignore_errors=True)
    smallest.mkdir()
    _libfuzzer(options.target, "-merge=1", *limits, str(smallest), str(corpus))
    kept = write_corpus(options.target, [*seeds_of(options.target), *packed(smallest)])
    print(f"{options.target}: {kept} inputs are kept in fuzz/corpora")
    for data in read_corpus(options.target):
        check_of(options.target)(data)
    return 0


def _libfuzzer(target: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fuzz.run", target, *flags]
    return subprocess.run(
        command, check=False, capture_output=True, encoding="utf-8", errors="replace"
    )


if __name__ == "__main__":
    sys.exit(main())
