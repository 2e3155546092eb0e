"""The text of a LightGBM model, checked first: in LightGBM a tree that breaks off ends the whole process."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from gitreg.errors import Damaged

_NUMBER = rb"[-+]?(?:[0-9]++(?:\.[0-9]*+)?+(?:[eE][-+]?[0-9]++)?+|inf|nan)"
_NUMBERS = re.compile(_NUMBER + rb"(?: " + _NUMBER + rb")*+")
_PARAMETER = re.compile(rb"\[\w+: .*\]")
_END = b"\nend of trees"
_TREE = b"Tree="
# Of each tree: the arrays with one item to a leaf, and those with one to an inner node.
_LEAVES = (b"leaf_value", b"leaf_weight", b"leaf_count")
_INNER = (b"decision_type", b"split_gain", b"internal_value", b"internal_weight", b"internal_count")
_NODES = (b"split_feature", b"threshold", b"left_child", b"right_child", *_INNER)
_OPTIONAL = (*_LEAVES[1:], *_INNER)


class _Broken(Exception):
    """What is wrong with the text."""


def check_model_text(data: bytes, name: str) -> None:
    """Raise `Damaged`, naming the file, where the text is no complete LightGBM model."""
    try:
        _check(data)
    except _Broken as broken:
        raise Damaged(f"{name} is no complete LightGBM model: {broken}") from None
    except ValueError:
        raise Damaged(f"{name} is no complete LightGBM model: a number in it is none") from None


def _check(data: bytes) -> None:
    if not data.startswith(b"tree\n"):
        raise _Broken("its first line is not 'tree'")
    begin = data.find(b"\n" + _TREE) + 1
    end = data.find(_END) + 1
    if not end:
        raise _Broken("it ends early")
    # A model without a single tree goes from its head to the end of trees at once.
    head = _facts(data[: begin if 0 < begin < end else end])
    features = int(head.get(b"max_feature_idx", b"-1")) + 1
    at = begin if 0 < begin < end else end
    for number, size in enumerate(_sizes(head, data, at, end)):
        tree = data[at : at + size]
        if not tree.startswith(_TREE) or at + size > end:
            raise _Broken(f"tree {number} is not where it should be")
        try:
            _check_tree(_facts(tree), features)
        except _Broken as broken:
            raise _Broken(f"tree {number}: {broken}") from None
        at += size
    if at != end:
        raise _Broken("it has more trees than it says")
    _check_tail(data[end:], head.get(b"version", b""))


def _check_tail(tail: bytes, version: bytes) -> None:
    """What follows the trees: importances, parameters with an end of their own, and pandas' categories as a line."""
    begin = tail.find(b"\nparameters:")
    end = tail.find(b"\nend of parameters\n", max(begin, 0))
    if end < 0 and (begin >= 0 or version in (b"v3", b"v4")):
        raise _Broken("it ends early")
    lines = tail[begin:end].splitlines()[2:] if begin >= 0 else ()
    if not all(_PARAMETER.fullmatch(line) for line in lines if line):
        raise _Broken("its parameters are not in brackets")
    rest = tail[end:].partition(b"parameters\n")[2].strip() if end >= 0 else b""
    if rest and not (rest.startswith(b"pandas_categorical:") and tail.endswith(b"\n")):
        raise _Broken("it ends early")


def _sizes(head: Mapping[bytes, bytes], data: bytes, begin: int, end: int) -> list[int]:
    """How many bytes each tree takes: as the head tells, or up to the next in models of old."""
    if b"tree_sizes" in head:
        sizes = [int(size) for size in head[b"tree_sizes"].split()]
        if any(size <= 0 for size in sizes):
            raise _Broken("a tree has no size")
        return sizes
    starts = [begin, *(match.start() + 1 for match in re.finditer(b"\n" + _TREE, data[:end]) if match.start() >= begin)]
    return [after - start for start, after in zip(starts, [*starts[1:], end], strict=True) if after > start]


def _facts(text: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for line in text.splitlines():
        key, equals, value = line.partition(b"=")
        if equals:
            found[key] = value
    return found


def _check_tree(tree: Mapping[bytes, bytes], features: int) -> None:
    if b"num_leaves" not in tree or b"num_cat" not in tree:
        raise _Broken("it does not say how many leaves it has")
    leaves, categories = int(tree[b"num_leaves"]), int(tree[b"num_cat"])
    if leaves < 1 or categories < 0:
        raise _Broken(f"it has {leaves} leaves")
    _check_length(tree, b"leaf_value", leaves)
    if leaves == 1:
        return
    for names, count in ((_LEAVES, leaves), (_NODES, leaves - 1)):
        for name in names:
            _check_length(tree, name, count)
    if categories:
        _check_categories(tree, categories)
    used = tree[b"split_feature"].split()
    if int(tree.get(b"is_linear", b"0")):
        _check_length(tree, b"leaf_const", leaves)
        _check_length(tree, b"num_features", leaves)
        terms = tree.get(b"leaf_features", b"").split()
        if len(terms) != sum(map(int, tree[b"num_features"].split())):
            raise _Broken("its leaves do not have the features that they say")
        used += terms
    if not all(0 <= int(feature) < features for feature in set(used)):
        raise _Broken("it splits on a feature that the model does not have")
    # Every node but the first hangs below exactly one other: no walk from the first leads out, or in circles.
    if {*tree[b"left_child"].split(), *tree[b"right_child"].split()} != _below(leaves):
        raise _Broken("its nodes are not those of a tree")


@functools.lru_cache(maxsize=8)
def _below(leaves: int) -> frozenset[bytes]:
    """What hangs below the nodes of a tree: its leaves, counted from -1 down, and all nodes but the first."""
    return frozenset(b"%d" % number for number in (*range(-leaves, 0), *range(1, leaves - 1)))


def _check_length(tree: Mapping[bytes, bytes], name: bytes, count: int) -> None:
    value = tree.get(name)
    if value is None and name in _OPTIONAL:
        return
    held = 0 if not value else value.count(b" ") + 1
    if held != count or (value and not _NUMBERS.fullmatch(value)):
        raise _Broken(f"{name.decode()} does not hold {count} numbers")


def _check_categories(tree: Mapping[bytes, bytes], count: int) -> None:
    _check_length(tree, b"cat_boundaries", count + 1)
    bounds = [int(bound) for bound in tree[b"cat_boundaries"].split()]
    if bounds != sorted(bounds) or bounds[0] != 0:
        raise _Broken("cat_boundaries do not rise")
    _check_length(tree, b"cat_threshold", bounds[-1])
    kinds = (int(kind) for kind in tree.get(b"decision_type", b"").split())
    cuts = tree[b"threshold"].split()
    if any(kind & 1 and not 0 <= float(cut) < count for kind, cut in zip(kinds, cuts, strict=False)):
        raise _Broken("it splits on categories that it does not list")
