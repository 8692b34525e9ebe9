"""The form of the lines of a log, as figures."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any

from exporter.logs.lines import LineSplitter, parse_line

_FRACTION = re.compile(rb"\S+ [-0-9]+T[0-9:]+(?:\.(\d+))?(?:Z|[+-])")
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
MAX_LINE_BYTES = 65536


@dataclass(slots=True)
class LineForms:
    """Figures about lines; shares are counts of ``lines``.

    Args:
        digits: how many lines have so many digits behind the second.
        backwards: lines whose time is earlier than that of the line before.
        components: different components that prefixes name.
    """

    lines: int = 0
    prefixed: int = 0
    digits: Counter[int] = field(default_factory=Counter)
    backwards: int = 0
    json: int = 0
    coloured: int = 0
    empty: int = 0
    longest: int = 0
    components: int = 0

    def __add__(self, other: "LineForms") -> "LineForms":
        return LineForms(
            self.lines + other.lines,
            self.prefixed + other.prefixed,
            self.digits + other.digits,
            self.backwards + other.backwards,
            self.json + other.json,
            self.coloured + other.coloured,
            self.empty + other.empty,
            max(self.longest, other.longest),
            max(self.components, other.components),
        )

    def figures(self) -> dict[str, Any]:
        """Return the figures as JSON takes them."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**values, "digits": {str(n): lines for n, lines in sorted(self.digits.items())}}


def line_forms(chunks: Iterable[bytes]) -> LineForms:
    """Return the figures about the lines of one text, cut into chunks anywhere."""
    splitter, forms = LineSplitter(MAX_LINE_BYTES), LineForms()
    newest, components = 0, set[bytes]()
    raws: list[bytes] = []
    for chunk in chunks:
        raws += splitter.feed(chunk)
    for raw in (*raws, *splitter.end()):
        line = parse_line(raw)
        forms.lines += 1
        forms.longest = max(forms.longest, line.size)
        message = _COLOUR.sub(b"", line.message)
        forms.coloured += message != line.message
        forms.empty += not message.strip()
        forms.json += message.lstrip().startswith(b"{")
        if line.timestamp is None:
            continue
        forms.prefixed += 1
        fraction = _FRACTION.match(raw)
        forms.digits[len(fraction[1] or b"") if fraction else 0] += 1
        components.add(raw.split(b" ", 1)[0])
        forms.backwards += line.timestamp < newest
        newest = max(newest, line.timestamp)
    forms.components = len(components)
    return forms
