"""Several accounts in one state: each sees what is its own, under its apps' plain names.

An app's name tells whose something is. Two accounts may have apps of one name, so in the state
that they share each name is preceded by its account's.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from exporter.model import ComponentKey
from exporter.state.store import Batch, CursorKey, DocumentKey, Saved, State, ValueKey

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_BETWEEN = "/"
"""No name of an app, and none of an account, has it."""


class AccountState:
    """The part of a state that is one account's.

    Closing it closes nothing: others may go on with theirs.

    Args:
        state: everybody's.
        account: the account's name; where it is empty all of the state is its own.
    """

    def __init__(self, state: State, account: str) -> None:
        self._state = state
        self._prefix = f"{account}{_BETWEEN}" if account else ""
        self.durable = state.durable

    @property
    def rollbacks(self) -> int:
        """How often the state was found to hold less than was saved there."""
        return self._state.rollbacks

    def load(self) -> Saved:
        """All that is kept of the account; raises StateError where it cannot be read."""
        saved = self._state.load()
        return replace(
            saved,
            values=self._ours(saved.values, _app_of_value, _rename_value),
            cursors=self._ours(saved.cursors, _app_of_cursor, _rename_cursor),
            released=self._ours(saved.released, _app_of_cursor, _rename_cursor),
            documents=self._ours(saved.documents, _app_of_document, _rename_document),
        )

    def save(self, batch: Batch) -> None:
        """Keep a batch, whole or not at all; raises StateError where it cannot."""
        if not self._prefix:
            self._state.save(batch)
            return

        def prefixed(app: str) -> str:
            return self._prefix + app

        self._state.save(
            Batch(
                values=_renamed(batch.values, _rename_value, prefixed),
                cursors=_renamed(batch.cursors, _rename_cursor, prefixed),
                released=_renamed(batch.released, _rename_cursor, prefixed),
                documents=_renamed(batch.documents, _rename_document, prefixed),
                dropped_values=frozenset(
                    _rename_value(key, prefixed) for key in batch.dropped_values
                ),
                dropped_releases=frozenset(
                    _rename_cursor(key, prefixed) for key in batch.dropped_releases
                ),
                dropped_documents=frozenset(
                    _rename_document(key, prefixed) for key in batch.dropped_documents
                ),
                dropped_components=frozenset(
                    ComponentKey(prefixed(key.app), key.component)
                    for key in batch.dropped_components
                ),
            )
        )

    def close(self) -> None:
        """Nothing to let go of: the state is everybody's."""

    def _ours(
        self, kept: Mapping[K, V], app_of: Callable[[K], str], rename: "_Rename[K]"
    ) -> dict[K, V]:
        """What the account's prefix stands before, without it."""

        def plain(app: str) -> str:
            return app.removeprefix(self._prefix)

        return {
            rename(key, plain): value
            for key, value in kept.items()
            if app_of(key).startswith(self._prefix)
        }


_Rename = Callable[[K, Callable[[str], str]], K]


def _renamed(kept: Mapping[K, V], rename: "_Rename[K]", app: Callable[[str], str]) -> dict[K, V]:
    return {rename(key, app): value for key, value in kept.items()}


def _rename_value(key: ValueKey, app: Callable[[str], str]) -> ValueKey:
    return key._replace(labels=(app(key.labels[0]), *key.labels[1:]))


def _rename_cursor(key: CursorKey, app: Callable[[str], str]) -> CursorKey:
    component = key.component
    return key._replace(component=ComponentKey(app(component.app), component.component))


def _rename_document(key: DocumentKey, app: Callable[[str], str]) -> DocumentKey:
    return key._replace(owner=(app(key.owner[0]), *key.owner[1:]))


def _app_of_value(key: ValueKey) -> str:
    return key.labels[0]


def _app_of_cursor(key: CursorKey) -> str:
    return key.component.app


def _app_of_document(key: DocumentKey) -> str:
    return key.owner[0]
