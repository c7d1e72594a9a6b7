"""Extractor -> model. Tensors join by name; one output to one input joins whatever the names."""

from __future__ import annotations

from collections.abc import Mapping

from formats.dtypes import Array
from formats.types import Signature, TensorSpec
from scoring.errors import BadModel, BodyTooLarge
from scoring.runtime.onnx import Graph, Value
from scoring.runtime.runs import RunOptions


def joints(extractor: Graph, model: Graph) -> dict[str, str]:
    """Model input -> extractor output that feeds it.

    Raises BadModel when a required input of the model has no source, or two sources of one name exist.
    """
    made = {spec.name for spec in extractor.outputs}
    required = [spec.name for spec in model.inputs if not spec.optional]
    if len(extractor.outputs) == 1 and len(required) == 1:
        return {required[0]: extractor.outputs[0].name}
    joined = {spec.name: spec.name for spec in model.inputs if spec.name in made}
    if missing := [name for name in required if name not in joined]:
        raise BadModel(
            f"the extractor makes {sorted(made)}, but the model also needs {missing}: name its outputs so"
        )
    return joined


def signature_of(extractor: Graph | None, model: Graph) -> Signature:
    """What the two graphs take and give; extractor outputs that the model does not use pass through."""
    if extractor is None:
        return Signature(model.inputs, model.outputs)
    used = set(joints(extractor, model).values())
    own = {spec.name for spec in model.outputs}
    passed = tuple(spec for spec in extractor.outputs if spec.name not in used)
    if clash := [spec.name for spec in passed if spec.name in own]:
        raise BadModel(f"extractor and model both have an output {clash[0]!r}: rename one")
    return Signature(extractor.inputs, model.outputs + passed)


PADDED_CHARACTERS = 32 << 20
"""Rows times the longest text. What cuts texts into words makes each row as wide as the widest."""


class Pipe:
    """The two graphs behind one signature, checked against each other.

    Raises BadModel when the signature and the graphs differ in a tensor's name or datatype.
    """

    def __init__(self, signature: Signature, model: Graph, extractor: Graph | None = None) -> None:
        own = signature_of(extractor, model)
        _agree(signature.inputs, own.inputs, "input")
        _agree(signature.outputs, own.outputs, "output")
        self._model, self._extractor = model, extractor
        self._names = [spec.name for spec in signature.outputs]
        self._texts = [spec.name for spec in signature.inputs if spec.datatype == "BYTES"]
        given = {spec.name for spec in model.outputs}
        self._from_model = [name for name in self._names if name in given]
        self._model_names = model.sources(self._from_model)
        self._plain = extractor is None and not model.has_maps()
        self._joints = joints(extractor, model) if extractor else {}
        passed = [name for name in self._names if name not in given]
        self._made_names = extractor.sources([*self._joints.values(), *passed]) if extractor else []

    def run(self, feed: Mapping[str, Array], options: RunOptions | None = None) -> list[Array]:
        """One array per output of the signature, in its order. Raises whatever onnxruntime raises, and
        BodyTooLarge for texts that would fill the memory."""
        if self._texts:
            self._check_texts(feed)
        if self._plain:
            return self._model.run(self._names, feed, options)
        made: dict[str, Value] = {}
        if self._extractor is not None:
            values = self._extractor.values(self._made_names, feed, options)
            made = dict(zip(self._made_names, values, strict=True))
            feed = {name: self._extractor.pick(source, made) for name, source in self._joints.items()}
        found = dict(
            zip(self._model_names, self._model.values(self._model_names, feed, options), strict=True)
        )
        return [self._output(name, found, made) for name in self._names]

    def _check_texts(self, feed: Mapping[str, Array]) -> None:
        for name in self._texts:
            texts = feed.get(name)
            if texts is None or texts.size < 2:
                continue
            longest = max(map(len, texts.ravel().tolist()))
            if texts.size * longest > PADDED_CHARACTERS:
                raise BodyTooLarge(
                    f"input {name!r} has {texts.size:,} texts, the longest of {longest:,} characters:"
                    " send long texts in requests of fewer rows"
                )

    def _output(self, name: str, found: Mapping[str, Value], made: Mapping[str, Value]) -> Array:
        if name in self._from_model or self._extractor is None:
            return self._model.pick(name, found)
        return self._extractor.pick(name, made)


def _agree(declared: tuple[TensorSpec, ...], own: tuple[TensorSpec, ...], kind: str) -> None:
    there = {spec.name: spec for spec in own}
    for spec in declared:
        graph = there.get(spec.name)
        if graph is None:
            raise BadModel(f"the signature has {kind} {spec.name!r}, the graph has {sorted(there)}")
        if graph.datatype != spec.datatype:
            raise BadModel(
                f"{kind} {spec.name!r} is {spec.datatype} in the signature and {graph.datatype} in the graph"
            )
    if kind == "input":
        named = {spec.name for spec in declared}
        if missing := [spec.name for spec in own if not spec.optional and spec.name not in named]:
            raise BadModel(f"the graph needs input {missing[0]!r}, which the signature does not have")
