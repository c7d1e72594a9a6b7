"""The manifest as one value: read from YAML or JSON, written as canonical JSON, identified by a digest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from registry.manifest import sections
from registry.manifest.errors import BadManifest, Problem
from registry.manifest.facts import ROWS, Facts, FileFact
from registry.manifest.fields import Section
from registry.manifest.metric import metric
from registry.manifest.reading import read

if TYPE_CHECKING:
    from registry.manifest.stored import StoredManifest

OUTSIDE_IDENTITY = frozenset({"tags", "aliases", "release"})


@dataclass(frozen=True, slots=True)
class Manifest(Facts):
    """One manifest, checked as far as it can be without the files beside it."""

    def document(self) -> StoredManifest:
        """The manifest as JSON would say it, without the declared bytes; what was not given is left out. Of
        those whom a trial names it says how many they are."""
        wish = self.release and replace(self.release, strategy=_unnamed(self.release.strategy))
        kept: StoredManifest = _plain(replace(self, declared={}, release=wish))
        return kept

    def normalised(self) -> dict[str, object]:
        """The facts that make up the version's identity: no tags, aliases or release wishes."""
        return {key: value for key, value in self.document().items() if key not in OUTSIDE_IDENTITY}


def parse(text: bytes) -> Manifest:
    """Read a manifest from YAML or JSON; both give the same value.

    Raises BadManifest with every problem that was found, each under its dotted field.
    """
    problems: list[Problem] = []
    root = Section(read(text), "", problems)
    named, declared = sections.files(root)
    manifest = Manifest(
        model=root.called("model", required=True) or "",
        files=named,
        training=sections.training(root, has_requirements="requirements" in named or not named),
        data=sections.data(root),
        metric=metric(root, has_graph="metric" in named),
        signature=sections.signature(root),
        built=sections.built(root),
        rows=root.choice("rows", ROWS),
        release=sections.release(root),
        tags=sections.tags(root),
        aliases=sections.aliases(root),
        declared=declared,
    )
    root.finish()
    if problems:
        raise BadManifest(problems)
    return manifest


def identity(manifest: Manifest, files: Mapping[str, FileFact]) -> str:
    """The version's identity, 64 hex digits: its normalised facts and every file's name, size and digest.

    files   key under `files` -> what was stored; must name the same keys as the manifest.

    Raises ValueError when the keys differ, because such a digest would say too little.
    """
    if set(files) != set(manifest.files):
        raise ValueError(f"facts for {sorted(files)} but the manifest names {sorted(manifest.files)}")
    stored = {
        key: {"name": fact.name, "size": fact.size, "sha256": fact.sha256} for key, fact in files.items()
    }
    return sha256(canonical({"manifest": manifest.normalised(), "files": stored})).hexdigest()


def canonical(value: object) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, shortest numbers, nothing that is not finite."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def _unnamed(strategy: Mapping[str, object]) -> Mapping[str, object]:
    stages = strategy.get("stages")
    if not isinstance(stages, list | tuple):
        return strategy
    return {**strategy, "stages": [_counted(stage) for stage in stages]}


def _counted(stage: object) -> object:
    units = stage.get("units") if isinstance(stage, Mapping) else None
    return {**stage, "units": len(units)} if isinstance(stage, Mapping) and isinstance(units, list) else stage


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        pairs = {_key(f.name): _plain(getattr(value, f.name)) for f in fields(value)}
        defaults = {_key(f.name): f.default for f in fields(value)}
        return {k: v for k, v in pairs.items() if v not in (None, {}, []) and v != defaults[k]}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace(".000000", "").replace("+00:00", "Z")
    return value


def _key(name: str) -> str:
    return "schema" if name == "column_types" else name
