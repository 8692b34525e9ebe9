"""Pydantic's errors in the words of this program: what is wrong, and what would be right.

No wording of pydantic reaches a user, so an error of a type unknown here still gets one of ours.
"""

import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from exporter.config.document import Document
from exporter.config.durations import format_duration
from exporter.config.findings import Finding, Location, shown
from exporter.config.suggestions import choose_among, nearest

Translator = Callable[[object, Mapping[str, Any]], tuple[str, str]]


def findings_of(
    error: ValidationError, model: type[BaseModel], document: Document
) -> Iterator[Finding]:
    """Every error of a validation as a finding.

    Args:
        error: what validating the data of ``document`` raised.
        model: the outermost model, whose keys and those below it are suggested for unknown ones.
        document: what was validated; messages show its values, not what they were turned into.
    """
    for detail in error.errors(include_url=False):
        location: Location = detail["loc"]
        kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
        if kind == "invalid_key" or (location[-1:] == ("[key]",) and kind == "string_type"):
            continue  # The document has found the key that is no text already.
        if kind == "too_short" and isinstance(value, list | dict) and value:
            continue  # Pydantic does not count faulty items, which have findings of their own.
        if location[-1:] == ("[key]",):
            location = location[:-1]
        if kind == "extra_forbidden":
            yield _unknown_key(location, model)
        elif kind == "missing":
            problem = f"the key {location[-1]} is missing"
            yield Finding(location[:-1], problem, "add it")
        else:
            translate = _TRANSLATORS.get(kind, _anything)
            given = value if detail["loc"] != location else document.value(location)
            yield Finding(location, *translate(given, context))


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    """The keys that a section takes, with the annotation of each, in file order."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def section_in(annotation: object) -> type[BaseModel] | None:
    """The section that a field holds, alone, as an item of a list, or optionally."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) is typing.Annotated:
        return section_in(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is dict:
        return section_in(typing.get_args(annotation)[1])
    if typing.get_origin(annotation) in (tuple, types.UnionType, typing.Union):
        return next(filter(None, map(section_in, typing.get_args(annotation))), None)
    return None


def _unknown_key(location: Location, model: type[BaseModel]) -> Finding:
    section: type[BaseModel] | None = model
    named = False  # whether the next step is a name of the user's own
    for step in location[:-1]:
        if section is not None and isinstance(step, str) and not named:
            annotation = keys_of(section).get(step)
            section, named = section_in(annotation), typing.get_origin(annotation) is dict
        else:
            named = False
    known = keys_of(section) if section else {}
    near = nearest(str(location[-1]), known)
    remedy = f"did you mean {near}?" if near else f"allowed here: {', '.join(known)}"
    return Finding(location, "unknown key", remedy)


def _refused(value: object, context: Mapping[str, Any]) -> tuple[str, str]:
    return str(context["problem"]), str(context["remedy"])


def _not_a(kind: str, remedy: str) -> Translator:
    return lambda value, context: (f"{shown(value)} is not {kind}", remedy)


def _not_a_number(kind: str) -> Translator:
    def translate(value: object, context: Mapping[str, Any]) -> tuple[str, str]:
        quoted = isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", value)
        return (
            f"{shown(value)} is not {kind}",
            "leave the quotes out" if quoted else f"write {kind}",
        )

    return translate


def _not_a_flag(value: object, context: Mapping[str, Any]) -> tuple[str, str]:
    return f"{shown(value)} is neither true nor false", "write true or false, without quotes"


def _out_of_bounds(key: str, words: str) -> Translator:
    def translate(value: object, context: Mapping[str, Any]) -> tuple[str, str]:
        bound = context[key]
        # Numbers are never given as text, so what is a text here is a duration.
        limit = format_duration(bound) if isinstance(value, str) else f"{bound:g}"
        limit = str(bound) if isinstance(bound, int) else limit
        what = str(value) if isinstance(value, str) else shown(value)
        return f"{what} is out of bounds", f"it must be {words} {limit}"

    return translate


def _not_among(value: object, context: Mapping[str, Any]) -> tuple[str, str]:
    allowed = re.findall(r"'([^']*)'", context["expected"])
    return f"{shown(value)} is not allowed", choose_among(value, allowed)


def _empty(value: object, context: Mapping[str, Any]) -> tuple[str, str]:
    if isinstance(value, str):
        return "an empty string is not allowed", "write something, or leave the key out"
    what = "mapping" if isinstance(value, dict) else "list"
    return f"the {what} is empty", "name at least one, or leave the key out"


def _anything(value: object, context: Mapping[str, Any]) -> tuple[str, str]:
    return f"{shown(value)} is not a valid value", "see docs/configuration.md"


_TRANSLATORS: dict[str, Translator] = {
    "refused": _refused,
    "string_type": _not_a("a text", "write a text, in quotes where YAML would read something else"),
    "string_unicode": _not_a("a text of Unicode characters", "remove the escaped surrogates"),
    "string_too_short": _empty,
    "too_short": _empty,
    "int_type": _not_a_number("a whole number"),
    "float_type": _not_a_number("a number"),
    "finite_number": _not_a("a finite number", "write a finite number"),
    "bool_type": _not_a_flag,
    "enum": _not_among,
    "tuple_type": _not_a("a list", "write a list such as [a, b]"),
    "model_type": _not_a("a mapping", "write keys with values below it"),
    "dict_type": _not_a("a mapping", "write keys with values below it"),
    "greater_than": _out_of_bounds("gt", "more than"),
    "greater_than_equal": _out_of_bounds("ge", "at least"),
    "less_than": _out_of_bounds("lt", "less than"),
    "less_than_equal": _out_of_bounds("le", "at most"),
}
