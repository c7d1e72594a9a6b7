"""Words of training by which models are found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from registry.models import TERM_CHARACTERS, ModelVersion, Term


def remember(version: ModelVersion) -> None:
    """Note what the version says of its training. Safe to repeat."""
    rows = [
        Term(model_id=version.model_id, kind=kind, key=text.casefold()[:TERM_CHARACTERS], text=text,
             newest=version.number)
        for kind, text in terms(version.manifest.get("training") or {})
    ]  # fmt: skip
    Term.objects.bulk_create(
        {(row.kind, row.key): row for row in rows}.values(),
        update_conflicts=True,
        unique_fields=["model", "kind", "key"],
        update_fields=["text", "newest"],
    )


def terms(training: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each word with its kind."""
    for kind in (Term.Kind.ALGORITHM, Term.Kind.LIBRARY):
        if text := str(training.get(kind.value) or "")[:TERM_CHARACTERS]:
            yield kind, text
    for name, value in (training.get("hyperparameters") or {}).items():
        yield Term.Kind.HYPERPARAMETER, f"{name}={value}"[:TERM_CHARACTERS]
