"""The values that are valid and that this version cannot put to use yet.

They are refused rather than ignored. Supporting one of them takes its line out of the table.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.config.document import Document
from exporter.config.findings import Finding, Location, shown

ANY = "*"
"""In a place: every item of the list."""


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A place, the values there that cannot be used (None: all but nothing), and the way out."""

    place: Location
    values: frozenset[str] | None
    remedy: str


UNSUPPORTED = (Unsupported(("logs", "scope"), frozenset({"app"}), "use component"),)


def unsupported_findings(document: Document) -> Iterator[Finding]:
    """A finding for every value of the file that is in the table."""
    for row in UNSUPPORTED:
        for location, value in _values_at(document.data, row.place):
            if row.values is None and value not in (None, [], {}):
                yield Finding(location, "not supported yet", row.remedy)
            elif row.values and isinstance(value, str) and value in row.values:
                yield Finding(location, f"{shown(value)} is not supported yet", row.remedy)


def _values_at(
    data: object, place: Location, path: Location = ()
) -> Iterator[tuple[Location, object]]:
    if not place:
        yield path, data
    elif place[0] == ANY:
        for index, item in enumerate(data if isinstance(data, list) else ()):
            yield from _values_at(item, place[1:], (*path, index))
    elif isinstance(data, dict) and place[0] in data:
        yield from _values_at(data[place[0]], place[1:], (*path, place[0]))
