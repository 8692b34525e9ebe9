"""Each record of a list counts once, however often the list is shown and however old it grows."""

import json

from hypothesis import given
from hypothesis import strategies as st

from exporter.counting import once as module
from exporter.counting.once import Once


def show(once: Once, listed: list[tuple[str, float, bool]]) -> list[str]:
    """Take in a list of records; return those that count now."""
    counted = []
    for record, created, ended in listed:
        if once.is_counted(record, created):
            continue
        if ended:
            once.count(record, created)
            counted.append(record)
        else:
            once.begin(record, created)
    return counted


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), max_size=30),
    st.integers(1, 12),
    st.booleans(),
)
def test_every_record_counts_once_over_windows_and_restarts(
    steps: list[tuple[int, int]], window: int, restarts: bool
):
    """Records come with rising times, end in any order, and show while among the newest or open."""
    once, open_records, everything, counted = Once(), [], [], []
    kept, module.KEPT, module.MOST = (module.KEPT, module.MOST), 3 * window, 6 * window
    try:
        for number, (begun, ended) in enumerate(steps):
            for part in range(begun % (window + 1)):
                open_records.append((f"{number}-{part}", float(number)))
            over = open_records[: ended * window]
            everything += over
            open_records = open_records[ended * window :]
            shown = [(*record, True) for record in everything[-window - len(over) :]]
            shown += [(*record, False) for record in open_records]
            counted += show(once, shown)
            if restarts:
                once = Once.from_json(json.loads(json.dumps(once.to_json())))
    finally:
        module.KEPT, module.MOST = kept
    assert sorted(counted) == sorted(record for record, _ in everything)


def test_ids_are_bounded_and_old_ones_do_not_count_again():
    """Of thousands some hundreds are kept; a time stands for the others."""
    once = Once()
    for number in range(5 * module.MOST):
        assert not once.is_counted(str(number), float(number))
        once.count(str(number), float(number))
    assert len(once.to_json()["counted"]) <= module.MOST
    assert all(once.is_counted(str(n), float(n)) for n in range(5 * module.MOST))


def test_a_record_that_was_open_for_long_still_counts():
    """However many came and went since it began."""
    once = Once()
    once.begin("long", 0.5)
    for number in range(3 * module.MOST):
        once.count(str(number), float(number))
    assert not once.is_counted("long", 0.5)
    once.count("long", 0.5)
    assert once.is_counted("long", 0.5)
    assert once.open == frozenset()
