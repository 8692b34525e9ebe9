"""The rules in force: what the configuration chooses of the packs, and what it adds."""

from exporter.config.schema import Config
from exporter.matching.packs import load_packs
from exporter.model import Rule


def load_rules(config: Config) -> tuple[Rule, ...]:
    """The rules of the chosen packs, then the file's own."""
    return (*load_packs(config.patterns.packs), *config.patterns.user_rules())
