"""What somebody may use: by roles, and where a token asks, by its scopes; the models that are seen by it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from registry import policies
from registry.models import ApiToken, Membership, RegisteredModel, Role
from registry.principals import Access

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from registry.models import Person


def access(
    asker: Person | AnonymousUser, token: ApiToken | None = None, model: RegisteredModel | None = None
) -> Access:
    """What the asker may use on this model, or (no model) anywhere at all. One or two queries."""
    if not asker.is_authenticated:
        return Access(username="")
    memberships = Membership.objects.filter(person=asker)
    if model is not None:
        memberships = memberships.filter(Q(model=None) | Q(model=model))
    roles = set(memberships.values_list("role", flat=True))
    if asker.is_superuser:
        roles.add(Role.ADMIN)
    return Access(
        username=asker.username,
        email=asker.email,
        model=model.name if model else "",
        roles=frozenset(roles),
        scopes=None if token is None else _scopes(token, model, roles),
        is_machine=token is not None or asker.is_machine,
    )


def installation_access(asker: Person | AnonymousUser, token: ApiToken | None = None) -> Access:
    """What the asker may do with the installation itself: by roles on all models, not on some of them."""
    if not asker.is_authenticated:
        return Access(username="")
    roles = set(Membership.objects.filter(person=asker, model=None).values_list("role", flat=True))
    if asker.is_superuser:
        roles.add(Role.ADMIN)
    return Access(
        username=asker.username,
        email=asker.email,
        roles=frozenset(roles),
        scopes=None if token is None else _scopes(token, None, roles),
        is_machine=token is not None or asker.is_machine,
    )


def accesses(asker: Person, models: Collection[int]) -> dict[int, Access]:
    """What a person may use on each of these models, by its key: one query for all of them."""
    held = Membership.objects.filter(Q(model=None) | Q(model__in=models), person=asker)
    roles: dict[int | None, set[str]] = {None: {Role.ADMIN} if asker.is_superuser else set()}
    for model, role in held.values_list("model", "role"):
        roles.setdefault(model, set()).add(role)
    names = RegisteredModel.objects.in_bulk(models)
    return {
        pk: Access(
            username=asker.username,
            email=asker.email,
            model=names[pk].name,
            roles=frozenset(roles[None] | roles.get(pk, set())),
            is_machine=asker.is_machine,
        )
        for pk in models
    }


def _scopes(token: ApiToken, model: RegisteredModel | None, roles: Collection[str]) -> frozenset[str]:
    """What the token may be used for here, where its owner holds these roles. Beyond its models: nothing."""
    if token.all_models or (model is not None and token.for_models.filter(pk=model.pk).exists()):
        return policies.carried(roles) & frozenset(token.scopes)
    return frozenset()


def sees_all_models(asker: Person, token: ApiToken | None = None) -> bool:
    """Whether no model is hidden from the asker."""
    return (token is None or token.all_models) and everywhere(asker, carriers(token, policies.READING))


def visible_models(asker: Person, token: ApiToken | None = None) -> QuerySet[RegisteredModel]:
    """The models on which the asker has any role; all of them with a role for all models."""
    return models_for(asker, token, policies.READING)


def models_for(asker: Person, token: ApiToken | None, scopes: Collection[str]) -> QuerySet[RegisteredModel]:
    """The models on which one of these scopes is the asker's: by a role that carries it, and with a token
    only where the token has it too."""
    roles = carriers(token, scopes)
    models = RegisteredModel.objects.all()
    if token is not None and not token.all_models:
        models = models.filter(tokens=token)
    if everywhere(asker, roles):
        return models
    return models.filter(pk__in=Membership.objects.filter(person=asker, role__in=roles).values("model"))


def carriers(token: ApiToken | None, scopes: Collection[str]) -> frozenset[str]:
    """The roles by which one of these scopes is had, with a token one that it has too."""
    return policies.carriers(scopes if token is None else set(scopes) & set(token.scopes))


def everywhere(asker: Person, roles: Collection[str]) -> bool:
    """Whether the asker holds one of these roles for all models."""
    if asker.is_superuser and Role.ADMIN in roles:
        return True
    return Membership.objects.filter(person=asker, model=None, role__in=roles).exists()


def members(of: RegisteredModel) -> QuerySet[Membership]:
    """Who has which role on the model, or on all models."""
    rows = Membership.objects.filter(Q(model=None) | Q(model=of), person__is_active=True)
    return rows.select_related("person").order_by("person__username", "role")
