"""What a message gives to the metric of a rule that matched it: label values, and a number.

A name stands for the named group of the rule's regex, where that took part in the match; else for
what the caller knows of the message; else for a field of the message.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from exporter.matching.decision import Decision
from exporter.matching.engine import Engine
from exporter.matching.fields import FieldReader, Scalar, text_of
from exporter.matching.quantities import quantity
from exporter.model import MetricType, RuleMetric

LONGEST_LABEL = 128
"""Characters of a label value; the rest is cut off."""

_LONGEST_TEXT = 1024
_KNOWN_TEXTS = 256
"""How many texts are not cleaned again."""

Clean = Callable[[str], str]

_NOTHING: Mapping[str, Scalar] = {}


class Sample(NamedTuple):
    """One match as its metric takes it; ``value`` is None where it is no number to take."""

    labels: tuple[str, ...]
    value: float | None


class Extraction:
    """Takes the samples of one rule; threads may share it.

    Args:
        clean: takes out of a label value what nobody may be shown.
    """

    def __init__(
        self, metric: RuleMetric, decision: Decision, reader: FieldReader, clean: Clean
    ) -> None:
        self.metric = metric
        self._clean = lru_cache(_KNOWN_TEXTS)(clean)
        self._value = metric.value
        sources = [source for _, source in metric.labels]
        self._names = sources if metric.value is None else [*sources, metric.value]
        self._signed = metric.type is MetricType.GAUGE
        self._decision = decision
        self._reader = reader

    def sample(self, message: bytes, known: Mapping[str, Scalar] = _NOTHING) -> Sample:
        """Return what ``message``, which the rule matches, gives; 1 where no value is asked for.

        Args:
            known: more about the message by name, such as what the event it begins says.
        """
        found = self._found(message, known) if self._names else []
        value = 1.0 if self._value is None else self._number(found.pop())
        return Sample(tuple(map(self._label, found)), value)

    def _found(self, message: bytes, known: Mapping[str, Scalar]) -> list[Scalar | None]:
        """What each name stands for, in their order."""
        groups = self._decision.values(message)
        fields = None
        found: list[Scalar | None] = []
        for name in self._names:
            if name in groups:
                found.append(groups[name].decode("utf-8", "replace"))
            elif name in known:
                found.append(known[name])
            else:
                fields = fields or self._reader.read(message)
                found.append(fields.get(name))
        return found

    def _label(self, value: Scalar | None) -> str:
        # What is to be taken out may be longer than what is shown.
        return "" if value is None else self._clean(text_of(value)[:_LONGEST_TEXT])[:LONGEST_LABEL]

    def _number(self, value: Scalar | None) -> float | None:
        number = None if value is None else quantity(value)
        # What only grows takes nothing that is negative.
        return None if number is not None and number < 0 and not self._signed else number


def extractions_of(engine: Engine, clean: Clean) -> dict[int, Extraction]:
    """Return the extraction of each rule that feeds a metric, by the rule's index."""
    return {
        index: Extraction(rule.metric, engine.decisions[index], engine.fields, clean)
        for index, rule in enumerate(engine.rules)
        if rule.metric is not None
    }
