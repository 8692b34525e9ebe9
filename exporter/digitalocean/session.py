"""The HTTP session that requests go through: whom it trusts, and which answers it takes."""

import errno
import http.client
import logging
import ssl
from http.cookiejar import DefaultCookiePolicy
from io import BufferedReader

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from exporter.errors import ConfigError, Fault

MOST_CONNECTIONS = 256
"""To one host that are kept open; as many as there may be workers."""

_CA_FILE = "digitalocean.ca_file"
_REMEDY = "name a file of CA certificates in PEM"


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The system's certificate authorities, and those of ``ca_file`` beside them.

    Raises:
        ConfigError: the file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(cafile=ca_file)
        except OSError as error:
            why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
            problem = f"{ca_file} cannot be used: {why}"
            raise ConfigError((Fault("", _CA_FILE, problem, _REMEDY),)) from None
    return context


def prepare_session(session: requests.Session, ca_file: str | None) -> None:
    """Let ``session`` trust ``ca_file`` too, take whole answers, keep no cookie and log no URL.

    A log URL is a credential, and urllib3 writes URLs at DEBUG and, when headers are malformed,
    at WARNING.
    """
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.mount("http://", _Adapter({}))
    tls = {} if ca_file is None else {"ssl_context": tls_context(ca_file)}
    session.mount("https://", _Adapter(tls))
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class _WholeLines:
    """The status line and the headers of an answer; one that breaks off in them raises OSError.

    ``http.client`` takes the end of a connection for the end of the headers, and an answer without
    headers has a body that ends with the connection: so it would be a good answer that is empty.
    """

    def __init__(self, file: BufferedReader) -> None:
        self.file = file
        self._begun = False

    def readline(self, limit: int) -> bytes:
        line = self.file.readline(limit)
        if (line or self._begun) and not line.endswith(b"\n") and len(line) < limit:
            raise OSError(errno.EPROTO, "the headers broke off")
        self._begun = True
        return line

    def close(self) -> None:
        self.file.close()


class _Answer(http.client.HTTPResponse):
    """An answer whose headers are whole."""

    def begin(self) -> None:
        lines = _WholeLines(self.fp)
        self.fp = lines  # type: ignore[assignment]  # of a file, headers need these methods alone
        try:
            super().begin()
        finally:
            if self.fp is not None:  # it is after a status line that is none
                self.fp = lines.file


class _Connection(HTTPConnection):
    response_class = _Answer


class _TlsConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """Connects with the TLS context in ``tls``, if there is one, through proxies too."""

    def __init__(self, tls: dict[str, ssl.SSLContext]) -> None:
        self._tls = tls
        super().__init__(pool_maxsize=MOST_CONNECTIONS)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **options: object
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **self._tls, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: object) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **self._tls, **options)
        manager.pool_classes_by_scheme = _POOLS
        return manager
