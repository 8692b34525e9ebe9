"""What a state compares with each save, without a database: whose the claim is, and how far."""

import pytest

from exporter.errors import StateFenced
from exporter.state.coordination import Claim
from exporter.state.fence import OPENED_LATER, TAKEN_OVER, Fence, Rollbacks

OURS = Claim("a", 3)


def fence(rollbacks: Rollbacks | None = None, refusal: str = TAKEN_OVER) -> Fence:
    return Fence("redis://store/0", OURS, rollbacks or Rollbacks(), refusal)


@pytest.mark.parametrize(
    ("recorded", "refused"),
    [
        (None, False),
        (OURS, False),
        (Claim("b", 2), False),
        (Claim("b", 3), True),
        (Claim("b", 4), True),
        (Claim("a", 4), True),
        (Claim("a", 2), False),
        (Claim(None, 4), True),
        (Claim(None, 2), False),
    ],
)
@pytest.mark.parametrize("refusal", [TAKEN_OVER, OPENED_LATER])
def test_another_claim_that_is_as_late_or_later_is_refused(
    recorded: Claim | None, refused: bool, refusal: str
):
    """An earlier one is of a store that went back; the message says what was tried, and where."""
    held = fence(refusal=refusal)
    if refused:
        with pytest.raises(StateFenced) as raised:
            held.refuse_other(recorded, "saved")
        assert str(raised.value) == f"state in redis://store/0 cannot be saved: {refusal}"
    else:
        held.refuse_other(recorded, "saved")


@pytest.mark.parametrize(
    ("recorded", "batch", "back"),
    [
        (OURS, 7, False),
        (OURS, 8, False),
        (OURS, 6, True),
        (Claim("b", 2), 7, True),
        (Claim("a", 2), 9, True),
        (None, 9, True),
    ],
)
def test_a_store_with_less_than_was_saved_there_went_back(
    recorded: Claim | None, batch: int, back: bool
):
    """A batch of its own that is as late or later is fine, and no other claim is."""
    held = fence()
    assert not held.went_back(OURS, 0)
    held.saved(7)
    assert held.went_back(recorded, batch) is back
    held.loaded(2)
    assert not held.went_back(OURS, 2)
    assert held.went_back(OURS, 1)


def test_a_rollback_is_counted_once_by_all_states_of_a_store():
    """Whichever meets it first counts it; each knows it once it has loaded what is there now."""
    rollbacks = Rollbacks()
    first, second = fence(rollbacks), fence(rollbacks)
    first.saved(5)
    assert first.rollbacks == second.rollbacks == 0
    error = first.report_rollback(Claim("b", 2), 4)
    second.report_rollback(None, 0)
    first.report_rollback(None, 0)
    assert first.rollbacks == second.rollbacks == 1
    first.loaded(4)
    second.loaded(4)
    second.report_rollback(OURS, 1)
    assert (first.rollbacks, second.rollbacks) == (2, 2)
    assert str(error) == (
        "state in redis://store/0 went back: batch 4 of epoch 2 is the latest in it, 5 of epoch 3 "
        "was saved; was it restored, failed over or emptied?"
    )


def test_before_a_first_save_all_that_is_missing_is_the_claim():
    """A store without a claim is at epoch 0, as messages say it, and no batch was saved."""
    assert str(fence().report_rollback(None, 1)) == (
        "state in redis://store/0 went back: batch 1 of epoch 0 is the latest in it, 0 of epoch 3 "
        "was saved; was it restored, failed over or emptied?"
    )
