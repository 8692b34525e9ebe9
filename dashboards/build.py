"""Writes the dashboards as JSON, for Grafana's import or provisioning.

``python -m dashboards.build [--output-dir DIR]``; the committed files are what it writes.
"""

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import component, exporter, overview

DASHBOARDS = {
    "overview.json": overview.build,
    "component.json": component.build,
    "exporter.json": exporter.build,
}


def write(directory: Path) -> None:
    """Write one file per dashboard into ``directory``, panels numbered in their order."""
    for name, build in DASHBOARDS.items():
        board = build().build()
        panels = list(board.panels or ())
        for number, panel in enumerate(panels, start=1):
            panel.id_val = number
        board.panels = folded(panels, exporter.FOLDED)
        text = JSONEncoder(sort_keys=True, indent=2).encode(board)
        (directory / name).write_text(text + "\n", encoding="utf-8")


def folded(panels: Sequence[Any], titles: Collection[str]) -> list[Any]:
    """Return the panels with those below some rows folded into them; what follows moves up."""
    shown: list[Any] = []
    row, below, up = None, 0, 0
    for panel in panels:
        if panel.type_val == "row":
            if row is not None:
                up += panel.grid_pos.y - below
            row = panel if panel.title in titles else None
            below = panel.grid_pos.y + 1
            if row is not None:
                row.collapsed, row.panels = True, []
        panel.grid_pos.y -= up
        if row is None or panel is row:
            shown.append(panel)
        else:
            row.panels.append(panel)
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.build", description=__doc__)
    parser.add_argument("--output-dir", type=Path, default=Path(__file__).parent)
    write(parser.parse_args(arguments).output_dir)


if __name__ == "__main__":
    main()
