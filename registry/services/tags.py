"""Models by the tag that stands for their name in request ids."""

from __future__ import annotations

from collections.abc import Collection

from registry.models import RegisteredModel
from registry.transactions import write
from scoring.request_ids import model_tag

_AT_ONCE = 1000
"""Rows written in one transaction, for which all others wait."""


def tag_of(name: str) -> str:
    return model_tag(name).hex()


def models_by_tag(tags: Collection[bytes]) -> dict[bytes, RegisteredModel]:
    """The models of these tags, by `scoring.request_ids.model_tag`; what is no model's is left out."""
    if not tags:
        return {}
    _tag_the_untagged()
    found = RegisteredModel.objects.filter(tag__in=[tag.hex() for tag in tags])
    return {bytes.fromhex(str(model.tag)): model for model in found.only("pk", "name", "tag")}


def _tag_the_untagged() -> None:
    """Rows of before there were tags, and those that the release before still makes."""
    while rows := list(RegisteredModel.objects.filter(tag=None).only("pk", "name", "tag")[:_AT_ONCE]):
        for row in rows:
            row.tag = tag_of(row.name)
        with write():
            RegisteredModel.objects.bulk_update(rows, ["tag"], batch_size=200)
