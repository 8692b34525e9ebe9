"""Any batches that a ledger may ask a state to keep, and two whose every byte is known."""

from collections.abc import Callable

from hypothesis import strategies as st

from exporter.model import ComponentKey
from exporter.state.store import Batch, CursorKey, DocumentKey, Store, ValueKey

WEB, API = ComponentKey("shop", "web"), ComponentKey("blog", "api")
LINES = ValueKey("lines_total", WEB.parts)
NOTE = DocumentKey("note", ("shop",), "a")

VALUE_KEYS = st.builds(
    ValueKey,
    st.sampled_from(["lines_total", "matches_total"]),
    st.tuples(st.sampled_from(["shop", "\udcff", "ü \n"]), st.text(max_size=3)),
    st.sampled_from(["", "meaning"]),
)
CURSOR_KEYS = st.builds(CursorKey, st.sampled_from([WEB, API]), st.sampled_from("abc"))
DOCUMENT_KEYS = st.builds(
    DocumentKey, st.just("note"), st.sampled_from([WEB.parts, ("shop",)]), st.sampled_from("xy")
)
BATCHES = st.builds(
    Batch,
    values=st.dictionaries(
        VALUE_KEYS, st.floats(allow_nan=False, allow_infinity=False), max_size=4
    ),
    cursors=st.dictionaries(CURSOR_KEYS, st.binary(max_size=8), max_size=3),
    released=st.dictionaries(CURSOR_KEYS, st.integers(0, 2**62), max_size=2),
    documents=st.dictionaries(DOCUMENT_KEYS, st.binary(max_size=8), max_size=2),
    dropped_values=st.frozensets(VALUE_KEYS, max_size=2),
    dropped_releases=st.frozensets(CURSOR_KEYS, max_size=2),
    dropped_documents=st.frozensets(DOCUMENT_KEYS, max_size=2),
    dropped_components=st.frozensets(st.sampled_from([WEB, API]), max_size=1),
    first_start=st.none() | st.floats(0, 4e9),
)


def save_in_two_starts(open_store: Callable[[], Store], *, read_first: bool) -> None:
    """Save a batch in the namespace ``eu``, close the store, open it anew and save another.

    Args:
        read_first: whether the first start reads before it saves, as the second one does.
    """
    for number in range(2):
        store = open_store()
        state = store.open("eu")
        if number or read_first:
            state.load()
        state.save(
            Batch(
                values={LINES: 1.5},
                cursors={CursorKey(WEB, f"d{number}{n}"): b"one" for n in "ab"},
                released={CursorKey(WEB, "d0"): 12},
                documents={NOTE: b"A"},
            )
        )
        store.close()
