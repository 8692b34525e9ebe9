"""Documents: what is known of a component or an app beside numbers and cursors, as bytes.

Last words of crashes, samples of error groups, runs of jobs and the like. Each has a kind, an owner
and a name.
"""

from collections.abc import Callable, Iterator, Mapping

from exporter.counting.changes import Changes
from exporter.state.store import DocumentKey

Owner = tuple[str, ...]
"""Whose a document or a series is: (app, component), or (app,) of those about an app as a whole."""

Document = bytes | Callable[[], bytes]
"""A document's bytes, or what makes them when they are asked for or saved."""


class Documents:
    """The documents of every owner; used within the ledger's transactions.

    Args:
        saved: those that are kept from before.
        unsaved: takes note of what has to be saved.
    """

    def __init__(self, saved: Mapping[DocumentKey, bytes], unsaved: Changes) -> None:
        self._unsaved = unsaved
        self._documents: dict[tuple[str, Owner], dict[str, Document]] = {}
        for key, data in saved.items():
            self._documents.setdefault((key.kind, key.owner), {})[key.name] = data

    def keep(self, kind: str, owner: Owner, name: str, data: Document) -> None:
        """Keep a document; it belongs to the counts that change in the same transaction."""
        self._documents.setdefault((kind, owner), {})[name] = data
        self._unsaved.change_document(DocumentKey(kind, owner, name))

    def discard(self, kind: str, owner: Owner, name: str) -> None:
        """Drop a document, if there is one of that name."""
        documents = self._documents.get((kind, owner), {})
        if documents.pop(name, None) is not None:
            self._unsaved.drop_document(DocumentKey(kind, owner, name))
        if not documents:
            self._documents.pop((kind, owner), None)

    def kept(self, kind: str, owner: Owner) -> dict[str, bytes]:
        """The documents of one kind and owner, by name."""
        documents = self._documents.get((kind, owner), {})
        return {name: _bytes(data) for name, data in documents.items()}

    def drop_owner(self, owner: Owner) -> None:
        """Drop every document of an owner."""
        for kind in [kind for kind, other in self._documents if other == owner]:
            for name in list(self._documents[kind, owner]):
                self.discard(kind, owner, name)

    def owners(self) -> set[Owner]:
        """Everything that has a document."""
        return {owner for _, owner in self._documents}

    def data(self, key: DocumentKey) -> bytes:
        """The bytes of a document that is there."""
        return _bytes(self._documents[key.kind, key.owner][key.name])

    def __iter__(self) -> Iterator[DocumentKey]:
        for (kind, owner), named in self._documents.items():
            for name in named:
                yield DocumentKey(kind, owner, name)


def _bytes(document: Document) -> bytes:
    return document if isinstance(document, bytes) else document()
