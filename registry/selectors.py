"""Reads of the registry. Edges get their objects here; what a person may not see is not found."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from registry import ledger, model_policy, names, policies
from registry.builders import counted, keys
from registry.errors import NotAllowed, NotFound
from registry.models import (
    ApiToken,
    Beginning,
    Event,
    Grounds,
    Invitation,
    Job,
    LogHead,
    Membership,
    ModelVersion,
    Person,
    PolicyProposal,
    RegisteredModel,
    Role,
    Tag,
)
from registry.principals import Access
from registry.tokens import sha256_of

NEVER = 2**62
FEW = 10_000
"""So many rows are sorted in a hundredth of a second; where more match, one in some hundreds does."""


def person(username: str, *, gone_too: bool = False) -> Person:
    """The person of that name; `gone_too` also finds who has no access any more. Raises NotFound."""
    found = Person.objects.filter(username=username).first()
    if found is None or not (found.is_active or gone_too):
        raise NotFound(f"There is no person {username!r}.")
    return found


def people(search: str = "") -> QuerySet[Person]:
    """Every account with what it holds, by name; `search` is a part of the name or of the mail address."""
    found = Person.objects.order_by("username").prefetch_related("memberships__model")
    if search:
        found = found.filter(Q(username__icontains=search) | Q(email__icontains=search))
    return found


def has_accounts() -> bool:
    """Whether anybody can log in here."""
    return Person.objects.filter(is_machine=False).exists()


def invitation(text: str) -> Invitation:
    """The invitation that a link still opens. Raises NotFound."""
    found = Invitation.objects.filter(
        secret_sha256=sha256_of(text), used_at=None, expires_at__gt=timezone.now()
    ).first()
    if found is None or (found.person_id is None and has_accounts()):
        raise NotFound("This link was used before, or it is too old: ask for another one.")
    return found


def access(asker: Any, token: ApiToken | None = None, model: RegisteredModel | None = None) -> Access:
    """What the asker may use on this model, or (no model) anywhere at all. One or two queries."""
    if not getattr(asker, "is_authenticated", False):
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


def installation_access(asker: Any, token: ApiToken | None = None) -> Access:
    """What the asker may do with the installation itself: by roles on all models, not on some of them."""
    if not getattr(asker, "is_authenticated", False):
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


def _scopes(token: ApiToken, model: RegisteredModel | None, roles: Collection[str]) -> frozenset[str]:
    """What the token may be used for here, where its owner holds these roles. Beyond its models: nothing."""
    if token.all_models or (model is not None and token.for_models.filter(pk=model.pk).exists()):
        return policies.carried(roles) & frozenset(token.scopes)
    return frozenset()


def token(secret: str) -> ApiToken | None:
    """The token that this text is, if it is valid now."""
    usable = ApiToken.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), revoked_at=None)
    return (
        usable.select_related("owner").filter(secret_sha256=sha256_of(secret), owner__is_active=True).first()
    )


def tokens_of(owner: Person) -> QuerySet[ApiToken]:
    return ApiToken.objects.filter(owner=owner).prefetch_related("for_models").order_by("-created_at")


def token_of(owner: Person, pk: int) -> ApiToken:
    """One of the owner's tokens. Raises NotFound."""
    found = ApiToken.objects.filter(owner=owner, pk=pk).first()
    if found is None:
        raise NotFound("You have no such token.")
    return found


def accesses(asker: Any, models: Collection[int]) -> dict[int, Access]:
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


def sees_all_models(asker: Any, token: ApiToken | None = None) -> bool:
    """Whether no model is hidden from the asker."""
    return (token is None or token.all_models) and everywhere(asker, carriers(token, policies.READING))


def visible_models(asker: Any, token: ApiToken | None = None) -> QuerySet[RegisteredModel]:
    """The models on which the asker has any role; all of them with a role for all models."""
    return models_for(asker, token, policies.READING)


def models_for(asker: Any, token: ApiToken | None, scopes: Collection[str]) -> QuerySet[RegisteredModel]:
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


def everywhere(asker: Any, roles: Collection[str]) -> bool:
    """Whether the asker holds one of these roles for all models."""
    if asker.is_superuser and Role.ADMIN in roles:
        return True
    return Membership.objects.filter(person=asker, model=None, role__in=roles).exists()


