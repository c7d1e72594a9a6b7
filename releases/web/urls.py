"""Addresses of the pages that show or start a release."""

from __future__ import annotations

from django.urls import path

from releases.web import (
    answers,
    audit,
    comparison,
    freezes,
    going_back,
    health,
    inbox,
    labelling,
    models,
    news,
    nodes,
    search,
    traffic,
)
from releases.web.model import page as model
from releases.web.policy import page as policy
from releases.web.release import page as release
from releases.web.rollout import events, examples, whatif
from releases.web.rollout import page as rollout
from releases.web.version import page as version

urlpatterns = [
    path("", models.models, name="models"),
    path("audit/", audit.audit, name="audit"),
    path("search/", search.search, name="search"),
    path("models/<str:name>/", model.model, name="model"),
    path("models/<str:name>/compare/", comparison.compare, name="compare"),
    path("models/<str:name>/compare/rows", answers.rows, name="answers"),
    path("models/<str:name>/compare/rows.<str:form>", answers.file, name="answers-file"),
    path("models/<str:name>/policy/", policy.policy, name="policy"),
    path("models/<str:name>/policy/proposals", policy.propose, name="propose-policy"),
    path("models/<str:name>/policy/proposals/<int:pk>/<str:verb>", policy.decide, name="decide-policy"),
    path("models/<str:name>/versions/<int:number>/", version.version, name="version"),
    path("models/<str:name>/versions/<int:number>/files/<str:key>", version.download, name="version-file"),
    path("models/<str:name>/versions/<int:number>/releases", version.open_for, name="open-release"),
    path("releases/", inbox.releases, name="releases"),
    path("releases/<int:pk>/", release.release, name="release"),
    path("releases/<int:pk>/panel", release.panel, name="release-panel"),
    path("releases/<int:pk>/reviews", release.review, name="release-review"),
    path("releases/<int:pk>/actions/<str:name>", release.act, name="release-action"),
    path("releases/<int:pk>/back", going_back.choose, name="release-back"),
    path("releases/<int:pk>/retry", release.retry, name="release-retry"),
    path("rollouts/<int:pk>/", rollout.rollout, name="rollout"),
    path("rollouts/<int:pk>/panel", rollout.panel, name="rollout-panel"),
    path("rollouts/<int:pk>/answers", examples.changed, name="rollout-answers"),
    path("rollouts/<int:pk>/events", events.events, name="rollout-events"),
    path("rollouts/<int:pk>/what-if", whatif.what_if, name="rollout-what-if"),
    path("rollouts/<int:pk>/actions/<str:name>", rollout.act, name="rollout-action"),
    path("freezes/", freezes.freezes, name="freezes"),
    path("freezes/new", freezes.make, name="make-freeze"),
    path("freezes/<str:name>/<int:pk>/remove", freezes.remove, name="remove-freeze"),
    path("rollouts/<int:pk>/labels/", labelling.labels, name="labels"),
    path("rollouts/<int:pk>/labels/give", labelling.give, name="give-label"),
    path("rollouts/<int:pk>/labels/undo", labelling.undo, name="undo-label"),
    path("news", news.news, name="news"),
    path("nodes/", nodes.nodes, name="nodes"),
    path("models/<str:name>/traffic", traffic.traffic, name="model-traffic"),
    path("health/", health.health, name="health"),
]
