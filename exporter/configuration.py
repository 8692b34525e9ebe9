"""The configuration: what the file says, with what flags and variables put in its place."""

from collections.abc import Callable

from exporter.config.flags import variable_of
from exporter.config.load import load_config
from exporter.config.overrides import Override, apply_overrides
from exporter.config.schema import Config
from exporter.logs.lines import message_of
from exporter.logs.unwrap import unwrap
from exporter.matching.decision import matcher_of
from exporter.matching.packs import PackedRules
from exporter.model import Rule
from exporter.options import Options


def configuration_of(options: Options, *, credentials: bool = True) -> Config:
    """The configuration that the options name.

    Args:
        credentials: whether token files and variables that the file names must be usable.

    Raises:
        ConfigError: it cannot be used; carries every fault.
    """
    environ = options.environ if credentials else None
    config = load_config(options.config_file, PackedRules(), _line_matcher_of, environ)
    addresses: Override | None = _override(options, "--web.listen-address", None)
    if options.listen_addresses:
        addresses = Override("--web.listen-address", options.listen_addresses)
    return apply_overrides(
        config,
        listen_addresses=addresses,
        telemetry_path=_override(options, "--web.telemetry-path", options.telemetry_path),
        web_config_file=_override(options, "--web.config.file", options.web_config_file),
    )


def _override(options: Options, flag: str, value: str | None) -> Override | None:
    """What was given for a flag, or else for its environment variable."""
    if value is not None:
        return Override(flag, value)
    variable = variable_of(flag)
    given = options.environ.get(variable)
    return Override(variable, given) if given else None


def _line_matcher_of(rule: Rule) -> Callable[[bytes], bool]:
    """Return what tells whether a rule matches a line, with the platform's prefix or without."""
    matches = matcher_of(rule)
    return lambda line: matches(unwrap(message_of(line)))
