"""Tree ensembles that would bring a reader down: too deep, circular, or with lists that do not match."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

Ids = NDArray[np.int64]
LARGEST_ID = 1 << 31
"""The runtime keeps ids of nodes in 32 bits."""
TREES = {"TreeEnsembleClassifier", "TreeEnsembleRegressor"}


def trouble(node: onnx.NodeProto, most: int) -> str:
    """What is wrong with a tree ensemble node, or nothing; also nothing for any other node."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if node.op_type in TREES:
        return _by_ids(attributes, most)
    return _by_places(attributes, most) if node.op_type == "TreeEnsemble" else ""


def _by_ids(attributes: dict[str, onnx.AttributeProto], most: int) -> str:
    """The older operators: nodes are named by the number of their tree and a number in it."""
    names = ("nodes_treeids", "nodes_nodeids", "nodes_truenodeids", "nodes_falsenodeids")
    tree, own, true, false = (_ints(attributes, name) for name in names)
    modes = attributes["nodes_modes"].strings if "nodes_modes" in attributes else []
    if len({len(tree), len(own), len(true), len(false), len(modes)}) > 1:
        return "has lists of different lengths"
    if any(ids.size and (ids.min() < 0 or ids.max() >= LARGEST_ID) for ids in (tree, own)):
        return "has node numbers that are negative or huge"
    keys = (tree << 32) | own
    order = np.argsort(keys, kind="stable")
    inner = np.array([mode != b"LEAF" for mode in modes], dtype=bool)
    children = [_places(keys, order, (tree << 32) | ids, inner) for ids in (true, false)]
    below = np.zeros(len(keys), dtype=bool)
    for places in children:
        below[places[places >= 0]] = True
    roots = np.flatnonzero(~below)
    if inner.any() and not roots.size:
        return "goes in a circle"
    return _too_deep(roots, children, most)


def _by_places(attributes: dict[str, onnx.AttributeProto], most: int) -> str:
    """The newer operator: nodes are places in a list, and leaves have a list of their own."""
    roots, true, false = (
        _ints(attributes, n) for n in ("tree_roots", "nodes_truenodeids", "nodes_falsenodeids")
    )
    leaves = [_ints(attributes, name) for name in ("nodes_trueleafs", "nodes_falseleafs")]
    if len({len(true), len(false), *(len(leaf) for leaf in leaves)}) > 1:
        return "has lists of different lengths"
    if any(ids.size and (ids.min() < 0 or ids.max() >= LARGEST_ID) for ids in (roots, true, false)):
        return "has node numbers that are negative or huge"
    children = [
        np.where((leaf != 0) | (ids >= len(true)), -1, ids)
        for ids, leaf in zip((true, false), leaves, strict=True)
    ]
    return _too_deep(roots[roots < len(true)], children, most)


def _too_deep(roots: Ids, children: list[Ids], most: int) -> str:
    level, depth = np.unique(roots), 0
    while level.size:
        depth += 1
        if depth > most:
            return f"has a tree more than {most:,} deep, or one that goes in a circle"
        below = np.concatenate([places[level] for places in children])
        level = np.unique(below[below >= 0])
    return ""


def _places(keys: Ids, order: Ids, wanted: Ids, inner: NDArray[np.bool_]) -> Ids:
    """Where each wanted key stands in `keys`; -1 for leaves and for keys that are not there."""
    if not keys.size:
        return np.empty(0, dtype=np.int64)
    found = np.searchsorted(keys, wanted, sorter=order).clip(max=len(keys) - 1)
    places = order[found]
    return np.where(inner & (keys[places] == wanted), places, -1)


def _ints(attributes: dict[str, Any], name: str) -> Ids:
    return np.array(attributes[name].ints if name in attributes else [], dtype=np.int64)