def narrowed(rows: QuerySet[Any], by_index: Q, by_reading: Q) -> QuerySet[Any]:
    """The rows that fulfil a condition, to be read in an order which the condition's index has not.

    Few are found by the index and sorted; many are met soon by who reads in order and asks each row.
    Two wordings of one condition, of which only the first can use the index, keep the database from
    sorting all there is. At most FEW keys are counted.
    """
    keys = rows.model.objects.filter(by_index).order_by().values("pk")
    if keys[: FEW + 1].count() <= FEW:
        return rows.filter(pk__in=keys)
    return rows.filter(by_reading)


def search_models(
    asker: Any,
    *,
    token: ApiToken | None = None,
    search: str = "",
    tag: str = "",
    owner: str = "",
    task: str = "",
) -> QuerySet[RegisteredModel]:
    """Visible models whose names or words contain `search`; `tag` is `key` or `key=value`;
    `owner` is who registered it."""
    found = visible_models(asker, token)
    if owner:
        found = found.filter(created_by__username=owner)
    if task:
        found = found.filter(task=task)
    if search:
        words_in = Q(name__icontains=search) | Q(description__icontains=search) | Q(task__icontains=search)
        if folded := names.folded(search):
            words_in |= Q(title_key__contains=folded)
        found = found.filter(words_in | _has_digest(search))
    if tag:
        key, _, value = tag.partition("=")
        tags = Tag.objects.filter(model=OuterRef("pk"), key=key)
        if value:
            tags = tags.alias(start=Beginning("value")).filter(start=value[:100])
        if len(value) >= 100:  # else the beginning is all of it, and SQLite would not use its index for both
            tags = tags.filter(value=value)
        found = found.filter(Exists(tags))
    newest = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-number").values("number")[:1]
    # Asked per row of the page that is shown: an aggregate would read every version of every model.
    # Versions are numbered without gaps and never deleted, so the newest number is also their count.
    latest = Coalesce(Subquery(newest), 0)
    return found.annotate(latest=latest, version_count=latest).order_by("name")


def _has_digest(search: str) -> Q:
    """A search of at least eight hex digits also finds the model of the version that they begin."""
    if not re.fullmatch(r"[0-9a-f]{8,64}", search):
        return Q()
    begins = Q(digest__gte=search, digest__lt=search + "g")  # an index serves a range, not a LIKE
    return Q(Exists(ModelVersion.objects.filter(begins, model=OuterRef("pk"))))


def model(name: str, asker: Any, token: ApiToken | None = None) -> RegisteredModel:
    """The model, if the asker may see it. Raises NotFound otherwise: existence is not told.

    Raises NotAllowed where a token is for the model, which tells that it is there, and not for reading it.
    """
    found = _called(name)
    asked = access(asker, token, found)
    if found is not None and not (reason := policies.refuse_view(asked)):
        return found
    if found is not None and asked.scopes:
        raise NotAllowed(reason, model=name)
    raise NotFound(f"There is no model {name!r} that you may see.", model=name)


def _called(name: str) -> RegisteredModel | None:
    """The model of that slug, else the one that people call so."""
    found = RegisteredModel.objects.filter(name=name).first()
    if found is None and not names.refuse(name):
        found = RegisteredModel.objects.filter(title_key=names.folded(name)).first()
    return found


def slug(name: str) -> str:
    """The slug of the model that people call so; the same words where there is none."""
    found = _called(name)
    return found.name if found else name


def titles(slugs: Iterable[str]) -> dict[str, str]:
    """What pages show for these slugs, of the models that people call otherwise."""
    found = RegisteredModel.objects.filter(name__in=set(slugs)).exclude(title=None)
    return {model.name: str(model) for model in found.only("name", "title")}


def is_called(model: RegisteredModel, name: str) -> bool:
    """Whether somebody who writes this means the model."""
    return name.strip() == model.name or names.folded(name) == model.title_key


def policy_digest(of: RegisteredModel) -> str:
    """SHA-256 of what the model's policy says, however it is stored: what a proposal is based on."""
    said = ledger.canonical(model_policy.parse(of.policy).to_json())
    return hashlib.sha256(said.encode()).hexdigest()


def policy_proposals(of: RegisteredModel) -> QuerySet[PolicyProposal]:
    """Every change of the policy that was ever asked for, newest first."""
    found = PolicyProposal.objects.filter(model=of).order_by("-pk")
    return found.select_related("model", "proposed_by", "grounds", "decided_by", "decision_grounds")


