"""Keys of what is saved as JSON text: the form in which shared stores hold them."""

import json

from exporter.model import ComponentKey
from exporter.state.store import CursorKey, DocumentKey, ValueKey


def value_text(key: ValueKey) -> str:
    """The text of a series' key."""
    return json.dumps([key.metric, key.labels, key.meaning])


def value_key(text: bytes | str) -> ValueKey:
    """The key of a series; raises ValueError if the text is none."""
    metric, labels, meaning = json.loads(text)
    return ValueKey(metric, tuple(labels), meaning)


def document_text(key: DocumentKey) -> str:
    """The text of a document's key."""
    return json.dumps([key.kind, key.owner, key.name])


def document_key(text: bytes | str) -> DocumentKey:
    """The key of a document; raises ValueError if the text is none."""
    kind, owner, name = json.loads(text)
    return DocumentKey(kind, tuple(owner), name)


def cursor_text(key: CursorKey) -> str:
    """The text of a cursor's key."""
    return json.dumps([*key.component.parts, key.deployment_id])


def cursor_key(text: bytes | str) -> CursorKey:
    """The key of a cursor; raises ValueError if the text is none."""
    app, component, deployment_id = json.loads(text)
    return CursorKey(ComponentKey(app, component), deployment_id)


def component_text(key: ComponentKey) -> str:
    """The text of a component."""
    return json.dumps(key.parts)
