"""The web configuration file: TLS, passwords and headers, in the exporter-toolkit's format.

Checked as strictly as the main configuration. What Python's TLS cannot do is refused, never
passed over; ``certificates`` turns the TLS part into something to serve with.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, Strict

from exporter.config.fields import (
    Duration,
    FilePath,
    Flag,
    ItemsOrNone,
    Kind,
    Section,
    SectionOrNone,
    Text,
    Whole,
)
from exporter.config.findings import Location, refusal

TLS: Location = ("tls_server_config",)
"""The place of the section about TLS."""

TEXTS: tuple[Location, ...] = (
    ("basic_auth_users",),
    ("http_server_config", "headers"),
    *((*TLS, name) for name in ("cert_file", "key_file", "client_ca_file", "client_allowed_sans")),
)
"""Places whose numbers are texts, as they are written, as in the toolkit: a user called 007."""

BCRYPT_HASH = re.compile(r"\$2[abxy]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")


class TlsVersion(StrEnum):
    """The versions of TLS that are served; older ones are broken (RFC 8996)."""

    TLS12 = "TLS12"
    TLS13 = "TLS13"


class ClientAuth(StrEnum):
    """Whether clients show a certificate."""

    NONE = "NoClientCert"
    IF_GIVEN = "VerifyClientCertIfGiven"
    REQUIRED = "RequireAndVerifyClientCert"


class Curve(StrEnum):
    """A curve of the key exchange."""

    P256 = "CurveP256"
    P384 = "CurveP384"
    P521 = "CurveP521"
    X25519 = "X25519"


class CipherSuite(StrEnum):
    """The suites that Go calls secure, by its names."""

    AES_128_GCM_SHA256 = "TLS_AES_128_GCM_SHA256"
    AES_256_GCM_SHA384 = "TLS_AES_256_GCM_SHA384"
    CHACHA20_POLY1305_SHA256 = "TLS_CHACHA20_POLY1305_SHA256"
    ECDSA_AES_128_CBC_SHA = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
    ECDSA_AES_256_CBC_SHA = "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"
    RSA_AES_128_CBC_SHA = "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
    RSA_AES_256_CBC_SHA = "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"
    ECDSA_AES_128_GCM = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    ECDSA_AES_256_GCM = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    RSA_AES_128_GCM = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    RSA_AES_256_GCM = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    RSA_CHACHA20 = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
    ECDSA_CHACHA20 = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"


TLS13_SUITES = frozenset(
    {
        CipherSuite.AES_128_GCM_SHA256,
        CipherSuite.AES_256_GCM_SHA384,
        CipherSuite.CHACHA20_POLY1305_SHA256,
    }
)


def _refusing(refused: Mapping[str, tuple[str, str]]) -> BeforeValidator:
    """Refuse values that the format knows and that are not served, each in its own words."""

    def check(value: object) -> object:
        if isinstance(value, str) and value in refused:
            problem, remedy = refused[value]
            raise refusal(f"{value} {problem}", remedy)
        return value

    return BeforeValidator(check)


_OLD_TLS = ("is no longer secure, so it is not served", "write TLS12 or TLS13")
_UNVERIFIED = (
    "cannot be done: Python's TLS asks for no certificate without verifying it",
    "write VerifyClientCertIfGiven or RequireAndVerifyClientCert, with client_ca_file",
)


def _no_http2(value: object) -> object:
    if value is True:
        raise refusal("HTTP/2 is not served", "write false, or leave it out")
    return value


def _secret_text(value: object) -> object:
    # A value that may be a secret is never shown, so pydantic must not come to word it.
    if not isinstance(value, str) or not value:
        raise refusal("the value is not a text", "write a text in quotes")
    return value


def _pem(value: object) -> object:
    if "-----BEGIN " not in str(_secret_text(value)):
        remedy = "paste the PEM text below a |, or name a file"
        raise refusal("the value is not in PEM form", remedy)
    return value


def _password_hash(value: object) -> object:
    if BCRYPT_HASH.fullmatch(str(_secret_text(value))) is None:
        remedy = "write what `htpasswd -nBC 10 NAME` prints after the colon"
        raise refusal("the value is not a bcrypt hash", remedy)
    return value


def _users(value: object) -> object:
    # In words of ours, as what stands there in the place of a mapping may be a password.
    if value is not None and not isinstance(value, dict):
        raise refusal("the value is not a mapping", "write names with bcrypt hashes below it")
    return value or {}


def _user(value: object) -> object:
    if isinstance(value, str) and (not value or ":" in value):
        raise refusal("a user's name cannot be empty or hold a colon", "choose another name")
    return value


def _header(allowed: tuple[str, ...] = ()) -> BeforeValidator:
    def check(value: object) -> object:
        if not isinstance(value, str):
            return value
        if not all(" " <= character <= "~" for character in value):
            problem = "the value holds characters that a header cannot carry"
            raise refusal(problem, "use printable ASCII on one line")
        if value and allowed and value not in allowed:
            raise refusal("the value is not allowed", f"allowed: {', '.join(allowed)}")
        return value

    return BeforeValidator(check)


def _interval(value: object) -> object:
    """0 without a unit turns the limit off, as in the toolkit."""
    return "0s" if value == 0 and not isinstance(value, bool) else value


Pem = Annotated[str, BeforeValidator(_pem), Kind("text in PEM form")]
PasswordHash = Annotated[str, BeforeValidator(_password_hash), Kind("bcrypt hash")]
User = Annotated[str, Strict(), BeforeValidator(_user)]
HeaderText = Annotated[str, Strict()]
Version = Annotated[TlsVersion, _refusing(dict.fromkeys(("TLS10", "TLS11"), _OLD_TLS))]


class TlsServer(Section):
    """TLS; without this section plain HTTP is served."""

    cert_file: FilePath | None = Field(
        default=None,
        description="The server's certificate in PEM form, with those between it and its CA "
        "after it.",
    )
    key_file: FilePath | None = Field(
        default=None, description="Its private key in PEM form, without a passphrase."
    )
    cert: Pem | None = Field(default=None, description="The certificate, in place of `cert_file`.")
    key: Pem | None = Field(default=None, description="The private key, in place of `key_file`.")
    client_auth_type: Annotated[
        ClientAuth,
        _refusing(
            dict.fromkeys(
                ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"), _UNVERIFIED
            )
        ),
    ] = Field(
        default=ClientAuth.NONE,
        description="Whether clients must show a certificate, and prove it. With "
        "`RequireAndVerifyClientCert` no path is open to a client without one, the health "
        "checks neither: TLS ends before a path is named.",
    )
    client_ca_file: FilePath | None = Field(
        default=None,
        description="CA certificates that clients' certificates are verified with. Left out, "
        "`VerifyClientCertIfGiven` uses those that the system trusts.",
    )
    client_ca: Pem | None = Field(
        default=None, description="Those certificates, in place of `client_ca_file`."
    )
    client_allowed_sans: ItemsOrNone[Text] = Field(
        default=(),
        description="Names (DNS, IP address, e-mail or URI), one of which a client's certificate "
        "must hold; needs `RequireAndVerifyClientCert`.",
    )
    min_version: Version = Field(default=TlsVersion.TLS12, description="The oldest version.")
    max_version: Version = Field(default=TlsVersion.TLS13, description="The newest version.")
    cipher_suites: ItemsOrNone[CipherSuite] = Field(
        default=(),
        description="Suites for TLS 1.2, by Go's names, in order; those of TLS 1.3 are always "
        "all on, so of these all or none are named. Left out, those that Python calls secure.",
    )
    prefer_server_cipher_suites: Flag = Field(
        default=True, description="Whether the server's order decides, or the client's."
    )
    curve_preferences: ItemsOrNone[Curve] = Field(
        default=(),
        description="The curve of the key exchange: one, or all four in any order, which is "
        "what Python's TLS can do.",
    )


class Headers(Section):
    """Headers of every answer, in place of the exporter's own; an empty text leaves one out."""

    content_security_policy: Annotated[HeaderText, _header()] | None = Field(
        default=None,
        alias="Content-Security-Policy",
        description="Left out, one that allows the page's own style and script and nothing else.",
    )
    x_frame_options: Annotated[HeaderText, _header(("deny", "sameorigin"))] | None = Field(
        default=None, alias="X-Frame-Options", description="Left out, `DENY`."
    )
    x_content_type_options: Annotated[HeaderText, _header(("nosniff",))] | None = Field(
        default=None, alias="X-Content-Type-Options", description="Left out, `nosniff`."
    )
    x_xss_protection: Annotated[HeaderText, _header()] | None = Field(
        default=None, alias="X-XSS-Protection", description="Left out, none."
    )
    strict_transport_security: Annotated[HeaderText, _header()] | None = Field(
        default=None, alias="Strict-Transport-Security", description="Left out, none."
    )

    def given(self) -> dict[str, str]:
        """The headers that the file names, by their names."""
        values: dict[str, str | None] = self.model_dump(by_alias=True)
        return {name: value for name, value in values.items() if value is not None}


