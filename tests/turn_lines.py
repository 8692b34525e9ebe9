"""Turns at any statement of the program: its functions get code that takes one before each.

The code of a function is compiled from its source once more, with a call before every statement,
and put into the functions that exist for as long as a life lasts. A trace function would cost a
call for each call of the program, and does not follow greenlets.
"""

import ast
import builtins
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType

CALL = "__turn_at_line__"
Place = tuple[str, str, int]  # file, qualified name, first line


class _Calls(ast.NodeTransformer):
    """Puts a call before each statement within functions."""

    def __init__(self) -> None:
        self._within = 0

    def visit(self, node: ast.AST) -> ast.AST:
        own = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        self._within += own
        self.generic_visit(node)
        if self._within:
            for name in ("body", "orelse", "finalbody"):
                statements = getattr(node, name, None)
                if isinstance(statements, list) and not isinstance(node, ast.ClassDef):
                    setattr(node, name, [part for each in statements for part in _called(each)])
        self._within -= own
        return node


def _called(statement: ast.stmt) -> list[ast.stmt]:
    if isinstance(statement, ast.Global | ast.Nonlocal):
        return [statement]
    call = ast.Expr(ast.Call(ast.Name(CALL, ast.Load()), [], []))
    return [ast.fix_missing_locations(ast.copy_location(call, statement)), statement]


def _codes(code: CodeType) -> Iterator[tuple[Place, CodeType]]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield (code.co_filename, each.co_qualname, each.co_firstlineno), each
            yield from _codes(each)


@cache
def _changed(file: str) -> dict[Place, CodeType]:
    tree = _Calls().visit(ast.parse(Path(file).read_text("utf-8")))
    return dict(_codes(compile(tree, file, "exec", dont_inherit=True)))


@cache
def functions(
    modules: tuple[str, ...], known: int
) -> list[tuple[FunctionType, CodeType, CodeType]]:
    """The functions of modules, each with its code and the code that takes turns.

    Args:
        known: how many modules there are by now.
    """
    files = {
        module.__file__
        for name, module in list(sys.modules.items())
        if name.startswith(modules) and getattr(module, "__file__", None)
    }
    found = []
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in files:
            code = each.__code__
            place = (code.co_filename, code.co_qualname, code.co_firstlineno)
            if (other := _changed(code.co_filename).get(place)) is not None:
                found.append((each, code, other))
    if not found:
        raise RuntimeError("the collector shows no function: it has been told to pass over them")
    return found


@contextmanager
def turns_at_lines(modules: tuple[str, ...], turn: Callable[[], None]) -> Iterator[None]:
    """Call ``turn`` before each statement of the modules' functions, as long as this lasts."""
    changed = functions(modules, len(sys.modules))
    setattr(builtins, CALL, turn)
    for function, _, other in changed:
        function.__code__ = other
    try:
        yield
    finally:
        for function, code, _ in changed:
            function.__code__ = code
