"""Small wrongs of a Python module, one at a time: what a careless change could look like.

    for mutant in mutants(source):
        print(mutant.line, mutant.what)

Comparisons are flipped, conditions negated, `and` and `or` swapped, numbers moved by one, sums
and differences exchanged, members of sets, statements and raises taken away, and results replaced
by None. What only tells (log lines, texts, docstrings, annotations) is left alone.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """One wrong.

    Attributes:
        line: where it is in the source.
        before: that line, which finds it again when lines have moved.
        what: what was done.
        source: the whole module with it.
    """

    line: int
    before: str
    what: str
    source: str

    @property
    def name(self) -> str:
        """What it is known by in the list of survivors."""
        return f"{self.before} → {self.what}"


# In words, and how; None takes the node away.
Deed = tuple[str, Callable[[ast.AST], ast.AST | None]]

# Fields whose content says something to a reader or a type checker alone.
_TELLING = frozenset({"annotation", "returns", "decorator_list"})


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of this module, in the order of its lines."""
    tree = ast.parse(source)
    lines = source.splitlines()
    # The same can be done twice to one line, or to two lines that read the same.
    seen: Counter[tuple[str, str]] = Counter()
    places = [
        (number, what, change)
        for number, node in enumerate(_changeable(tree))
        for what, change in _changes(node)
    ]
    for number, what, change in places:
        mutated = copy.deepcopy(tree)
        node = list(_changeable(mutated))[number]
        line = getattr(node.target if isinstance(node, ast.comprehension) else node, "lineno", 1)
        _replace(mutated, node, change(node))
        text = ast.unparse(ast.fix_missing_locations(mutated))
        before = lines[line - 1].strip()
        seen[before, what] += 1
        again = f" ({seen[before, what]})" if seen[before, what] > 1 else ""
        yield Mutant(line, before, what + again, text)


def _changeable(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that may be changed, always in the same order."""
    # What only Windows runs cannot be tried on another system, where its modules do not exist.
    elsewhere = isinstance(tree, ast.If) and ast.unparse(tree.test) == "sys.platform == 'win32'"
    for name, value in ast.iter_fields(tree):
        if name in _TELLING or (elsewhere and name != "orelse"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST) and not _only_tells(node):
                yield node
                yield from _changeable(node)


def _only_tells(node: ast.AST) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom | ast.arguments):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.ClassDef) and any(ast.unparse(b) == "Protocol" for b in node.bases):
        return True
    if isinstance(node, ast.Expr):
        text = ast.unparse(node)
        constant = isinstance(node.value, ast.Constant)
        return constant or text.startswith(("logger.", "logging."))
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return ast.unparse(node).startswith(("logger =", "__all__ ="))
    return isinstance(node, ast.JoinedStr)


def _changes(node: ast.AST) -> Iterator[Deed]:
    """What can be done to a node."""
    yield from _of_conditions(node)
    yield from _of_values(node)
    yield from _of_statements(node)


def _of_conditions(node: ast.AST) -> Iterator[Deed]:
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            other = _COMPARISONS[type(op)]
            yield f"{_sign(op)} becomes {_sign(other())}", _with_comparison(place, other)
    if isinstance(node, ast.BoolOp):
        swapped = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"{_sign(node.op)} becomes {_sign(swapped())}", _with_field("op", swapped())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not is dropped", lambda found: found.operand  # type: ignore[attr-defined]
    if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert) and not _flips(node.test):
        yield "the condition is negated", _negated("test")
    if isinstance(node, ast.comprehension):
        for place in range(len(node.ifs)):
            yield "the filter is dropped", _without_filter(place)


def _of_values(node: ast.AST) -> Iterator[Deed]:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS and not _is_text(node):
        other = _OPERATORS[type(node.op)]
        yield f"{_sign(node.op)} becomes {_sign(other())}", _with_field("op", other())
    if isinstance(node, ast.Set) and len(node.elts) > 1:
        for place, held in enumerate(node.elts):
            yield f"{ast.unparse(held)} is no member", _without_member(place)
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} becomes {not node.value}", _with_field("value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        yield f"{node.value} becomes {node.value + 1}", _with_field("value", node.value + 1)


def _of_statements(node: ast.AST) -> Iterator[Deed]:
    # None is as false as False, and True in its place is another mutant.
    if isinstance(node, ast.Return) and not _is_none(node.value) and not _is_false(node.value):
        yield "returns None", _with_field("value", ast.Constant(None))
    if isinstance(node, ast.Raise):
        yield "does not raise", lambda found: ast.Pass()
    if isinstance(node, ast.Expr | ast.AugAssign | ast.Continue | ast.Break):
        yield "is left out", lambda found: ast.Pass()


def _with_comparison(place: int, other: type[ast.cmpop]) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Compare)
        node.ops[place] = other()
        return node

    return change


def _with_field(name: str, value: object) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        setattr(node, name, value)
        return node

    return change


def _negated(name: str) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        setattr(node, name, ast.UnaryOp(ast.Not(), getattr(node, name)))
        return node

    return change


def _without_member(place: int) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.Set)
        del node.elts[place]
        return node

    return change


def _without_filter(place: int) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.comprehension)
        del node.ifs[place]
        return node

    return change


def _replace(tree: ast.AST, node: ast.AST, other: ast.AST | None) -> None:
    if other is node:
        return
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is node:
                setattr(parent, name, other)
            elif isinstance(value, list) and any(held is node for held in value):
                setattr(parent, name, [other if held is node else held for held in value])


def _flips(test: ast.expr) -> bool:
    """Whether another change of it is the same as its negation."""
    if isinstance(test, ast.Compare):
        exact = ast.Eq | ast.NotEq | ast.Is | ast.IsNot | ast.In | ast.NotIn
        return len(test.ops) == 1 and isinstance(test.ops[0], exact)
    return isinstance(test, ast.UnaryOp)


def _sign(node: ast.AST) -> str:
    return type(node).__name__


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def _is_text(node: ast.BinOp) -> bool:
    """Whether it puts texts together, or makes a type such as `int | None`."""
    held = [n for n in ast.walk(node) if isinstance(n, ast.Constant)]
    if isinstance(node.op, ast.BitOr):
        names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
        return any(_is_none(n) for n in held) or not any(name.isupper() for name in names)
    return any(isinstance(n.value, str) for n in held) or any(
        isinstance(n, ast.JoinedStr) for n in ast.walk(node)
    )