class HttpServer(Section):
    """HTTP itself."""

    http2: Annotated[Flag, BeforeValidator(_no_http2)] = Field(
        default=False, description="HTTP/2 is not served, so `true` is refused."
    )
    headers: Annotated[Headers, SectionOrNone] = Headers()


class RateLimit(Section):
    """How many requests are answered, health checks aside; the rest get 429."""

    interval: Annotated[Duration, BeforeValidator(_interval)] = Field(
        default=0.0, ge=0.0, description="Time per request on average; `0s` is no limit."
    )
    burst: Whole = Field(
        default=1,
        ge=0,
        description="Requests that may come at once; `0` with an interval answers none.",
    )


class WebFile(Section):
    """The whole file; every key may be left out."""

    tls_server_config: Annotated[TlsServer, SectionOrNone] = TlsServer()
    http_server_config: Annotated[HttpServer, SectionOrNone] = HttpServer()
    basic_auth_users: Annotated[dict[User, PasswordHash], BeforeValidator(_users)] = Field(
        default={},
        description="Users and the bcrypt hashes of their passwords. As long as there is one, "
        "every path but the health checks asks for a password. bcrypt looks at the first 72 "
        "bytes of a password.",
    )
    rate_limit: Annotated[RateLimit, SectionOrNone] = RateLimit()
