"""Addresses under /api/v1/ that need no knowledge of releases, and those of operations at the root."""

from __future__ import annotations

from django.urls import path

from registry.api import account, catalog, docs, erasure, health, log, people, policy_proposals, tokens

urlpatterns = [
    path("models/<str:model>", catalog.Model.as_view(), name="api-model"),
    path(
        "models/<str:model>/policy-proposals",
        policy_proposals.PolicyProposals.as_view(),
        name="api-policy-proposals",
    ),
    path(
        "models/<str:model>/policy-proposals/<int:pk>",
        policy_proposals.PolicyProposal.as_view(),
        name="api-policy-proposal",
    ),
    path(
        "models/<str:model>/policy-proposals/<int:pk>/actions/<str:action>",
        policy_proposals.PolicyActions.as_view(),
        name="api-policy-actions",
    ),
    path("models/<str:model>/versions/<int:number>", catalog.Version.as_view(), name="api-version"),
    path(
        "models/<str:model>/versions/<int:number>/files/<str:key>",
        catalog.VersionFile.as_view(),
        name="api-version-file",
    ),
    path("events", log.Events.as_view(), name="api-events"),
    path("events/verify", log.Verification.as_view(), name="api-events-verify"),
    path("events/head", log.Head.as_view(), name="api-events-head"),
    path("people", people.People.as_view(), name="api-people"),
    path("people/<str:name>", people.OnePerson.as_view(), name="api-person"),
    path("people/<str:name>/roles", people.PersonRoles.as_view(), name="api-person-roles"),
    path("people/<str:name>/reactivation", people.Reactivation.as_view(), name="api-person-reactivation"),
    path("people/<str:name>/invitation", people.PersonInvitation.as_view(), name="api-person-invitation"),
    path("account/password", account.Password.as_view(), name="api-password"),
    path("account/mail", account.Mail.as_view(), name="api-account-mail"),
    path("account/sessions", account.Sessions.as_view(), name="api-sessions"),
    path("account/sessions/<str:identifier>", account.OneSession.as_view(), name="api-session"),
    path("tokens", tokens.Tokens.as_view(), name="api-tokens"),
    path("tokens/<str:identifier>", tokens.Token.as_view(), name="api-token"),
    path("people/<str:person>/erasure", erasure.Erasure.as_view(), name="api-erasure"),
    path("healthz", health.Live.as_view(), name="api-healthz"),
    path("readyz", health.Ready.as_view(), name="api-readyz"),
    path("metrics", health.Metrics.as_view(), name="api-metrics"),
    path("schema", docs.Schema.as_view(), name="api-schema"),
]

root_urlpatterns = [
    path("healthz", health.Live.as_view(schema=None), name="healthz"),
    path("readyz", health.Ready.as_view(schema=None), name="readyz"),
    path("metrics", health.Metrics.as_view(schema=None), name="metrics"),
    path("api/docs", docs.page, name="api-docs"),
]
