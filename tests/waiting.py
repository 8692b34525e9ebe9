"""Waiting for what only asking can tell, such as what a server in another process answers."""

import time
from collections.abc import Callable
from typing import TypeVar

PAUSE_SECONDS = 0.1
"""Between two questions."""

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
    deadline = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() <= deadline, f"did not come true in {timeout} s; {says()}"
        time.sleep(PAUSE_SECONDS)
    return found


def last_lines(text: str) -> str:
    """The end of a log, for people."""
    return "the log ends:\n" + "\n".join(text.splitlines()[-20:])
