"""A start and a save of state at each fault of the system; ``make faults`` tries every call."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from faults import cannot_trace
from programs import requires


@requires("strace")
def test_counts_are_true_after_each_kind_of_fault():
    """Failing calls, short writes and kills, one of each kind, on SQLite and on Redis."""
    if why := cannot_trace():
        pytest.skip(why)
    program = Path(__file__).with_name("faults.py")
    done = subprocess.run(
        [sys.executable, program, "few"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.fullmatch(r"(\d+) of (\d+) faults left the counts true\n", done.stdout)
    assert told, done.stdout
    assert told[1] == told[2]
    assert int(told[2]) > 50
