"""Mutation testing: ``mutants.py MODULE`` changes a module in one place at a time.

With ``--within NAME`` these are places in the functions of that name alone; it can be repeated.

The tests of the module have to fail for each such mutant. One that survives is printed, unless
``tests/testdata/mutants.yml`` says why no test can tell it from the program as it is.

Each mutant runs in a fork of one process that has imported all that does not import the module: so
it costs its tests alone. A server that the tests need is started once, see ``server_urls.py``.
"""

import argparse
import ast
import difflib
import importlib
import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_loader
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from postgresql_server import postgresql_server
from redis_server import redis_server
from server_urls import set_url

ROOT = Path(__file__).parents[1]
ACCEPTED = ROOT / "tests" / "testdata" / "mutants.yml"

_SHARED = ("test_state_shared", "test_state_stores", "test_state_fencing")
_REDIS = ("test_state_redis_client", "test_state_redis_layout", "test_state_redis", *_SHARED)
_POSTGRESQL = ("test_state_postgresql_layout", *_SHARED)

TESTS = {
    "exporter/replicas/decision.py": ("test_replicas_decision",),
    "exporter/replicas/layout.py": ("test_replicas_layout", "test_replicas_membership"),
    "exporter/replicas/lease.py": ("test_replicas_layout", "test_replicas_membership"),
    "exporter/replicas/membership.py": ("test_replicas_membership",),
    "exporter/replicas/replica.py": ("test_replicas_replica",),
    "exporter/replicas/survey.py": ("test_replicas_replica",),
    "exporter/digitalocean/budget.py": ("test_digitalocean_budget",),
    "exporter/logs/canary_line.py": ("test_canary_line",),
    "exporter/logs/canary_runs.py": ("test_canary_runs",),
    "exporter/logs/dedup/change_over.py": ("test_change_over",),
    "exporter/logs/dedup/continuity.py": ("test_continuity_memory", "test_continuity"),
    "exporter/logs/dedup/counted_lines.py": ("test_counted_lines",),
    "exporter/logs/dedup/departures.py": ("test_departures",),
    "exporter/logs/dedup/kept_windows.py": ("test_kept_windows",),
    "exporter/logs/dedup/older_lines.py": ("test_older_lines",),
    "exporter/logs/dedup/overlap.py": ("test_overlap",),
    "exporter/logs/dedup/snapshot.py": ("test_snapshot",),
    "exporter/logs/dedup/window.py": ("test_window",),
    "exporter/logs/dedup/window_end.py": ("test_continuity",),
    "exporter/logs/lines.py": ("test_lines",),
    "exporter/logs/log_lines.py": ("test_log_lines",),
    "exporter/logs/platform_lines.py": ("test_platform_lines",),
    "exporter/logs/terminal.py": ("test_terminal", "test_unwrap"),
    "exporter/logs/unfinished.py": ("test_unfinished",),
    "exporter/logs/unwrap.py": ("test_unwrap",),
    "exporter/logs/wrappers.py": ("test_unwrap",),
    "exporter/logs/restarts/container_ends.py": ("test_restarts",),
    "exporter/logs/restarts/exit_account.py": ("test_exit_account",),
    "exporter/logs/restarts/restart_marks.py": ("test_restart_reasons",),
    "exporter/logs/restarts/restart_reasons.py": ("test_restart_reasons",),
    "exporter/logs/restarts/unseen_ends.py": ("test_unseen_ends",),
    "exporter/logs/restarts/restart_tally.py": ("test_restart_tally",),
    "exporter/logs/redaction.py": ("test_redaction",),
    "exporter/logs/routing.py": ("test_routing",),
    "exporter/matching/severity/__init__.py": ("test_severity_forms",),
    "exporter/matching/severity/candidates.py": ("test_severity",),
    "exporter/matching/severity/layouts.py": ("test_severity_forms",),
    "exporter/matching/severity/silence.py": ("test_severity",),
    "exporter/matching/severity/structured.py": ("test_severity_structured",),
    "exporter/matching/severity/vocabulary.py": ("test_severity_vocabulary",),
    "exporter/state/columns.py": ("test_state_columns",),
    "exporter/state/coordination.py": ("test_state_fence", "test_replicas_replica"),
    "exporter/state/fence.py": ("test_state_fence",),
    "exporter/state/memory.py": ("test_state_memory",),
    "exporter/state/postgresql.py": _POSTGRESQL,
    "exporter/state/postgresql_client.py": (
        "test_state_postgresql_client",
        "test_state_postgresql",
    ),
    "exporter/state/postgresql_coordination.py": _POSTGRESQL,
    "exporter/state/postgresql_namespace.py": _POSTGRESQL,
    "exporter/state/postgresql_schema.py": (
        "test_state_postgresql_layout",
        "test_state_postgresql",
    ),
    "exporter/state/redis.py": _REDIS,
    "exporter/state/redis_client.py": _REDIS,
    "exporter/state/redis_coordination.py": _REDIS,
    "exporter/state/redis_layout.py": _REDIS,
    "exporter/state/redis_namespace.py": _REDIS,
    "exporter/state/sqlite.py": ("test_state_sqlite", "test_state_upgrade"),
    "exporter/state/sqlite_copy.py": ("test_state_upgrade",),
    "exporter/state/sqlite_namespace.py": ("test_state_sqlite",),
    "exporter/state/sqlite_schema.py": ("test_state_sqlite", "test_state_upgrade"),
    "exporter/state/store.py": ("test_state_memory",),
}
"""Which test modules concern a module; more can be named on the command line."""

