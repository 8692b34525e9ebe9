"""What a state of a shared store compares with each save: the claim, and the batch number.

A database that holds a lower epoch or batch number than it was given went back: it was restored
from a dump, failed over to a replica that lagged, or emptied.
"""

from exporter.errors import StateFenced, StateRolledBack
from exporter.state.coordination import Claim

OPENED_LATER = "another exporter has started on it, and one at a time may use it"
TAKEN_OVER = "another exporter has taken it over"
# Why the claim of another exporter ends this one's.


class Rollbacks:
    """How often a store was found to have gone back, counted once for all of its namespaces."""

    def __init__(self) -> None:
        self.count = 0


class Fence:
    """What one state expects to find in the store.

    Args:
        database: the store's name for messages, without a password.
        held: the claim that the state writes under.
        rollbacks: shared by all states of the store.
        refusal: ``OPENED_LATER`` or ``TAKEN_OVER``.
    """

    def __init__(self, database: str, held: Claim, rollbacks: Rollbacks, refusal: str) -> None:
        self.held = held
        self._database = database
        self._rollbacks = rollbacks
        self._known_rollbacks = rollbacks.count
        self._refusal = refusal
        self._batch = 0

    @property
    def rollbacks(self) -> int:
        """How often the store was found to have gone back."""
        return self._rollbacks.count

    def refuse_other(self, recorded: Claim | None, verb: str) -> None:
        """Raise StateFenced if the recorded claim is another exporter's, as late or later."""
        if recorded is None or recorded == self.held or recorded.epoch < self.held.epoch:
            return
        raise StateFenced(f"state in {self._database} cannot be {verb}: {self._refusal}")

    def went_back(self, recorded: Claim | None, batch: int) -> bool:
        """Whether the store holds less than was saved; the claim may be another exporter's."""
        return recorded != self.held or batch < self._batch

    def report_rollback(self, recorded: Claim | None, batch: int) -> StateRolledBack:
        """Count the rollback, unless another state of the store has met it before."""
        if self._known_rollbacks == self._rollbacks.count:
            self._rollbacks.count += 1
        epoch = 0 if recorded is None else recorded.epoch
        return StateRolledBack(
            f"state in {self._database} went back: batch {batch} of epoch {epoch} is the latest "
            f"in it, {self._batch} of epoch {self.held.epoch} was saved; was it restored, failed "
            "over or emptied?"
        )

    def loaded(self, batch: int) -> None:
        """Continue from what the store holds now."""
        self._batch = batch
        self._known_rollbacks = self._rollbacks.count

    def saved(self, batch: int) -> None:
        """Expect this batch number, or a later one, from now on."""
        self._batch = batch
