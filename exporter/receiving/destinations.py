"""Log destinations in app specs: the piece that makes the platform push, and which apps have it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import yaml

NAME = "do-app-exporter"
_KINDS = ("services", "workers", "jobs", "functions")
_ENDPOINTS = ("open_search", "datadog", "papertrail")


@dataclass(frozen=True, slots=True)
class SpecComponent:
    """One component of an app spec.

    Args:
        kind: the key of the spec that it stands under, such as ``services``.
        hosts: the hosts that its log destinations push to.
    """

    kind: str
    name: str
    hosts: frozenset[str]

    def pushes_to(self, url: str) -> bool:
        """Whether one of its destinations has the host of a URL."""
        return host_of(url) in self.hosts


def components_of(spec: Mapping[str, Any]) -> tuple[SpecComponent, ...]:
    """The components of an app spec that can push their log; parts of another shape are skipped."""
    return tuple(
        SpecComponent(kind, str(entry.get("name", "")), frozenset(_hosts(entry)))
        for kind in _KINDS
        for entry in _mappings(spec.get(kind))
    )


def spec_piece(url: str, components: Sequence[SpecComponent]) -> str:
    """The piece of an app spec, as YAML, that makes components push to a URL."""
    destination = {
        "name": NAME,
        "open_search": {
            "endpoint": url,
            "basic_auth": {"user": "<user>", "password": "<password>"},
            "index_name": "logs",
        },
    }
    piece: dict[str, list[dict[str, Any]]] = {}
    for component in components:
        entry = {"name": component.name, "log_destinations": [destination]}
        piece.setdefault(component.kind, []).append(entry)
    return yaml.dump(piece, Dumper=_PlainDumper, sort_keys=False)


def host_of(url: str) -> str:
    """Host and port of a URL, or of an address without scheme, in lower case."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    try:
        port = parts.port
    except ValueError:
        port = None
    default = {"https": 443, "http": 80}.get(parts.scheme)
    host = (parts.hostname or "").lower()
    return host if port in (None, default) else f"{host}:{port}"


class _PlainDumper(yaml.SafeDumper):
    """Writes equal values out again in place of an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ANN401  (as the library has it)
        return True


def _hosts(entry: Mapping[str, Any]) -> Iterable[str]:
    for destination in _mappings(entry.get("log_destinations")):
        for kind in _ENDPOINTS:
            about = destination.get(kind)
            endpoint = about.get("endpoint") if isinstance(about, dict) else None
            if isinstance(endpoint, str) and endpoint:
                yield host_of(endpoint)


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
