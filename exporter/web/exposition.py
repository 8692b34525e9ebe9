"""The metric tables as text, in the format and compression that a scrape asks for.

Each scrape reads a table at one moment, under the lock of what counts there, and writes the text
beside whatever counts at the same time. What is not of the table's own kinds the library renders:
metrics of rules, of the process.
"""

import gzip
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, NamedTuple

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
            collected = [metric for table in tables for metric in _collected(table)]
            return encoder(_Collected(_merged(collected)))
        parts: list[bytes] = []
        for readings in _by_name(tables).values():
            own = [reading for reading in readings if isinstance(reading, _Samples)]
            if own:
                family = own[0].family
                parts.append(_head(type(family), family.name, family.help, content_type))
                parts.append(_lines(own).encode())
            else:
                metrics = [reading for reading in readings if isinstance(reading, Metric)]
                parts.append(encoder(_Collected(_merged(metrics))).removesuffix(_END))
        if content_type.startswith("application/openmetrics"):
            parts.append(_END)
        return b"".join(parts)


class _Collected(Collector):
    """Metrics that were collected, for an encoder that wants to collect."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _Samples(NamedTuple):
    """What a metric of the table's own kinds stood at when the table was read."""

    family: Family[Any]
    samples: Sequence[tuple[str, float]]


def _choose(accept: str) -> tuple[Encoder, str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):
        # The library compares versions without checking them: `version=x` raises.
        return choose_encoder("")


def _by_name(tables: Iterable[MetricTable]) -> dict[str, list[_Samples | Metric]]:
    """All metrics by name, each with its parts from the tables, all of one kind."""
    found: dict[str, list[_Samples | Metric]] = {}
    for table in tables:
        for reading in _read(table):
            name = reading.family.name if isinstance(reading, _Samples) else reading.name
            found.setdefault(name, []).append(reading)
    return found


def _read(table: MetricTable) -> list[_Samples | Metric]:
    """Everything that a table shows, as of one moment."""
    readings: list[_Samples | Metric] = []
    with table.lock:
        for collector, family in table.collectors():
            if family is not None:
                readings.append(_Samples(family, family.samples()))
            else:
                readings += [_relabelled(table, metric) for metric in collector.collect()]
    return readings


@lru_cache(maxsize=2048)  # they never change, and are most of the text of few series
def _head(kind: type[Family[Any]], name: str, help: str, content_type: str) -> bytes:
    """HELP and TYPE, as the library writes them of a metric without series."""
    encoder, _ = _choose(content_type)
    return encoder(_Collected([kind.library_metric(name, help)])).removesuffix(_END)


def _lines(readings: Iterable[_Samples]) -> str:
    """The lines of all series of a metric."""
    return "".join(
        [
            f"{prefix} {_number(value)}\n"
            for reading in readings
            for prefix, value in reading.samples
        ]
    )


def _collected(table: MetricTable) -> list[Metric]:
    """Everything that a table shows, as of one moment, as the library takes it."""
    with table.lock:
        return [
            _relabelled(table, metric)
            for collector, _ in table.collectors()
            for metric in collector.collect()
        ]


def _relabelled(table: MetricTable, metric: Metric) -> Metric:
    """A metric with the constant labels of its table."""
    if table.constants:
        metric.samples = [
            sample._replace(labels={**sample.labels, **table.constants})
            for sample in metric.samples
        ]
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
