"""What a graph may be, before anything runs it."""

from __future__ import annotations

from formats.documents import Document
from registry.inspection.operators import ALLOWED, DEFAULT_DOMAINS

Operator = tuple[str, str]


class Policy(Document, frozen=True):
    """Bounds of one graph file. `allowed` are operators beyond the default, as (domain, name).

    file_bytes      on disk, looked at before anything is read
    nodes           with those of subgraphs and with functions written out
    depth           nodes one behind the other
    nesting         functions or subgraphs one inside the other
    tree_depth      of a tree ensemble: onnxruntime descends by recursion when it loads one
    name_length     of a tensor or node
    text_bytes      of metadata, descriptions and names that nothing asks for, together
    value_length    of one text that operators work with, in an attribute or a constant
    value_bytes     of all such texts in attributes
    scan_depth      Scans one inside the other
    scan_steps      nodes that Scans run, body after body, for one request
    rows            that a request is taken to have, where its rows are scanned
    """

    file_bytes: int = (2 << 30) - 1
    nodes: int = 100_000
    depth: int = 20_000
    nesting: int = 8
    tree_depth: int = 2_000
    name_length: int = 1_000
    text_bytes: int = 16 << 20
    value_length: int = 4 << 20
    value_bytes: int = 64 << 20
    scan_depth: int = 2
    scan_steps: int = 1_000_000
    rows: int = 8_192
    allowed: frozenset[Operator] = frozenset()

    def allows(self, operator: Operator) -> bool:
        return operator in ALLOWED or operator in self.allowed


def operator(domain: str, name: str) -> Operator:
    """The one spelling of an operator: the default domain is the empty text."""
    return DEFAULT_DOMAINS.get(domain, domain), name