OPERATORS = (
    "AddNot", "NumberReplacer", "RemoveDecorator", "ReplaceAndWithOr", "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ReplaceFalseWithTrue",
    "ReplaceTrueWithFalse", "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_USub_UAdd",
    "ZeroIterationForLoop", "ExceptionReplacer",
    *(f"ReplaceBinaryOperator_{pair}" for pair in (
        "Add_Sub", "Sub_Add", "Mul_FloorDiv", "Div_Mul", "FloorDiv_Mul", "Mod_FloorDiv",
        "BitAnd_BitOr", "BitOr_BitAnd", "LShift_RShift", "RShift_LShift",
    )),
    *(f"ReplaceComparisonOperator_{pair}" for pair in (
        "Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE",
        "GtE_Gt", "GtE_Lt", "Is_IsNot", "IsNot_Is",
    )),
)  # fmt: skip
"""Of Cosmic Ray: for each comparison its boundary and its opposite, for each sum a difference."""

_KILLED, _SURVIVED = "killed", "survived"
_MOST_CPU, _MOST_WALL = 3, 4
"""So many times what the tests take as they are; then a mutant loops or waits for ever."""


class Mutant(NamedTuple):
    """The module's text with one place changed, and the changed lines before and after."""

    text: str
    before: str
    after: str


def mutants_of(source: str) -> Iterator[Mutant]:
    """Each mutant of a module's text once."""
    seen = {_evaluated(source)}
    for text in (*_by_operators(source), *_without_statements(source)):
        try:
            evaluated = _evaluated(text)
        except SyntaxError:  # the operators take the star of keyword arguments for a product
            continue
        if evaluated not in seen:
            seen.add(evaluated)
            yield Mutant(text, *_changed(source, text))


def _evaluated(source: str) -> str:
    """What runs of a module's text: comments do not, nor annotations that are not evaluated."""
    tree = ast.parse(source)
    postponed = "from __future__ import annotations" in source
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.AnnAssign):
                node.annotation = ast.Constant(None)
            elif postponed and isinstance(node, ast.arg):
                node.annotation = None
            elif postponed and isinstance(node, ast.FunctionDef):
                node.returns = None
    return ast.dump(tree)


def _functions(source: str, names: Sequence[str]) -> list[str]:
    """What a module's functions of some names are."""
    functions = [each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.FunctionDef)]
    return [ast.dump(each) for each in functions if each.name in names]


