"""Globs choose the components that a rule applies to."""

import pytest

from exporter.matching.selection import selects
from exporter.model import ComponentKey


@pytest.mark.parametrize(
    ("globs", "selected"),
    [
        ((), True),
        (("shop-eu",), True),
        (("shop-*",), True),
        (("shop-*/web",), True),
        (("*/web",), True),
        (("shop-*/worker", "*/w?b"), True),
        (("shop",), False),
        (("web",), False),
        (("*/worker",), False),
        (("Shop-*",), False),
        (("shop-eu/",), False),
    ],
)
def test_a_glob_names_an_app_or_a_component_of_one(globs: tuple[str, ...], selected: bool):
    """Without a slash a glob means the app, with one the component; none means all."""
    assert selects(globs, ComponentKey("shop-eu", "web")) is selected
