"""What each rule costs: how often it had to decide on a message, and how long that took.

The time in which Hyperscan looks for all rules together belongs to none of them and is not in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exporter.matching.decision import Decision, Settle, Sift
from exporter.matching.severity import Before, nothing_before


@dataclass(slots=True)
class Cost:
    """Messages that a rule was asked about, and the seconds that it took for them."""

    candidates: int = 0
    seconds: float = 0.0

    def add(self, more: "Cost") -> None:
        """Add what it cost elsewhere."""
        self.candidates += more.candidates
        self.seconds += more.seconds


class Stopwatch:
    """Takes the time of decisions.

    Args:
        clock: seconds, as fine as possible.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._costs: list[Cost] = []

    def watch(self, decision: Decision) -> Decision:
        """Return ``decision``, watched; the rules have to be given in their order."""
        cost = Cost()
        self._costs.append(cost)
        return _Watched(decision, cost, self._clock)

    def take(self) -> list[Cost]:
        """Return what each rule has cost since this was last asked."""
        taken = [Cost(cost.candidates, cost.seconds) for cost in self._costs]
        for cost in self._costs:
            cost.candidates, cost.seconds = 0, 0.0
        return taken


class _Watched:
    """A decision, and what it costs."""

    def __init__(self, decision: Decision, cost: Cost, clock: Callable[[], float]) -> None:
        self.proposal = decision.proposal
        self.by_wrapper = decision.by_wrapper
        self.values = decision.values
        self.only_refuses = decision.only_refuses
        decide, sifts, settles = decision.matches, decision.sift, decision.settle

        def matches(message: bytes, before: Before = nothing_before) -> bool:
            started = clock()
            matched = decide(message, before)
            cost.seconds += clock() - started
            cost.candidates += 1
            return matched

        def sift(messages: Sequence[bytes]) -> Sequence[bool]:
            started = clock()
            passed = sifts(messages) if sifts is not None else ()
            cost.seconds += clock() - started
            cost.candidates += len(messages)
            return passed

        def settle(message: bytes, before: Before) -> bool:
            started = clock()
            settled = settles is None or settles(message, before)
            cost.seconds += clock() - started
            cost.candidates += sifts is None
            return settled

        self.matches = matches
        self.sift: Sift | None = None if sifts is None else sift
        self.settle: Settle | None = None if settles is None else settle
