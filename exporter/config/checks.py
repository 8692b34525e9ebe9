"""What several keys have to agree on: tokens, names that must be unique, rules and their metrics.

These look at the data as it was read and not at models, so that they find their faults also in a
file that has others.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from exporter.config.document import Document
from exporter.config.findings import Finding, Location, shown
from exporter.config.rules import PatternRule
from exporter.config.suggestions import choose_among, nearest
from exporter.model import Rule

Decide = Callable[[Rule], Callable[[bytes], bool]]
"""Returns a function that says which messages a rule matches."""

_RESERVED_SUFFIXES = ("_total", "_sum", "_count", "_bucket", "_created")
_TOKEN_KEYS = ("token_file", "token_env")
_RULES: Location = ("patterns", "rules")
_OVERRIDES: Location = ("patterns", "overrides")


def agreement_findings(
    document: Document, packs: Mapping[str, Sequence[str]], decide: Decide
) -> Iterator[Finding]:
    """Every disagreement between keys of a file.

    Args:
        document: the file.
        packs: the built-in packs by name, each with the names of its rules.
        decide: returns a function that says which messages a rule matches.
    """
    yield from _token_findings(document, ("digitalocean",))
    accounts = _mappings(document, ("accounts",))
    for location, account in accounts:
        yield from _token_findings(document, location)
        if all(account.get(key) is None for key in _TOKEN_KEYS):
            yield Finding(location, "the account has no token", "add token_file or token_env")
    for key in _TOKEN_KEYS if accounts else ():
        if document.value(("digitalocean", key)) is not None:
            problem = "accounts replace this token"
            yield Finding(("digitalocean", key), problem, "keep one of them")
    yield from _repeated_names(accounts, {})
    yield from _repeated_types(document)
    yield from _unread_types(document)
    yield from _receive_findings(document)
    yield from _replica_findings(document)
    taken, pack_findings = _packs(document, packs)
    yield from pack_findings
    yield from _override_findings(document, packs, taken)
    rules = _mappings(document, _RULES)
    yield from _repeated_names(rules, taken)
    for location, rule in rules:
        yield from _rule_findings(location, rule, decide)
    yield from _metric_findings(rules)


def _unread_types(document: Document) -> Iterator[Finding]:
    """The logs of deployments are read when their deployment is seen to rest."""
    types = document.value(("logs", "types"))
    if document.value(("collectors", "deployments")) is not False or not isinstance(types, list):
        return
    for index, log_type in enumerate(types):
        if log_type in ("BUILD", "DEPLOY"):
            problem = f"{log_type} cannot be read while collectors.deployments is false"
            yield Finding(("logs", "types", index), problem, "turn that on, or leave it out")


def _receive_findings(document: Document) -> Iterator[Finding]:
    """Logs can only be received where somebody listens for them."""
    if document.value(("receive", "listen_addresses")):
        return
    if document.value(("logs", "mode")) == "receive":
        problem = "logs are to be received, and receive.listen_addresses has no address"
        yield Finding(("logs", "mode"), problem, 'add one, such as ":10047"')
    elif document.value(("receive", "components")):
        problem = "these are to be received, and receive.listen_addresses has no address"
        yield Finding(("receive", "components"), problem, 'add one, such as ":10047"')


def _replica_findings(document: Document) -> Iterator[Finding]:
    """Each replica reads what it counts; that they share a database is checked with variables."""
    enabled = document.value(("replicas", "enabled")) is True
    if enabled and document.value(("receive", "listen_addresses")):
        problem = "pushed logs reach one replica, and only the owner of an app can count them"
        remedy = "poll or follow logs, or turn replicas off"
        yield Finding(("receive", "listen_addresses"), problem, remedy)


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
        if name in packs:
            taken.update(dict.fromkeys(packs[name], f"the pack {name}"))
        elif isinstance(chosen, list):
            problem = f"there is no pack {shown(name)}"
            findings.append(Finding(location, problem, choose_among(name, packs)))
    return taken, findings


def _override_findings(
    document: Document, packs: Mapping[str, Sequence[str]], taken: Mapping[str, str]
) -> Iterator[Finding]:
    """What is overridden must be a rule of a pack in use."""
    overrides = document.value(_OVERRIDES)
    # What is no text has a finding of its own, and may not be hashable.
    own = [rule.get("name") for _, rule in _mappings(document, _RULES)]
    for name in overrides if isinstance(overrides, dict) else ():
        if not isinstance(name, str) or name in taken:
            continue
        location = (*_OVERRIDES, name)
        pack = next((pack for pack in packs if pack != "default" and name in packs[pack]), None)
        if name in own:
            problem = f"{shown(name)} is a rule of this file, and no rule that ships"
            yield Finding(location, problem, "change the rule itself")
        elif pack is not None:
            problem = f"the rule {shown(name)} is of the pack {pack}, which is not in use"
            yield Finding(location, problem, "add the pack to patterns.packs, or leave this out")
        else:
            problem = f"there is no rule {shown(name)} in the packs in use"
            near = nearest(name, taken)
            remedy = f"did you mean {near}?" if near else "docs/patterns.md lists them"
            yield Finding(location, problem, remedy)


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
            remedy = "choose another name"
            if name in taken:
                remedy += f", or tune the rule that ships in patterns.overrides.{name}"
            yield Finding((*location, "name"), problem, remedy)
        else:
            place = ".".join(str(step) for step in location[:-1])
            owners[name] = f"{place}[{location[-1]}]"


def _rule_findings(location: Location, rule: dict[Any, Any], decide: Decide) -> Iterator[Finding]:
    given = [key for key in ("regex", "json") if rule.get(key) is not None]
    severity = rule.get("severity") is not None
    if len(given) == 2:
        problem = "regex and json are both given"
        yield Finding((*location, "json"), problem, "keep one of them")
    if severity and rule.get("any_severity") is True:
        problem = "severity and any_severity are both given"
        yield Finding((*location, "any_severity"), problem, "keep one of them")
    if not given and not severity:
        problem = "the rule has neither regex nor json nor severity"
        yield Finding(location, problem, "say with one of them what to look for")
    if (len(given) == 1 or (severity and not given)) and rule.get("tests"):
        yield from _example_findings(location, rule, decide)


def _example_findings(
    location: Location, rule: dict[Any, Any], decide: Decide
) -> Iterator[Finding]:
    try:
        valid = PatternRule.model_validate(rule).as_rule()
    except ValidationError:
        return  # The rule has findings of its own.
    matches = decide(valid)
    for key, examples, expected in (
        ("match", valid.tests.match, True),
        ("no_match", valid.tests.no_match, False),
    ):
        for index, text in enumerate(examples):
            if matches(text.encode()) != expected:
                problem = f"the rule {'does not match' if expected else 'matches'} {shown(text)}"
                here = (*location, "tests", key, index)
                yield Finding(here, problem, "correct the rule or the example")


def _metric_findings(rules: list[tuple[Location, dict[Any, Any]]]) -> Iterator[Finding]:
    owners: dict[str, tuple[Location, dict[Any, Any]]] = {}
    for location, rule in rules:
        metric = rule.get("metric")
        if not isinstance(metric, dict):
            continue
        here = (*location, "metric")
        yield from _suffix_findings(here, metric)
        yield from _type_findings(here, metric)
        name = metric.get("name")
        if not isinstance(name, str):
            continue
        taken = _sample_names(name, metric.get("type"))
        clashes = [owners[sample] for sample in taken if sample in owners]
        clash = next((c for c in clashes if _declaration(c[1]) != _declaration(metric)), None)
        if clash is not None:
            yield _clash((*here, "name"), name, *clash)
        for sample in taken:
            owners.setdefault(sample, (here, metric))


def _sample_names(name: str, kind: object) -> list[str]:
    """Every name that a metric takes from others, in the text format and in OpenMetrics."""
    if kind == "histogram":
        return [name, *(name + suffix for suffix in ("_bucket", "_sum", "_count", "_created"))]
    base = name.removesuffix("_total")
    return [base] if kind == "gauge" else [base, f"{base}_total", f"{base}_created"]


def _clash(location: Location, name: str, first: Location, other: dict[Any, Any]) -> Finding:
    owner = f"{first[0]}.{first[1]}[{first[2]}]"
    if other.get("name") == name:
        return Finding(
            location,
            f"{shown(name)} is declared by {owner} with another type, help, set of labels or "
            "buckets",
            "declare it alike, or choose another name",
        )
    problem = f"{shown(name)} shares names of series with {shown(other.get('name'))} of {owner}"
    return Finding(location, problem, "choose another name")


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
