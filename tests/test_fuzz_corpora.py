"""The inputs that the fuzzer has kept are replayed, and each check is shown to be able to fail."""

import logging
from collections.abc import Iterator

import pytest

from exporter.config.findings import Finding
from exporter.logs.dedup.snapshot import Snapshot
from exporter.model import ComponentKey
from exporter.receiving.intake import Intake
from exporter.receiving.records import Batch
from fuzz.corpora import MOST_BYTES, MOST_INPUTS, read_corpus, write_corpus
from fuzz.targets import NAMES, check_of, seeds_of


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Inputs are made to be complained about."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("target", NAMES)
def test_every_input_that_was_kept_keeps_the_promises(target: str):
    """Round trips hold, only errors of our own come out, and nothing that went in is lost."""
    inputs = read_corpus(target)
    assert len(inputs) >= len(seeds_of(target)) > 0
    for data in inputs:
        check_of(target)(data)


@pytest.mark.parametrize("target", NAMES)
def test_corpora_are_small(target: str):
    """No more inputs than a test can replay in a moment, each once and none long."""
    inputs = read_corpus(target)
    assert len(set(inputs)) == len(inputs) <= MOST_INPUTS
    assert max(map(len, inputs)) <= MOST_BYTES


def test_a_corpus_comes_back_from_its_file(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Any bytes are kept as a line of ASCII; of too many the shortest stay."""
    monkeypatch.setattr("fuzz.corpora.FOLDER", tmp_path)
    inputs = [b"", b"\n", b"caf\xc3\xa9 '\"\\", bytes(range(256)), b"x" * (MOST_BYTES + 1)]
    assert write_corpus("some", [*inputs, b""]) == 4
    assert set(read_corpus("some")) == set(inputs[:4])
    assert (tmp_path / "some.txt").read_bytes().isascii()
    assert write_corpus("some", (b"%d" % number for number in range(1_000))) == MOST_INPUTS
    assert read_corpus("none") == []


def _nothing(*_: object, **__: object) -> tuple[dict[int, list[int]], tuple[int, ...]]:
    return {}, ()


def _without_last_line(self: Intake, batch: Batch) -> dict[ComponentKey, list[bytes]]:
    return {key: lines[:-1] for key, lines in _BY_COMPONENT(self, batch).items()}


def _for_ever(_line: bytes) -> None:
    while True:
        pass


_EMPTY = Snapshot(1, 2).to_bytes()
_BY_COMPONENT = Intake._by_component

BREAKS: dict[str, tuple[str, object]] = {
    "lines": ("exporter.logs.lines.LineSplitter.end", lambda self: []),
    "frames": ("fuzz.targets.frames.frame_text", lambda frame: b""),
    "gunzip": ("fuzz.targets.gunzip.plain", lambda pieces, endpoint: iter(())),
    "snapshots": ("exporter.logs.dedup.snapshot.Snapshot.to_bytes", lambda self: _EMPTY),
    "bodies": ("exporter.receiving.body._inflated", lambda body, window, limits: b""),
    "pushes": ("exporter.receiving.intake.Intake._by_component", _without_last_line),
    "configuration": ("exporter.config.load.agreement_findings", lambda *_: [Finding((), "", "")]),
    "messages": ("exporter.matching.prefilter.candidates.Candidates.find", _nothing),
    "rules": ("exporter.matching.prefilter.candidates.Candidates.find", _nothing),
    "growth": ("fuzz.targets.growth.READERS", {"slow": _for_ever}),
}
"""For each target a part that is broken on purpose, and what stands in its place."""


@pytest.mark.parametrize("target", NAMES)
def test_each_check_notices_a_part_that_is_broken(target: str, monkeypatch: pytest.MonkeyPatch):
    """No check passes whatever the program does: its seeds show the part that was broken."""
    check_of(target)
    monkeypatch.setattr("fuzz.targets.growth.CPU_SECONDS", 0.05)
    monkeypatch.setattr(*BREAKS[target])

    def holds(data: bytes) -> bool:
        try:
            check_of(target)(data)
        except Exception:  # noqa: BLE001  (any is noticed)
            return False
        return True

    assert not all(map(holds, seeds_of(target)))
