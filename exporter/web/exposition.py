"""The registries as text, in the format and compression that a scrape asks for.

It runs in a worker thread, beside whatever counts at the same time. What has not changed since
the scrape before is not rendered again; what is not worth keeping, or not simple, the library
renders.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

import prometheus_client.metrics
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from exporter.web.deflate import Piece, gzipped
from exporter.web.family_text import FamilyText

_END = b"# EOF\n"

_KEPT_FORMATS = re.compile(
    r"(text/plain; version=(0\.0\.4|1\.0\.0)|application/openmetrics-text; version=1\.0\.0)"
    r"; charset=utf-8(; escaping=(underscores|allow-utf-8))?"
)
"""The formats whose sample lines are all alike, as long as names are plain."""

SMALL = 4096
"""Bytes; smaller pieces are joined, so that they do not travel one by one."""

Encoder = Callable[[Collector], bytes]


@dataclass(frozen=True, slots=True)
class LabelledRegistry:
    """A registry, and the labels that every series of it carries beside its own."""

    registry: CollectorRegistry
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a scrape: the body in pieces, and the headers that describe it."""

    pieces: tuple[bytes, ...]
    headers: dict[str, str]


class Exposition:
    """Renders registries as one: metrics of the same name stand together.

    Args:
        registries: looked at anew with each scrape, so the sequence may change. Those that share
            a metric must tell their series apart by their labels.
    """

    def __init__(self, registries: Sequence[LabelledRegistry]) -> None:
        self._registries = registries
        self._lock = Lock()
        self._kept: dict[MetricWrapperBase, FamilyText] = {}

    def answer(self, accept: str, accept_encoding: str) -> Answer:
        """What the registries hold, in OpenMetrics where asked for, else in the text format.

        Args:
            accept: the header of that name, empty when absent.
            accept_encoding: likewise; the body is gzipped where it names gzip.
        """
        encoder, content_type = _choose(accept)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        # Scrapes at one time take turns, so that what has changed is rendered once for all.
        with self._lock:
            pieces = list(self._pieces(encoder, content_type))
            if gzip_accepted(accept_encoding):
                headers["Content-Encoding"] = "gzip"
                return Answer(tuple(_joined(gzipped(pieces))), headers)
        return Answer(tuple(_joined(piece.text for piece in pieces)), headers)

    def _pieces(self, encoder: Encoder, content_type: str) -> Iterator[Piece]:
        if not self._keeps(content_type):
            yield Piece(encoder(_Collected(_merged(self._metrics()))))
            return
        openmetrics = content_type.startswith("application/openmetrics")
        for parts in self._families().values():
            kept = [part for part in parts if isinstance(part, FamilyText)]
            if len(kept) < len(parts) or any(_is_odd(part, openmetrics) for part in kept):
                metrics = _merged(metric for part in parts for metric in _metrics_of(part))
                yield Piece(encoder(_Collected(metrics)).removesuffix(_END))
                continue
            yield _head(kept[0], encoder, content_type)
            for part in kept:
                yield from (block.piece for block in part.blocks)
        if openmetrics:
            yield Piece(_END)

    def _keeps(self, content_type: str) -> bool:
        """Whether the lines of this format are those that are kept."""
        return (
            _KEPT_FORMATS.fullmatch(content_type) is not None
            and not prometheus_client.metrics._use_created
            and not any(entry.registry.get_target_info() for entry in self._registries)
        )

    def _metrics(self) -> Iterator[Metric]:
        for entry in self._registries:
            for metric in entry.registry.collect():
                yield _relabelled(metric, entry.labels)

    def _families(self) -> dict[str, list[FamilyText | Metric]]:
        """All metrics by name, each with its parts from the registries, brought up to date."""
        found: dict[str, list[FamilyText | Metric]] = {}
        kept: dict[MetricWrapperBase, FamilyText] = {}
        for entry in self._registries:
            for collector in _collectors(entry.registry):
                if not FamilyText.keeps(collector):
                    for metric in collector.collect():
                        found.setdefault(metric.name, []).append(_relabelled(metric, entry.labels))
                    continue
                family = self._kept.get(collector) or FamilyText(collector, entry.labels)
                kept[collector] = family
                family.refresh()
                found.setdefault(family.name, []).append(family)
        self._kept = kept
        return found


class _Collected(Collector):
    """Metrics that were collected, for an encoder that wants to collect."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _choose(accept: str) -> tuple[Encoder, str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        # The library compares versions without checking them: `version=x` raises.
        return choose_encoder("")


def _collectors(registry: CollectorRegistry) -> list[Collector]:
    with registry._lock:
        return list(registry._collector_to_names)


def _head(family: FamilyText, encoder: Encoder, content_type: str) -> Piece:
    """HELP and TYPE, as the library writes them of a metric without series."""
    if content_type not in family.heads:
        text = encoder(_Collected(family.family.describe())).removesuffix(_END)
        family.heads[content_type] = Piece(text)
    return family.heads[content_type]


def _is_odd(family: FamilyText, openmetrics: bool) -> bool:
    """Whether its lines are more, or other, than those that are kept."""
    return family.computed or (openmetrics and family.has_exemplars())


def _metrics_of(part: FamilyText | Metric) -> Iterable[Metric]:
    if isinstance(part, Metric):
        return [part]
    return [_relabelled(metric, part.constants) for metric in part.family.collect()]


def _relabelled(metric: Metric, labels: Mapping[str, str]) -> Metric:
    if labels:
        metric.samples = [s._replace(labels={**s.labels, **labels}) for s in metric.samples]
    return metric


def _merged(metrics: Iterable[Metric]) -> list[Metric]:
    """One metric of each name, with the samples of all."""
    found: dict[str, Metric] = {}
    for metric in metrics:
        if metric.name in found:
            found[metric.name].samples += metric.samples
        else:
            found[metric.name] = metric
    return list(found.values())


def _joined(texts: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces, though large ones are not copied."""
    small: list[bytes] = []
    for text in texts:
        if len(text) < SMALL:
            small.append(text)
            continue
        if small:
            yield b"".join(small)
            small = []
        yield text
    if small:
        yield b"".join(small)
