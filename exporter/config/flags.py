"""The flags that have an environment variable, by which each can be given as well.

Free of all that reads the configuration: ``cli`` needs the flags to say what they mean, and not
every command has a configuration.
"""

ENVIRONMENT_PREFIX = "DO_APP_EXPORTER_"

FLAGS = (
    ("--config.file", "Configuration file."),
    ("--web.listen-address", "Where to listen, in place of `web.listen_addresses`; repeatable."),
    ("--web.config.file", "TLS and authentication, in place of `web.config_file`."),
    ("--web.telemetry-path", "Path of the metrics, in place of `web.telemetry_path`."),
    ("--web.enable-lifecycle", "Allow `POST /-/reload`."),
    ("--log.level", "How much the exporter logs."),
    ("--log.format", "`logfmt` or `json`."),
)
"""Every flag that has an environment variable, with its meaning."""

CONFIG_VARIABLE = f"{ENVIRONMENT_PREFIX}CONFIG"
"""Holds the text of a configuration, where no file can be put beside the program."""

WEB_CONFIG_VARIABLE = f"{ENVIRONMENT_PREFIX}WEB_CONFIG"
"""Holds the text of a web configuration, likewise."""

STATE_URL_VARIABLE = f"{ENVIRONMENT_PREFIX}STATE_URL"
"""Holds ``state.url``, which may have a password in it: it has no flag."""


def variable_of(flag: str) -> str:
    """The environment variable of a flag: ``--log.level`` is ``DO_APP_EXPORTER_LOG_LEVEL``."""
    return ENVIRONMENT_PREFIX + flag.lstrip("-").replace(".", "_").replace("-", "_").upper()
