"""What is known of the pushed lines of each component: batches, and lines that both ways bring."""

from collections.abc import Callable

from exporter.counting.component import Components, ReceivedLines
from exporter.counting.ledger import Ledger
from exporter.errors import StateError
from exporter.logs.dedup.change_over import ChangeOver
from exporter.model import ComponentKey
from exporter.receiving.batches import BATCHES, MESSAGES, RecentBatches


class Received:
    """Finds what is known of the pushed lines of a component.

    Args:
        receives: whether a component's lines are to be received.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        ledger: Ledger,
        components: Components,
        receives: Callable[[ComponentKey], bool],
        monotonic: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._components = components
        self._monotonic = monotonic
        self.receives = receives

    def of(self, key: ComponentKey) -> ReceivedLines:
        """Return what is known of a component's lines, read from the ledger at its first use.

        Of a component that is not watched, what is returned is known to the caller alone.

        Raises:
            StateError: the state holds what cannot be read.
        """
        component = self._components.get(key)
        if component is not None and component.received is not None:
            return component.received
        try:
            batches = RecentBatches(self._ledger.documents.kept(BATCHES, key.parts))
            change_over = ChangeOver(self._ledger.documents.kept(MESSAGES, key.parts).get("", b""))
        except ValueError as error:
            raise StateError(f"state of {key}: {error}") from None
        received = ReceivedLines(batches, change_over, self._monotonic())
        if component is not None:
            component.received = received
        return received

    def forget(self, key: ComponentKey) -> None:
        """Drop what is known of a component; the ledger keeps what may be needed again."""
        if component := self._components.get(key):
            component.received = None