def _by_operators(source: str) -> Iterator[str]:
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        for occurrence in count():
            try:
                text = mutate_code(source, operator, occurrence)
            except AttributeError:  # the operator for exceptions knows no names with a dot
                continue
            if text is None:
                break
            yield text


def _without_statements(source: str) -> Iterator[str]:
    """Without one statement in a function, but for docstrings, and for ``return`` with ``None``."""
    lines = source.splitlines(keepends=True)
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None:
                instead = "return None"
            elif isinstance(node, ast.Assign | ast.AugAssign | ast.Raise) or (
                isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
            ):
                instead = "pass"
            else:
                continue
            first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
            start, end = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
            yield "".join([*lines[:first], start, instead, end, *lines[last + 1 :]])


def _changed(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, without their margins."""
    lines = list(difflib.ndiff(before.splitlines(), after.splitlines()))
    old = [line[2:].strip() for line in lines if line.startswith("- ")]
    new = [line[2:].strip() for line in lines if line.startswith("+ ")]
    return " ".join(old), " ".join(new)


class _Finder:
    """Gives out one module with another text."""

    def __init__(self, name: str, file: Path, text: str) -> None:
        self._name, self._file, self._text = name, file, text

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """As ``importlib`` asks it."""
        if name != self._name:
            return None
        text = self._text

        class Loader(SourceFileLoader):
            def get_code(self, fullname: str) -> object:
                return compile(text, self.path, "exec", dont_inherit=True)

        return spec_from_loader(name, Loader(name, str(self._file)))


def _child(module: Path, text: str | None, arguments: Sequence[str], told: int | None) -> None:
    """Run the tests, with another text of the module; the exit status is pytest's."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if text is not None:
        sys.meta_path.insert(0, _Finder(_name(module), module, text))
    code = 99
    try:
        code = int(pytest.main(list(arguments)))
        if told is not None:
            os.write(told, json.dumps(list(sys.modules)).encode())
    finally:
        os._exit(code)


class Outcome(NamedTuple):
    """The exit status of the tests, and the seconds of CPU and of the clock that they took."""

    code: int
    cpu: float
    wall: float


def _run(
    module: Path, text: str | None, arguments: Sequence[str], as_is: Outcome | None = None
) -> Outcome:
    """Run the tests in a fork, within limits where it is known what they take."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if as_is is not None:
            limit = int(as_is.cpu * _MOST_CPU) + 3
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
            signal.alarm(_patience(as_is))
        _child(module, text, arguments, None)
    try:
        _, status, usage = os.wait4(child, 0)
    finally:
        with suppress(ProcessLookupError):  # what tests that did not come to their end have started
            os.killpg(child, signal.SIGKILL)
    cpu = usage.ru_utime + usage.ru_stime
    return Outcome(os.waitstatus_to_exitcode(status), cpu, time.monotonic() - began)


def _patience(as_is: Outcome) -> int:
    """Seconds of the clock after which a mutant waits for ever."""
    return int(as_is.wall * _MOST_WALL) + 20


def _noticed(
    module: Path, text: str, arguments: Sequence[str], as_is: Outcome
) -> tuple[bool, Outcome]:
    """Whether the tests fail for a mutant, and what they take as they are by now.

    One that was given up by the clock may have been kept from the processor by other programs: it
    is tried again for as long as the tests take longer now than they did.
    """
    while (outcome := _run(module, text, arguments, as_is)).code == -signal.SIGALRM:
        now = _run(module, None, arguments)
        if _patience(now) <= _patience(as_is):
            break
        as_is = now
    return outcome.code != 0, as_is


@contextmanager
def _server_of(module: Path) -> Iterator[list[str]]:
    """Run what a kind of store needs; yields the flags that choose the tests of the kind."""
    kind = module.stem.partition("_")[0]
    if kind == "redis":
        with redis_server() as url:
            set_url(kind, url)
            yield ["-k", kind]
    elif kind == "postgresql":
        with postgresql_server() as server:
            set_url(kind, server.url)
            yield ["-k", kind]
    else:
        yield []


def _preload(module: Path, arguments: Sequence[str]) -> None:
    """Import what the tests import, but for themselves and what imports the module."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _child(module, None, [*arguments, "--collect-only"], write)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        names = json.loads(stream.read() or b"[]")
    os.waitpid(child, 0)
    tests = {file.stem for file in (ROOT / "tests").glob("*.py")} | {"fuzz"}
    changed = _importers(module)
    for name in names:
        if name.partition(".")[0] not in tests and name not in changed:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001  (others import it)
                continue


def _importers(module: Path) -> set[str]:
    """The names of a module and of all modules of the program that import it, directly or not.

    To import a module is to import the packages in which it is.
    """
    imports = {
        name: {*_imported(file), *_packages(name)}
        for file in (ROOT / "exporter").rglob("*.py")
        for name in (_name(file),)
    }
    found, before = {_name(module)}, set[str]()
    while found != before:
        before = set(found)
        found |= {name for name, others in imports.items() if not found.isdisjoint(others)}
    return found


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _packages(name: str) -> set[str]:
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts))}


