"""What counts the lines of an account has its compiled rules in common with others."""

import gc
import weakref
from unittest.mock import patch

import pytest

from exporter.matching.engine import Engine
from exporter.model import Level, Rule
from exporter.service import counting_parts
from exporter.service.counting_parts import engine_of

DECLINED = Rule("declined", "payment declined", Level.ERROR)
SHIPPED = Rule("shipped", "order shipped", Level.INFO)


@pytest.fixture(autouse=True)
def _real_engines():
    """Engines that nobody else keeps."""
    with patch.object(counting_parts, "Engine", Engine):
        yield


def test_equal_rules_are_compiled_once_while_they_are_in_use():
    """An equal copy of the rules brings the same engine; other rules or no unwrapping another."""
    engine = engine_of((DECLINED, SHIPPED), True)
    assert engine_of((Rule("declined", "payment declined", Level.ERROR), SHIPPED), True) is engine
    others = [engine_of((DECLINED,), True), engine_of((DECLINED, SHIPPED), False)]
    assert len({id(each) for each in (engine, *others)}) == 3
    assert [each.rules for each in others] == [(DECLINED,), (DECLINED, SHIPPED)]
    assert [each.unwrap is None for each in (engine, *others)] == [False, False, True]


def test_rules_that_nobody_uses_any_more_are_not_kept():
    """After a reload with other rules the memory of those before is free."""
    engine = weakref.ref(engine_of((SHIPPED,), True))
    gc.collect()
    assert engine() is None
