"""Why a rule matches a line, or why it does not, step by step."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from exporter.logs.lines import message_of
from exporter.matching.conditions import Condition
from exporter.matching.decision import asks_severity, decision_of
from exporter.matching.extract import Clean, Extraction
from exporter.matching.fields import FieldReader, text_of
from exporter.matching.patterns import Pattern, compile_pattern
from exporter.matching.severity import Before, declared
from exporter.model import FieldCondition, Rule

_SHOWN_CHARACTERS = 200

_EARLIER_LINES = 100
"""How many lines before one are looked at for the record that it is a part of."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether the rule matches the line, and what was found on the way to that."""

    line: str
    matches: bool
    steps: tuple[str, ...]


class Explainer:
    """Explains one rule on any number of lines."""

    def __init__(
        self, rule: Rule, clean: Clean, unwrap: Callable[[bytes], bytes] | None = None
    ) -> None:
        """Compile what the rule asks; raises ValueError as the engine does.

        Args:
            clean: takes secrets out of label values.
            unwrap: is applied to every message; None leaves them as they are.
        """
        self._rule = rule
        self._unwrap = unwrap
        self._earlier: deque[bytes] = deque(maxlen=_EARLIER_LINES)
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
        written = message_of(line)
        message = written if self._unwrap is None else self._unwrap(written)
        before = partial(reversed, tuple(self._earlier))
        matches = self._decision.matches(message, before)
        steps = (
            *self._prefix_steps(line, written, message),
            *self._search_steps(line, message),
            *self._severity_steps(message, before),
        )
        self._earlier.append(message)
        if matches and self._extraction is not None:
            steps = (*steps, _metric_step(self._extraction, message))
        return Explanation(_shown(line), matches, steps)

    def _prefix_steps(self, line: bytes, written: bytes, message: bytes) -> Iterator[str]:
        prefix = line[: len(line) - len(written) - line.endswith(b"\r")]
        if prefix:
            yield f"prefix: {_shown(prefix)!r} is not searched"
        if message != written:
            yield f"taken off: {_taken_off(written, message)}"
        if prefix or message != written:
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

    def _severity_steps(self, message: bytes, before: Before) -> Iterator[str]:
        severity = declared(message, before)
        said = "none is declared" if severity is None else f"the line declares {severity}"
        wanted = sorted(self._rule.severities)
        if wanted:
            verdict = "as wanted" if severity in self._rule.severities else "but wanted is"
            yield f"severity: {said}, {verdict} {' or '.join(wanted)}"
        elif severity in self._rule.refused and asks_severity(self._rule):
            yield f"severity: {said}, so it does not count; any_severity: true would count it"
        elif severity is not None:
            yield f"severity: {said}"

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


def _taken_off(written: bytes, message: bytes) -> str:
    """Return what was taken off a message, so far as it is a piece; else what was written."""
    if message and written.endswith(message):
        return repr(_shown(written[: len(written) - len(message)]))
    start = written.find(message) if message else -1
    if start < 0:
        return f"what stands around and within {_shown(written)!r}"
    ends = (written[:start], written[start + len(message) :])
    return " and ".join(repr(_shown(end)) for end in ends if end)


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
