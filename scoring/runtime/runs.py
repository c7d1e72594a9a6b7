"""A run, as everything around onnxruntime knows it: tensors in, tensors out, and a way to end it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from formats.dtypes import Array


class RunOptions(Protocol):
    """A handle by which another thread ends a run: soon after `terminate` is set it raises."""

    terminate: bool


class Runs(Protocol):
    """Extractor and model as one callable."""

    def run(self, feed: Mapping[str, Array], options: RunOptions | None = None) -> list[Array]:
        """One array per output of the signature, in its order. Raises whatever the runtime raises."""
        ...
