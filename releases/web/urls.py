"""Addresses of the pages that show or start a release."""

from __future__ import annotations

from django.urls import path

from releases.web import (
    answers,
    audit,
    comparison,
    going_back,
    health,
    inbox,
    models,
    news,
    nodes,
    search,
    traffic,
)
from releases.web.model import page as model
from releases.web.policy import page as policy
from releases.web.release import page as release
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
    path("news", news.news, name="news"),
    path("nodes/", nodes.nodes, name="nodes"),
    path("models/<str:name>/traffic", traffic.traffic, name="model-traffic"),
    path("health/", health.health, name="health"),
]
