"""A test of many small values: it tries all of them, and names each that fails.

``pytest.mark.parametrize`` makes a test of each value, which costs more in pytest and between its
workers than a check of a line or of a file that is already read.
"""

import inspect
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import pytest

Check = Callable[..., None]
_NAMED = type(pytest.param())


def for_each(
    cases: Iterable[Any], ids: Callable[[Any], str] | None = None
) -> Callable[[Check], Check]:
    """Make a check of one case a test of all of them; the check takes no fixtures.

    Args:
        cases: values, tuples of as many values as the check takes, or ``pytest.param``.
        ids: names a case in the report of a failure; ``str`` by default.
    """
    told = [*cases]

    def decorate(check: Check) -> Check:
        spread = len(inspect.signature(check).parameters) > 1

        def test() -> None:
            assert told, "there is no case"
            failures = []
            for case in told:
                if isinstance(case, _NAMED):
                    name, values = case.id, case.values
                else:
                    name, values = (ids or str)(case), case if spread else (case,)
                try:
                    check(*values)
                except AssertionError as error:
                    line = traceback.extract_tb(error.__traceback__)[-1].lineno
                    failures.append(f"{name}: line {line}: {error}")
            assert not failures, f"{len(failures)} of {len(told)} fail:\n" + "\n".join(failures)

        vars(test).update(vars(check))
        test.__name__, test.__doc__ = check.__name__, check.__doc__
        test.__module__ = check.__module__
        return test

    return decorate
