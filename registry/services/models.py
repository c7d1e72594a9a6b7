"""Registered models: made and described, each change with its event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q

from registry import model_policy, names, policies
from registry.errors import AlreadyExists, BadInput, NotAllowed
from registry.events import Kind, record
from registry.models import ApiToken, Membership, Person, RegisteredModel, Role
from registry.selectors import access
from registry.services.tags import tag_of
from registry.transactions import write

if TYPE_CHECKING:
    from django.db.models import QuerySet


def create_model(
    name: str,
    *,
    by: Person,
    token: ApiToken | None = None,
    slug: str = "",
    description: str = "",
    task: str = "",
    policy: object = None,
) -> RegisteredModel:
    """Register a model; its maker becomes its contributor. Without a slug it gets that of its name.

    Raises BadInput for name, slug or policy, NotAllowed, AlreadyExists.
    """
    if reason := policies.refuse_model_creation(access(by, token)):
        raise NotAllowed(reason)
    title = _title(name)
    if slug and not names.is_slug(slug):
        raise BadInput(names.SLUG_HINT, field="slug")
    rules = model_policy.judge(policy or {})
    with write():
        _refuse_twin(title)
        slug = _free_slug(title, slug)
        model = RegisteredModel.objects.create(
            name=slug,
            tag=tag_of(slug),
            **_columns(title, slug),
            description=description,
            task=task,
            policy=rules.to_json(),
            created_by=by,
        )
        record(
            Kind.MODEL_CREATED,
            f"model/{slug}",
            actor=(token or by).actor,
            model=slug,
            title=title,
            task=task,
            policy=model.policy,
        )
        record(
            Kind.ROLE_GRANTED,
            by.actor,
            actor=(token or by).actor,
            model=slug,
            role=Role.CONTRIBUTOR,
        )
        Membership.objects.create(person=by, model=model, role=Role.CONTRIBUTOR)
        return model


def describe_model(
    model: RegisteredModel,
    *,
    by: Person,
    token: ApiToken | None = None,
    name: str | None = None,
    description: str | None = None,
    task: str | None = None,
) -> RegisteredModel:
    """Change a model's words, its name among them: its slug stays.

    Its policy is changed by `propose_policy`, which takes two people.
    """
    if reason := policies.refuse_model_edit(access(by, token, model)):
        raise NotAllowed(reason)
    title = None if name is None else _title(name)
    wanted = {"called": title, "description": description, "task": task}
    changes = {
        word: value for word, value in wanted.items() if value is not None and value != getattr(model, word)
    }
    if not changes:
        return model
    renamed = changes.pop("called", None)
    with write():
        if renamed is not None:
            _refuse_twin(renamed, model)
            changes |= _columns(renamed, model.name)
        RegisteredModel.objects.filter(pk=model.pk).update(**changes)
        record(
            Kind.MODEL_UPDATED,
            f"model/{model.name}",
            actor=by.actor,
            model=model.name,
            changed=sorted(changes.keys() - {"title_key"}),
            **({} if renamed is None else {"title": renamed, "before": model.called}),
        )
    model.refresh_from_db()
    return model


def _title(name: str) -> str:
    if reason := names.refuse(name):
        raise BadInput(f"The name {reason}.", field="name")
    return names.tidy(name)


def _columns(title: str, slug: str) -> dict[str, Any]:
    """A name that is the slug is kept once."""
    if title == slug:
        return {"title": None, "title_key": None}
    return {"title": title, "title_key": names.folded(title)}


def _known_by(title: str) -> QuerySet[RegisteredModel]:
    """The models that somebody who reads this could mean, by slug or by name."""
    key = names.folded(title)
    return RegisteredModel.objects.filter(Q(name=key) | Q(title_key=key))


def _refuse_twin(title: str, model: RegisteredModel | None = None) -> None:
    known = _known_by(title)
    twin = (known.exclude(pk=model.pk) if model else known).first()
    if twin is None:
        return
    if twin.called == title:
        raise AlreadyExists(f"There is a model {title!r} already.", field="name", model=twin.name)
    raise AlreadyExists(
        f"There is a model {twin.called!r} already, and people cannot tell {title!r} from it:"
        " give it another name.",
        field="name",
        model=twin.name,
    )


def _free_slug(title: str, wanted: str) -> str:
    for slug in (wanted,) if wanted else (names.slug_of(title), names.slug_of(title, apart=True)):
        if not _known_by(slug).exists():
            return slug
    raise AlreadyExists(f"The slug {slug!r} is taken: give the model another one.", field="slug", model=slug)
