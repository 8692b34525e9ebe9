"""The interface through which the pages learn how the reading stands.

The reading itself stands in another package of the same layer, which this one never imports;
the values that pass between the two are the model's.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from exporter.model import ApiFailure, BudgetStatus, ComponentStatus, ReplicaStatus


class StatusSource(Protocol):
    """Who knows how the reading stands.

    ``healthy`` and ``ready`` are called on the loop that serves every request: they answer at
    once from memory. All are called from other threads than the reading's own.
    """

    def healthy(self) -> tuple[bool, str]:
        """Whether the process and its schedule live, and the reason when not."""
        ...

    def ready(self) -> tuple[bool, str]:
        """Whether discovery and a first read of every source were tried, and what is missing."""
        ...

    def components(self) -> Sequence[ComponentStatus]:
        """Every component that is watched, in any order."""
        ...

    def budgets(self) -> Mapping[str, BudgetStatus]:
        """How the request budget of each account stands, by its name; empty where it has none."""
        ...

    def replicas(self) -> ReplicaStatus | None:
        """How the replicas stand; None where this exporter works alone."""
        ...

    def unmatched(self) -> Mapping[str, str]:
        """Which patterns of `discovery.include` match nothing, in words, by account."""
        ...

    def state_problem(self) -> str:
        """Why what is counted cannot be saved now; empty where it can."""
        ...

    def api_failures(self) -> Sequence[ApiFailure]:
        """The errors that requests fail with now, in the order in which to show them."""
        ...
