"""The metric tables as text, in the format and compression that a scrape asks for.

Each scrape renders them whole, in a worker thread, beside whatever counts at the same time. What is
not of the table's own kinds the library renders: histograms, metrics of rules, of the process.
"""

import gzip
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.telemetry.table import Family, MetricTable

GZIP_LEVEL = 1  # the lines repeat so much that higher levels gain little and take much longer

_END = b"# EOF\n"

_OWN_FORMATS = re.compile(
    r"(text/plain; version=(0\.0\.4|1\.0\.0)|application/openmetrics-text; version=1\.0\.0)"
    r"; charset=utf-8(; escaping=(underscores|allow-utf-8))?"
)  # their sample lines are all alike, as long as names are plain

_number = lru_cache(maxsize=8192)(floatToGoString)  # few values stand in most series

Encoder = Callable[[Collector], bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a scrape: the body, and the headers that describe it."""

    body: bytes
    headers: dict[str, str]


class Exposition:
    """Renders tables as one: metrics of the same name stand together.

    Args:
        tables: called for each scrape, and once more when its text is made: what is shown no
            longer by then is in no answer. Tables that share a metric must tell their series
            apart by their constant labels, or by the labels of the series.
    """

    def __init__(self, tables: Callable[[], Sequence[MetricTable]]) -> None:
        self._tables = tables
        self._rendering = Lock()
        self._begun = 0  # texts whose rendering has begun
        self._latest: dict[tuple[str, bool], tuple[int, bytes]] = {}

    def answer(self, accept: str, accept_encoding: str) -> Answer:
        """What the tables hold, in OpenMetrics where asked for, else in the text format.

        Scrapes at one time take turns. Those that wait for the same text are all answered with the
        first that was begun after they came.

        Args:
            accept: the header of that name, empty when absent.
            accept_encoding: likewise; the body is gzipped where it names gzip.
        """
        encoder, content_type = _choose(accept)
        packed = gzip_accepted(accept_encoding)
        headers = {"Content-Type": content_type, "Vary": "Accept, Accept-Encoding"}
        if packed:
            headers["Content-Encoding"] = "gzip"
        before = self._begun
        with self._rendering:
            begun, body = self._latest.get((content_type, packed), (0, b""))
            if begun <= before:
                begun = self._begun = self._begun + 1
                body = self._current(encoder, content_type)
                if packed:
                    body = gzip.compress(body, GZIP_LEVEL, mtime=0)
                self._latest = {(content_type, packed): (begun, body)}
        return Answer(body, headers)

    def _current(self, encoder: Encoder, content_type: str) -> bytes:
        """The text of the tables that are to be shown when it is made."""
        tables = list(self._tables())
        while True:
            body = self._text(tables, encoder, content_type)
            before, tables = tables, list(self._tables())
            if set(map(id, before)) <= set(map(id, tables)):
                return body

    def _text(self, tables: Sequence[MetricTable], encoder: Encoder, content_type: str) -> bytes:
        if not _OWN_FORMATS.fullmatch(content_type):
            collected = (metric for table in tables for metric in _collected(table))
            return encoder(_Collected(_merged(collected)))
        parts: list[bytes] = []
        for collectors in _by_name(tables).values():
            families = [family for _, family in collectors if isinstance(family, Family)]
            if len(families) == len(collectors):
                parts.append(_head(families[0], encoder))
                parts.append(_lines(families).encode())
            else:
                metrics = _merged(
                    metric for table, each in collectors for metric in _relabelled(table, each)
                )
                parts.append(encoder(_Collected(metrics)).removesuffix(_END))
        if content_type.startswith("application/openmetrics"):
            parts.append(_END)
        return b"".join(parts)


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


def _by_name(
    tables: Iterable[MetricTable],
) -> dict[str, list[tuple[MetricTable, Family | Metric]]]:
    """All metrics by name, each with its parts from the tables."""
    found: dict[str, list[tuple[MetricTable, Family | Metric]]] = {}
    for table in tables:
        for collector in table.collectors():
            if isinstance(collector, Family):
                found.setdefault(collector.name, []).append((table, collector))
                continue
            for metric in collector.collect():
                found.setdefault(metric.name, []).append((table, metric))
    return found


def _head(family: Family, encoder: Encoder) -> bytes:
    """HELP and TYPE, as the library writes them of a metric without series."""
    return encoder(_Collected(family.describe())).removesuffix(_END)


def _lines(families: Sequence[Family]) -> str:
    """The lines of all series of a metric."""
    return "".join(
        [
            f"{series.prefix} {_number(series.value)}\n"
            for family in families
            for series in family.series()
        ]
    )


def _collected(table: MetricTable) -> Iterator[Metric]:
    for collector in table.collectors():
        for metric in collector.collect():
            yield from _relabelled(table, metric)


def _relabelled(table: MetricTable, part: Family | Metric) -> Iterator[Metric]:
    """Metrics as the library takes them, with the constant labels of their table."""
    for metric in part.collect() if isinstance(part, Family) else (part,):
        if table.constants:
            metric.samples = [
                sample._replace(labels={**sample.labels, **table.constants})
                for sample in metric.samples
            ]
        yield metric


def _merged(metrics: Iterable[Metric]) -> list[Metric]:
    """One metric of each name, with the samples of all."""
    found: dict[str, Metric] = {}
    for metric in metrics:
        if metric.name in found:
            found[metric.name].samples += metric.samples
        else:
            found[metric.name] = metric
    return list(found.values())
