"""Flags and environment variables that win over the configuration file.

``cli`` reads them; here they pass the same checks as the keys of the file that they replace.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from exporter.config.document import Document
from exporter.config.fields import Section
from exporter.config.schema import Config, Web
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
) -> Config:
    """The configuration with what was given outside the file.

    Args:
        config: what the file says.
        listen_addresses: a tuple of addresses, or a text with commas between them.
        telemetry_path: the path of the metrics.
        web_config_file: the file with TLS and authentication.

    Raises:
        ConfigError: a value cannot be used; ``file`` of each fault is the override's origin.
    """
    given = {
        "listen_addresses": listen_addresses,
        "telemetry_path": telemetry_path,
        "config_file": web_config_file,
    }
    faults: list[Fault] = []
    update: dict[str, Any] = {}
    for key, override in given.items():
        if override is not None:
            try:
                update[key] = getattr(_checked(key, override), key)
            except ConfigError as error:
                faults += error.faults
    if faults:
        raise ConfigError(tuple(faults))
    web = config.web.model_copy(update=update)
    return config.model_copy(update={"web": web})


class _Override(Section):
    """The part of the file that overrides replace."""

    web: Web = Web.model_construct()


def _checked(key: str, override: Override) -> Web:
    value: Any = override.value
    if key == "listen_addresses":
        parts = value.split(",") if isinstance(value, str) else value
        value = [part.strip() for part in parts]
    data = {"web": {key: value}}
    document = Document(override.origin, data)
    try:
        return _Override.model_validate(data).web
    except ValidationError as error:
        findings = findings_of(error, _Override, document)
        faults = tuple(Fault(override.origin, "", f.problem, f.remedy) for f in findings)
    raise ConfigError(faults)
