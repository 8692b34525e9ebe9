"""``python -m benchmarks``: every subject in turn, or those that are named."""

import argparse
import logging
import os
import platform

from benchmarks import commits, exposition, fields, matching, memory, polls, scale, streams

SUBJECTS = {
    "polls": polls.run,
    "commits": commits.run,
    "matching": matching.run,
    "fields": fields.run,
    "memory": memory.run,
    "exposition": exposition.run,
    "streams": streams.run,
    "scale": scale.run,
}


def main() -> None:
    """Print a table of each subject."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", choices=[[], *SUBJECTS], metavar="SUBJECT",
                        help=f"one of {', '.join(SUBJECTS)}; all if none is named")  # fmt: skip
    subjects = parser.parse_args().subjects or SUBJECTS
    # A window that is new from end to end may be a gap, of which the exporter would warn.
    logging.getLogger("exporter").addHandler(logging.NullHandler())
    print(
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; medians after a warm-up.\n"
    )
    for subject in subjects:
        SUBJECTS[subject]()


if __name__ == "__main__":
    main()