def policy_proposal(of: RegisteredModel, pk: int) -> PolicyProposal:
    """One of them. Raises NotFound."""
    found = policy_proposals(of).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"Model {of.name!r} has no policy proposal {pk}.", model=of.name, proposal=pk)
    return found


def open_policy_proposal(of: RegisteredModel) -> PolicyProposal | None:
    """The one that waits for a decision, if there is one."""
    return policy_proposals(of).filter(decision="").first()


def open_policy_proposals(asker: Any) -> QuerySet[PolicyProposal]:
    """Those that wait for a decision, the longest waiting first, of the models that the asker may see."""
    found = PolicyProposal.objects.filter(model__in=visible_models(asker), decision="")
    return found.select_related("model", "proposed_by").order_by("pk")


def policy_choices(of: PolicyProposal, asker: Access) -> dict[str, str]:
    """What can be done with the proposal, each with the reason why this person may not, or nothing."""
    if not of.is_open:
        return {}
    proposer = of.proposed_by.username
    return {
        action: policies.refuse_policy_action(action, asker, proposer) for action in policies.POLICY_ACTIONS
    }


def versions(of: RegisteredModel) -> QuerySet[ModelVersion]:
    return ModelVersion.objects.filter(model=of).select_related("model", "uploaded_by").order_by("-number")


def version_lines(of: RegisteredModel) -> QuerySet[ModelVersion]:
    """Versions as a list shows them: without the documents, which are most of their bytes."""
    return versions(of).defer("manifest", "signature", "inspection", "model__description", "model__policy")


def version(of: RegisteredModel, number: int) -> ModelVersion:
    """One version with its parts. Raises NotFound."""
    found = (
        versions(of)
        .filter(number=number)
        .select_related("end_to_end_set", "confidence_set", "uploaded_with")
        .prefetch_related("files__artifact", "tags", "aliases", "uploaders__person")
        .first()
    )
    if found is None:
        raise NotFound(f"Model {of.name!r} has no version {number}.", model=of.name, version=number)
    return found


def version_by_digest(of: RegisteredModel, digest: str) -> ModelVersion | None:
    return versions(of).filter(digest=digest).first()


def builders(of: ModelVersion, plus_addresses: str = "same") -> list[Person]:
    """The accounts that the manifest's `built.by` means, now or once; none where the builder is unknown."""
    meant = counted(keys(of.built_by), plus_addresses)
    return list(Person.objects.filter(keys__key__in=meant).distinct().order_by("username"))


def lineage(of: ModelVersion) -> dict[str, Any]:
    """The data and extractor rows that carry this version's number."""
    return {
        "datasets": {d.purpose: d for d in of.model.datasets.filter(number=of.number)},
        "extractor": of.model.extractors.filter(number=of.number).select_related("artifact").first(),
    }


def log_head() -> str:
    """The digest of the newest event: as long as it is the same, nothing has happened."""
    return LogHead.objects.filter(pk=1).values_list("digest", flat=True).first() or ledger.GENESIS


def timeline(subjects: Iterable[str]) -> QuerySet[Event]:
    """Everything that happened to these subjects, oldest first."""
    return Event.objects.filter(subject__in=list(subjects)).order_by("seq")


def words(digests: Iterable[str]) -> dict[str, str]:
    """What people wrote, by the digest that the log carries."""
    rows = Grounds.objects.filter(digest__in=list(digests))
    return {row.digest: str(row) for row in rows}


def members(of: RegisteredModel) -> QuerySet[Membership]:
    """Who has which role on the model, or on all models."""
    rows = Membership.objects.filter(Q(model=None) | Q(model=of), person__is_active=True)
    return rows.select_related("person").order_by("person__username", "role")


def reason_to_wait(subject: str) -> str:
    """Why the work on a subject waits, where something is missing that is not its own; else empty."""
    back = Job.objects.filter(subject=subject, state=Job.State.QUEUED, error__startswith=Job.WAITS)
    return back.values_list("error", flat=True).first() or ""


def queue_lengths() -> dict[str, dict[str, int]]:
    """Jobs per queue and state, of those that are not done."""
    lengths: dict[str, dict[str, int]] = {}
    rows = Job.objects.exclude(state=Job.State.DONE).values_list("queue", "state").annotate(n=Count("pk"))
    for queue, state, n in rows:
        lengths.setdefault(queue, {})[state] = n
    return lengths
