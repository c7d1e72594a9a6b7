"""A number with a name at the top of a module is a judgement, and says beside it what it rests on."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from itertools import zip_longest

from tests.architecture.source import ROOT, modules


def is_number(node: ast.expr) -> bool:
    """A literal, or what literals come to."""
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    if isinstance(node, ast.BinOp):
        return is_number(node.left) and is_number(node.right)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def is_constant(statement: ast.stmt) -> bool:
    """`NAME = 5`, and `ONE, TWO = 5, 7`."""
    if isinstance(statement, ast.AnnAssign):
        targets, value = [statement.target], statement.value
    elif isinstance(statement, ast.Assign):
        targets, value = statement.targets, statement.value
    else:
        return False
    names = [each for target in targets for each in getattr(target, "elts", [target])]
    values = value.elts if isinstance(value, ast.Tuple) else [value] if value else []
    upper = all(isinstance(name, ast.Name) and name.id.isupper() for name in names)
    return upper and bool(values) and all(map(is_number, values)) and len(names) == len(values)


def without_reason(tree: ast.Module, text: str) -> Iterator[int]:
    """Lines of constants with no comment above or at the end, and no words below."""
    read = tokenize.generate_tokens(io.StringIO(text).readline)
    commented = {token.start[0] for token in read if token.type == tokenize.COMMENT}
    for statement, after in zip_longest(tree.body, tree.body[1:]):
        told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        lines = range(statement.lineno - 1, (statement.end_lineno or statement.lineno) + 1)
        if is_constant(statement) and not told and commented.isdisjoint(lines):
            yield statement.lineno


def test_every_number_with_a_name_says_why_it_is_that_one():
    bare = [
        f"{path}:{line}"
        for path, tree in modules().items()
        if not path.endswith("_pb2.py")
        for line in without_reason(tree, (ROOT / path).read_text())
    ]
    assert not bare, "say what it rests on, or what breaks when it is smaller or larger"


def test_a_constant_is_found_in_whatever_way_it_is_written():
    text = "A = 1\n_B_S: float = -2.5\nC, D = 1 << 20, 3 * 4\nE = f()\nf = 1\nG = 5  # why\nH = 6\n'why'\n"
    assert list(without_reason(ast.parse(text), text)) == [1, 2, 3]
