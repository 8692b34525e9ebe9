"""How exporters that share a store tell who owns which namespace, and who is alive.

A namespace has one claim: its owner and an epoch that grows with each new owner. The claim is the
fence as well: every save compares it in the save's own transaction, so once another exporter has
claimed a namespace, the owner before can save nothing there. No clock of the store decides.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from exporter.state.store import Saved, State, Store


@dataclass(frozen=True, slots=True)
class Claim:
    """Who owns a namespace.

    Args:
        owner: unique to one run of one process; None if the namespace was released.
        epoch: grows by one with each new owner.
    """

    owner: str | None
    epoch: int


@dataclass(frozen=True, slots=True)
class View:
    """What the exporters that share a store know of one another, read at one moment.

    Args:
        members: the counter of each member, as it was last raised.
        shares: the claim of each namespace of the store.
    """

    members: Mapping[str, int]
    shares: Mapping[str, Claim]


class Coordination(Protocol):
    """Members and claims of a store, over a connection of its own.

    Every call is atomic, and waits a bounded time for each answer. Where an answer is lost, the
    change may have been made all the same: the next ``read`` tells. Each raises StateError where
    the store cannot be reached.
    """

    def beat(self, member: str, counter: int) -> View:
        """Set the counter of a member, and read."""
        ...

    def read(self) -> View:
        """Read all members and claims."""
        ...

    def claim(self, share: str, expected: Claim | None, owner: str) -> Claim | None:
        """Make ``owner`` the owner of a namespace whose claim is ``expected`` (None: it has none).

        Returns:
            The new claim, or None if the recorded one is another than expected.
        """
        ...

    def release(self, share: str, held: Claim) -> bool:
        """Give up a claim; False if the recorded one is another by now."""
        ...

    def reassert(self, share: str, held: Claim) -> bool:
        """Record a claim again after the store went back behind it.

        Returns:
            Whether the recorded claim is ``held`` now; False if it is of the same or a later
            epoch and another's.
        """
        ...

    def forget(self, member: str, counter: int) -> bool:
        """Remove a member if its counter is still ``counter``."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class SharedStore(Store, Protocol):
    """A database that several exporters use at the same time."""

    def open_fenced(self, namespace: str, held: Claim) -> State:
        """Open a namespace that was claimed before.

        Args:
            held: from ``Coordination.claim``; the state can be read and saved as long as the
                recorded claim is this one, and raises StateFenced from then on.
        """
        ...

    def read(self, namespace: str) -> Saved:
        """Read a namespace without owning it; raises StateError where it cannot be read."""
        ...

    def namespaces(self) -> Collection[str]:
        """The namespaces that something was saved to."""
        ...

    def coordinate(self, timeout: float) -> Coordination:
        """Open a connection for coordination.

        Args:
            timeout: seconds for each answer: one of a beat, three of a claim; and for a
                connection, which is made where there is none.
        """
        ...
