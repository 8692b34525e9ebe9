"""What a configuration changes of a rule that ships."""

from dataclasses import dataclass, replace
from typing import Any

from exporter.model.rules import Level, Rule


@dataclass(frozen=True, slots=True)
class RuleTuning:
    """What is changed of a rule; None leaves what the rule has.

    Args:
        enabled: whether the rule is in force at all.
        exclude_regex: lines in which this is found do not count either, beside those that the
            rule excludes itself.
        components: globs on the only components whose lines the rule looks at.
        exclude_components: globs on components whose lines it does not look at.
        any_severity: whether it counts a line whatever severity the line declares.
    """

    enabled: bool = True
    level: Level | None = None
    exclude_regex: str | None = None
    components: tuple[str, ...] | None = None
    exclude_components: tuple[str, ...] | None = None
    any_severity: bool | None = None

    def __str__(self) -> str:
        """What is changed, in words."""
        if not self.enabled:
            return "turned off"
        changes = {
            "level": self.level,
            "exclude_regex": self.exclude_regex,
            "components": self.components and " ".join(self.components),
            "exclude_components": self.exclude_components and " ".join(self.exclude_components),
            "any_severity": None if self.any_severity is None else str(self.any_severity).lower(),
        }
        words = [f"{key} {value}" for key, value in changes.items() if value]
        return "; ".join(words) or "as it ships"

    def apply(self, rule: Rule) -> Rule:
        """Return the rule as it is changed."""
        changes: dict[str, Any] = {
            "level": self.level,
            "exclude_regex": _either(rule.exclude_regex, self.exclude_regex),
            "components": self.components,
            "exclude_components": self.exclude_components,
            "any_severity": self.any_severity,
        }
        return replace(rule, **{key: new for key, new in changes.items() if new is not None})


def _either(first: str | None, second: str | None) -> str | None:
    """A regex that is found where one of two is; flags of one do not reach the other."""
    if first is None or second is None:
        return first if second is None else second
    return f"(?:{first})|(?:{second})"
