"""Run a command beside two processes that keep two cores busy: ``busy.py COMMAND …``.

They live random lives whose seeds no run has tried; a life that goes wrong is reported at the end.
"""

import subprocess
import sys
import time
from pathlib import Path

KINDS = ("threads", "wild")
LIVES = Path(__file__).with_name("lives.py")
MOST = 1_000_000


def main(command: list[str]) -> int:
    """The command's exit status, or 1 if a life went wrong; the lives end with the command."""
    seed = int(time.time()) * 1_000
    busy = [
        subprocess.Popen([sys.executable, "-W", "ignore", LIVES, kind, str(seed), str(MOST)])
        for kind in KINDS
    ]
    try:
        status = subprocess.run(command, check=False).returncode
    finally:
        for process in busy:
            process.terminate()
        ends = [process.wait() for process in busy]
    return status or int(any(ends))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
