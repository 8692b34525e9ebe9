"""Why a rule matches a line, or why it does not, step by step."""

from collections.abc import Iterator
from dataclasses import dataclass

from exporter.logs.lines import message_of
from exporter.matching.conditions import Condition
from exporter.matching.decision import decision_of
from exporter.matching.extract import Clean, Extraction
from exporter.matching.fields import FieldReader, text_of
from exporter.matching.patterns import Pattern, compile_pattern
from exporter.model import FieldCondition, Rule

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether the rule matches the line, and what was found on the way to that."""

    line: str
    matches: bool
    steps: tuple[str, ...]


class Explainer:
    """Explains one rule on any number of lines."""

    def __init__(self, rule: Rule, clean: Clean) -> None:
        """Compile what the rule asks; raises ValueError as the engine does.

        ``clean`` takes secrets out of label values.
        """
        self._rule = rule
        self._reader = FieldReader()
        self._decision = decision_of(rule, self._reader)
        self._extraction = None
        if rule.metric is not None:
            self._extraction = Extraction(rule.metric, self._decision, self._reader, clean)
        self._regex = None if rule.regex is None else compile_pattern(rule.regex)
        self._any_case = None if rule.regex is None else compile_pattern(f"(?i){rule.regex}")
        self._exclude = None if rule.exclude_regex is None else compile_pattern(rule.exclude_regex)
        self._conditions = tuple((field, Condition(field)) for field in rule.fields)

    def explain(self, line: bytes) -> Explanation:
        """Explain what the rule makes of a line, which has no newline."""
        message = message_of(line)
        matches = self._decision.matches(message)
        steps = (*self._prefix_steps(line, message), *self._search_steps(line, message))
        if matches and self._extraction is not None:
            steps = (*steps, _metric_step(self._extraction, message))
        return Explanation(_shown(line), matches, steps)

    def _prefix_steps(self, line: bytes, message: bytes) -> Iterator[str]:
        prefix = line[: len(line) - len(message) - line.endswith(b"\r")]
        if prefix:
            yield f"prefix: {_shown(prefix)!r} is not searched"
            yield f"message: {_shown(message)!r}"
        else:
            yield "prefix: none, the whole line is searched"
        if self._rule.components:
            globs = ", ".join(self._rule.components)
            yield f"components: {globs}; not checked, since a file does not say whose it is"

    def _search_steps(self, line: bytes, message: bytes) -> Iterator[str]:
        if self._regex is not None:
            yield f"regex: {self._regex_finding(self._regex, line, message)}"
        for condition, compiled in self._conditions:
            yield f"json.{condition.path}: {self._field_finding(condition, compiled, message)}"
        if self._exclude is not None:
            found = _found(self._exclude, message)
            yield f"exclude_regex: {f'{found}, so it does not count' if found else 'not found'}"

    def _regex_finding(self, regex: Pattern, line: bytes, message: bytes) -> str:
        if found := _found(regex, message):
            return found
        if regex.search(line) is not None:
            return "not found in the message, only with the prefix, which is not searched"
        if self._any_case is not None and (found := _found(self._any_case, message)):
            return f"not found; if case did not matter, (?i), it would be {found}"
        return "not found"

    def _field_finding(self, condition: FieldCondition, compiled: Condition, message: bytes) -> str:
        fields = self._reader.read(message)
        value = fields.get(condition.path)
        if value is None:
            return "the message has no such field with a text, a number or a boolean"
        verdict = "as wanted" if compiled.holds(fields) else "but wanted is"
        wanted = [*map(text_of, condition.values)]
        if condition.regex is not None:
            wanted.append(f"regex {condition.regex}")
        return f"is {_cut(text_of(value))!r}, {verdict} {' or '.join(wanted)}"


def _metric_step(extraction: Extraction, message: bytes) -> str:
    metric, sample = extraction.metric, extraction.sample(message)
    pairs = zip((label for label, _ in metric.labels), sample.labels, strict=True)
    labels = ",".join(f'{label}="{_cut(value)}"' for label, value in pairs)
    series = f"{metric.name}{{{labels}}}" if labels else metric.name
    if sample.value is None:
        return f"metric: {series} is left alone: {metric.value} is no number that it takes"
    return f"metric: {series} takes {sample.value:g}"


def _found(regex: Pattern, message: bytes) -> str | None:
    """Return where a regex is found, in characters from 1; None where it is not."""
    found = regex.search(message)
    if found is None:
        return None
    start, end = found.span()
    text = message[start:end].decode("utf-8", "replace")
    first = len(message[:start].decode("utf-8", "replace")) + 1
    if not text:
        return f"found at column {first}, as nothing at all"
    last = first + len(text) - 1
    columns = f"column {first}" if first == last else f"columns {first} to {last}"
    return f"found at {columns}: {_cut(text)!r}"


def _shown(text: bytes) -> str:
    return _cut(text.decode("utf-8", "replace").removesuffix("\r"))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
