"""What a request asks for, by its method and path: bulk, entries, logs, or a probe."""

from dataclasses import dataclass
from urllib.parse import unquote

from exporter.errors import RequestRefused
from exporter.receiving.open_search import index_problem
from exporter.receiving.records import Format

HEALTHY_PATH = "/-/healthy"
_BULK = "_bulk"
_DATADOG = (("api", "v2", "logs"), ("v1", "input"))
_OTLP = ("v1", "logs")


@dataclass(frozen=True, slots=True)
class Push:
    """A request with logs.

    Args:
        prefix: the first segment of the path where the known part has something before it: the
            name of an account can be given so.
        index: of a bulk request, empty where the path names none.
        key: of an entry of Datadog's older path, empty where the path has none.
    """

    format: Format
    prefix: str = ""
    index: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A request of an OpenSearch client that looks whom it talks to.

    Args:
        about: ``cluster``, its ``health``, that as a line for people (``cat``), or an ``index``.
    """

    about: str


def request_of(method: str, raw_path: bytes) -> Push | Probe | None:
    """What a request asks for; None for what nothing is known of.

    Args:
        raw_path: as it was sent, without the query: an escaped slash is no separator.

    Raises:
        RequestRefused: its path names an index that cannot be.
    """
    segments = [unquote(part.decode("ascii", "replace")) for part in raw_path.split(b"/") if part]
    if method in ("GET", "HEAD"):
        return _probe(segments)
    if method not in ("POST", "PUT") or not segments:
        return None
    if segments[-1] == _BULK:
        return _bulk(segments[:-1])
    if tuple(segments[-2:]) == _OTLP:
        return Push(Format.OTLP, _prefix(segments[:-2]))
    for known in _DATADOG:
        if tuple(segments[-len(known) :]) == known:
            return Push(Format.DATADOG, _prefix(segments[: -len(known)]))
    if tuple(segments[-3:-1]) == _DATADOG[1]:
        return Push(Format.DATADOG, _prefix(segments[:-3]), key=segments[-1])
    return None


def _bulk(before: list[str]) -> Push:
    index = before[-1] if before else ""
    if before and (problem := index_problem(index)):
        reason = f"Invalid index name [{index}], {problem}"
        raise RequestRefused("invalid_body", reason, 400)
    return Push(Format.OPEN_SEARCH, _prefix(before), index)


def _probe(segments: list[str]) -> Probe | None:
    if not segments:
        return Probe("cluster")
    if segments[-2:] == ["_cluster", "health"]:
        return Probe("health")
    if segments[-2:] == ["_cat", "health"]:
        return Probe("cat")
    return Probe("index") if len(segments) == 1 and not index_problem(segments[0]) else None


def _prefix(before: list[str]) -> str:
    return before[0] if before else ""
