"""What several keys have to agree on: tokens, names that must be unique, rules and their metrics.

These look at the data as it was read and not at models, so that they find their faults also in a
file that has others.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import PydanticCustomError

from exporter.config.document import Document
from exporter.config.fields import compile_regex
from exporter.config.findings import Finding, Location, shown
from exporter.config.translation import choose_among

_RESERVED_SUFFIXES = ("_total", "_sum", "_count", "_bucket", "_created")
_TOKEN_KEYS = ("token_file", "token_env")
_RULES: Location = ("patterns", "rules")


def agreement_findings(document: Document, packs: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Every disagreement between keys of a file.

    Args:
        document: the file.
        packs: the built-in packs by name, each with the names of its rules.
    """
    yield from _token_findings(document, ("digitalocean",))
    accounts = _mappings(document, ("accounts",))
    for location, account in accounts:
        yield from _token_findings(document, location)
        if all(account.get(key) is None for key in _TOKEN_KEYS):
            yield Finding(location, "the account has no token", "add token_file or token_env")
    for key in _TOKEN_KEYS if accounts else ():
        if document.value(("digitalocean", key)) is not None:
            problem = "accounts stand in the place of this token"
            yield Finding(("digitalocean", key), problem, "keep one of them")
    yield from _repeated_names(accounts, {})
    yield from _repeated_types(document)
    taken, pack_findings = _packs(document, packs)
    yield from pack_findings
    rules = _mappings(document, _RULES)
    yield from _repeated_names(rules, taken)
    for location, rule in rules:
        yield from _rule_findings(location, rule)
    yield from _metric_findings(rules)


def _mappings(document: Document, location: Location) -> list[tuple[Location, dict[Any, Any]]]:
    items = document.value(location)
    return [
        ((*location, index), item)
        for index, item in enumerate(items if isinstance(items, list) else ())
        if isinstance(item, dict)
    ]


def _token_findings(document: Document, location: Location) -> Iterator[Finding]:
    if all(document.value((*location, key)) is not None for key in _TOKEN_KEYS):
        problem = "token_file and token_env are both given"
        yield Finding((*location, "token_env"), problem, "keep one of them")


def _repeated_types(document: Document) -> Iterator[Finding]:
    items = document.value(("logs", "types"))
    types = items if isinstance(items, list) else []
    for index, item in enumerate(types):
        if isinstance(item, str) and item in types[:index]:
            problem = f"{shown(item)} is given twice"
            yield Finding(("logs", "types", index), problem, "keep one of them")


def _packs(
    document: Document, packs: Mapping[str, Sequence[str]]
) -> tuple[dict[str, str], list[Finding]]:
    chosen = document.value(("patterns", "packs"))
    # A key that is left out stands for the default pack.
    names: list[object] = chosen if isinstance(chosen, list) else ["default"]
    findings = []
    taken = {}
    for index, name in enumerate(names):
        location = ("patterns", "packs", index)
        if not isinstance(name, str) or not name:
            continue
        if name in names[:index]:
            findings.append(Finding(location, f"{shown(name)} is given twice", "keep one of them"))
        elif name in packs:
            taken.update(dict.fromkeys(packs[name], f"the pack {name}"))
        elif isinstance(chosen, list):
            problem = f"there is no pack {shown(name)}"
            findings.append(Finding(location, problem, choose_among(name, packs)))
    return taken, findings


def _repeated_names(
    items: list[tuple[Location, dict[Any, Any]]], taken: Mapping[str, str]
) -> Iterator[Finding]:
    owners = dict(taken)
    for location, item in items:
        name = item.get("name")
        if not isinstance(name, str) or not name:
            continue
        if name in owners:
            problem = f"the name {shown(name)} is taken by {owners[name]}"
            yield Finding((*location, "name"), problem, "choose another name")
        else:
            place = ".".join(str(step) for step in location[:-1])
            owners[name] = f"{place}[{location[-1]}]"


