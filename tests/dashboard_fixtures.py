"""The dashboards as committed, and their queries one by one, for parametrized tests."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = ("component.json", "exporter.json", "overview.json")
BOARDS = {
    name: json.loads((ROOT / "dashboards" / name).read_text(encoding="utf-8")) for name in FILES
}
PANELS = [
    pytest.param(panel, id=f"{name}-{panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
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
