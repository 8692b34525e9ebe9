"""The rules that ship: one file per runtime in ``packs/``; ``default`` is all but ``OPT_IN``.

Rules of a pack are read as strictly as a user's; a mistake in one is a mistake in the package.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from exporter.model import Level, Rule, RuleTests, Severity

DEFAULT = "default"
"""The pack that stands for every other one but those in ``OPT_IN``."""

CANARY_RULE = "canary_line"
"""The rule of the pack ``canary``."""

OPT_IN = frozenset({"canary"})
"""Packs that are used only where they are named."""


_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_NEEDED = frozenset({"name", "description", "level", "tests"})
_ALLOWED = _NEEDED | {"per", "language", "regex", "severity", "any_severity", "exclude_regex"}
_LEAST_EXAMPLES = 2


# The loader in C takes a tenth of the time; not every build of PyYAML has it.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def pack_names() -> tuple[str, ...]:
    """Return the name of every pack, ``default`` first, the others by name."""
    return (DEFAULT, *sorted(_files()))


def pack_title(name: str) -> str:
    """Return what a pack is for: the comment that its file begins with.

    Raises:
        ValueError: there is no such pack, ``default`` has no file.
    """
    if name not in (files := _files()):
        raise ValueError(f"pack {name} has no file")
    return files[name].read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


class PackedRules(Mapping[str, Sequence[str]]):
    """The names of the rules of each pack, by its name; a pack is read when it is asked for."""

    def __getitem__(self, name: str) -> Sequence[str]:
        if name not in pack_names():
            raise KeyError(name)
        return [rule.name for rule in load_packs([name])]

    def __iter__(self) -> Iterator[str]:
        return iter(pack_names())

    def __len__(self) -> int:
        return len(pack_names())

    def __contains__(self, name: object) -> bool:
        return name in pack_names()


def load_packs(names: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of some packs, each once, in the order in which the packs are named.

    Raises:
        ValueError: there is no pack of a name (the message lists those that there are), or a
            pack's file is faulty.
    """
    files = _files()
    wanted: dict[str, None] = {}
    for name in names:
        if name != DEFAULT and name not in files:
            raise ValueError(f"unknown pack {name!r}; there are {', '.join(pack_names())}")
        wanted.update(dict.fromkeys(sorted(files.keys() - OPT_IN) if name == DEFAULT else (name,)))
    return tuple(rule for name in wanted for rule in _load(name))


@cache
def _files() -> dict[str, Path]:
    return {file.stem: file for file in Path(__file__).with_name("packs").glob("*.yml")}


@cache
def _load(name: str) -> tuple[Rule, ...]:
    file = _files()[name]
    rules = tuple(map(_rule, yaml.load(file.read_text(encoding="utf-8"), _Loader)))
    for rule in rules:
        if not rule.name.startswith(f"{name}_"):
            raise ValueError(f"pack {name}: rule {rule.name} does not start with {name}_")
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError(f"pack {name}: a name stands twice")
    return rules


def _rule(data: Mapping[str, Any]) -> Rule:
    """Read a rule as a pack writes it, with ``regex`` or ``severity``.

    Done by hand: a library that checks takes longer to load than the packs take to read.

    Raises:
        ValueError: something is missing, unknown or of another kind.
    """
    name, tests = data.get("name"), data.get("tests")
    keys = data.keys()
    if not keys >= _NEEDED or not keys <= _ALLOWED or not isinstance(tests, dict):
        raise ValueError(f"rule {name}: its keys are {sorted(keys)}")
    if not isinstance(name, str) or _NAME.fullmatch(name) is None or not data["description"]:
        raise ValueError(f"rule {name}: its name or its description cannot be used")
    if data.get("regex") is None and not data.get("severity"):
        raise ValueError(f"rule {name} has neither regex nor severity")
    if data.get("per", "line") not in ("line", "event"):
        raise ValueError(f"rule {name}: per is {data['per']!r}")
    if data.get("language") not in (None, "python"):
        raise ValueError(f"rule {name}: language is {data['language']!r}")
    return Rule(
        name=name,
        regex=_text(data, "regex"),
        level=Level(data["level"]),
        exclude_regex=_text(data, "exclude_regex"),
        tests=RuleTests(_examples(name, tests, "match"), _examples(name, tests, "no_match")),
        description=str(data["description"]),
        per_event=data.get("per") == "event",
        language=data.get("language"),
        severities=frozenset(map(Severity, data.get("severity", ()))),
        any_severity=data.get("any_severity", False) is True,
    )


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"rule {data['name']}: {key} is no text")
    return value


def _examples(name: str, tests: Mapping[str, Any], key: str) -> tuple[str, ...]:
    examples: list[Any] = tests[key] if isinstance(tests.get(key), list) else []
    texts = all(isinstance(each, str) for each in examples)
    if not texts or len(examples) < _LEAST_EXAMPLES or tests.keys() != {"match", "no_match"}:
        raise ValueError(f"rule {name}: {key} needs {_LEAST_EXAMPLES} examples")
    return tuple(examples)
