"""A continuity as a value, and that value as bytes: what state keeps of where a log was read to."""

from __future__ import annotations  # arrays cannot be subscripted when the program runs

import json
import sys
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from exporter.logs.dedup.older_lines import OlderLines, Run
from exporter.logs.restarts.restart_tally import RestartTally
from exporter.model import LogType

FORMAT = 3

_SCALARS = ("int", "bool")
"""The types of the fields that are written in the header as they are."""

_SIGNED = ("counted_at", "older_at", "copies_more")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a ``Continuity`` knows; lines are their 64-bit identities, times nanoseconds."""

    floor: int
    start: int
    newest: int = 0
    from_first_line: bool = False
    run_read_to: int = 0
    restarted_read_to: int = 0
    run_tail: int = 0
    base_tail: int = 0
    let_go: bool = False
    moved_off: int = 0
    sealed: int = 0
    restarted_tail: int = 0
    ended_news: int = 0
    limit_each: bool = False
    tally: RestartTally = field(default_factory=RestartTally)
    loss_told: bool = False
    unseen_told: bool = False
    counted: Mapping[int, int] = field(default_factory=dict)
    older: OlderLines = field(default_factory=OlderLines)
    copies: Mapping[int, int] = field(default_factory=dict)
    unsettled: frozenset[int] = frozenset()
    vanished: frozenset[int] = frozenset()
    places: frozenset[int] = frozenset()
    ends: tuple[int, ...] = ()
    base: array[int] = field(default_factory=lambda: array("Q"))
    windows: Mapping[LogType, array[int]] = field(default_factory=dict)
    earlier: tuple[array[int], ...] = ()
    untimed: Mapping[LogType, tuple[int, ...]] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """A line of JSON that says how long each list is, then the lists, eight bytes a number."""
        lists = self._lists()
        scalars = (each.name for each in fields(self) if each.type in _SCALARS)
        header = {
            "format": FORMAT,
            **{name: getattr(self, name) for name in scalars},
            "tally": self.tally.to_json(),
            "lists": {name: len(numbers) for name, numbers in lists.items()},
        }
        body = b"".join(_little_endian(numbers).tobytes() for numbers in lists.values())
        return json.dumps(header).encode() + b"\n" + body

    @classmethod
    def from_bytes(cls, data: bytes) -> Snapshot:
        """What ``to_bytes`` wrote.

        Raises:
            ValueError: it is of another format or damaged.
        """
        head, _, body = data.partition(b"\n")
        try:
            header = _Header.model_validate_json(head)
            if len(body) != 8 * sum(header.lists.values()):
                raise ValueError("it has another length")
            return cls(**header.known(), **_named(_read_lists(header.lists, body)))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"])) or "its header"
            raise ValueError(f"a cursor cannot be read: {place}: {first['msg']}") from None
        except KeyError as error:
            raise ValueError(f"a cursor cannot be read: it has no list {error}") from None
        except ValueError as error:
            raise ValueError(f"a cursor cannot be read: {error}") from None

    def _lists(self) -> dict[str, array[int]]:
        lists = {
            "counted": array("Q", self.counted.keys()),
            "counted_at": array("q", self.counted.values()),
            "base": self.base,
            "copies": array("Q", self.copies.keys()),
            "copies_more": array("q", self.copies.values()),
            "unsettled": array("Q", self.unsettled),
            "vanished": array("Q", self.vanished),
            "places": array("Q", self.places),
            "ends": array("Q", self.ends),
        }
        for number, run in enumerate(self.older.runs):
            lists[f"older/{number}"], lists[f"older_at/{number}"] = run.lines, run.times
        lists |= {f"earlier/{number}": lines for number, lines in enumerate(self.earlier)}
        lists |= {f"windows/{log_type}": lines for log_type, lines in self.windows.items()}
        for log_type, untimed in self.untimed.items():
            lists[f"untimed/{log_type}"] = array("Q", untimed)
        return lists


class _Head(BaseModel):
    """What the line of JSON before the lists says of all formats.

    Format 1 knew nothing of the platform's restart counts, format 2 of the base.
    """

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1, 2, 3]
    lists: dict[str, Annotated[int, Field(ge=0)]]
    run_complete: bool | None = None  # of format 2: the next window tells it anew

    def known(self) -> dict[str, Any]:
        """The fields of a snapshot in it."""
        return {name: value for name, value in self if name not in _Head.model_fields}


_TYPES: Mapping[object, Any] = {
    "int": Annotated[int, Field(ge=-(2**63), lt=2**63)],
    "bool": bool,
    "RestartTally": RestartTally,
}


def _header() -> type[_Head]:
    """The whole line: each field of a snapshot that is no list, with its type and default."""
    columns: dict[str, Any] = {}
    for column in fields(Snapshot):
        if column.type in _TYPES:
            default = ... if column.default is MISSING else column.default
            if column.default_factory is not MISSING:
                default = Field(default_factory=column.default_factory)
            columns[column.name] = _TYPES[column.type], default
    return create_model("_Header", __base__=_Head, **columns)


_Header = _header()


def _named(lists: Mapping[str, array[int]]) -> dict[str, Any]:
    """The lists as the fields that they came from."""
    return {
        "counted": dict(zip(lists["counted"], lists["counted_at"], strict=True)),
        "older": OlderLines(tuple(_runs(lists))),
        "base": lists.get("base", array("Q")),
        "copies": dict(zip(lists["copies"], lists["copies_more"], strict=True)),
        "unsettled": frozenset(lists["unsettled"]),
        "vanished": frozenset(lists["vanished"]),
        "places": frozenset(lists["places"]),
        "ends": tuple(lists["ends"]),
        "earlier": tuple(lines for name, lines in lists.items() if name.startswith("earlier/")),
        "windows": _by_log_type(lists, "windows/"),
        "untimed": {
            log_type: tuple(lines) for log_type, lines in _by_log_type(lists, "untimed/").items()
        },
    }


def _runs(lists: Mapping[str, array[int]]) -> Iterator[Run]:
    """The older lines; format 2 had one run of them, or none."""
    for name, lines in lists.items():
        kind, slash, number = name.partition("/")
        if kind == "older" and lines:
            times = lists[f"older_at{slash}{number}"]
            if len(times) != len(lines):
                raise ValueError("lines and times differ in number")
            yield Run(lines, times, max(times))


def _by_log_type(lists: Mapping[str, array[int]], prefix: str) -> dict[LogType, array[int]]:
    return {
        LogType(name.removeprefix(prefix)): lines
        for name, lines in lists.items()
        if name.startswith(prefix)
    }


def _read_lists(lengths: Mapping[str, int], body: bytes) -> dict[str, array[int]]:
    lists = {}
    start = 0
    for name, length in lengths.items():
        signed = name.partition("/")[0] in _SIGNED
        numbers: array[int] = array("q" if signed else "Q", body[start : start + 8 * length])
        lists[name] = _little_endian(numbers)
        start += 8 * length
    return lists


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers
