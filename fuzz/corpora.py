"""The inputs of each target that the repository keeps: a file with one Python literal a line."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).with_name("corpora")
MOST_BYTES = 2_000
"""Longer inputs are not kept."""

MOST_INPUTS = 250
"""So many inputs of a target are kept at most: the shortest."""


def read_corpus(target: str) -> list[bytes]:
    """The inputs of a target; none if it has no file yet."""
    file = FOLDER / f"{target}.txt"
    if not file.exists():
        return []
    lines = file.read_text(encoding="ascii").splitlines()
    return [ast.literal_eval(line) for line in lines]


def write_corpus(target: str, inputs: Iterable[bytes]) -> int:
    """Keep the shortest of these inputs, each once; returns how many those are."""
    short = {data for data in inputs if len(data) <= MOST_BYTES}
    kept = sorted(short, key=lambda data: (len(data), data))[:MOST_INPUTS]
    FOLDER.mkdir(exist_ok=True)
    text = "".join(f"{data!r}\n" for data in kept)
    (FOLDER / f"{target}.txt").write_text(text, encoding="ascii")
    return len(kept)


def unpack(inputs: Iterable[bytes], folder: Path) -> None:
    """Write inputs as the files that libFuzzer reads, each named by its digest."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


def packed(folder: Path) -> list[bytes]:
    """The inputs in a folder of libFuzzer."""
    return [file.read_bytes() for file in sorted(folder.iterdir()) if file.is_file()]
