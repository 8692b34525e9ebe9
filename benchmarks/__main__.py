"""``python -m benchmarks``: every subject in turn, or those that are named."""

import argparse
import logging
import os
import platform
import signal
import sys
from collections.abc import Callable
from functools import partial

from benchmarks import (
    commits,
    exposition,
    fields,
    floor,
    matching,
    memory,
    polls,
    receive,
    replicas,
    scale,
    stage,
    start,
    streams,
)

SUBJECTS: dict[str, Callable[[], None]] = {
    "polls": polls.run,
    "commits": commits.run,
    "matching": matching.run,
    "stage": stage.run,
    "start": start.run,
    "fields": fields.run,
    "memory": memory.run,
    "exposition": exposition.run,
    "streams": streams.run,
    "receive": receive.run,
    "scale": scale.run,
    "replicas": replicas.run,
}


NAMED_ONLY: dict[str, Callable[[], None]] = {"floor": floor.run, "floor-note": floor.note}
"""Subjects that run where they are named: ``floor`` fails where it should, the other notes it."""


def main() -> None:
    """Print a table of each subject."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    named = [*SUBJECTS, *NAMED_ONLY]
    parser.add_argument("subjects", nargs="*", choices=[[], *named], metavar="SUBJECT",
                        help=f"of {', '.join(named)}; all but the last two by default")  # fmt: skip
    parser.add_argument("--components", type=int, default=scale.COMPONENTS, metavar="N",
                        help="how many scale follows; %(default)s if not given")  # fmt: skip
    parser.add_argument("--lines", type=int, default=scale.LINES_A_SECOND, metavar="N",
                        help="how many lines a second they write in all; %(default)s")  # fmt: skip
    arguments = parser.parse_args()
    subjects: dict[str, Callable[[], None]] = {
        **SUBJECTS,
        **NAMED_ONLY,
        "scale": partial(scale.run, arguments.components, arguments.lines),
    }
    # A window that is new from end to end may be a gap, of which the exporter would warn.
    logging.getLogger("exporter").addHandler(logging.NullHandler())
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; medians after a warm-up.\n"
    )
    # So that what a subject started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    for subject in arguments.subjects or SUBJECTS:
        subjects[subject]()


if __name__ == "__main__":
    main()
