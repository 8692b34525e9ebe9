"""Lines that matched, shown under the name of the rule."""

from collections.abc import Iterator

from exporter.logs.lines import message_of
from exporter.matching.engine import Engine
from exporter.workbench.inputs import Piece
from exporter.workbench.tally import Extractions, Tally, add_lines, take_sample


def matching_lines(
    engine: Engine, extractions: Extractions, piece: Piece, tally: Tally
) -> Iterator[str]:
    """Count as ``tally.count`` does, and yield each match: the rule's name and the line."""
    add_lines(piece, tally)
    for found in engine.scan_text(piece.text, message_of=message_of, end=piece.end):
        tally.patterns[found.rule] += 1
        line = piece.text[found.start : found.end]
        if found.rule in extractions:
            take_sample(extractions[found.rule], line, tally)
        yield f"{engine.rules[found.rule].name}: {line.decode('utf-8', 'replace')}"
