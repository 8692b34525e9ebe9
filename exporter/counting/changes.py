"""What has changed since it was last kept, by name: the ledger knows what each stands at.

Of changes that undo one another the later wins, also over earlier ones that could not be kept.
"""

from collections.abc import Iterable

from exporter.model import ComponentKey
from exporter.state.store import CursorKey, DocumentKey, ValueKey


class Changes:
    """The values, cursors, releases and documents to keep next, and what to drop."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.values: set[ValueKey] = set()
        self.cursors: set[CursorKey] = set()
        self.released: dict[CursorKey, int] = {}
        self.documents: set[DocumentKey] = set()
        self.dropped_values: set[ValueKey] = set()
        self.dropped_releases: set[CursorKey] = set()
        self.dropped_documents: set[DocumentKey] = set()
        self.dropped_components: set[ComponentKey] = set()

    def __bool__(self) -> bool:
        return any(
            (
                self.values,
                self.cursors,
                self.released,
                self.documents,
                self.dropped_values,
                self.dropped_releases,
                self.dropped_documents,
                self.dropped_components,
            )
        )

    def take(self) -> "Changes":
        """What has changed so far, as a value of its own; from now on nothing has."""
        taken = Changes()
        vars(taken).update(vars(self))
        self._clear()
        return taken

    def change_value(self, key: ValueKey) -> None:
        """A series stands at another value."""
        self.values.add(key)
        self.dropped_values.discard(key)

    def drop_values(self, keys: Iterable[ValueKey]) -> None:
        """Series were removed."""
        self.dropped_values.update(keys)
        self.values -= self.dropped_values

    def forget_release(self, key: CursorKey) -> None:
        """One release too many is known of a component."""
        self.released.pop(key, None)
        self.dropped_releases.add(key)

    def change_document(self, key: DocumentKey) -> None:
        """A document has another content."""
        self.documents.add(key)
        self.dropped_documents.discard(key)

    def drop_document(self, key: DocumentKey) -> None:
        """A document was removed."""
        self.documents.discard(key)
        self.dropped_documents.add(key)

    def drop_component(self, component: ComponentKey) -> None:
        """Nothing is known of a component any longer but what changes from now on."""
        self.dropped_components.add(component)
        self.cursors = {key for key in self.cursors if key.component != component}
        self.released = _without(self.released, {component})

    def join(self, earlier: "Changes") -> None:
        """Take in earlier changes that could not be kept."""
        self.dropped_values |= earlier.dropped_values - self.values
        self.values |= earlier.values - self.dropped_values
        self.cursors |= earlier.cursors
        self.dropped_documents |= earlier.dropped_documents - self.documents
        self.documents |= earlier.documents - self.dropped_documents
        released = _without(earlier.released, self.dropped_components)
        for key in self.dropped_releases:
            released.pop(key, None)
        self.released = released | self.released
        self.dropped_releases |= earlier.dropped_releases - self.released.keys()
        self.dropped_components |= earlier.dropped_components


def _without(released: dict[CursorKey, int], components: set[ComponentKey]) -> dict[CursorKey, int]:
    return {key: newest for key, newest in released.items() if key.component not in components}
