"""Sizes of tensors that are not known before a model is called, as torch.export writes them.

They are sums of symbols, and what must hold for them is said of the sizes of inputs: `L['rows'].size()[0] >= 2`. torch
evaluates such a text with all of Python in reach, so it must be one of these.
"""

from __future__ import annotations

import ast
import re

_LONGEST = 10_000
_LARGEST = 2**64
_HIGHEST = 64  # power

_BREAKING = re.compile(r"[^ -~]|[#\"\\]")
_INPUT = re.compile(r"[\w.]+")
_SYMBOL = re.compile(r"[a-z]{1,4}\d+")
_WORD = re.compile(r"[A-Za-z_]\w*")
_CALLS = re.compile(
    "Symbol|Integer|Float|Rational|Add|Mul|Pow|Mod|Max|Min|Abs|Eq|Ne|Lt|Le|Gt|Ge|Equality|Unequality|LessThan"
    "|GreaterThan|StrictLessThan|StrictGreaterThan|And|Or|Not|Piecewise|ExprCondPair|floor|ceiling"
    "|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv|CeilToInt|FloorToInt|CeilDiv|LShift|RShift|PowByNatural"
    "|FloatPow|FloatTrueDiv|IntTrueDiv|IsNonOverlappingAndDenseIndicator|TruncToFloat|TruncToInt|RoundToInt"
    "|RoundDecimal|ToFloat|Identity|max|min"
)
_CONSTANTS = frozenset({"true", "false", "oo", "int_oo"})
_POWERS = frozenset({"Pow", "PowByNatural", "FloatPow", "LShift"})


def is_size(text: str) -> bool:
    """Whether `text` is an expression of numbers, symbols and the functions that sizes are made with."""
    if len(text) > _LONGEST or _BREAKING.search(text):
        return False
    try:
        return _is_plain(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_plain(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool | int | float) and abs(node.value) < _LARGEST
    if isinstance(node, ast.Name):
        return node.id in _CONSTANTS or bool(_SYMBOL.fullmatch(node.id))
    if isinstance(node, ast.UnaryOp):
        return _is_plain(node.operand)
    if isinstance(node, ast.BinOp):
        power = isinstance(node.op, ast.Pow | ast.LShift)
        return _is_plain(node.left) and (_is_low(node.right) if power else _is_plain(node.right))
    if isinstance(node, ast.BoolOp):
        return all(map(_is_plain, node.values))
    if isinstance(node, ast.Compare):
        return all(map(_is_plain, (node.left, *node.comparators)))
    if isinstance(node, ast.Tuple):
        return all(map(_is_plain, node.elts))
    if isinstance(node, ast.Subscript):  # one size of an input, or a number that is an input itself
        asked = node.value.func if isinstance(node.value, ast.Call) and not node.value.args else None
        if isinstance(asked, ast.Attribute) and asked.attr in ("size", "stride"):
            return _is_input(asked.value) and isinstance(node.slice, ast.Constant) and type(node.slice.value) is int
        return _is_input(node)
    return isinstance(node, ast.Call) and _is_call(node)


def _is_input(node: ast.expr) -> bool:
    """Whether it is `L['name']`, or something inside of that by names and numbers."""
    if not isinstance(node, ast.Subscript):
        return isinstance(node, ast.Name) and node.id == "L"
    number = isinstance(node.slice, ast.Constant) and type(node.slice.value) is int
    return (number or _is_text(node.slice, _INPUT)) and _is_input(node.value)


def _is_call(node: ast.Call) -> bool:
    if not isinstance(node.func, ast.Name) or not _CALLS.fullmatch(node.func.id):
        return False
    name = node.func.id
    if not all(word.arg and isinstance(word.value, ast.Constant) and _is_setting(word.value) for word in node.keywords):
        return False
    if name == "Symbol":
        return all(_is_text(argument, _WORD) for argument in node.args)
    if name == "Float":
        return all(_is_text(argument, re.compile(r"[-+.\deinfa]+")) or _is_plain(argument) for argument in node.args)
    if name in _POWERS:
        return len(node.args) == 2 and _is_plain(node.args[0]) and _is_low(node.args[1])
    return all(map(_is_plain, node.args))


def _is_text(node: ast.expr, form: re.Pattern[str]) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(form.fullmatch(node.value))


def _is_setting(node: ast.Constant) -> bool:
    return isinstance(node.value, bool | int | None) or _is_text(node, re.compile(r"\w*"))


def _is_low(node: ast.expr) -> bool:
    """Whether a power is no number of astronomical size: a low number, or one symbol."""
    parts = list(ast.walk(node))
    numbers = [part.value for part in parts if isinstance(part, ast.Constant)]
    low = all(not isinstance(value, int | float) or abs(value) <= _HIGHEST for value in numbers)
    raised = any(isinstance(part, ast.BinOp) or (isinstance(part, ast.Name) and part.id in _POWERS) for part in parts)
    return _is_plain(node) and low and not raised
