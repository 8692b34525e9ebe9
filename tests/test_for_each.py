"""A test of many values: all are tried, and each that fails is named."""

import pytest
from for_each import for_each


def test_each_case_that_fails_is_named_with_its_reason():
    """The others are tried all the same."""
    tried = []

    @for_each([(1, 1), pytest.param(2, 3, id="two"), (4, 4), (5, 6)], ids=lambda case: f"<{case}>")
    def check(number: int, wanted: int) -> None:
        """A check."""
        tried.append(number)
        assert number == wanted, f"{number} is not {wanted}"

    with pytest.raises(AssertionError) as failed:
        check()
    assert tried == [1, 2, 4, 5]
    told = str(failed.value)
    assert told.startswith("2 of 4 fail:\n")
    assert "\ntwo: line " in told
    assert "\n<(5, 6)>: line " in told
    assert "2 is not 3" in told
    assert "5 is not 6" in told
    assert "(1, 1)" not in told
    assert "(4, 4)" not in told
    assert (check.__name__, check.__doc__) == ("check", "A check.")


def test_a_tuple_is_one_value_to_a_check_of_one():
    """And a case that cannot be tried is an error, not a failure among others."""
    seen = []

    @for_each([(1, 2), {"a": 1}, None])
    def check(value: object) -> None:
        seen.append(value)
        assert value or 1 / 0

    with pytest.raises(ZeroDivisionError):
        check()
    assert seen == [(1, 2), {"a": 1}, None]


def test_no_case_is_a_failure():
    """A list of files that is empty by mistake does not pass."""
    with pytest.raises(AssertionError, match="no case"):
        for_each([])(lambda value: None)()