def _rule_findings(location: Location, rule: dict[Any, Any]) -> Iterator[Finding]:
    given = [key for key in ("regex", "json") if rule.get(key) is not None]
    if len(given) == 2:
        problem = "regex and json are both given"
        yield Finding((*location, "json"), problem, "keep one of them")
    if not given:
        problem = "the rule has neither regex nor json"
        yield Finding(location, problem, "say with one of them what to look for")
    yield from _example_findings(location, rule)


def _example_findings(location: Location, rule: dict[Any, Any]) -> Iterator[Finding]:
    tests = rule.get("tests")
    patterns = [rule.get("regex"), rule.get("exclude_regex")]
    if not isinstance(tests, dict) or not isinstance(patterns[0], str):
        return
    try:
        regex = compile_regex(patterns[0])
        exclude = compile_regex(patterns[1]) if isinstance(patterns[1], str) else None
    except PydanticCustomError:
        return  # The regex has a finding of its own.
    for key, expected in (("match", True), ("no_match", False)):
        examples = tests.get(key)
        for index, text in enumerate(examples if isinstance(examples, list) else ()):
            if not isinstance(text, str) or not text:
                continue
            found = regex.search(text) is not None
            if (found and not (exclude and exclude.search(text))) != expected:
                problem = f"the rule {'does not match' if expected else 'matches'} {shown(text)}"
                here = (*location, "tests", key, index)
                yield Finding(here, problem, "correct the regex or the example")


def _metric_findings(rules: list[tuple[Location, dict[Any, Any]]]) -> Iterator[Finding]:
    declared: dict[str, tuple[Location, dict[Any, Any]]] = {}
    for location, rule in rules:
        metric = rule.get("metric")
        if not isinstance(metric, dict):
            continue
        here = (*location, "metric")
        yield from _suffix_findings(here, metric)
        yield from _type_findings(here, metric)
        name = metric.get("name")
        if isinstance(name, str):
            # A counter is known by its name with and without `_total` to the client library.
            first, other = declared.setdefault(name.removesuffix("_total"), (here, metric))
            if _declaration(metric) != _declaration(other):
                problem = (
                    f"{shown(name)} is declared by {_RULES[0]}.{_RULES[1]}[{first[2]}] with "
                    "another name, type, help, set of labels or buckets"
                )
                yield Finding((*here, "name"), problem, "declare it alike, or choose another name")


def _declaration(metric: dict[Any, Any]) -> tuple[Any, ...]:
    labels = metric.get("labels")
    names = sorted(map(str, labels)) if isinstance(labels, dict) else []
    kept = [metric.get(key) for key in ("name", "type", "help", "buckets")]
    return (*kept, names)


def _suffix_findings(location: Location, metric: dict[Any, Any]) -> Iterator[Finding]:
    name, kind = metric.get("name"), metric.get("type")
    if not isinstance(name, str) or kind not in ("counter", "gauge", "histogram"):
        return
    here = (*location, "name")
    if kind == "counter":
        if not name.endswith("_total"):
            problem = f"{shown(name)} is a counter and does not end in _total"
            yield Finding(here, problem, "end its name in _total")
        return
    for suffix in _RESERVED_SUFFIXES:
        if name.endswith(suffix):
            problem = f"{shown(name)} is a {kind} and ends in {suffix}"
            yield Finding(here, problem, "choose a name without that ending")


def _type_findings(location: Location, metric: dict[Any, Any]) -> Iterator[Finding]:
    kind = metric.get("type")
    if kind in ("gauge", "histogram") and metric.get("value") is None:
        problem = f"a {kind} needs the key value"
        yield Finding(location, problem, "name the group or field that holds the number")
    if kind in ("gauge", "counter") and metric.get("buckets") is not None:
        problem = f"a {kind} has no buckets"
        yield Finding((*location, "buckets"), problem, "leave it out, or make it a histogram")
