"""Writes the dashboards as JSON, for Grafana's import or provisioning.

``python -m dashboards.build [--output-dir DIR]``; the committed files are what it writes.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

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
        for number, panel in enumerate(board.panels or (), start=1):
            panel.id_val = number
        text = JSONEncoder(sort_keys=True, indent=2).encode(board)
        (directory / name).write_text(text + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and write."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.build", description=__doc__)
    parser.add_argument("--output-dir", type=Path, default=Path(__file__).parent)
    write(parser.parse_args(arguments).output_dir)


if __name__ == "__main__":
    main()
