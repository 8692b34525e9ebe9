"""The interface through which the pages learn how the reading stands.

The reading itself stands in another package of the same layer, which this one never imports;
the values that pass between the two are the model's.
"""

from collections.abc import Sequence
from typing import Protocol

from exporter.model import SourceStatus


class StatusSource(Protocol):
    """Who knows how the reading stands.

    ``healthy`` and ``ready`` are called on the loop that serves every request: they answer at
    once from memory. All three are called from other threads than the reading's own.
    """

    def healthy(self) -> tuple[bool, str]:
        """Whether the process and its schedule live, and the reason when not."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether discovery and a first read of every source were tried, and what is missing."""
        ...

    def sources(self) -> Sequence[SourceStatus]:
        """Every source that is read now, in any order."""
        ...
