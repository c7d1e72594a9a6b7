"""What of an answer is judged: one output, or the three that say what was detected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from formats.dtypes import Array
from registry.manifest import MetricRange
from releases.proof.examiner.findings import Finding


@dataclass(frozen=True, slots=True)
class Wanted:
    """The outputs to ask for. Of several, the first has the boxes, the others one value for each of them."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, metric: MetricRange) -> Wanted:
        return cls(tuple(name for name in (metric.output, metric.scores, metric.labels) if name is not None))

    def entries(self, outputs: Mapping[str, Array]) -> Array:
        """Raises Finding where an output is missing, or does not stand beside the first."""
        for name in self.names:
            if name not in outputs:
                raise Finding(f"the version's answer does not have the output {name!r}")
        first, *others = (outputs[name] for name in self.names)
        if not others:
            return first
        for name, array in zip(self.names[1:], others, strict=True):
            if array.size != first.size // max(first.shape[-1], 1):
                raise Finding(
                    f"output {name!r} has shape {list(array.shape)}, {self.names[0]!r} {list(first.shape)}:"
                    " one value per box is needed"
                )
        columns = [array.astype(np.float64).reshape(*first.shape[:-1], 1) for array in others]
        return np.concatenate([first.astype(np.float64), *columns], axis=-1)
