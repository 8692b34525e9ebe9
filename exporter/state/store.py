"""What a state keeps, as values, and the interface of every kind of it.

Counts, cursors and documents change together: one ``Batch`` holds all, and a state takes it whole
or not at all. Cursors and documents are bytes here; others know what is in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from exporter.model import ComponentKey


class ValueKey(NamedTuple):
    """One series: the metric's full name, its labels in order, and what it stands for.

    ``meaning`` tells two rules of one name apart, so that a count is never continued by another
    rule; it is empty where the name and labels say it all.
    """

    metric: str
    labels: tuple[str, ...]
    meaning: str = ""


class CursorKey(NamedTuple):
    """One deployment of one component."""

    component: ComponentKey
    deployment_id: str


class DocumentKey(NamedTuple):
    """A small document beside counters: what it is, whose it is, and which of several.

    Args:
        kind: the use that its bytes are for.
        owner: (app, component), or (app,) of what is about an app as a whole.
        name: tells documents of one kind and owner apart; empty where there is one.
    """

    kind: str
    owner: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What changed since the batch before: first what is dropped goes, then the rest is kept.

    Args:
        values: series with what they show now.
        cursors: cursors as they are now.
        released: deployments read to their end, with the newest timestamp (ns) that was read.
        documents: documents as they are now.
        dropped_values: series that were removed.
        dropped_releases: releases that need not be known any longer.
        dropped_documents: documents that were removed.
        dropped_components: components of which nothing is kept any longer.
        first_start: when the exporter first started, where that is known better by now.
    """

    values: Mapping[ValueKey, float] = field(default_factory=dict)
    cursors: Mapping[CursorKey, bytes] = field(default_factory=dict)
    released: Mapping[CursorKey, int] = field(default_factory=dict)
    documents: Mapping[DocumentKey, bytes] = field(default_factory=dict)
    dropped_values: frozenset[ValueKey] = frozenset()
    dropped_releases: frozenset[CursorKey] = frozenset()
    dropped_documents: frozenset[DocumentKey] = frozenset()
    dropped_components: frozenset[ComponentKey] = frozenset()
    first_start: float | None = None


@dataclass(frozen=True, slots=True)
class Saved:
    """What a state holds when it is opened.

    Args:
        first_start: when the exporter first started on this state, in Unix seconds.
        saved_at: when a batch was last saved, None if never.
    """

    first_start: float
    saved_at: float | None = None
    values: Mapping[ValueKey, float] = field(default_factory=dict)
    cursors: Mapping[CursorKey, bytes] = field(default_factory=dict)
    released: Mapping[CursorKey, int] = field(default_factory=dict)
    documents: Mapping[DocumentKey, bytes] = field(default_factory=dict)


class State(Protocol):
    """One namespace of a store: the counts and cursors of one account, or of one share of it.

    ``durable`` states outlive the process; what is not saved there must not be shown.
    """

    durable: bool

    @property
    def rollbacks(self) -> int:
        """How often the store was found to hold less than was saved there.

        When the number has grown, everything that is known has to be saved again.
        """
        ...

    def load(self) -> Saved:
        """Read the namespace.

        Raises:
            StateFenced: another exporter owns the namespace by now.
            StateError: it cannot be read.
        """
        ...

    def save(self, batch: Batch) -> None:
        """Save a batch, whole or not at all.

        Raises:
            StateFenced: another exporter owns the namespace by now.
            StateRolledBack: the store holds less than was saved there; load what it holds, and
                save all that is known.
            StateError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """Stop using the namespace; the store stays open."""
        ...


class Store(Protocol):
    """One opened database, of which each namespace is a state of its own."""

    def open(self, namespace: str) -> State:
        """Open a namespace, made if it is not there; the latest to open it owns it.

        Args:
            namespace: the account's name; empty for the only account.

        Raises:
            StateError: the store cannot be used.
        """
        ...

    def close(self) -> None:
        """Close files and connections."""
        ...
