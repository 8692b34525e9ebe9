"""The lines of one metric, kept as text: what has not changed is not rendered again.

This looks inside the library's own metrics, since asking them for samples is what takes the time.
Tests hold every byte against what the library itself writes.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import is_
from threading import Lock
from typing import Any, TypeGuard

from prometheus_client import Counter, Gauge, Histogram, Summary, values
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.utils import floatToGoString

from exporter.web.deflate import Piece

BLOCK = 512
"""Series that are rendered and compressed together: about 90 kB of text."""

_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")

_CELLS: Mapping[type, Callable[[Any], list[Any]]] = {
    Counter: lambda child: [child._value],
    Gauge: lambda child: [child._value],
    Summary: lambda child: [child._count, child._sum],
    Histogram: lambda child: [child._sum, *child._buckets],
}
"""Where each kind of metric keeps its numbers; each change puts another object there."""


class Block:
    """Some neighbouring series of a metric, and their lines as one ``piece`` of text."""

    __slots__ = ("_family", "_numbers", "cells", "children", "piece")

    def __init__(self, family: "FamilyText", children: Sequence[Any]) -> None:
        self._family = family
        self.children = children
        self.cells = [cell for child in children for cell in family.cells_of(child)]
        self._numbers = [cell._value for cell in self.cells]
        width = len(self.cells) // len(children)
        held = [self._numbers[at : at + width] for at in range(0, len(self.cells), width)]
        self.piece = Piece("".join(map(family.lines, children, held)).encode())

    def refresh(self) -> None:
        """Render the lines of those series whose numbers have changed."""
        before, now = self._numbers, [cell._value for cell in self.cells]
        if all(map(is_, before, now)):
            return
        width = len(self.cells) // len(self.children)
        changed = {at // width for at, number in enumerate(now) if number is not before[at]}
        lines = self.piece.text.split(b"\n")
        height = len(lines) // len(self.children)
        for index in changed:
            held = now[index * width : (index + 1) * width]
            ends = self._family.ends(self.children[index], held)
            for at, end in enumerate(ends, index * height):
                lines[at] = lines[at][: lines[at].rindex(b" ") + 1] + end.encode()
        self.piece, self._numbers = Piece(b"\n".join(lines)), now


class FamilyText:
    """One metric of the library's, and the text of its series.

    Args:
        family: one that ``keeps`` is true of.
        constants: labels that every series carries beside its own.
    """

    def __init__(self, family: MetricWrapperBase, constants: Mapping[str, str]) -> None:
        self.family: Any = family
        self.name: str = self.family._name
        self.cells_of = _CELLS[type(family)]
        self.blocks: list[Block] = []
        self.constants = constants
        self.heads: dict[str, Piece] = {}
        """HELP and TYPE in the formats that were asked for."""
        self._children: list[Any] = []
        names = (*self.family._labelnames, *constants)
        self._order = [names.index(name) for name in sorted(self.family._labelnames)]
        self._templates: tuple[str, ...] = ()
        self.computed = False
        """Whether a number is computed when asked for, so that nothing tells when it changes."""

    @staticmethod
    def keeps(family: object) -> TypeGuard[MetricWrapperBase]:
        """Whether the text of a metric can be kept: of the library's own kinds, named plainly."""
        return (
            type(family) in _CELLS
            and values.ValueClass is values.MutexValue
            and all(_PLAIN.fullmatch(name) for name in (family._name, *family._labelnames))  # type: ignore[attr-defined]
        )

    def refresh(self) -> None:
        """Take over what has changed since the last time: series, and their numbers."""
        children = self._current_children()
        kept = 0
        if children != self._children:
            for block in self.blocks:
                if children[kept : kept + BLOCK] != block.children:
                    break
                kept += len(block.children)
            new = children[kept:]
            samples = type(self.family)._child_samples
            # `Gauge.set_function` puts another method into the series itself.
            self.computed = any(c._child_samples.__func__ is not samples for c in children)
            del self.blocks[kept // BLOCK :]
            self.blocks += [Block(self, new[at : at + BLOCK]) for at in range(0, len(new), BLOCK)]
            self._children = children
        for block in self.blocks:
            block.refresh()

    def has_exemplars(self) -> bool:
        """Whether a series shows an example of what it counted, which is not kept here."""
        return any(cell._exemplar is not None for block in self.blocks for cell in block.cells)

    def lines(self, child: Any, cells: list[float]) -> str:  # noqa: ANN401
        """The lines of one series, of a histogram or summary several, when its cells hold these."""
        if not self._templates:
            self._templates = tuple(map(self._template, child._child_samples()))
        values = child._labelvalues
        labels = tuple([_escaped(values[at]) for at in self._order])
        if len(cells) == len(self._templates) == 1:
            return f"{self._templates[0] % labels} {_number(cells[0])}\n"
        pairs = zip(self._templates, self.ends(child, cells), strict=True)
        return "".join([f"{template % labels} {end}\n" for template, end in pairs])

    def ends(self, child: Any, cells: list[float]) -> list[str]:  # noqa: ANN401
        """What stands at the end of each of its lines: the numbers."""
        if len(cells) == 1:
            return [_number(cells[0])]
        return [_number(sample.value) for sample in child._child_samples()]

    def _current_children(self) -> list[Any]:
        if not self.family._labelnames:
            return [self.family]
        lock: Lock = self.family._lock
        with lock:
            return list(self.family._metrics.values())

    def _template(self, sample: Any) -> str:  # noqa: ANN401
        """A line up to its number, with a gap for the value of each label of the series."""
        fixed = {**self.constants, **sample.labels}
        names = sorted([*self.family._labelnames, *fixed])
        labels = ",".join(
            f'{name}="{_escaped(fixed[name]).replace("%", "%%")}"'
            if name in fixed
            else f'{name}="%s"'
            for name in names
        )
        return f"{self.name}{sample.name}{{{labels}}}" if labels else f"{self.name}{sample.name}"


def _number(value: float) -> str:
    return str(floatToGoString(value))  # type: ignore[no-untyped-call]  # the library's has no types


@lru_cache(maxsize=1024)  # the same few values stand in most series
def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
