"""Addresses under /api/v1/ that show or start a release."""

from __future__ import annotations

from django.urls import path

from releases.api import (
    charting,
    comparing,
    environments,
    evaluating,
    feedback,
    freezes,
    labels,
    listing,
    observing,
    over_time,
    releasing,
    rolling_out,
    units,
    uploads,
    waiting,
)

urlpatterns = [
    path("models", listing.Models.as_view(), name="api-models"),
    path("models/<str:model>/versions", uploads.Versions.as_view(), name="api-versions"),
    path(
        "models/<str:model>/versions/<int:number>/releases",
        releasing.VersionReleases.as_view(),
        name="api-version-releases",
    ),
    path(
        "models/<str:model>/versions/<int:number>/compare/<int:base>",
        comparing.Comparison.as_view(),
        name="api-compare",
    ),
    path(
        "models/<str:model>/versions/<int:number>/compare/<int:base>/rows",
        comparing.Answers.as_view(),
        name="api-compare-rows",
    ),
    path(
        "models/<str:model>/versions/<int:number>/compare/<int:base>/rows.ndjson",
        comparing.EveryAnswer.as_view(),
        name="api-compare-file",
    ),
    path("releases", listing.Releases.as_view(), name="api-releases"),
    path("releases/<int:pk>", releasing.Release.as_view(), name="api-release"),
    path("releases/<int:pk>/rollout", rolling_out.Rollout.as_view(), name="api-rollout"),
    path("releases/<int:pk>/returns", releasing.Returns.as_view(), name="api-returns"),
    path("releases/<int:pk>/gates", waiting.gates, name="api-gates"),
    path("releases/<int:pk>/reviews", releasing.Reviews.as_view(), name="api-reviews"),
    path("releases/<int:pk>/actions/<str:action>", releasing.Actions.as_view(), name="api-actions"),
    path(
        "environments/<str:environment>/models/<str:model>",
        environments.Standing.as_view(),
        name="api-environment-model",
    ),
    path("environments/<str:environment>/freezes", freezes.Freezes.as_view(), name="api-freezes"),
    path("environments/<str:environment>/freezes/<int:pk>", freezes.Freeze.as_view(), name="api-freeze"),
    path("environments/<str:environment>/nodes", observing.Nodes.as_view(), name="api-nodes"),
    path("models/<str:model>/traffic", observing.Traffic.as_view(), name="api-model-traffic"),
    path("models/<str:model>/traffic/lines", charting.TrafficLines.as_view(), name="api-model-traffic-lines"),
    path("models/<str:model>/metric", charting.MetricTrend.as_view(), name="api-model-metric"),
    path("models/<str:model>/predictions", observing.Predictions.as_view(), name="api-predictions"),
    path(
        "models/<str:model>/predictions/<str:digest>",
        observing.PredictionSegment.as_view(),
        name="api-prediction-segment",
    ),
    path("models/<str:model>/forecast", rolling_out.Forecast.as_view(), name="api-forecast"),
    path("models/<str:model>/feedback", feedback.ModelFeedback.as_view(), name="api-model-feedback"),
    path("rollouts/<int:pk>/evidence", over_time.EvidenceOverTime.as_view(), name="api-evidence"),
    path("rollouts/<int:pk>/outcomes", units.Outcomes.as_view(), name="api-outcomes"),
    path("rollouts/<int:pk>/exposures", units.Exposures.as_view(), name="api-exposures"),
    path("rollouts/<int:pk>/evaluate", evaluating.Evaluation.as_view(), name="api-evaluate"),
    path("rollouts/<int:pk>/disagreements", labels.Disagreements.as_view(), name="api-disagreements"),
    path("rollouts/<int:pk>/labels", labels.Labels.as_view(), name="api-labels"),
    path("feedback", feedback.Feedback.as_view(), name="api-feedback"),
]
