"""Each part of a manifest, from its section of the tree to frozen facts.

A part that is wrong still gives a value, so that all problems are told at once; the caller
throws the value away when there was any problem.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from formats.types import CLIP
from formats.weights import MOST_FILES, is_weights, place
from registry.manifest import facts
from registry.manifest.fields import LONG_TEXT, Section, nearest, number_problem

_NEVER = datetime(1, 1, 1, tzinfo=UTC)


def files(parent: Section) -> tuple[Mapping[str, str], Mapping[str, facts.DeclaredBytes]]:
    """(key -> name, key -> promised bytes). A file is a name, or `{path, sha256, size}`."""
    section = parent.section("files")
    if section is None:
        return {}, {}
    named: dict[str, str] = {}
    declared: dict[str, facts.DeclaredBytes] = {}
    weights = section.matching_keys(is_weights)
    for key in (*facts.FILE_KEYS, *weights):
        required = key in facts.REQUIRED_FILES
        if isinstance(section.raw(key), dict):
            name, declared[key] = _promised(section, key)
        else:
            name = section.file(key, required=required)
        if name is not None:
            named[key] = name
    section.finish()
    _refuse_shared_names(section, named)
    _refuse_weights_elsewhere(section, named)
    return named, declared


def _refuse_weights_elsewhere(section: Section, named: Mapping[str, str]) -> None:
    weights = [key for key in named if is_weights(key)]
    if len(weights) > MOST_FILES:
        section.problem("", f"has {len(weights)} files of weights; at most {MOST_FILES} are taken")
    for key in weights:
        if place(named.get("model", ""), named[key]) is None:
            section.problem(key, "must lie in the folder of the model or below it, where the graph names it")


def _promised(parent: Section, key: str) -> tuple[str | None, facts.DeclaredBytes]:
    section = parent.section(key) or Section({}, key, [])
    name = section.file("path", required=True)
    declared = facts.DeclaredBytes(section.digest("sha256"), section.whole("size", low=0))
    section.finish()
    return name, declared


def _refuse_shared_names(section: Section, named: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    for key, name in named.items():
        if taken.setdefault(name, key) != key:
            section.problem(key, f"{name} is already the file of {taken[name]}")


def training(parent: Section, *, has_requirements: bool) -> facts.Training:
    section = parent.section("training") or Section({}, "training", [])
    made = facts.Training(
        library=section.text("library", required=True) or "",
        library_version=section.text("library_version", required=True) or "",
        algorithm=section.text("algorithm", required=True) or "",
        hyperparameters=_free(section, "hyperparameters"),
        image=section.where("image"),
        latency_ms=section.number("latency_ms", low=0),
    )
    section.finish()
    if not has_requirements and made.image is None:
        parent.problem("files.requirements", "is missing: send requirements.txt, or name training.image")
    return made


def _free(section: Section, key: str) -> Mapping[str, object]:
    inner = section.section(key, required=False)
    if inner is None:
        return {}
    found = {name: inner.raw(name) for name in inner.names()}
    for name, value in found.items():
        inner.refuse_secret(name, value)
    return found


def data(parent: Section) -> facts.DataReferences:
    section = parent.section("data") or Section({}, "data", [])
    made = facts.DataReferences(
        training=_reference(section, "training", strict=True),
        validation=_reference(section, "validation", strict=False),
    )
    section.finish()
    return made


def _reference(parent: Section, key: str, *, strict: bool) -> facts.DataReference:
    section = parent.section(key) or Section({}, key, [])
    column_types = section.section("schema", required=False)
    made = facts.DataReference(
        version=section.text("version", required=True) or "",
        uri=section.uri("uri", required=True) or "",
        sha256=section.digest("sha256", required=strict),
        rows=section.whole("rows", low=1, required=strict),
        column_types=_texts_by_name(column_types),
    )
    section.finish()
    return made


def _texts_by_name(section: Section | None) -> Mapping[str, str]:
    if section is None:
        return {}
    return {name: section.text(name) or "" for name in section.names()}


def signature(parent: Section) -> facts.SignatureFacts:
    section = parent.section("signature", required=False)
    if section is None:
        return facts.SignatureFacts()
    made = facts.SignatureFacts(
        inputs=_tensors(section, "inputs", _refuse_for_input),
        outputs=_tensors(section, "outputs", _refuse_for_output),
        intended_break=section.text("intended_break", limit=LONG_TEXT),
    )
    section.finish()
    return made


def _tensors(
    parent: Section, key: str, refuse: Callable[[Section, facts.TensorFacts], None]
) -> Mapping[str, facts.TensorFacts]:
    section = parent.section(key, required=False)
    if section is None:
        return {}
    return {name: _tensor(section, name, refuse) for name in section.names()}


def _tensor(
    parent: Section, name: str, refuse: Callable[[Section, facts.TensorFacts], None]
) -> facts.TensorFacts:
    section = parent.section(name, required=False)
    if section is None:
        return facts.TensorFacts()
    if not name.isprintable() or not 0 < len(name) <= 200:
        section.problem("", "a tensor's name has between 1 and 200 printable characters")
    made = facts.TensorFacts(
        description=section.text("description", limit=LONG_TEXT),
        unit=section.text("unit"),
        features=section.texts("features"),
        range=section.range("range"),
        choices=section.scalars("choices"),
        enforce=section.choice("enforce", facts.ENFORCE),
        sensitive=_sensitive(section),
        optional=section.flag("optional", False),
        default=section.scalar("default"),
        consume=section.text("consume", limit=LONG_TEXT),
        finite=section.said("finite"),
        missing=section.said("missing"),
        infinite=section.said("infinite"),
        tolerance=_tolerance(section),
    )
    section.finish()
    if made.default is not None and not made.optional:
        section.problem("default", "goes with 'optional: true'")
    refuse(section, made)
    return made


def _tolerance(parent: Section) -> Mapping[str, float] | None:
    section = parent.section("tolerance", required=False)
    if section is None:
        return None
    given = {key: section.number(key, low=0) for key in ("atol", "rtol")}
    section.finish()
    return {key: value for key, value in given.items() if value is not None} or None


def _refuse_for_input(section: Section, made: facts.TensorFacts) -> None:
    if made.enforce is not None and made.range is None and not made.choices:
        section.problem("enforce", "goes with a range, or with choices")
    if made.enforce == CLIP and made.range is None:
        section.problem("enforce", "can only clip to a range: choices are refused, or counted")
    if made.tolerance is not None:
        section.problem("tolerance", "is for outputs: an input is not compared with anything")
    if made.finite is True and (made.missing or made.infinite):
        section.problem("finite", "contradicts missing or infinite: leave one of them out")


def _refuse_for_output(section: Section, made: facts.TensorFacts) -> None:
    for key in ("enforce", "missing", "infinite"):
        if getattr(made, key) is not None:
            section.problem(key, "is for inputs; of an output say 'finite: true' or 'finite: false'")


def _sensitive(section: Section) -> bool | str:
    if section.raw("sensitive") == "hash":
        return "hash"
    if not isinstance(section.raw("sensitive"), bool | None):
        section.problem("sensitive", "must be true, false or hash")
        return True
    return section.flag("sensitive", False)


def built(parent: Section) -> facts.Built:
    section = parent.section("built") or Section({}, "built", [])
    made = facts.Built(
        by=section.text("by", required=True) or "",
        at=section.moment("at", required=True) or _NEVER,
        repository=section.where("repository", limit=2048),
        commit=section.text("commit"),
        run=section.where("run", limit=2048),
    )
    section.finish()
    return made


def release(parent: Section) -> facts.ReleaseWish | None:
    if parent.raw("release") in (None, "none"):
        return None
    section = parent.section("release") or Section({}, "release", [])
    strategy = section.section("strategy")
    wish = facts.ReleaseWish(
        environment=section.name("environment", required=True) or "",
        strategy={} if strategy is None else _strategy(strategy),
    )
    section.finish()
    return wish


def _strategy(section: Section) -> Mapping[str, object]:
    said = {name: section.raw(name) for name in section.names()}
    kind = section.text("kind", required="list" not in said) or ""
    known = kind.replace("-", "_")
    if kind and known not in facts.STRATEGIES:
        words = ", ".join(facts.STRATEGIES)
        section.problem(
            "kind", f"{kind!r} is not known{nearest(known, facts.STRATEGIES)}; use one of {words}"
        )
    return {**said, "kind": known} if known else said


def tags(parent: Section) -> Mapping[str, str]:
    section = parent.section("tags", required=False)
    if section is None:
        return {}
    found = {}
    for name in section.names():
        value = section.raw(name)
        if not isinstance(value, bool) and not number_problem(value):
            value = str(value)
        if not isinstance(value, str) or not value or len(value) > 200 or not 0 < len(name) <= 60:
            section.problem(name, "a tag is a short name with a text of at most 200 characters")
            continue
        section.refuse_secret(name, value)
        found[name] = value
    return found


def aliases(parent: Section) -> tuple[str, ...]:
    found = parent.texts("aliases")
    for alias in found:
        if not alias.replace("-", "").replace("_", "").isalnum() or not alias.isascii() or len(alias) > 60:
            parent.problem("aliases", f"{alias!r} must be a short name from letters, digits, - and _")
    return found
