"""Whose apps are watched, and the API that is asked for them.

A part of ``schema``; where the token itself is read is ``credentials``.
"""

from pydantic import Field

from exporter.config.fields import ApiUrl, EnvironmentName, FilePath, Identifier, Section

_TOKEN_FILE = (
    "File that holds the API token and nothing else. It is read again whenever it changes and "
    "after the API answers 401, so a token can be replaced without a restart."
)
_TOKEN_ENV = "Environment variable that holds the API token, in place of `token_file`."


class DigitalOcean(Section):
    """The account that is watched, and the API it is asked through.

    Without `token_file` and `token_env` the token comes from `DIGITALOCEAN_TOKEN` or
    `DIGITALOCEAN_ACCESS_TOKEN`. It is never given on the command line.
    """

    token_file: FilePath | None = Field(default=None, description=_TOKEN_FILE)
    token_env: EnvironmentName | None = Field(default=None, description=_TOKEN_ENV)
    api_url: ApiUrl = Field(
        default="https://api.digitalocean.com",
        description="Where the API is. `/v2/…` is added to it; the token is sent to this host "
        "and to no other.",
    )
    ca_file: FilePath | None = Field(
        default=None,
        description="File of CA certificates (PEM) to trust beside the usual ones, for a private "
        "endpoint.",
    )


class Account(Section):
    """One of several accounts that one process watches, each with a token of its own.

    In place of the token under `digitalocean`; every series then carries the label `account`.
    """

    name: Identifier = Field(description="Value of the label `account`.")
    token_file: FilePath | None = Field(default=None, description=_TOKEN_FILE)
    token_env: EnvironmentName | None = Field(default=None, description=_TOKEN_ENV)
