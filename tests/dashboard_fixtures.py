"""The dashboards as committed, and their queries one by one, for parametrized tests."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
FILES = ("component.json", "exporter.json", "overview.json")
BOARDS = {
    name: json.loads((ROOT / "dashboards" / name).read_text(encoding="utf-8")) for name in FILES
}


def panels_of(name: str) -> list[dict[str, Any]]:
    """The panels of a dashboard in their order, with those that are folded into a row."""
    shown = BOARDS[name]["panels"]
    return [each for panel in shown for each in (panel, *panel.get("panels", ()))]


PANELS = [
    pytest.param(panel, id=f"{name}-{panel['title']}")
    for name in BOARDS
    for panel in panels_of(name)
    if panel["type"] != "row"
]
OF_REPLICAS = [
    panel
    for panel in PANELS
    if re.search(
        "exporter_(replicas|share_owned|takeovers|fenced_saves)", str(panel.values[0]["targets"])
    )
]
"""Those that have data only where several replicas share the work."""

ANNOTATIONS = [
    pytest.param(annotation, id=f"{name}-{annotation['name']}")
    for name, board in BOARDS.items()
    for annotation in board["annotations"]["list"]
]


def variables(name: str) -> dict[str, dict]:
    """The variables of a dashboard by name, in their order."""
    return {variable["name"]: variable for variable in BOARDS[name]["templating"]["list"]}
