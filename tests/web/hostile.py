"""A registry full of names that somebody chose to break pages with, each wherever such a name may stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from registry.models import Alias, RegisteredModel, Tag
from registry.services.tokens import create_token
from registry.transactions import write
from releases.models import Release
from tests import makers
from tests.web import world as worlds

METHODS = ("items", "keys", "values", "get", "pop", "0", "forloop", "__class__")
MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7|add:7 }}{% now %}"
TEXTS = (
    "x" * 200,
    "\u202eright to left \u2067\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "\U0001f525\U0001f469\u200d\U0001f52c z\u0335\u0321\u0322\u031b\u0316",
    MARKUP,
)
NAMES = (*METHODS, *TEXTS)
TITLES = (
    "\u0627\u0644\u0637\u0644\u0628 \u0639\u0644\u0649 \u0627\u0644\u0643\u0647\u0631\u0628\u0627\u0621",
    MARKUP,
    TEXTS[2],
    TEXTS[0],
)
FACTS = {name: name for name in NAMES}


@dataclass(frozen=True, slots=True)
class Hostile:
    """The models that are named like methods, and two releases of the first: live and in review."""

    models: tuple[str, ...]
    live: Release
    review: Release


def build(of: worlds.World) -> Hostile:
    """Beside the world's own model."""
    people = of.people
    names = ("items", "keys", "values", "x" * 63)
    models = [makers.model(name, people["amina"], description=MARKUP, task=TEXTS[1]) for name in names]
    for model, title in zip(models, TITLES, strict=True):
        RegisteredModel.objects.filter(pk=model.pk).update(title=title, title_key=title)
        model.refresh_from_db()
    for model in models[1:]:
        worlds.version(model, people, 1)
    first = worlds.approved(version(models[0], people, 1), people, 0.957, 0.944)
    worlds.roll_out(first, None, people["chloe"])
    switches = first.rollouts.get().switches
    switches.update(nodes={**dict.fromkeys(NAMES, "ready"), "items": MARKUP})
    review = worlds.in_review(version(models[0], people, 2), people, 0.95, 0.94)
    for run in review.gate_runs.all():
        run.summary, run.evidence = TEXTS[2], run.evidence | {"items": FACTS, "keys": [*NAMES]}
        with makers.unguarded("releases_gaterun"):
            run.save()
    worlds.sign(review, "technical", people["boris"], words=" ".join(NAMES))
    for name in NAMES:
        with write():
            create_token(name[:80], owner=people["chloe"], by=people["chloe"], scopes=["score"])
    return Hostile(names, first, review)


def version(model: RegisteredModel, people: dict[str, Any], number: int) -> Any:
    """A version that says hostile things wherever a manifest may say something of its own."""
    told = worlds.manifest(model.name, number, {})
    told["training"]["hyperparameters"] = FACTS | {"deep": {name: {name: number} for name in NAMES}}
    told["training"]["algorithm"] = told["training"]["library"] = MARKUP
    told["data"]["training"]["version"] = told["data"]["validation"]["uri"] = TEXTS[0]
    told["signature"]["inputs"]["pixels"] = dict.fromkeys(("description", "unit"), MARKUP)
    told["built"] |= dict.fromkeys(("by", "repository", "commit", "run"), TEXTS[1])
    signature = {
        "inputs": [tensor(f"{name} in", "FP32", [-1, len(NAMES)], NAMES) for name in NAMES],
        "outputs": [tensor(name, "BYTES", [-1]) for name in NAMES],
    }
    card = f"# {MARKUP}\n\n{' '.join(NAMES)}\n"
    made = worlds.version_with(model, people, number, told, card, signature)
    for name in NAMES:
        Tag.objects.create(model=model, version=made, key=name, value=name)
    Alias.objects.update_or_create(model=model, name=TEXTS[0], defaults={"version": made})
    return made


def tensor(name: str, datatype: str, shape: list[int], features: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "features": [*features], "optional": False}


def addresses(hostile: Hostile) -> list[str]:
    """Every page on which one of the names stands."""
    first = hostile.models[0]
    return [
        "/",
        f"/?search={hostile.models[0]}",
        *(f"/models/{name}/" for name in hostile.models),
        *(f"/models/{name}/policy/" for name in hostile.models),
        f"/models/{first}/versions/1/",
        f"/models/{first}/versions/2/",
        f"/models/{first}/compare/?base=1&head=2",
        "/releases/",
        *(f"/releases/{release.pk}/" for release in (hostile.live, hostile.review)),
        "/audit/",
        "/tokens/",
        "/health/",
        "/nodes/",
        "/api/docs",
    ]


def parts(hostile: Hostile) -> list[str]:
    """What such pages load anew by themselves."""
    panels = [f"/releases/{release.pk}/panel" for release in (hostile.live, hostile.review)]
    return [f"/models/{hostile.models[0]}/traffic", *panels]
