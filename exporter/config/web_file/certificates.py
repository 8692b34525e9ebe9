"""Certificates and keys into what serves TLS: every fault with the key of the file it is about."""

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from exporter.config.findings import Finding, shown
from exporter.config.web_file.schema import (
    TLS,
    TLS13_SUITES,
    CipherSuite,
    ClientAuth,
    Curve,
    TlsServer,
)

_OPENSSL_CURVES = {
    Curve.P256: "prime256v1",
    Curve.P384: "secp384r1",
    Curve.P521: "secp521r1",
    Curve.X25519: "X25519",
}
_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}


class CertificateError(Exception):
    """A certificate or key cannot be used; ``finding`` says which and why."""

    def __init__(self, key: str, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.finding = Finding((*TLS, key), problem, remedy)


def named_files(settings: TlsServer, folder: Path) -> tuple[Path, ...]:
    """The files that the settings name; a relative path starts at ``folder``."""
    names = (settings.cert_file, settings.key_file, settings.client_ca_file)
    return tuple(folder / name for name in names if name is not None)


def server_context(settings: TlsServer, folder: Path) -> ssl.SSLContext:
    """What serves TLS as the settings say.

    Args:
        settings: checked, with a certificate and a key.
        folder: where relative paths start.

    Raises:
        CertificateError: a file cannot be read, or what it holds cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[settings.min_version]
    context.maximum_version = _VERSIONS[settings.max_version]
    if not settings.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if suites := [s for s in settings.cipher_suites if s not in TLS13_SUITES]:
        context.set_ciphers(":".join(map(_openssl_suite, suites)))
    if len(settings.curve_preferences) == 1:  # all of them are OpenSSL's choice anyway
        context.set_ecdh_curve(_OPENSSL_CURVES[settings.curve_preferences[0]])
    context.set_alpn_protocols(["http/1.1"])
    _load_own(context, settings, folder)
    _load_clients(context, settings, folder)
    return context


def _openssl_suite(suite: CipherSuite) -> str:
    """``TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`` is ``ECDHE-RSA-AES128-GCM-SHA256``."""
    exchange, _, cipher = suite.removeprefix("TLS_").partition("_WITH_")
    if cipher.startswith("CHACHA20"):
        cipher = "CHACHA20_POLY1305"
    name = f"{exchange}_{cipher}".replace("_CBC_", "_").replace("AES_", "AES")
    return name.replace("_", "-")


def _load_own(context: ssl.SSLContext, settings: TlsServer, folder: Path) -> None:
    cert_key, certificate = _text(settings, "cert", folder)
    _check_certificates(cert_key, certificate)
    key_key, key = _text(settings, "key", folder)
    with (
        _path(settings.cert_file, certificate, folder) as cert_path,
        _path(settings.key_file, key, folder) as key_path,
    ):
        try:
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(cert_path, key_path, password=_no_password)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                problem = "the key does not belong to the certificate"
                raise CertificateError(key_key, problem, "name the two that belong together") from (
                    None
                )
            problem = f"it holds no private key that can be used ({error.reason or 'not PEM'})"
            remedy = "it must be a private key in PEM form"
            raise CertificateError(key_key, problem, remedy) from None
        except _NeedsPasswordError:
            problem = "the key is encrypted"
            raise CertificateError(key_key, problem, "store it without a passphrase") from None


def _load_clients(context: ssl.SSLContext, settings: TlsServer, folder: Path) -> None:
    if settings.client_auth_type is ClientAuth.NONE:
        return
    if settings.client_ca is None and settings.client_ca_file is None:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    else:
        key, text = _text(settings, "client_ca", folder)
        _check_certificates(key, text)
        context.load_verify_locations(cadata=_certificates(text))
        # As in Go, whatever stands in the file is trusted, whether it signed itself or not.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    required = settings.client_auth_type is ClientAuth.REQUIRED
    context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL


def _text(settings: TlsServer, name: str, folder: Path) -> tuple[str, bytes]:
    """The text that stands inline or in the file, and the key that says so."""
    inline, file = getattr(settings, name), getattr(settings, f"{name}_file")
    if inline is not None:
        return name, str(inline).encode("utf-8", "replace")
    key = f"{name}_file"
    try:
        return key, (folder / file).read_bytes()
    except OSError as error:
        problem = f"{shown(file)} cannot be read ({error.strerror})"
    except ValueError:
        problem = f"{shown(file)} is not a file name"
    raise CertificateError(key, problem, "name a file that the exporter can read") from None


def _certificates(text: bytes) -> str:
    """The certificates alone; what stands between them is for people."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    parts = text.decode("utf-8", "replace").split(begin)[1:]
    return "".join(f"{begin}{part.partition(end)[0]}{end}\n" for part in parts)


def _check_certificates(key: str, text: bytes) -> None:
    certificates = _certificates(text)
    if not certificates:
        problem = "it holds no certificate"
        raise CertificateError(key, problem, "it must be a certificate in PEM form")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError):
        problem = "it holds a certificate that cannot be read"
        raise CertificateError(key, problem, "it must be a certificate in PEM form") from None


class _NeedsPasswordError(Exception):
    pass


def _no_password() -> str:
    raise _NeedsPasswordError


@contextmanager
def _path(file: str | None, text: bytes, folder: Path) -> Iterator[Path]:
    """Where OpenSSL, which takes no text, can read it: its file, or for inline text a passing one.

    That one is in memory where the system allows it: a key has no business on a disk.
    """
    if file is not None:
        yield folder / file
        return
    with _unnamed_file() as passing:
        passing.write(text)
        passing.seek(0)
        yield Path(f"/dev/fd/{passing.fileno()}")


def _unnamed_file() -> BinaryIO:
    try:
        return os.fdopen(os.memfd_create("pem", os.MFD_CLOEXEC), "r+b")
    except (AttributeError, OSError):
        return tempfile.TemporaryFile()
