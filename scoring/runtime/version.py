"""A version by itself: tensors in, tensors out. It knows no queue, no plan, no network and no node.

Whatever is to run a version carries this package and `protocols`; how requests reach it and whose turn
it is are the carrier's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from formats.dtypes import Array
from formats.types import Signature
from scoring.protocols.inputs import InputReader
from scoring.runtime.onnx import Options, load, verify
from scoring.runtime.pipe import Pipe
from scoring.runtime.rehearsal import rehearse
from scoring.runtime.runs import RunOptions


@dataclass(frozen=True, slots=True)
class Files:
    """A version's files here, each with the digest that it must have. `weights` lie in `folder`, each
    where the graphs name it. `answers` are its reference answers, once it is proven."""

    model: tuple[Path, str]
    extractor: tuple[Path, str] | None = None
    answers: tuple[Path, str] | None = None
    folder: Path | None = None
    weights: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """Loaded, warm and rehearsed.

    reader       reads requests into its inputs.
    run_seconds  what a run took, in seconds.
    """

    signature: Signature
    reader: InputReader
    pipe: Pipe
    run_seconds: float

    def run(self, inputs: Mapping[str, Array], options: RunOptions | None = None) -> dict[str, Array]:
        """Its outputs by name, in the signature's order. Raises whatever onnxruntime raises."""
        arrays = self.pipe.run(inputs, options)
        return {spec.name: array for spec, array in zip(self.signature.outputs, arrays, strict=True)}


def load_version(
    signature: Signature, files: Files, *, options: Options | None = None, rows: str | None = None
) -> Version:
    """Check, load, warm and rehearse a version.

    rows  what one row of it is, `samples` or `requests`; None: what the signature says.

    Raises CorruptArtifact where bytes are not those of the digest, BadModel where the graphs do not make
    the signature, WrongAnswers where they answer otherwise than at proof.
    """
    verify(files.weights)
    extractor = load(*files.extractor, options, files.folder) if files.extractor else None
    pipe = Pipe(signature, load(*files.model, options, files.folder), extractor)
    reader = InputReader(signature, rows)
    return Version(signature, reader, pipe, rehearse(pipe, signature, reader, files.answers))
