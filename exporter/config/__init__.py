"""The configuration: YAML in, frozen values out, and every fault with its place in the file.

Layer 1, on pydantic, PyYAML and RE2. ``load_config`` is the way in; ``configuration_reference``
writes the documentation from the same models.
"""

from exporter.config.accounts import Account, DigitalOcean
from exporter.config.addresses import ListenAddress
from exporter.config.credentials import TokenSource, resolve_token, resolve_tokens
from exporter.config.durations import format_duration, parse_duration
from exporter.config.load import load_config
from exporter.config.overrides import FLAGS, Override, apply_overrides, variable_of
from exporter.config.reference import configuration_reference, web_configuration_reference
from exporter.config.rules import PatternRule, RuleMetric
from exporter.config.schema import (
    ApiBudget,
    Collectors,
    Config,
    Discovery,
    LogMode,
    Logs,
    LogScope,
    Patterns,
    State,
    Web,
)

__all__ = [
    "FLAGS",
    "Account",
    "ApiBudget",
    "Collectors",
    "Config",
    "DigitalOcean",
    "Discovery",
    "ListenAddress",
    "LogMode",
    "LogScope",
    "Logs",
    "Override",
    "PatternRule",
    "Patterns",
    "RuleMetric",
    "State",
    "TokenSource",
    "Web",
    "apply_overrides",
    "configuration_reference",
    "format_duration",
    "load_config",
    "parse_duration",
    "resolve_token",
    "resolve_tokens",
    "variable_of",
    "web_configuration_reference",
]
