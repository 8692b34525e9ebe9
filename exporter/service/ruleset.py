"""The rules in force: what the configuration chooses of the packs and tunes, and what it adds."""

from collections.abc import Iterator

from exporter.config.schema import Config
from exporter.matching.packs import load_packs
from exporter.model import Rule, RuleTuning


def load_rules(config: Config) -> tuple[Rule, ...]:
    """The rules of the chosen packs, as the file tunes them, then the file's own."""
    return (*_shipped(config), *config.patterns.user_rules())


def _shipped(config: Config) -> Iterator[Rule]:
    tunings = config.patterns.tunings()
    for rule in load_packs(config.patterns.packs):
        tuning = tunings.get(rule.name, RuleTuning())
        if tuning.enabled:
            yield tuning.apply(rule)
