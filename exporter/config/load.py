"""From a configuration file to a checked value, or to every fault in it.

The one way into this package for ``cli``: nothing else builds a ``Config`` from a file.
"""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from exporter.config.checks import Decide, agreement_findings
from exporter.config.credentials import TOKEN_REMEDY, configured_token
from exporter.config.document import Document, read_document
from exporter.config.findings import Finding
from exporter.config.schema import Config
from exporter.config.translation import findings_of
from exporter.errors import ConfigError


def load_config(
    path: str | None,
    packs: Mapping[str, Sequence[str]],
    decide: Decide,
    environ: Mapping[str, str] | None,
) -> Config:
    """The configuration in a file, checked in everything that needs no network.

    Args:
        path: the YAML file; None for the defaults.
        packs: the built-in packs by name, each with the names of its rules.
        decide: returns a function that says which messages a rule matches, for its examples.
        environ: the environment variables, for ``token_env``; None leaves token files and
            variables unread, for a command that needs no token.

    Raises:
        ConfigError: the file cannot be used; carries every fault, in file order.
    """
    if path is None:
        return Config.model_construct()
    return check_document(read_document(path), packs, decide, environ)


def check_document(
    document: Document,
    packs: Mapping[str, Sequence[str]],
    decide: Decide,
    environ: Mapping[str, str] | None,
) -> Config:
    """As ``load_config``, of a document that has been read already.

    Raises:
        ConfigError: as there.
    """
    findings = list(document.findings)
    config = None
    try:
        config = Config.model_validate(document.data)
    except ValidationError as error:
        findings += findings_of(error, Config, document)
    findings += agreement_findings(document, packs, decide)
    if environ is not None:
        findings += _credential_findings(document, environ)
    if findings or config is None:
        findings.sort(key=lambda finding: document.position(finding.location))
        raise ConfigError(tuple(map(document.fault, findings)))
    return config


def _credential_findings(document: Document, environ: Mapping[str, str]) -> Iterator[Finding]:
    accounts = document.value(("accounts",))
    count = len(accounts) if isinstance(accounts, list) else 0
    for section in (("digitalocean",), *(("accounts", index) for index in range(count))):
        for key in ("token_file", "token_env"):
            name = document.value((*section, key))
            # What is no name at all has a finding of its own.
            if not isinstance(name, str) or not name or (key == "token_env" and not _plain(name)):
                continue
            try:
                configured_token(
                    **{"token_file": None, "token_env": None, key: name}, environ=environ
                )
            except ValueError as error:
                yield Finding((*section, key), str(error), TOKEN_REMEDY)


def _plain(name: str) -> bool:
    return name.isidentifier() and name.isascii() and not name.startswith(("dop_v1_", "doo_v1_"))
