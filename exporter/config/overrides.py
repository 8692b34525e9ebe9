"""Flags and environment variables that win over the configuration file.

``cli`` reads them; here they pass the same checks as the keys of the file that they replace.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from exporter.config.document import Document
from exporter.config.fields import Section
from exporter.config.schema import Config
from exporter.config.serving import State, Web
from exporter.config.translation import findings_of
from exporter.errors import ConfigError, Fault


@dataclass(frozen=True, slots=True)
class Override:
    """A value that was given outside the file; ``origin`` is its flag's or variable's name."""

    origin: str
    value: str | tuple[str, ...]


def apply_overrides(
    config: Config,
    listen_addresses: Override | None = None,
    telemetry_path: Override | None = None,
    web_config_file: Override | None = None,
    state_url: Override | None = None,
) -> Config:
    """The configuration with what was given outside the file.

    Args:
        config: what the file says.
        listen_addresses: a tuple of addresses, or a text with commas between them.
        telemetry_path: the path of the metrics.
        web_config_file: the file with TLS and authentication.
        state_url: where counts and positions in logs are kept.

    Raises:
        ConfigError: a value cannot be used; ``file`` of each fault is the override's origin.
    """
    given = (
        ("web", "listen_addresses", listen_addresses),
        ("web", "telemetry_path", telemetry_path),
        ("web", "config_file", web_config_file),
        ("state", "url", state_url),
    )
    faults: list[Fault] = []
    for section, key, override in given:
        if override is not None:
            try:
                value = getattr(getattr(_checked(section, key, override), section), key)
            except ConfigError as error:
                faults += error.faults
            else:
                changed = getattr(config, section).model_copy(update={key: value})
                config = config.model_copy(update={section: changed})
    if faults:
        raise ConfigError(tuple(faults))
    return config


class _Override(Section):
    """The parts of the file that overrides replace."""

    web: Web = Web.model_construct()
    state: State = State.model_construct()


def _checked(section: str, key: str, override: Override) -> _Override:
    value: Any = override.value
    if key == "listen_addresses":
        parts = value.split(",") if isinstance(value, str) else value
        value = [part.strip() for part in parts]
    data = {section: {key: value}}
    document = Document(override.origin, data)
    try:
        return _Override.model_validate(data)
    except ValidationError as error:
        findings = findings_of(error, _Override, document)
        faults = tuple(Fault(override.origin, "", f.problem, f.remedy) for f in findings)
    raise ConfigError(faults)
