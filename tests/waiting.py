"""Waiting for what only asking can tell, such as what a server in another process answers."""

import time
from collections.abc import Callable
from typing import TypeVar

SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.5
"""Seconds between two questions: a tenth of the time waited so far, since each costs the other."""

LIMIT_SECONDS = 300.0
"""How long anything may take that a test waits for: only what never happens takes as long.

It costs nothing where all is well, and a machine that is slow, busy or stands still for a while
fails no test.
"""

T = TypeVar("T")


def wait_for(
    look: Callable[[], T],
    timeout: float = LIMIT_SECONDS,
    says: Callable[[], str] = lambda: "",
) -> T:
    """Return what ``look`` finds, once that is something.

    Args:
        look: asks once; what it returns holds all that the test asserts afterwards.
        timeout: how many seconds it may take.
        says: what the one that is asked has to say for itself if it does not come true.
    """
    began = time.monotonic()
    while not (found := look()):
        waited = time.monotonic() - began
        assert waited <= timeout, f"did not come true in {timeout} s; {says()}"
        time.sleep(min(max(waited / 10, SHORTEST_PAUSE), LONGEST_PAUSE))
    return found


def last_lines(text: str) -> str:
    """The end of a log, for people."""
    return "the log ends:\n" + "\n".join(text.splitlines()[-20:])
