"""What several keys of the web configuration file have to agree on.

Like ``checks``, these look at the data as it was read, so that they find their faults also in a
file that has others.
"""

from collections.abc import Iterator
from typing import Any

from exporter.config.document import Document
from exporter.config.findings import Finding
from exporter.config.web_file.schema import TLS, TLS13_SUITES, ClientAuth, Curve, TlsVersion


def agreement_findings(document: Document) -> Iterator[Finding]:
    """What several keys of the file do not agree on."""
    tls = document.value(TLS)
    if not isinstance(tls, dict) or not tls:
        return
    for name in ("cert", "key"):
        if tls.get(name) is None and tls.get(f"{name}_file") is None:
            yield Finding(TLS, f"{name}_file is missing", "add it, or leave the section out")
    for name in ("cert", "key", "client_ca"):
        if tls.get(name) is not None and tls.get(f"{name}_file") is not None:
            problem = f"{name} and {name}_file are both given"
            yield Finding((*TLS, name), problem, "keep one of them")
    yield from _client_findings(tls)
    yield from _cipher_findings(tls)
    yield from _repeated_items(tls)


def _client_findings(tls: dict[Any, Any]) -> Iterator[Finding]:
    policy = tls.get("client_auth_type", ClientAuth.NONE)
    given = [key for key in ("client_ca_file", "client_ca") if tls.get(key) is not None]
    if policy == ClientAuth.NONE and given:
        problem = "it has no effect while clients show no certificate"
        remedy = f"set client_auth_type: {ClientAuth.REQUIRED}"
        yield Finding((*TLS, given[0]), problem, remedy)
    if policy == ClientAuth.REQUIRED and not given:
        problem = f"{policy} needs the CA that clients' certificates come from"
        yield Finding((*TLS, "client_auth_type"), problem, "add client_ca_file")
    if tls.get("client_allowed_sans") and policy in (ClientAuth.NONE, ClientAuth.IF_GIVEN):
        problem = "it has no effect on clients that show no certificate"
        remedy = f"set client_auth_type: {ClientAuth.REQUIRED}"
        yield Finding((*TLS, "client_allowed_sans"), problem, remedy)


def _cipher_findings(tls: dict[Any, Any]) -> Iterator[Finding]:
    if tls.get("min_version") == TlsVersion.TLS13 and tls.get("max_version") == TlsVersion.TLS12:
        problem = "TLS13 is newer than max_version"
        yield Finding((*TLS, "min_version"), problem, "make it TLS12, or max_version TLS13")
    suites = tls.get("cipher_suites")
    named = {item for item in suites if isinstance(item, str)} if isinstance(suites, list) else ()
    here = (*TLS, "cipher_suites")
    if named and not named >= TLS13_SUITES and TLS13_SUITES & set(named):
        problem = "of the suites of TLS 1.3 some are named and some are not; all are always on"
        yield Finding(here, problem, "name all three, or none")
    elif named and set(named) <= TLS13_SUITES and tls.get("min_version") != TlsVersion.TLS13:
        problem = "there is no suite for TLS 1.2"
        yield Finding(here, problem, "name one, or set min_version: TLS13")


def _repeated_items(tls: dict[Any, Any]) -> Iterator[Finding]:
    for key in ("cipher_suites", "curve_preferences", "client_allowed_sans"):
        value = tls.get(key)
        items = value if isinstance(value, list) else []
        for index, item in enumerate(items):
            if item in items[:index]:
                yield Finding((*TLS, key, index), "it is given twice", "keep one of them")
    curves = tls.get("curve_preferences")
    some = isinstance(curves, list) and len(curves) > 1 and not set(map(str, curves)) >= set(Curve)
    if some:
        problem = "several curves cannot be chosen: Python's TLS takes one, or all"
        yield Finding((*TLS, "curve_preferences"), problem, "name one, or leave it out")
