"""The text of ``docs/track-record.md``: what the mark ``found`` of tests tells, by their files."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = "found"

INTRODUCTION = """# Track record

Defects that were found before a user met them, how each was found, and the test that holds it now.
A test that holds one carries the mark `found`.

| What was wrong | How it was found | The test that holds it |
| --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Found:
    """One defect: what was wrong, how that was found, and the test that holds it."""

    bug: str
    how: str
    file: str
    test: str


def found_in(tests: Path) -> Iterator[Found]:
    """The defects that the tests of a folder hold, by file and place.

    Raises:
        ValueError: a mark does not say what was wrong, or how it was found.
    """
    for path in sorted(tests.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    if (words := _words(decorator)) is not None:
                        yield Found(*words, path.name, node.name)


def track_record(tests: Path) -> str:
    """The page for the tests of a folder."""
    rows = (
        f"| {each.bug} | {each.how[:1].upper()}{each.how[1:]} | `{each.file}`: `{each.test}` |\n"
        for each in found_in(tests)
    )
    return INTRODUCTION + "".join(row.replace("\\\\", "\\") for row in rows)


def _words(decorator: ast.expr) -> tuple[str, str] | None:
    """What a mark tells: what was wrong, and how it was found; None for another decorator."""
    if not isinstance(decorator, ast.Call) or ast.unparse(decorator.func) != f"pytest.mark.{MARK}":
        return None
    said = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
    if len(decorator.args) != 1 or set(said) != {"how"}:
        raise ValueError(f"say what was wrong, and how it was found: {ast.unparse(decorator)}")
    return ast.literal_eval(decorator.args[0]), said["how"]
