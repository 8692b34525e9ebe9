"""A YAML file as plain data that still knows where in the file each value stands.

The only place that uses PyYAML; ``load`` asks it for data and for the positions of faults.
"""

import re
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from exporter.config.findings import Finding, Location, masked, shown
from exporter.errors import ConfigError, Fault

_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
_READ_FROM_TEXT = {f"tag:yaml.org,2002:{name}" for name in ("int", "float", "bool", "timestamp")}
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,60}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMED_LISTS = (("patterns", "rules"), ("accounts",))
_UNUSED_TYPES = ("binary", "omap", "pairs", "set")


class _Loader(yaml.SafeLoader):
    """Builds text, numbers, booleans, null, dates, lists and mappings, and nothing else."""

    yaml_constructors = {  # noqa: RUF012  (overrides PyYAML's own table of the same shape)
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag not in {f"tag:yaml.org,2002:{name}" for name in _UNUSED_TYPES}
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> object:
        """As in PyYAML, whose conversions let exceptions of every kind out (``!!int x``)."""
        if isinstance(node, yaml.ScalarNode) and _SURROGATE.search(node.value):
            problem = "an escape stands for half a character"
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (LookupError, ValueError, AttributeError, TypeError):
            kind = node.tag.rpartition(":")[2]
            problem = f"{shown(node.value)} is not a valid {kind}"
            raise yaml.constructor.ConstructorError(
                problem=problem, problem_mark=node.start_mark
            ) from None


@dataclass(frozen=True, slots=True)
class Document:
    """One configuration file; ``data`` is empty where the file is."""

    file: str
    data: Any
    root: yaml.Node | None = None
    findings: tuple[Finding, ...] = ()

    def value(self, location: Location) -> object:
        """What stands at a location, None where nothing does."""
        value: Any = self.data
        for step in location:
            try:
                value = value[step]
            except (LookupError, TypeError):
                return None
        return value

    def position(self, location: Location) -> tuple[int, int]:
        """Line and column, from 0, of a key or list item, or of the nearest thing around it."""
        node, mark = self.root, None
        for step in location:
            found = _child(node, step)
            if found is None:
                break
            mark, node = found
        mark = mark or (self.root.start_mark if self.root else None)
        return (mark.line, mark.column) if mark else (0, 0)

    def place(self, location: Location) -> str:
        """A location as messages show it, such as ``patterns.rules[2] (declined).regex``."""
        place = ""
        for depth, step in enumerate(location):
            if isinstance(step, str):
                key = step if _is_plain(step) else shown(step)
                place += f".{key}" if place else key
                continue
            place += f"[{step}]"
            name = self.value((*location[: depth + 1], "name"))
            if location[:depth] in _NAMED_LISTS and isinstance(name, str) and _is_plain(name):
                place += f" ({name})"
        return place

    def fault(self, finding: Finding) -> Fault:
        """A finding with its place in the file."""
        line = None if self.root is None else self.position(finding.location)[0] + 1
        place = self.place(finding.location)
        return Fault(self.file, place, finding.problem, finding.remedy, line)


def read_document(path: str, texts: Iterable[Location] = ()) -> Document:
    """The document in a file; for ``texts`` see ``parse_document``.

    Raises:
        ConfigError: there is no such file, it cannot be read, is no UTF-8 text or no YAML, or is
            not one mapping.
    """
    try:
        text = Path(path).read_text("utf-8-sig")
    except FileNotFoundError:
        raise _unusable(path, "there is no such file", "name an existing file") from None
    except IsADirectoryError:
        raise _unusable(path, "it is a directory", "name a file") from None
    except OSError as error:
        problem = f"it cannot be read ({error.strerror})"
        raise _unusable(path, problem, "make it readable") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise _unusable(path, "it is not UTF-8 text", "save it as UTF-8", line) from None
    except ValueError:
        raise _unusable(shown(path), "it is not a file name", "name an existing file") from None
    return parse_document(path, text, texts)


def parse_document(file: str, text: str, texts: Iterable[Location] = ()) -> Document:
    """The document in a text.

    Args:
        file: its name in messages.
        texts: places where numbers, booleans and dates are texts, as they are written: the value
            there, or the keys and items of the mapping or list there.

    Raises:
        ConfigError: the text is no YAML, or is not one mapping.
    """
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return Document(file, {})
        for place in texts:
            _take_as_texts(root, place)
        findings = tuple(_key_findings(root))
        data = loader.construct_document(root)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = "it holds a character that YAML does not allow"
        raise _unusable(file, problem, "remove control characters", line) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = f"it is not valid YAML ({masked(str(error.problem or error.context))})"
        remedy = "correct the syntax in this line or just above it"
        raise _unusable(file, problem, remedy, mark.line + 1 if mark else None) from None
    except RecursionError:
        problem = "it is nested too deeply"
        raise _unusable(file, problem, "see docs/configuration.md") from None
    if data is None:
        return Document(file, {})
    if not isinstance(data, dict):
        problem = f"it holds {shown(data)}, not a mapping"
        remedy = "write keys such as logs: at the top"
        raise _unusable(file, problem, remedy, root.start_mark.line + 1)
    return Document(file, data, root, findings)


def _unusable(file: str, problem: str, remedy: str, line: int | None = None) -> ConfigError:
    return ConfigError((Fault(file, "", problem, remedy, line),))


def _is_plain(word: str) -> bool:
    """Whether a word of the file can stand in a message as it is."""
    return _PLAIN_KEY.fullmatch(word) is not None and shown(word) == repr(word)


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # The last of several equal keys is the one whose value counts, merged ones come first.
        for key, value in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return key.start_mark, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark, node.value[step]
    return None


def _take_as_texts(root: yaml.Node, place: Location) -> None:
    """Read what stands at a place as it is written."""
    node: yaml.Node | None = root
    for step in place:
        found = _child(node, step)
        node = found[1] if found else None
    scalars: list[yaml.Node] = []
    match node:
        case yaml.ScalarNode():
            scalars = [node]
        case yaml.SequenceNode():
            scalars = node.value
        case yaml.MappingNode():
            scalars = [scalar for item in node.value for scalar in item]
    for scalar in scalars:
        if isinstance(scalar, yaml.ScalarNode) and scalar.tag in _READ_FROM_TEXT:
            scalar.tag = _TEXT


def _key_findings(root: yaml.Node) -> Iterator[Finding]:
    """Keys given twice or that are no text; a merged key may be given again to override it."""
    waiting: list[tuple[Location, yaml.Node]] = [((), root)]
    seen: set[int] = set()
    while waiting:
        location, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [((*location, index), item) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            yield from _keys_of_mapping(location, node)
            waiting += [((*location, str(key.value)), value) for key, value in node.value]


def _keys_of_mapping(location: Location, node: yaml.MappingNode) -> Iterator[Finding]:
    first_lines: dict[Hashable, int] = {}
    for key, _ in node.value:
        if key.tag == _MERGE:
            continue
        here = (*location, str(key.value) if isinstance(key, yaml.ScalarNode) else "?")
        if key.tag != _TEXT:
            yield Finding(here, "the key is not a text", "put it in quotes")
        elif key.value in first_lines:
            line = first_lines[key.value]
            yield Finding(here, f"the key is given twice, first in line {line}", "keep one of them")
        else:
            first_lines[key.value] = key.start_mark.line + 1
