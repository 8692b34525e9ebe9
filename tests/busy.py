"""Run a command beside two processes that keep two cores busy: ``busy.py COMMAND …``.

They live random lives of threads whose seeds no run has tried; one that goes wrong is reported at
the end.
"""

import subprocess
import sys
import time
from pathlib import Path

PROCESSES = 2
LIVES = Path(__file__).with_name("lives.py")
KIND = "threads"
MOST_LIVES = 100_000


def main(command: list[str]) -> int:
    """The command's exit status, or 1 if a life went wrong; the lives end with the command."""
    seed = int(time.time()) * PROCESSES * MOST_LIVES
    seeds = [str(seed + number * MOST_LIVES) for number in range(PROCESSES)]
    live = [sys.executable, "-W", "ignore", str(LIVES), KIND]
    busy = [subprocess.Popen([*live, first, str(MOST_LIVES)]) for first in seeds]
    try:
        status = subprocess.run(command, check=False).returncode
    finally:
        for process in busy:
            process.terminate()
        ends = [process.wait() for process in busy]
    return status or int(any(ends))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
