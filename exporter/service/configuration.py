"""The configuration: what the file says, with what flags and variables put in its place."""

from collections.abc import Callable, Mapping

from exporter.config.document import parse_document
from exporter.config.flags import CONFIG_VARIABLE, STATE_URL_VARIABLE, variable_of
from exporter.config.load import check_document, load_config
from exporter.config.overrides import Override, apply_overrides
from exporter.config.schema import Config
from exporter.errors import ConfigError, Fault
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
    config = _load(options, environ)
    addresses: Override | None = _override(options, "--web.listen-address", None)
    if options.listen_addresses:
        addresses = Override("--web.listen-address", options.listen_addresses)
    config = apply_overrides(
        config,
        listen_addresses=addresses,
        telemetry_path=_override(options, "--web.telemetry-path", options.telemetry_path),
        web_config_file=_override(options, "--web.config.file", options.web_config_file),
        state_url=_variable(options, STATE_URL_VARIABLE),
    )
    if config.replicas.enabled and not config.state.shared:
        problem = "replicas share their work over a database, and state.url names none"
        remedy = "set it to redis://HOST:PORT/DB or postgresql://…"
        file = options.config_file or CONFIG_VARIABLE
        raise ConfigError((Fault(file, "replicas.enabled", problem, remedy),))
    return config


def _load(options: Options, environ: Mapping[str, str] | None) -> Config:
    """Load the configuration from its file, from the environment, or from neither."""
    if not options.config_text:
        return load_config(options.config_file, PackedRules(), _line_matcher_of, environ)
    if options.config_file is not None:
        problem = f"a configuration is given here and by {options.config_file}"
        raise ConfigError((Fault(CONFIG_VARIABLE, "", problem, "keep one of them"),))
    document = parse_document(CONFIG_VARIABLE, options.config_text)
    return check_document(document, PackedRules(), _line_matcher_of, environ)


def _override(options: Options, flag: str, value: str | None) -> Override | None:
    """What was given for a flag, or else for its environment variable."""
    if value is not None:
        return Override(flag, value)
    return _variable(options, variable_of(flag))


def _variable(options: Options, name: str) -> Override | None:
    """What an environment variable gives; nothing where it is empty."""
    given = options.environ.get(name)
    return Override(name, given) if given else None


def _line_matcher_of(rule: Rule) -> Callable[[bytes], bool]:
    """Return what tells whether a rule matches a line, with the platform's prefix or without."""
    matches = matcher_of(rule)

    def match(line: bytes) -> bool:
        return matches(unwrap(message_of(line)))

    return match
