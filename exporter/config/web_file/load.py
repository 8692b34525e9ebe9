"""From a web configuration file to what it means for the server, or to every fault in it."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from exporter.config.document import parse_document, read_document
from exporter.config.flags import WEB_CONFIG_VARIABLE
from exporter.config.translation import findings_of
from exporter.config.web_file.certificates import CertificateError, named_files, server_context
from exporter.config.web_file.checks import agreement_findings
from exporter.config.web_file.schema import TEXTS, TLS, RateLimit, WebFile
from exporter.errors import ConfigError, Fault


@dataclass(frozen=True, slots=True)
class WebSecurity:
    """Who is let in, and how; as it stands here, everybody, over plain HTTP.

    Args:
        tls: what serves TLS, None for plain HTTP.
        allowed_sans: one of these names must be in a client's certificate; none is no demand.
        users: names, and the bcrypt hashes of their passwords; none asks for no password.
        headers: headers of every answer; an empty one is left out.
        rate_limit: how many requests are answered.
        files: what was read; a change of one of these changes all this.
    """

    tls: ssl.SSLContext | None = None
    allowed_sans: frozenset[str] = frozenset()
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_limit: RateLimit = field(default_factory=RateLimit)
    files: tuple[Path, ...] = ()


def load_web_security(path: str | None, text: str = "") -> WebSecurity:
    """What a web configuration says, with the certificates that it names.

    Args:
        path: its file; None for none.
        text: the configuration itself, from the environment; empty for none.

    Raises:
        ConfigError: it cannot be used; carries every fault, in file order.
    """
    if path is not None and text:
        problem = f"a web configuration is given here and by {path}"
        raise ConfigError((Fault(WEB_CONFIG_VARIABLE, "", problem, "keep one of them"),))
    if path is None and not text:
        return WebSecurity()
    document = (
        read_document(path, TEXTS) if path else parse_document(WEB_CONFIG_VARIABLE, text, TEXTS)
    )
    findings = list(document.findings)
    settings = None
    try:
        settings = WebFile.model_validate(document.data)
    except ValidationError as error:
        findings += findings_of(error, WebFile, document)
    findings += agreement_findings(document)
    folder, context = Path(path or ".").parent, None
    if settings is not None and not findings and document.value(TLS):
        try:
            context = server_context(settings.tls_server_config, folder)
        except CertificateError as error:
            findings.append(error.finding)
    if findings or settings is None:
        findings.sort(key=lambda finding: document.position(finding.location))
        raise ConfigError(tuple(map(document.fault, findings)))
    tls = settings.tls_server_config
    return WebSecurity(
        tls=context,
        allowed_sans=frozenset(tls.client_allowed_sans),
        users={name: text.encode() for name, text in settings.basic_auth_users.items()},
        headers=settings.http_server_config.headers.given(),
        rate_limit=settings.rate_limit,
        files=(*([Path(path)] if path else ()), *named_files(tls, folder)),
    )
