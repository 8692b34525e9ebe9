"""Plain technical English in what users and maintainers read: pages, help texts, docstrings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from for_each import for_each

from exporter.cli import COMMANDS, SUMMARY, _parser
from exporter.config.flags import FLAGS

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for folder in (ROOT, *(ROOT / "docs" / name for name in ("", "deploy", "guides", "runbooks")))
    for page in folder.glob("*.md")
    if page.name != "CHANGELOG.md"
)

RULES = {
    r"can not": "cannot",
    r"in the place of": "in place of",
    r"(is|are|was|were) told|told (from|apart)": "report, distinguish, show",
    r"tells? of": "report",
    r"(is|are) said": "log, report",
    r"goes on|go on|went on": "continue",
    r"lets? go|let go": "release, evict",
    r"(comes?|came) to rest": "finish",
    r"anew": "again",
    r"for want of": "without",
    r"to be had": "available",
    r"(what|whatever) becomes of": "what happens to",
    r"by heart": "cached",
    r"holds? of each": "holds … for each",
    r"(is|are) no more\b": "has ended",
    r"so long as": "as long as",
    r"utili[sz]e[sd]?": "use",
    r"(simply|obviously|easily|blazing(ly)?|seamless(ly)?|powerful)": "say what it does",
    r"please note": "say it",
    r"e\.g\.|i\.e\.": "for example, that is",
}
"""Words and turns that are not used, each with what is plain."""

_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


def turns(text: str) -> Iterator[str]:
    """What a text has of the above, with its line and what would be plain."""
    prose = _CODE.sub(lambda code: "\n" * code[0].count("\n"), text)
    for pattern, plain in RULES.items():
        for found in re.finditer(rf"(?<![\w-])({pattern})(?![\w-])", prose, re.IGNORECASE):
            yield f"line {prose.count(chr(10), 0, found.start()) + 1}: {found[0]!r}: {plain}"


@for_each(PAGES)
def test_pages_are_plain(page: Path):
    """None of the words and turns above, code aside."""
    assert list(turns(page.read_text(encoding="utf-8"))) == []


def texts(source: str) -> Iterator[tuple[int, str]]:
    """The line and the text of each string of a module, docstrings and messages among them."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Constant(value=str(text)):
                yield node.lineno, text


MODULES = sorted((ROOT / "exporter").rglob("*.py"))


@for_each(MODULES)
def test_modules_are_plain(module: Path):
    """Docstrings and messages have none of the words and turns above."""
    found = [
        f"line {line}: {turn}"
        for line, text in texts(module.read_text(encoding="utf-8"))
        for turn in turns(text)
    ]
    assert found == []


def test_help_is_plain():
    """What `--help` prints of the program and of each command."""
    texts = [
        SUMMARY,
        _parser("run").format_help(),
        *COMMANDS.values(),
        *(text for _, text in FLAGS),
    ]
    assert [turn for text in texts for turn in turns(text)] == []


def test_the_rules_find_what_they_are_for():
    """Each finds an example, in any case, and leaves code alone."""
    text = "It can not be had.\nCounting goes on; `can not` stays.\n```\nanew\n```\nAnew.\n"
    assert [turn.partition(":")[0] for turn in turns(text)] == ["line 1", "line 2", "line 6"]
