"""The label ``cause`` of deployments: what the platform is known to say, and few more."""

import re
from collections.abc import Collection

CAUSES = (
    "manual",
    "deploy_on_push",
    "maintenance",
    "manual_rollback",
    "auto_rollback",
    "update_database_trusted_sources",
    "autoscaled",
)
"""The documented causes; their series exist at 0."""

OTHER_CAUSE = "other"
MOST_OTHER_CAUSES = 10
"""So many causes beyond the documented ones have series of their own, those that come first."""

_CAUSE = re.compile(r"[a-z0-9_]{1,40}", re.ASCII)


def cause_label(cause: str, seen: Collection[str]) -> str:
    """Return the value of the label.

    Args:
        cause: as the platform has it, in lower case; empty if it does not say.
        seen: the values that have series already.
    """
    if cause in CAUSES:
        return cause
    more = set(seen).difference(CAUSES, (OTHER_CAUSE,))
    room = cause in more or len(more) < MOST_OTHER_CAUSES
    return cause if room and _CAUSE.fullmatch(cause) is not None else OTHER_CAUSE
