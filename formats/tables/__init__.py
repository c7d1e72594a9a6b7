"""Many rows as columns in one file, read a part at a time and without trust in whoever wrote it.

Flat little-endian arrays one after the other, then a head in JSON that says where each lies, then where
the head lies. Nothing in it is unpacked or run: what a reader takes is a slice of bytes.
"""

from __future__ import annotations

from formats.tables.head import MOST_BYTES, About, BadTable
from formats.tables.reading import Column, Table
from formats.tables.writing import Writer, cut

__all__ = ["MOST_BYTES", "About", "BadTable", "Column", "Table", "Writer", "cut"]
