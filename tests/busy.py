"""Run a command beside processes that do nothing but keep cores busy: ``busy.py COMMAND …``."""

import subprocess
import sys

PROCESSES = 2
LOOP = "while True: pass"


def main(command: list[str]) -> int:
    """The command's exit status; the busy processes end with it."""
    busy = [subprocess.Popen([sys.executable, "-c", LOOP]) for _ in range(PROCESSES)]
    try:
        return subprocess.run(command, check=False).returncode
    finally:
        for process in busy:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
