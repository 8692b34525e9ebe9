"""Keys of what is saved, as text: what a shared store holds under."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import ComponentKey
from exporter.state.columns import (
    component_text,
    cursor_key,
    cursor_text,
    document_key,
    document_text,
    value_key,
    value_text,
)
from exporter.state.store import CursorKey, DocumentKey, ValueKey

TEXTS = st.text('a/é"\\\n\0\N{LOBSTER}')
NAMES = st.lists(TEXTS, max_size=3).map(tuple)


@given(metric=TEXTS, labels=NAMES, meaning=TEXTS)
def test_the_text_of_a_series_is_read_as_the_same_series(
    metric: str, labels: tuple[str, ...], meaning: str
):
    """Whatever stands in its names."""
    key = ValueKey(metric, labels, meaning)
    assert value_key(value_text(key)) == value_key(value_text(key).encode()) == key


@given(kind=TEXTS, owner=NAMES, name=TEXTS)
def test_the_text_of_a_document_is_read_as_the_same_document(
    kind: str, owner: tuple[str, ...], name: str
):
    """Of an app or of a component."""
    key = DocumentKey(kind, owner, name)
    assert document_key(document_text(key)) == key


@given(app=TEXTS, component=TEXTS, deployment_id=TEXTS)
def test_the_text_of_a_cursor_is_read_as_the_same_cursor(
    app: str, component: str, deployment_id: str
):
    """Of one deployment of one component."""
    key = CursorKey(ComponentKey(app, component), deployment_id)
    assert cursor_key(cursor_text(key)) == key


def test_texts_are_json_that_later_versions_can_read():
    """They stand in databases, so their form is fixed."""
    web = ComponentKey("shop", "web")
    assert value_text(ValueKey("a", ("b", "c"), "d")) == '["a", ["b", "c"], "d"]'
    assert document_text(DocumentKey("a", ("b",), "c")) == '["a", ["b"], "c"]'
    assert cursor_text(CursorKey(web, "d1")) == '["shop", "web", "d1"]'
    assert component_text(web) == '["shop", "web"]'


@pytest.mark.parametrize("read", [value_key, document_key, cursor_key])
@pytest.mark.parametrize("text", ["", "[]", '["a"]', '["a", "b", "c", "d"]', "["])
def test_a_text_that_is_no_key_is_refused(read, text):
    """So that a damaged database says so instead of counting under another name."""
    with pytest.raises(ValueError, match=r".+"):
        read(text)
