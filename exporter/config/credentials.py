"""Where the API token comes from; checked before anything asks the API.

A token is never part of a message: what is shown is the name of its file or variable.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from exporter.config.findings import shown
from exporter.config.schema import Config
from exporter.errors import ConfigError, Fault

TOKEN_VARIABLES = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_ACCESS_TOKEN")
"""The environment variables that are looked at when the configuration names no token."""

_TOKEN = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Where the token comes from: exactly one of a value and the file to read it from.

    ``origin`` is the name of the file or environment variable, for messages.
    """

    origin: str
    token: str | None = field(default=None, repr=False)
    file: Path | None = None


def read_token_file(path: Path) -> str:
    """The token in a file, without the white space around it.

    Raises:
        ValueError: the file cannot be read, is empty or holds more than a token; the message
            says which and shows nothing of what it holds.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ValueError(f"{shown(str(path))} cannot be read ({error.strerror})") from None
    except ValueError:
        raise ValueError(f"{shown(str(path))} does not hold a token") from None
    return _token(text, shown(str(path)))


def configured_token(
    token_file: str | None, token_env: str | None, environ: Mapping[str, str]
) -> TokenSource | None:
    """The token that a section of the configuration names, None where it names none.

    Raises:
        ValueError: it cannot be had from there.
    """
    if token_file is not None:
        path = Path(token_file)
        read_token_file(path)
        return TokenSource(token_file, file=path)
    if token_env is not None:
        if not environ.get(token_env, "").strip():
            raise ValueError(f"the environment variable {token_env} is not set")
        token = _token(environ[token_env], f"the environment variable {token_env}")
        return TokenSource(token_env, token)
    return None


def resolve_token(
    config: Config, environ: Mapping[str, str], file: str = "configuration"
) -> TokenSource:
    """The token to use: that of the configuration, or else of the usual variables.

    Args:
        config: the loaded configuration.
        environ: the environment variables.
        file: the name of the configuration file, for messages.

    Raises:
        ConfigError: there is none, or the one that is named cannot be had.
    """
    settings = config.digitalocean
    key = "token_env" if settings.token_file is None else "token_file"
    try:
        source = configured_token(settings.token_file, settings.token_env, environ)
    except ValueError as error:
        fault = Fault(file, f"digitalocean.{key}", str(error), TOKEN_REMEDY)
        raise ConfigError((fault,)) from None
    if source is not None:
        return source
    for name in TOKEN_VARIABLES:
        if environ.get(name, "").strip():
            try:
                return TokenSource(name, _token(environ[name], "the environment variable"))
            except ValueError as error:
                raise ConfigError((Fault(name, "", str(error), TOKEN_REMEDY),)) from None
    problem = (
        "no API token: set DIGITALOCEAN_TOKEN, or digitalocean.token_file in the configuration"
    )
    raise ConfigError((Fault("", "", problem, ""),))


def resolve_tokens(
    config: Config, environ: Mapping[str, str], file: str = "configuration"
) -> dict[str, TokenSource]:
    """The token of each account by its name; of one without a name where none are configured.

    Raises:
        ConfigError: as ``resolve_token``, for all accounts that lack one.
    """
    if not config.accounts:
        return {"": resolve_token(config, environ, file)}
    tokens, faults = {}, []
    for index, account in enumerate(config.accounts):
        try:
            found = configured_token(account.token_file, account.token_env, environ)
        except ValueError as error:
            key = "token_env" if account.token_file is None else "token_file"
            faults.append(Fault(file, f"accounts[{index}].{key}", str(error), TOKEN_REMEDY))
        else:
            assert found is not None  # checked with the configuration
            tokens[account.name] = found
    if faults:
        raise ConfigError(tuple(faults))
    return tokens


TOKEN_REMEDY = "it must hold an API token and nothing else"
"""What would be right about a token that cannot be used."""


def _token(text: str, origin: str) -> str:
    token = text.strip()
    if not token:
        raise ValueError(f"{origin} is empty")
    if _TOKEN.fullmatch(token) is None:
        raise ValueError(f"{origin} holds more than a token")
    return token
