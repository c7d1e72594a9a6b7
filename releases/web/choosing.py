"""Which two versions a page is about: by number, alias or the beginning of the identity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry import selectors as registry_selectors
from registry.errors import NotFound
from registry.web.pages import PersonRequest
from releases import selectors

if TYPE_CHECKING:
    from registry.models import ModelVersion, RegisteredModel


def two(request: PersonRequest, name: str) -> tuple[ModelVersion, ModelVersion]:
    """`?base=1&head=2`: without them the newest version beside the live one. Raises NotFound."""
    model = registry_selectors.model(name, request.user)
    head = _named(model, request.GET.get("head", "")) or _newest(model)
    base = _named(model, request.GET.get("base", "")) or _other(model, head)
    return base, head


def _named(model: RegisteredModel, text: str) -> ModelVersion | None:
    return registry_selectors.version_called(model, text.strip()) if text.strip() else None


def _newest(model: RegisteredModel) -> ModelVersion:
    newest = registry_selectors.versions(model).first()
    if newest is None:
        raise NotFound(f"Model {model.name!r} has no version yet.", model=model.name)
    return registry_selectors.version(model, newest.number)


def _other(model: RegisteredModel, head: ModelVersion) -> ModelVersion:
    champions = selectors.champions([model]).get(model.pk, [])
    number = next((c.version.number for c in champions if c.version_id != head.pk), None)
    if number is None:
        earlier = registry_selectors.version_lines(model).exclude(pk=head.pk).first()
        number = earlier.number if earlier else head.number
    return registry_selectors.version(model, number)
