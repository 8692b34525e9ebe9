"""Fills a share that is new with what was kept of its account before it was cut so.

An account may have been watched by a single exporter before, or have been cut into another number
of shares. Which of its apps a share has is known only once they are listed, so it begins with all
of them; what is not its own is dropped after the grace period of the ledger, as if it were gone.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.replicas.layout import Share
from exporter.state.coordination import SharedStore
from exporter.state.store import Batch, Saved, State

PARTS = ("values", "cursors", "released", "documents")


def seed(store: SharedStore, share: Share, state: State) -> None:
    """Copy what was kept of the account to a share in which nothing was saved yet.

    Args:
        state: of the share, claimed before.

    Raises:
        StateError: something cannot be read or saved.
    """
    if state.load().saved_at is not None:
        return
    division = _kept_last(store, share)
    kept = _merged(division)
    if any(kept.values()):
        state.save(Batch(**kept, first_start=min(saved.first_start for saved in division)))


def _kept_last(store: SharedStore, share: Share) -> list[Saved]:
    """What was saved with the division of the account that was in use last."""
    divisions: dict[int, list[Saved]] = defaultdict(list)
    for namespace in store.namespaces():
        division = share.division(namespace)
        if division is not None:
            saved = store.read(namespace)
            if saved.saved_at is not None:
                divisions[division].append(saved)
    return max(divisions.values(), key=_saved_at, default=[])


def _saved_at(division: list[Saved]) -> float:
    return max(saved.saved_at or 0.0 for saved in division)


def _empty_parts() -> dict[str, dict[Any, Any]]:
    return {part: {} for part in PARTS}


@dataclass(slots=True)
class _App:
    """What one namespace holds of one app."""

    counted: float = 0.0
    parts: dict[str, dict[Any, Any]] = field(default_factory=_empty_parts)


def _merged(division: list[Saved]) -> dict[str, Any]:
    """What several namespaces hold; of an app that is in more than one, what counted most.

    The others have a copy that they were filled with themselves.
    """
    best: dict[str, _App] = {}
    for saved in division:
        for name, found in _by_app(saved).items():
            if name not in best or found.counted > best[name].counted:
                best[name] = found
    return {
        part: {k: v for app in best.values() for k, v in app.parts[part].items()} for part in PARTS
    }


def _by_app(saved: Saved) -> Mapping[str, _App]:
    apps: dict[str, _App] = defaultdict(_App)
    for series, value in saved.values.items():
        apps[series.labels[0]].parts["values"][series] = value
        apps[series.labels[0]].counted += value
    for cursor, data in saved.cursors.items():
        apps[cursor.component.app].parts["cursors"][cursor] = data
    for cursor, newest in saved.released.items():
        apps[cursor.component.app].parts["released"][cursor] = newest
    for document, data in saved.documents.items():
        apps[document.owner[0]].parts["documents"][document] = data
    return apps