def _imported(file: Path) -> set[str]:
    """What a file imports, each name of ``from … import`` as a module too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
    return names


def main() -> int:
    """Test each mutant of a module; the exit status is 1 if one survived without a reason."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("module")
    parser.add_argument("tests", nargs="*", help="test modules, in the place of those known")
    parser.add_argument("--within", action="append", help="a function; all of the module else")
    options = parser.parse_args()
    module = ROOT / options.module
    tests = options.tests or TESTS[options.module]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and the server with it
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"  # a failure is enough, however long its example
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    files = [str(ROOT / "tests" / f"{name}.py") for name in tests]
    # Libraries are imported before pytest looks for plugins, which it warns of.
    flags = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "filterwarnings="]
    with _server_of(module) as chosen:
        as_is, outcomes = _judge(options.module, options.within, [*flags, *chosen, *files])
    made = outcomes.total()
    print(
        f"{options.module}: {outcomes[_KILLED]} of {made} mutants killed, "
        f"{outcomes['accepted']} accepted with a reason, {outcomes[_SURVIVED]} survive "
        f"(tests take {as_is.cpu:.1f} s of CPU; {time.strftime('%H:%M:%S')})"
    )
    return 1 if outcomes[_SURVIVED] else 0


def _judge(
    name: str, within: Sequence[str] | None, arguments: Sequence[str]
) -> tuple[Outcome, Counter[str]]:
    """Run the tests as they are, then on each mutant; print those that survive."""
    module = ROOT / name
    _preload(module, arguments)
    as_is = _run(module, None, arguments)
    if as_is.code:
        sys.exit(f"the tests fail as they are: pytest ended with {as_is.code}")
    reasons = {
        (entry["before"], entry["after"])
        for entry in yaml.safe_load(ACCEPTED.read_text(encoding="utf-8"))
        if entry["module"] in (name, "any")
    }
    outcomes: Counter[str] = Counter()
    source = module.read_text(encoding="utf-8")
    for mutant in mutants_of(source):
        if within is not None and _functions(mutant.text, within) == _functions(source, within):
            continue
        noticed, as_is = _noticed(module, mutant.text, arguments, as_is)
        outcome = _KILLED if noticed else _SURVIVED
        if outcome == _SURVIVED and (mutant.before, mutant.after) in reasons:
            outcome = "accepted"
        outcomes[outcome] += 1
        print(f"\r{outcomes.total()}", end="", file=sys.stderr, flush=True)
        if outcome == _SURVIVED:
            print(f"- {mutant.before}\n+ {mutant.after}\n", flush=True)
    return as_is, outcomes


if __name__ == "__main__":
    sys.exit(main())
