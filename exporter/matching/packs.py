"""The rules that ship: one file per runtime in ``packs/``; ``default`` is all but ``OPT_IN``.

Rules of a pack are read as strictly as a user's; a mistake in one is a mistake in the package.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from exporter.model import Level, Rule, RuleTests, Severity

DEFAULT = "default"
"""The pack that stands for every other one but those in ``OPT_IN``."""

CANARY_RULE = "canary_line"
"""The rule of the pack ``canary``."""

OPT_IN = frozenset({"canary"})
"""Packs that are used only where they are named."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class _PackTests(_Strict):
    match: tuple[str, ...] = Field(min_length=2)
    no_match: tuple[str, ...] = Field(min_length=2)


class _PackRule(_Strict):
    """A rule as a pack writes it, with ``regex`` or ``severity``."""

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)+$")
    description: str = Field(min_length=1)
    level: Level
    per: Literal["line", "event"] = "line"
    language: Literal["python"] | None = None
    regex: str | None = None
    severity: frozenset[Severity] = frozenset()
    any_severity: bool = False
    exclude_regex: str | None = None
    tests: _PackTests

    def rule(self) -> Rule:
        if self.regex is None and not self.severity:
            raise ValueError(f"rule {self.name} has neither regex nor severity")
        return Rule(
            name=self.name,
            regex=self.regex,
            level=self.level,
            exclude_regex=self.exclude_regex,
            tests=RuleTests(self.tests.match, self.tests.no_match),
            description=self.description,
            per_event=self.per == "event",
            language=self.language,
            severities=self.severity,
            any_severity=self.any_severity,
        )


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
def _pack() -> TypeAdapter[tuple[_PackRule, ...]]:
    """Return what reads a pack: built when the first is read, which may be never."""
    return TypeAdapter(tuple[_PackRule, ...])


@cache
def _files() -> dict[str, Path]:
    return {file.stem: file for file in Path(__file__).with_name("packs").glob("*.yml")}


@cache
def _load(name: str) -> tuple[Rule, ...]:
    file = _files()[name]
    rules = _pack().validate_python(yaml.load(file.read_text(encoding="utf-8"), _Loader))
    for rule in rules:
        if not rule.name.startswith(f"{name}_"):
            raise ValueError(f"pack {name}: rule {rule.name} does not start with {name}_")
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError(f"pack {name}: a name stands twice")
    return tuple(rule.rule() for rule in rules)
