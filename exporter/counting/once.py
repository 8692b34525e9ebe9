"""Which records of a list that the platform shows again and again were counted.

A record is known by its id. A bounded number of ids is kept: of older records a time stands for
all that were created before it.
"""

from collections.abc import Mapping
from typing import Any, Self

KEPT = 500
"""Ids that are kept after the oldest were dropped."""

MOST = 2 * KEPT
"""Ids from which on the oldest are dropped."""


class Once:
    """The records of one list; each counts once, when it has come to its end."""

    def __init__(self) -> None:
        self._counted: dict[str, float] = {}  # id → when it was created
        self._open: dict[str, float] = {}  # likewise, of those that have not ended
        self._floor = float("-inf")  # everything created up to here that is not open was counted

    @property
    def open(self) -> frozenset[str]:
        """The ids of records that were seen before they had ended."""
        return frozenset(self._open)

    def is_counted(self, record: str, created: float) -> bool:
        """Whether a record was counted, or is older than all that are known."""
        return record in self._counted or (created <= self._floor and record not in self._open)

    def begin(self, record: str, created: float) -> bool:
        """A record has not ended yet; True if that is news."""
        news = record not in self._open
        self._open[record] = created
        return news

    def count(self, record: str, created: float) -> None:
        """A record has ended and counts now."""
        self._open.pop(record, None)
        self._counted[record] = created
        if len(self._counted) > MOST:
            newest_first = sorted(self._counted, key=self._counted.__getitem__, reverse=True)
            self._floor = max(self._floor, self._counted[newest_first[KEPT]])
            self._counted = {key: self._counted[key] for key in newest_first[:KEPT]}

    def forget(self, records: frozenset[str]) -> None:
        """Open records are not listed any more."""
        for record in records:
            self._open.pop(record, None)

    def to_json(self) -> dict[str, Any]:
        """All of it, for ``from_json``."""
        floor = None if self._floor == float("-inf") else self._floor
        return {"counted": self._counted, "open": self._open, "floor": floor}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What ``to_json`` made; raises KeyError, TypeError or ValueError for anything else."""
        once = cls()
        once._counted = {str(key): float(at) for key, at in data["counted"].items()}
        once._open = {str(key): float(at) for key, at in data["open"].items()}
        once._floor = float("-inf") if data["floor"] is None else float(data["floor"])
        return once
